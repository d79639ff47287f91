"""One finished study."""

from dataclasses import dataclass, field

from karui.core.recording import Manifest
from karui.core.study.assumptions import Assumptions
from karui.core.study.choice import Choice
from karui.core.study.composition import Interaction
from karui.core.study.domain import Outskirts
from karui.core.study.examples import Example
from karui.core.study.measurement import Comparison, MeasuredPlan, Measurement
from karui.core.study.misbehaviour import Misbehaviour
from karui.core.study.versions import ModelVersion, Screening


@dataclass(frozen=True, slots=True)
class LiveRun:
    """The chosen plan and full thinking, run on an engine on questions that the choice was not made on.

    Attributes:
        baseline: Full thinking.
        plan: The chosen plan.
        comparison: Of the two.
        at_once: Questions that ran at the same time.
    """

    baseline: Measurement
    plan: Measurement
    comparison: Comparison
    at_once: int


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """The same plans over a recording that ships with karui, about other questions than the user's.

    Attributes:
        title: What it is, for people.
        manifest: Of the recording.
        baseline: Full thinking.
        plans: Every plan replayed.
    """

    title: str
    manifest: Manifest
    baseline: Measurement
    plans: tuple[MeasuredPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionParts:
    """How many questions were for what, where versions were trained; none is in two parts.

    Attributes:
        train: To learn from.
        pilot: To decide what is kept, and the order of testing.
        test: To certify.
        confirm: For the live confirmation.
        brought: Whether those to train on came with a recording of their own.
    """

    train: int
    pilot: int
    test: int
    confirm: int
    brought: bool = False


@dataclass(frozen=True)
class Study:
    """One finished study. `karui.codec` writes and reads it.

    Attributes:
        made: ISO date.
        manifest: Of the recording behind it.
        choice: What was chosen, and why.
        baseline: Full thinking, replayed on the test questions.
        plans: Every plan replayed on the test questions, controls included.
        live: The confirmation run; None if there was none.
        shipped: The same plans over a recording that comes with karui; None if there was none.
        examples: Traces to show side by side.
        assumptions: Where the calculation of savings begins.
        commands: What to type to make the study again.
        baselines_extra: Further plans to compare with, such as self-consistency with 16 traces.
        models: The model as it came first, then every version of it.
        screening: The races between versions; None where none was screened.
        parts: How the questions were divided where versions were trained, else None.
        interactions: What two techniques save alone and together.
        misbehaviour: How full thinking goes wrong: of the model as it came, and of every other model, format
            and prompt that was recorded on the same questions.
        outskirts: How the plan that the study is about does on the test questions least like the others; None
            where they are too few, and in studies made before that was kept.
    """

    made: str
    manifest: Manifest
    choice: Choice
    baseline: Measurement
    plans: tuple[MeasuredPlan, ...] = ()
    live: LiveRun | None = None
    shipped: ReferenceRun | None = None
    examples: tuple[Example, ...] = ()
    assumptions: Assumptions = field(default_factory=Assumptions)
    commands: tuple[str, ...] = ()
    baselines_extra: tuple[MeasuredPlan, ...] = ()
    models: tuple[ModelVersion, ...] = ()
    screening: Screening | None = None
    parts: QuestionParts | None = None
    interactions: tuple[Interaction, ...] = ()
    misbehaviour: tuple[Misbehaviour, ...] = ()
    outskirts: Outskirts | None = None

    @property
    def subject(self) -> str:
        """Id of the plan that the study is about: the choice, or the best plan not certified, or ""."""
        if self.choice.spec:
            return self.choice.plan
        return self.choice.candidate.plan if self.choice.candidate else ""

    @property
    def plan(self) -> MeasuredPlan | None:
        """The plan that the study is about, as replayed; None where there is none."""
        about = self.subject
        return next((p for p in self.plans if about and p.plan == about), None)
