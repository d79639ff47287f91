"""Votes on karui-mini: what adaptive votes and early exits save of self-consistency with 16 traces.

The order of testing comes from the pilot recording that ships with karui-mini (300 other questions, 8
traces); the figures from 320 of its test questions with 16 traces each, recorded on a GPU by

    karui record --questions mini:test --limit 320 --samples 16 --max-tokens 1024 --concurrency 1024 \
        --out FOLDER

and kept in bench/data/mini-16; `--recording FOLDER` takes another. Two plans are certified, and share the 5%:

* a single trace with early exit, the cheapest that loses at most 2 points of the single full trace;
* a vote, the cheapest that loses at most 2 points of the single full trace, among votes that on the pilot
  lost at most a point of the vote of all 8 traces. Its difference to self-consistency with 16 traces is an
  interval: nothing is claimed about it beyond that.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _figures import ROOT, Figures, arguments
from numpy.typing import NDArray

from karui import catalog
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study import Interval
from karui.measure.intervals import paired_difference, ratio_interval
from karui.recording.store import load
from karui.runners.replay import Replay, replay_all
from karui.selection.betting import p_value, upper_bound
from karui.selection.fixed_sequence import PilotLosses, fixed_sequence, order_plans, share
from karui.study.steps import space_of

MARGIN, ALPHA = 0.02, share(0.05, 2)
MINI = ROOT / "src" / "karui" / "models" / "mini"
VOTE = "vote"


@dataclass(frozen=True)
class Part:
    """One recording's outcomes, by plan id, and of full thinking."""

    outcomes: dict[str, Outcomes]
    full: Outcomes

    @staticmethod
    def of(recording: Recording, plans: list[Plan], runs: int) -> "Part":
        """Replays the plans."""
        replayed = replay_all(Replay({"main": recording}, runs), [Plan(), *plans], processes=2)
        found = {o.plan.id: o for o in replayed}
        return Part(found, found[Plan().id])

    def loss(self, plan: Plan, than: Outcomes | None = None) -> NDArray[np.float64]:
        """Loss of accuracy per question, against full thinking unless told otherwise."""
        return (than or self.full).accuracy - self.outcomes[plan.id].accuracy

    def tokens(self, plan: Plan) -> float:
        """Mean tokens per question."""
        return float(self.outcomes[plan.id].tokens.mean())


def cheapest(plans: list[Plan], pilot: Part, test: Part, limit: float) -> Plan | None:
    """Returns the cheapest plan that fixed-sequence testing certifies; all tested cost less than `limit`."""
    losses = PilotLosses.of(pilot.loss(p) for p in plans)
    costs = np.array([pilot.tokens(p) for p in plans])
    line = [plans[i] for i in order_plans(losses, costs, limit, MARGIN, len(test.full.questions))]
    passed = fixed_sequence(line, lambda p: p_value(test.loss(p), MARGIN, ALPHA), ALPHA)
    return min(passed.certified, key=test.tokens, default=None)


def report(figures: Figures, name: str, plan: Plan | None, test: Part, than: Outcomes, target: float) -> None:
    """Prints a certified plan's figures against another's; where there is none the targets are missed."""
    figures.note(f"{name}: {plan.label if plan else 'nothing certified'}")
    nothing = Interval(float("inf"), 0, float("inf"), 0.95, "none", 0)
    ratio = ratio_interval(test.outcomes[plan.id].tokens, than.tokens) if plan else nothing
    bound = 100 * upper_bound(test.loss(plan), ALPHA) if plan else float("inf")
    figures.at_most(f"{name}: tokens", ratio.value, target, "×", 3)
    figures.shown(f"{name}: tokens, interval", ratio, "×", 3)
    figures.at_most(f"{name}: loss to the full trace, certified", bound, 100 * MARGIN, "points", 2)


def points(gain: Interval) -> Interval:
    """Returns a difference in points."""
    return Interval(
        100 * gain.value, 100 * gain.low, 100 * gain.high, gain.level, gain.method, gain.questions
    )


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--recording", type=Path, default=ROOT / "bench" / "data" / "mini-16")
    options = parser.parse_args()
    figures = Figures("poc", options)
    pilot_recording, recording = load(MINI / "pilot"), load(options.recording)
    space = [p for p in space_of({"main": pilot_recording}).plans if p.techniques]
    if options.quick:
        space = space[:: max(1, len(space) // 40)]
        recording = recording.subset({q.id for q in recording.questions[:60]})
        pilot_recording = pilot_recording.subset({q.id for q in pilot_recording.questions[:60]})
    votes = [p for p in space if any(t.slot == VOTE for t in p.techniques)]
    alone = [p for p in space if not p.flows]
    all_eight, all_sixteen = (catalog.parse(f"self-consistency:k={k}") for k in (8, 16))
    runs = 2 if options.quick else 10
    pilot = Part.of(pilot_recording, [*space, all_eight], runs)
    test = Part.of(recording, [*space, all_sixteen], runs)

    eight, sixteen = pilot.outcomes[all_eight.id], test.outcomes[all_sixteen.id]
    figures.shown("full trace: accuracy", 100 * float(test.full.accuracy.mean()), "%", 2)
    figures.shown("self-consistency, 16: accuracy", 100 * float(sixteen.accuracy.mean()), "%", 2)
    figures.shown("self-consistency, 16: tokens", float(sixteen.tokens.mean()), "", 0)

    exit_plan = cheapest(alone, pilot, test, float(pilot.full.tokens.mean()))
    report(figures, "early exit against the full trace", exit_plan, test, test.full, 0.5)
    cut = min(
        (p for p in alone if p.techniques[0].name() == "token-budget" and test.loss(p).mean() <= MARGIN),
        key=test.tokens,
        default=None,
    )
    saved = 1.0 if cut is None else test.tokens(cut) / float(test.full.tokens.mean())
    figures.shown("control: the fixed cut that loses at most 2 points (estimate)", saved, "×", 3)

    close = [p for p in votes if pilot.loss(p, eight).mean() <= 0.01]
    vote = cheapest(close, pilot, test, float(sixteen.tokens.mean()))
    report(figures, "vote against self-consistency, 16", vote, test, sixteen, 0.25)
    voted = test.outcomes[vote.id] if vote else test.full
    gain = paired_difference(sixteen.accuracy, voted.accuracy)
    figures.shown("vote (full trace if none): gain over self-consistency, 16", points(gain), "points", 2)
    figures.shown("vote (full trace if none): accuracy", 100 * float(voted.accuracy.mean()), "%", 2)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
