"""The evidence: every plan replayed on the pilot questions and on the test questions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from karui.core.errors import PlanError
from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.core.study import Comparison, MeasuredPlan, Measurement
from karui.core.study.choice import Rejected
from karui.core.trace import End
from karui.measure.cost_model import CostModel
from karui.measure.measurement import compare, measure
from karui.runners.replay import Replay, replay_all
from karui.runners.spread import Spread
from karui.selection.looks.units import Order, Unit, below, units_of
from karui.selection.progress import OnProgress, quiet
from karui.selection.search_space import SearchSpace

TOO_MANY_TRUNCATED = 0.05
"""Share of baseline traces cut by the token limit above which nothing is chosen unless told to."""


@dataclass(frozen=True)
class Evidence:
    """All plans replayed on the pilot and on the test questions.

    Attributes:
        pilot: Outcomes on the pilot, by plan id.
        test: Outcomes on the test questions, by plan id.
        baseline: Id of the full-thinking plan.
        refused: What could not be replayed.
        cost_model: What costs are measured by.
        units: The unit of every test question, by id; one that is missing stands for itself.
        pilot_units: Likewise of the pilot's.
    """

    pilot: Mapping[str, Outcomes]
    test: Mapping[str, Outcomes]
    baseline: str
    refused: tuple[Rejected, ...] = ()
    cost_model: CostModel = field(default_factory=CostModel)
    units: Mapping[str, Unit] = field(default_factory=dict)
    pilot_units: Mapping[str, Unit] = field(default_factory=dict)

    @cached_property
    def order(self) -> Order:
        """The units of the test questions, in the order in which they are bet on."""
        return Order.of(self.test[self.baseline].questions, self.units)

    @property
    def measured(self) -> Mapping[str, Measurement]:
        """Every plan on the test questions summed up, by plan id; measured once."""
        return self._summed[0]

    @property
    def compared(self) -> Mapping[str, Comparison]:
        """Every plan but the baseline, compared with it on the test questions, by plan id; measured once."""
        return self._summed[1]

    @cached_property
    def _summed(self) -> tuple[dict[str, Measurement], dict[str, Comparison]]:
        """Both, a plan after the other: its outcomes may have to be read from a disk."""
        base, measured, compared = self.test[self.baseline], {}, {}
        for key, outcomes in self.test.items():
            measured[key] = measure(outcomes, self.cost_model)
            if key != self.baseline:
                compared[key] = compare(base, outcomes, self.cost_model)
        return measured, compared

    @property
    def plans(self) -> tuple[MeasuredPlan, ...]:
        """Every plan but the baseline with both, in the order of replaying."""
        return tuple(MeasuredPlan(self.measured[key], found) for key, found in self.compared.items())


PILOT_SHARE, PILOT_SEED = 0.25, 0
"""Share of the questions that decide what is tested, where no pilot was recorded, and what draws them."""


def split(
    recording: Recording,
    share: float = PILOT_SHARE,
    *,
    seed: int = PILOT_SEED,
    units: Mapping[str, Unit] | None = None,
) -> tuple[Recording, Recording]:
    """Returns the pilot part and the test part of a recording's questions.

    The part a question falls in depends on what its unit says and on the seed alone: no other question moves
    it, and in every recording it falls in the same one. So a part has about its share of the questions.

    Args:
        recording: What is parted.
        share: Of the first part.
        seed: Another one parts independently.
        units: The unit of every question by id; None finds them in this recording.
    """
    found = units_of(recording) if units is None else units
    first = {q.id for q in recording.questions if below(found[q.id].key, share, seed)}
    return recording.subset(first), recording.subset({q.id for q in recording.questions} - first)


@dataclass(frozen=True)
class Group:
    """Plans that replay over the same recordings.

    Attributes:
        pilot: Recordings of the pilot questions, by model name; empty where there is none, and its plans
            are then shown on the test questions but not chosen from.
        test: Recordings of the test questions, by model name.
        space: The plans, and what these recordings cannot replay.
        units: The unit of every test question, by id; of the first group, that of all.
        pilot_units: Likewise of the pilot questions.
    """

    pilot: Mapping[str, Recording]
    test: Mapping[str, Recording]
    space: SearchSpace
    units: Mapping[str, Unit] = field(default_factory=dict)
    pilot_units: Mapping[str, Unit] = field(default_factory=dict)


def gather(
    groups: Sequence[Group],
    *,
    cost_model: CostModel | None = None,
    runs: int = 10,
    processes: int = 1,
    spread: Spread | None = None,
    on_progress: OnProgress = quiet,
) -> Evidence:
    """Replays every plan of every group on its pilot and test questions.

    Groups are recordings of the same questions with other prompts or other weights. Their traces are not
    paired with the baseline's, their questions are: that is all the betting test asks for. A plan that cannot
    be replayed on one of the two parts is refused, with the reason, on both; the others go on.

    Args:
        groups: The bare model's first; its first plan is the baseline.
        cost_model: What costs are measured by; None knows no prices.
        runs: Permutations for plans with a flow.
        processes: Worker processes.
        spread: What spreads the work over machines; None where this one does it.
        on_progress: Called with how many replays are done out of how many.

    Raises:
        KaruiError: The baseline itself cannot be replayed.
    """
    pilot: dict[str, Outcomes] = {}
    test: dict[str, Outcomes] = {}
    done, total = 0, 2 * sum(len(g.space.plans) for g in groups)
    refused: dict[str, Rejected] = {}
    baseline = groups[0].space.plans[0]
    for group in groups:
        for recordings, found in ((group.pilot, pilot), (group.test, test)):
            if not recordings:
                done += len(group.space.plans)
                continue
            replay = Replay(recordings, runs)
            lost: list[Rejected] = []
            before = done

            def progressed(now: int, _: int, before: int = before) -> None:
                on_progress(before + now, total)

            for outcomes in replay_all(
                replay,
                group.space.plans,
                processes=processes,
                spread=spread,
                on_progress=progressed,
                on_refused=lost.append,
            ):
                found[outcomes.plan.id] = outcomes
            done += len(group.space.plans)
            refused |= {r.plan: r for r in lost}
            if baseline.id in refused:
                replay.outcomes(baseline)  # which raises: nothing can be compared without it
    known = tuple(r for g in groups for r in g.space.refused)
    return Evidence(
        {key: outcomes for key, outcomes in pilot.items() if key not in refused},
        {key: outcomes for key, outcomes in test.items() if key not in refused},
        baseline.id,
        (*known, *refused.values()),
        cost_model or CostModel(),
        groups[0].units,
        groups[0].pilot_units,
    )


def refuse_truncated(recording: Recording) -> None:
    """Refuses to choose from a baseline that was cut too often to be a baseline.

    Raises:
        PlanError: More than 5% of its traces reached the token limit.
    """
    ends = Counter(t.end for t in recording.traces())
    cut = ends[End.TRUNCATED] / max(1, ends.total())
    if cut > TOO_MANY_TRUNCATED:
        limit = recording.manifest.sampling.max_tokens
        raise PlanError(
            f"{cut:.1%} of the baseline's traces were cut by the limit of {limit} tokens.",
            why="A baseline that was not allowed to finish makes every plan look good.",
            remedy="Record again with a larger --max-tokens, or pass --accept-truncation to go on anyway.",
        )
