# ruff: noqa: E501 - lines of Markdown are as long as their tables
"""The model card, from what was measured alone."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from karui.core.loops import loop_in
from karui.core.trace import End
from karui.measure.intervals import mean_interval
from karui.measure.overthinking import needed, overthinking
from karui.recording import store

if TYPE_CHECKING:
    from pathlib import Path

    from karui.core.recording import RecordedQuestion, Recording
    from karui.core.trace import Trace

MODELS = {
    "base": "the base, asked as it is",
    "control": "tuned on the answers alone",
    "thinker": "**thinker**",
    "quick": "thinker, its thinking closed at once",
}
SETS = {"gsm8k": "GSM8K train", "math": "MATH test"}


def write_card(work: Path) -> None:
    """Write `card.json` and `card.md` of all recordings that are there."""
    found = {}
    for name in SETS:
        for model in MODELS:
            folder = work / "recordings" / f"{model}-{name}"
            if (folder / store.MANIFEST).exists():
                found[f"{model}-{name}"] = measure(store.load(folder))
    training = {
        name: json.loads((work / "models" / name / "training.json").read_text(encoding="utf-8"))
        for name in ("thinker", "control")
        if (work / "models" / name / "training.json").exists()
    }
    learned = json.loads((work / "texts.json").read_text(encoding="utf-8"))
    card = {"learned_from": learned, "training": training, "measured": found}
    (work / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    (work / "card.md").write_text(_text(card), encoding="utf-8")
    print(_text(card), flush=True)


def measure(recording: Recording) -> dict[str, Any]:
    """Return the figures of one recording; shares in percent, intervals at 95% over questions."""
    questions = recording.questions
    right = [np.mean([q.correct(t.answer) for t in q.traces]) for q in questions]
    traces = list(recording.traces())
    cut = [t.end is End.TRUNCATED for t in traces]
    found: dict[str, Any] = {
        "questions": len(questions),
        "traces": len(traces),
        "right": _percent(mean_interval(right)),
        "majority": 100 * float(np.mean([_majority(q) for q in questions])),
        "tokens": round(float(np.mean([t.thinking_tokens + t.answer_tokens for t in traces]))),
        "thinking": round(float(np.mean([t.thinking_tokens for t in traces]))),
        "cut": 100 * float(np.mean(cut)),
    }
    if found["thinking"]:
        loops = [loop_in(t.thinking) is not None for t in traces]
        closed = [t for t in traces if t.text and t.thinking_tokens]
        settled = overthinking(recording)
        found |= {
            "closed": 100 * len(closed) / len(traces),
            "loops": 100 * float(np.mean(loops)),
            "loops_of_cut": 100
            * float(np.mean([one for one, c in zip(loops, cut, strict=True) if c] or [0])),
            "waits": float(np.mean([t.thinking.lower().count("wait") for t in closed])),
            "right_first_after": 100 * float(np.mean(_first_right(recording))),
            "settles_at": 100 * settled.settles_at if settled else None,
            "right_somewhere_of_cut": 100 * _right_somewhere(recording),
            "right_earlier_and_lost": 100 * _lost(recording),
        }
    return found


def _percent(interval: Any) -> list[float]:
    return [round(100 * value, 1) for value in (interval.value, interval.low, interval.high)]


def _majority(question: RecordedQuestion) -> bool:
    votes = Counter(t.answer for t in question.traces if t.answer is not None)
    return bool(votes) and question.correct(votes.most_common(1)[0][0])


def _tried_right(question: RecordedQuestion, trace: Trace) -> list[int]:
    """Return the places at which a trial was right."""
    return [m.tokens for m in trace.checkpoints if m.trial and question.correct(m.trial.answer)]


def _first_right(recording: Recording) -> list[float]:
    """Return, of each trace that ends right, the share of its thinking up to the first right trial."""
    return [
        needed(t, min([*_tried_right(q, t), t.thinking_tokens])) / t.thinking_tokens
        for q in recording.questions
        for t in q.traces
        if t.thinking_tokens and q.correct(t.answer)
    ]


def _right_somewhere(recording: Recording) -> float:
    """Return the share of cut traces in which some trial was right."""
    some = [bool(_tried_right(q, t)) for q in recording.questions for t in q.traces if t.end is End.TRUNCATED]
    return float(np.mean(some or [0]))


def _lost(recording: Recording) -> float:
    """Return the share of wrong traces in which some trial was right."""
    some = [
        bool(_tried_right(q, t)) for q in recording.questions for t in q.traces if not q.correct(t.answer)
    ]
    return float(np.mean(some or [0]))


def _text(card: dict[str, Any]) -> str:
    lines = [
        '| | questions × traces | right | majority | tokens | cut | closed | loops | right first after | settles at | "wait" |',
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for key, m in card["measured"].items():
        model, name = key.rsplit("-", 1)
        value, low, high = m["right"]
        more = (
            f"{m['closed']:.1f}% | {m['loops']:.1f}% | {m['right_first_after']:.0f}% | {m['settles_at']:.0f}% | {m['waits']:.1f}"
            if m.get("settles_at") is not None
            else "– | – | – | – | –"
        )
        lines.append(
            f"| {SETS[name]}, {MODELS[model]} | {m['questions']:,} × {m['traces'] // m['questions']} | {value:.1f} [{low:.1f}, {high:.1f}] "
            f"| {m['majority']:.1f} | {m['tokens']:,} | {m['cut']:.1f}% | {more} |"
        )
    for name, t in card["training"].items():
        curve = ", ".join(f"{v:.3f}" for v in t["held_back"])
        lines.append(
            f"\n{name}: {t['examples']:,} examples, {t['steps']} steps, {t['padded_tokens'] / 1e6:.1f}M padded tokens in {t['seconds']:.0f} s on one "
            f"{t['device']} ({t['peak_gib']:.0f} GiB); loss held back {curve} (before, and after each epoch)."
        )
    return "\n".join(lines) + "\n"
