"""Several plans behind one gateway: false decisions, the right plan found, and regret beside a fixed split.

    python bench/experiment.py [--quick] [--out bench/results/experiment.json] [--only PART,PART]

* `margin`, `mixed`, `healthy`, `regret`: the gateway's own rule object (`karui.gateway.arms`) in simulated
  worlds: users praise full thinking 85% of the time, four plans less or as much. A decision is false if a
      plan that loses the margin
  at most is found worse, or one that loses it at least is found fine; both together at most in 5% of worlds.
* `gateway`: 10,000 requests through the gateway's own routes, with an engine that plays karui-mini's recorded
  traces, and a user behind each request who says through `/v1/feedback` whether the answer was right.

Regret is what is lost against serving the right plan from the first request: answers (users praise them
less) and cost (above the right plan's), each as a ratio to a fixed, equal split of the traffic over all arms.
"""

import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from _experiment import gateway
from _figures import ROOT, Figures, arguments

from karui.gateway.arms.experiment import ExperimentConfig, leader_of, moving
from karui.gateway.arms.rule import Comparison, FeedbackConfig, Verdict
from karui.gateway.arms.shares import FULL

PROCESSES = 2
WORLDS, QUICK_WORLDS, SEED = 2000, 20, 20261201
SAID, QUICK_SAID = 1000, 300
"""Feedback in a world of which errors are counted."""
MARGIN, FALSE, FOUND = 0.05, 5.0, 80.0
REGRET_WORLDS, REQUESTS = 200, 10_000
COSTS = {"dear": 0.8, "fair": 0.5, "cheap": 0.3, "broken": 0.1}
"""What a request costs by each plan, as a ratio to full thinking's."""
PRAISE = 0.85
AT_MARGIN = {FULL: PRAISE, **dict.fromkeys(COSTS, PRAISE - MARGIN)}
MIXED = {FULL: PRAISE, "dear": PRAISE, "fair": PRAISE - MARGIN, "cheap": PRAISE - MARGIN, "broken": 0.4}
HEALTHY = {FULL: PRAISE, **dict.fromkeys(COSTS, PRAISE)}
FAIR_IS_RIGHT = {FULL: PRAISE, "dear": PRAISE, "fair": PRAISE, "cheap": 0.7, "broken": 0.3}
RULE = FeedbackConfig(margin=MARGIN, alpha=FALSE / 500, fine_alpha=FALSE / 125)
"""A fifth of the error for dropping a plan that is well, the rest for trusting one that is not."""


@dataclass(frozen=True)
class World:
    """What came of one world.

    Attributes:
        false: Whether a decision was false.
        worse: Whether a plan that loses nothing was found worse.
        leader: Who has the traffic in the end.
        moved: Feedback after which the leader was found; all of it if none was.
        lost: Answers less than the right plan would have had, as a share of the requests.
        spent: Cost above the right plan's, likewise.
    """

    false: bool
    worse: bool
    leader: str
    moved: int
    lost: float
    spent: float


def world(chance: Mapping[str, float], said: int, row: int, seed: int) -> World:
    """Draws one world: each request by the shares at that moment, each word by its arm's chance."""
    draw = random.Random(f"{SEED} {row} {seed}")
    comparison = Comparison(list(COSTS), RULE, moving(COSTS, ExperimentConfig()), salt=str(seed))
    right = right_arm(chance)
    false = worse = False
    moved, lost, spent = said, 0.0, 0.0
    for n in range(said):
        shares = comparison.shares
        lost += sum(s * max(chance[FULL] - chance[arm], 0.0) for arm, s in shares.of.items())
        spent += sum(s * max(cost_of(arm) - cost_of(right), 0.0) for arm, s in shares.of.items())
        arm = draw.choices(list(shares.of), list(shares.of.values()))[0]
        for found in comparison.see(arm, shares.step, float(draw.random() < chance[arm])):
            loss = round(chance[FULL] - chance[found.arm], 9)
            false |= loss <= MARGIN if found.verdict is Verdict.WORSE else loss >= MARGIN
            worse |= found.verdict is Verdict.WORSE and loss <= 0
            if leader_of(comparison.verdicts, COSTS) == right:
                moved = min(moved, n + 1)
    leader = leader_of(comparison.verdicts, COSTS)
    return World(false, worse, leader, moved, lost / said, spent / said)


