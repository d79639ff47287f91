"""One model, one seed, two engines: a study from a folder and one from llama.cpp's server have to agree.

karui-mini's weights with a template that does not think by itself, in float32 both times: as a folder through
the transformers engine, and as a GGUF file behind llama.cpp's server, which switches thinking on unasked.
Both are recorded and chosen from through the command line, greedily and by drawing.

* Greedily the same tokens come up to where float noise parts two that are nearly equally likely; how many
  traces are equal to the end, and how far the others go together, is counted.
* What is drawn differs, as the two draw in other ways: accuracy and thinking tokens have to agree within the
  interval of their difference, paired by question, and so has what each study's plan comes to on the other.
* Both manifests have to say the same of how the model thinks.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypeAlias

import numpy as np
from _figures import ROOT, Figures, arguments, percent
from _llama import llama_server
from _respelled import AS_IT_IS, TEMPLATES, respelled
from numpy.typing import NDArray

from karui import catalog
from karui.artifacts.build import make
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study import Interval
from karui.measure.intervals import paired_difference, ratio_interval
from karui.recording.store import load
from karui.runners.replay import Replay, replay_all
from karui.smaller.gguf import Gguf

TEMPLATE = "off-style"
FloatArray: TypeAlias = NDArray[np.float64]
PLANS = ("token-budget:tokens=120", "trial-stability:k=2", "trial-confidence:threshold=0.9,gate=0.8")
"""Replayed on both recordings beside what is chosen from them."""
SAME = ("open", "close", "answer", "bridge", "empty", "on", "off", "by_default", "start", "efforts", "budget")
SAME = (*SAME, "history", "turn_end", "system", "notes")
"""What both manifests say of how the model thinks; `findings` also say how it was found."""


def karui(*words: object) -> None:
    """Runs the command line.

    Raises:
        RuntimeError: It failed; with what it said.
    """
    command = [sys.executable, "-m", "karui", *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if run.returncode:
        raise RuntimeError(f"karui {words[0]} ended with {run.returncode}:\n{run.stderr[-1500:]}")


def main() -> None:
    """Records both, compares them, and judges."""
    options = arguments(__doc__)
    options.add_argument("--limit", type=int, default=120, help="questions a recording")
    figures = Figures("same_study", given := options.parse_args())
    with tempfile.TemporaryDirectory() as place:
        room = Path(place)
        folder = respelled(AS_IT_IS, TEMPLATE, room / "model")
        made = make([Gguf("f32")], folder, room / "made", name="karui-mini, off by itself")
        template = TEMPLATES / f"{TEMPLATE}.jinja"
        limit = 4 if given.quick else given.limit
        with llama_server(next(made.folder.glob("*.gguf")), room / "log", template=template) as url:
            for name, heat in (("greedy", 0.0),) if given.quick else (("greedy", 0.0), ("drawn", 0.6)):
                words = ("--questions", "mini:test", "--limit", limit, "--samples", 1, "--max-tokens", 512)
                words = (*words, "--temperature", heat, "--concurrency", 8)
                here = ("--device", "cpu", "--dtype", "float32")
                karui("record", "--model", folder, *words, *here, "--out", room / f"{name}-folder")
                karui("record", "--model", url, *words, "--out", room / f"{name}-server")
                pair = load(room / f"{name}-folder"), load(room / f"{name}-server")
                _thinking(figures, name, *pair)
                if name == "greedy":
                    _traces(figures, *pair)
                if not given.quick:
                    _studies(figures, name, room, *pair)
    sys.exit(figures.close())


def _thinking(figures: Figures, name: str, one: Recording, other: Recording) -> None:
    here, there = one.manifest.thinking, other.manifest.thinking
    differ = [k for k in SAME if here[k] != there[k]]
    figures.at_most(f"{name}: fields of the manifests that differ", len(differ), 0, digits=0)
    for field in differ:
        figures.note(f"{field}: {here[field]!r} here, {there[field]!r} there")
    on = here["on"]["arguments"] == {"enable_thinking": True}
    figures.at_least(f"{name}: thinking was switched on, and both say so", float(on), 1, digits=0)
    least = min(sum(t.thinking_tokens > 0 for t in r.traces()) / len(r.questions) for r in (one, other))
    figures.at_least(f"{name}: traces that think", 100 * least, 95, "%", 0)


def _traces(figures: Figures, one: Recording, other: Recording) -> None:
    equal = prompts = 0
    together: list[float] = []
    for ours, theirs in zip(one.questions, other.questions, strict=True):
        a, b = ours.traces[0], theirs.traces[0]
        prompts += a.usage.prompt == b.usage.prompt
        said, told = a.thinking + a.text, b.thinking + b.text
        if said == told and a.thinking_tokens == b.thinking_tokens and a.answer_tokens == b.answer_tokens:
            equal += 1
        else:
            shared = min(len(said), len(told))
            same = next((n for n in range(shared) if said[n] != told[n]), shared)
            together.append(same / max(1, len(said)))
    count = len(one.questions)
    figures.at_least("greedy: prompts of equal length", 100 * prompts / count, 100, "%", 0)
    figures.at_least("greedy: traces equal to the end", 100 * equal / count, 80, "%", 0)
    if together:
        figures.shown("greedy: of the others, share before they part", 100 * float(np.mean(together)), "%", 0)


def _studies(figures: Figures, name: str, room: Path, one: Recording, other: Recording) -> None:
    full = [_played(r, Plan()) for r in (one, other)]
    gain = paired_difference(full[0].accuracy, full[1].accuracy)
    _within(figures, f"{name}: accuracy, server less folder", percent(gain), "points")
    lengths = [np.array([q.traces[0].thinking_tokens for q in r.questions], float) for r in (one, other)]
    _same_size(figures, f"{name}: thinking tokens", lengths[1], lengths[0])
    figures.shown(f"{name}: thinking tokens, folder", float(lengths[0].mean()), digits=0)
    chosen = []
    for where in ("folder", "server"):
        path = room / f"{name}-{where}"
        karui("choose", path, "--accept-truncation", "--min-accuracy", 0, "--out", path / "choice")
        choice = json.loads((path / "choice" / "choice.json").read_text(encoding="utf-8"))
        figures.note(f"{name}, {where}: {choice['decision']}, {choice['label']} ({choice['verdict']})")
        chosen.append(catalog.plan_from_spec(choice["spec"]))
    figures.shown(f"{name}: both choose the same plan", float(chosen[0] == chosen[1]), digits=0)
    for plan in dict.fromkeys([*(p for p in chosen if p.techniques), *map(catalog.parse, PLANS)]):
        played = [_played(r, plan) for r in (one, other)]
        gain = paired_difference(played[0].accuracy, played[1].accuracy)
        _within(figures, f"{name}: {plan.label}: accuracy", percent(gain), "points")
        _same_size(figures, f"{name}: {plan.label}: tokens", played[1].tokens, played[0].tokens)


def _played(recording: Recording, plan: Plan) -> Outcomes:
    return next(iter(replay_all(Replay({"main": recording}, 1), [plan])))


def _same_size(figures: Figures, name: str, server: FloatArray, folder: FloatArray) -> None:
    ratio = ratio_interval(server, folder)
    figures.shown(f"{name}, server to folder", ratio, "×", 3)
    figures.at_least(f"{name}: agrees", float(ratio.low <= 1 <= ratio.high), 1, digits=0)


def _within(figures: Figures, name: str, found: Interval, unit: str) -> None:
    figures.shown(name, found, unit)
    figures.at_least(f"{name}: agrees", float(found.low <= 0 <= found.high), 1, digits=0)


if __name__ == "__main__":
    main()
