"""The choice: which plan, by what rule, on what evidence, and what was rejected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from karui.core.engine import ModelInfo
from karui.core.study.domain import DomainSummary
from karui.core.study.failure import BaselineFailure
from karui.core.study.judge import Judged
from karui.core.study.limits import Limits, Promise
from karui.core.study.looks import Looks
from karui.core.study.measurement import DifferenceCount
from karui.core.study.reasons import Because


class Axis(StrEnum):
    """What a choice minimises."""

    COST = "cost"
    """Money, where prices were stated; generated tokens else, as if every token cost the same."""
    TOKENS = "tokens"
    """Generated tokens, those of a small model counting like those of a large one."""
    LATENCY = "latency"
    """Token-time; estimated seconds where models of different speed are compared."""
    FLOPS = "flops"
    """Floating-point operations, each model's by its own shape."""
    MEMORY = "memory"
    """Weights of all models kept loaded, and the mean peak of their KV caches."""


class PilotSource(StrEnum):
    """Where the order of testing comes from."""

    QUESTIONS = "questions"
    """Questions set aside, or a pilot recording of the user's."""
    SHIPPED = "shipped pilot recording"
    """The pilot recording that ships with karui."""


class Decision(StrEnum):
    """What a choice comes to."""

    FIX = "fix"
    """Full thinking itself fails (see `Choice.failure`); it outranks the others."""
    ADOPT = "adopt"
    """A plan is certified."""
    PILOT = "pilot"
    """A plan is promising."""
    COLLECT = "collect"
    """More questions are needed first."""
    LABEL = "label"
    """A judge judged the answers, and more of them have to be labelled by hand first."""
    NOTHING = "nothing"
    """There is no plan to gain from."""