def right_arm(chance: Mapping[str, float]) -> str:
    """Returns the cheapest arm that loses less than the margin."""
    well = [arm for arm in chance if chance[FULL] - chance[arm] < MARGIN - 1e-9]
    return min(well, key=cost_of)


def cost_of(arm: str) -> float:
    """Returns what a request costs by an arm."""
    return COSTS.get(arm, 1.0)


def split(chance: Mapping[str, float]) -> tuple[float, float]:
    """Returns what a fixed, equal split loses a request: answers and cost, as `World` has them."""
    right = right_arm(chance)
    lost = np.mean([max(chance[FULL] - p, 0.0) for p in chance.values()])
    return float(lost), float(np.mean([max(cost_of(arm) - cost_of(right), 0.0) for arm in chance]))


def drawn(figures: Figures, row: int, chance: Mapping[str, float], many: int, long: int) -> list[World]:
    """Draws so many worlds, side by side."""
    if figures.quick:
        many, long = QUICK_WORLDS, min(long, QUICK_SAID)
    with ProcessPoolExecutor(PROCESSES) as pool:
        return list(pool.map(partial(world, chance, long, row), range(many), chunksize=5))


def margin(figures: Figures) -> None:
    """Four plans that lose exactly the margin: whatever is decided is false."""
    found = drawn(figures, 0, AT_MARGIN, WORLDS, SAID)
    figures.at_most("false decisions: four plans at the margin", share([w.false for w in found]), FALSE, "%")


def mixed(figures: Figures) -> None:
    """A harmless plan, two at the margin, one that is broken."""
    found = drawn(figures, 1, MIXED, WORLDS, SAID)
    name = "false decisions: harmless, two at the margin, broken"
    figures.at_most(name, share([w.false for w in found]), FALSE, "%")
    figures.shown("feedback in each of these worlds", QUICK_SAID if figures.quick else SAID, digits=0)


def healthy(figures: Figures) -> None:
    """Four plans that lose nothing: none may be dropped."""
    found = drawn(figures, 2, HEALTHY, WORLDS, SAID)
    figures.at_most("a healthy plan found worse", share([w.worse for w in found]), FALSE, "%")


def regret(figures: Figures) -> None:
    """10,000 feedbacks: whether the right plan leads in the end, and what it cost to find it."""
    found = drawn(figures, 3, FAIR_IS_RIGHT, REGRET_WORLDS, REQUESTS)
    leads, bad = [w.leader == "fair" for w in found], [w.leader in {"cheap", "broken"} for w in found]
    figures.at_least("the right plan leads in the end", share(leads), FOUND, "%")
    figures.at_most("a plan leads that loses more than the margin", share(bad), FALSE, "%")
    figures.shown("feedback until it leads, median", float(np.median([w.moved for w in found])), digits=0)
    fixed = dict(zip(("answers", "cost"), split(FAIR_IS_RIGHT), strict=True))
    ours = {"answers": [w.lost for w in found], "cost": [w.spent for w in found]}
    for what, lost in fixed.items():
        ratio = float(np.mean(ours[what])) / lost
        figures.at_most(f"regret beside a fixed split: {what}", ratio, 1.0, "×", 2)


def share(happened: Sequence[bool]) -> float:
    """Returns how often something happened, in percent."""
    return 100 * float(np.mean(happened))


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="some of its parts; others stay as they were")
    parser.set_defaults(out=ROOT / "bench" / "results" / "experiment.json")
    options = parser.parse_args()
    if options.quick and options.out == ROOT / "bench" / "results" / "experiment.json":
        options.out = None
    figures = Figures("experiment", options)
    for name in options.only.split(","):
        PARTS[name](figures)
    _keep_others(figures)
    return figures.close()


def _keep_others(figures: Figures) -> None:
    """Takes in the figures of parts that were run before and are not run now."""
    if figures.out is None or not figures.out.exists():
        return
    names = {line["name"] for line in figures.lines}
    before = json.loads(figures.out.read_text(encoding="utf-8"))["figures"]
    figures.lines = [*(line for line in before if line["name"] not in names), *figures.lines]


PARTS: Mapping[str, Callable[[Figures], None]] = {
    "margin": margin,
    "mixed": mixed,
    "healthy": healthy,
    "regret": regret,
    "gateway": gateway,
}


if __name__ == "__main__":
    sys.exit(main())
