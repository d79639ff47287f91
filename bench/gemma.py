"""What stopping at a probability of 0.95 keeps: Gemma-4-12B on MMLU-Pro, asked at tenths of its thinking.

    python bench/gemma.py [--data FILE] [--quick] [--out bench/results/gemma.json]

The data are 75 questions × 10 runs, the probability of every choice after 0, 10 … 100% of each trace
(repository tobypullan/logit_cot_overthinking, commit f02cd56b2b8c; without a licence, so not part of karui).
Nothing is chosen: 0.95 is the default of `trial-confidence`, the other thresholds are shown as a curve. A
look at the choices costs one token. Beside it: every trace cut at the same tenth.

Two caveats, which karui keeps with the recording: the questions were picked by how a first run of the model
fared (it lost an early right answer, was right, was wrong throughout), so accuracies are of no population and
the groups are shown apart; and tenths of a finished trace know its length, which no live run does. 75
questions certify nothing.
"""

import gzip
import json
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
from _figures import ROOT, Figures, arguments, percent

from karui import catalog, tasks
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.recording import importing
from karui.runners.replay import Replay

THRESHOLD = 0.95
GROUPS = {
    "loss": "lost an early right answer",
    "final_correct": "right in the end",
    "stable_wrong": "wrong throughout",
}
"""What the data call a group, and what the figures call it."""
CURVE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
FILE = ROOT.parent / "shared" / "data" / "gemma4-12b-mmlu-pro" / "trajectories.jsonl.gz"


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=FILE)
    options = parser.parse_args()
    if not options.data.exists():
        print(f"There is no {options.data}: give the file of trajectories with --data.")
        return 2
    figures = Figures("gemma", options)
    digest = sha256(options.data.read_bytes()).hexdigest()
    figures.note(f"{options.data.name} sha256 {digest}")
    done = importing.import_log(options.data, verifier=tasks.verifier("choice"), trial_tokens=1)
    recording = done.recording
    for caveat in recording.manifest.caveats:
        figures.note(f"caveat: {caveat.value}")
    groups = picked(options.data)
    asked = {q.id for q in recording.questions}
    figures.shown("questions", len(asked), "", 0)
    for title, keep in (("all", asked), *((title, asked & groups[name]) for name, title in GROUPS.items())):
        if keep:
            figures.shown(f"{title}: questions", len(keep), "", 0)
            described(figures, title, recording.subset(keep))
    figures.extra = {
        "data": {options.data.name: digest},
        "command": "python bench/gemma.py --out bench/results/gemma.json",
        "caveats": [caveat.value for caveat in recording.manifest.caveats],
        "curve": curve(recording),
    }
    return figures.close()


def picked(file: Path) -> dict[str, set[str]]:
    """Returns the questions by the group that they were picked for; in "" those of none."""
    found: dict[str, str] = {}
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            question = str(row["question_id"])
            found[question] = found.get(question) or row.get("baseline_cohort") or ""
    return {name: {q for q, group in found.items() if group == name} for name in GROUPS}


def described(figures: Figures, title: str, recording: Recording) -> None:
    """Full thinking and the exit on some questions."""
    base, found = (Replay({"main": recording}).outcomes(plan) for plan in (Plan(), exit_at(THRESHOLD)))
    figures.shown(f"{title}: accuracy of full thinking", percent(mean_interval(base.accuracy)), "%", 1)
    figures.shown(f"{title}: accuracy of the exit", percent(mean_interval(found.accuracy)), "%", 1)
    gain = percent(paired_difference(base.accuracy, found.accuracy))
    figures.shown(f"{title}: gain of the exit", gain, "points", 1)
    figures.shown(f"{title}: tokens of the exit", ratio_interval(found.tokens, base.tokens), "×", 3)
    right, kept = base.correct == 1, found.correct == 1
    figures.shown(f"{title}: right answers that the exit keeps", 100 * share(kept, right), "%", 1)
    figures.shown(f"{title}: wrong answers that it turns right", 100 * share(kept, ~right), "%", 1)


def share(found: np.ndarray, among: np.ndarray) -> float:
    """Returns the share of some traces for which something holds."""
    return float(found[among].mean()) if among.any() else 0.0


def exit_at(threshold: float) -> Plan:
    """Returns the plan that stops at this probability."""
    return catalog.parse(f"trial-confidence:threshold={threshold}")


def curve(recording: Recording) -> dict[str, list[dict[str, float | str]]]:
    """Returns accuracy and tokens of every threshold, and of every tenth."""
    replay = Replay({"main": recording})
    base = replay.outcomes(Plan())
    exits = [_point(f"{t:g}", replay.outcomes(exit_at(t)), base) for t in CURVE]
    return {"exits": exits, "tenths": tenths(recording, base)}


def tenths(recording: Recording, base: Outcomes) -> list[dict[str, float | str]]:
    """Returns what every trace says when it is cut at the same tenth."""
    found = []
    for tenth in range(1, 10):
        right, spent = [], []
        for question in recording.questions:
            for trace in question.traces:
                at = min(trace.checkpoints, key=lambda c: abs(c.tokens - trace.thinking_tokens * tenth / 10))
                assert at.trial is not None
                right.append(question.correct(at.trial.answer))
                spent.append(at.tokens + at.trial.tokens)
        tokens = float(np.mean(spent) / base.tokens.mean())
        found.append({"label": f"{10 * tenth}%", "accuracy": float(np.mean(right)), "tokens": tokens})
    return found


def _point(label: str, found: Outcomes, base: Outcomes) -> dict[str, float | str]:
    tokens = float(found.tokens.mean() / base.tokens.mean())
    return {"label": label, "accuracy": float(found.accuracy.mean()), "tokens": tokens}


if __name__ == "__main__":
    sys.exit(main())