class Verdict(StrEnum):
    """What the test questions say about one plan's loss."""

    CERTIFIED = "certified"
    """A loss of the margin or more is ruled out, within its sequence of tests."""
    PROMISING = "promising"
    """Not certified, though the estimated loss is at most the margin; shown with its interval and the
    smallest margin that these questions can certify."""
    NOT_SUPPORTED = "not supported"
    """The estimated loss is above the margin."""
    BASELINE = "baseline"
    """Full thinking, which has nothing to prove."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the user asked for.

    Attributes:
        margin: Largest loss of accuracy accepted, as a share (0.02 is two points).
        alpha: Chance of a false certificate, at most.
        minimize: The axis to minimise.
        priority: The preset it came from, "" if none.
        pilot: Where the order of testing came from.
        confident_wrong_rise: Largest rise of the confident-wrong rate accepted, as a share.
        floor: Accuracy of full thinking below which it is taken to fail, as a share; 0 never does.
        limits: On time and cost, which a chosen plan has to keep.
    """

    margin: float = 0.02
    alpha: float = 0.05
    minimize: Axis = Axis.TOKENS
    priority: str = ""
    pilot: PilotSource = PilotSource.QUESTIONS
    confident_wrong_rise: float = 0.02
    floor: float = 0.1
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Tested:
    """One plan in the order of testing.

    Attributes:
        plan: Its id.
        label: For people.
        spec: What recreates it.
        p_value: Of the betting test; None if testing had stopped before it.
        verdict: What the test questions say of it.
        loss: Estimated loss on the test questions.
        low: One-sided lower bound of the loss.
        high: One-sided upper bound: the smallest margin these questions can certify for it.
        saving: 1 minus its ratio to the baseline on the axis minimised, on the test questions.
        questions_wanted: Test questions with which it would be certified four times in five; None if never.
        reason: Why it was not chosen, None if it was.
        promises: What the test questions say of each limit, where it is certified and limits were asked for.
        differences: Of every unit's first question, how often single replies were lost and won; () where
            nothing but the model says what is right, and in choices made before that was kept.
    """

    plan: str
    label: str
    spec: list[dict[str, Any]]
    p_value: float | None
    verdict: Verdict
    loss: float
    low: float
    high: float
    saving: float
    questions_wanted: int | None = None
    reason: Because | None = None
    promises: tuple[Promise, ...] = ()
    differences: tuple[DifferenceCount, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A plan that was replayed or refused, and is not in the order of testing.

    Attributes:
        plan: Its id.
        label: For people.
        reason: Why.
        loss: Estimated on the pilot; None if it could not be replayed.
        saving: Likewise.
    """

    plan: str
    label: str
    reason: Because
    loss: float | None = None
    saving: float | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The chosen plan, run live on questions it was not chosen on.

    Attributes:
        questions: How many.
        loss: Estimated loss against the baseline, run live on the same questions.
        low: One-sided 95% lower bound of the loss.
        high: One-sided 95% upper bound.
        token_ratio: The plan's tokens over the baseline's.
        accuracy: The plan's.
        baseline_accuracy: The baseline's.
        withdrawn: Whether the lower bound exceeds the margin: the choice no longer stands.
        failed: Questions that failed on the engine.
        sight: With what chance a loss of twice the margin would have been seen: the plan withdrawn. None in
            confirmations made before that was kept.
    """

    questions: int
    loss: float
    low: float
    high: float
    token_ratio: float
    accuracy: float
    baseline_accuracy: float
    withdrawn: bool
    failed: int = 0
    sight: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What `karui choose` decides, and what `karui serve` will run.

    Attributes:
        model: The model.
        task: The task's name.
        task_digest: Its digest.
        agreement: Whether "accuracy" is agreement with the full model.
        rule: What was asked for.
        spec: The chosen plan; empty is the baseline, full thinking.
        plan: Its id.
        label: For people.
        decision: What it comes to.
        verdict: That of the chosen plan.
        questions: Test questions.
        pilot_questions: Questions of the pilot.
        traces: Traces per test question, on average.
        fewest: Test questions below which nothing could be certified at this margin.
        tested: In the order of testing.
        rejected: The rest of the space.
        space: How many plans were considered.
        candidate: The best plan not certified, when the choice is the baseline; None if there is none.
        confirmation: Set after the live run.
        recordings: Digests of the recordings behind it, by role.
        fallback: What to do when it goes wrong, decided now: "full thinking".
        beside: The further models that plans of the space ask, by the name they ask for.
        failure: Why full thinking fails, where it does; nothing is then tested or offered.
        looks: How often these questions were looked at; None in choices made before that was kept, and where
            nothing was tested.
        domain: Which questions it speaks of; None in choices made before that was kept, and where full
            thinking fails.
        judge: The judge that says which answers are good, and what people said of it; None where answers are
            checked.
    """

    model: ModelInfo
    task: str
    task_digest: str
    agreement: bool
    rule: Rule
    spec: list[dict[str, Any]]
    plan: str
    label: str
    decision: Decision
    verdict: Verdict
    questions: int
    pilot_questions: int
    traces: float
    fewest: int
    tested: tuple[Tested, ...]
    rejected: tuple[Rejected, ...]
    space: int
    candidate: Tested | None = None
    confirmation: Confirmation | None = None
    recordings: Mapping[str, str] = field(default_factory=dict)
    fallback: str = "full thinking"
    beside: Mapping[str, ModelInfo] = field(default_factory=dict)
    failure: BaselineFailure | None = None
    looks: Looks | None = None
    domain: DomainSummary | None = None
    judge: Judged | None = None

    @property
    def units(self) -> int:
        """Independent units among the test questions."""
        return self.looks.units if self.looks else self.questions

    @property
    def promises(self) -> tuple[Promise, ...]:
        """The limits on time and cost that the chosen plan keeps."""
        return next((t.promises for t in self.tested if self.spec and t.plan == self.plan), ())

    @property
    def withdrawn(self) -> bool:
        """Whether the live run contradicted it."""
        return self.confirmation is not None and self.confirmation.withdrawn
