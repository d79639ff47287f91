"""The domain of a choice: which questions it was made with, and how surely others are told apart."""

from dataclasses import dataclass

from karui.core.study.measurement import Interval


@dataclass(frozen=True, slots=True)
class DomainSummary:
    """Which questions a choice speaks of.

    Attributes:
        questions: Recorded questions in it.
        reference: Independent ones among them that others are compared with.
        calibration: Independent ones, none of these, that the threshold comes from.
        above: How many of the calibration questions the threshold is set below or at; 0 where they are too
            few for a threshold, and no question is then found unlike.
        rate: Share of questions like the recorded ones that is taken for unlike, at most.
        confidence: How surely that holds.
        kinds: Kinds of the questions, sorted; empty where they have none.
        length: 5th and 95th percentile of their lengths, in characters.
        scripts: Share of their characters by script, the largest first.
        turns: Most turns before a question.
        systems: How many system messages there are.
        digest: Of everything that they are compared by; "" without a threshold.
    """

    questions: int
    reference: int
    calibration: int
    above: int
    rate: float
    confidence: float
    kinds: tuple[str, ...] = ()
    length: tuple[float, float] = (0.0, 0.0)
    scripts: tuple[tuple[str, float], ...] = ()
    turns: int = 0
    systems: int = 0
    digest: str = ""

    @property
    def known(self) -> bool:
        """Whether a question can be found unlike them."""
        return self.above > 0


@dataclass(frozen=True, slots=True)
class Region:
    """How a plan did on some of the test questions.

    Attributes:
        questions: How many.
        accuracy: The plan's.
        confidence: Its mean confidence; None where its replies carry none.
        full: Full thinking's accuracy on the same ones.
    """

    questions: int
    accuracy: Interval
    confidence: float | None
    full: Interval


@dataclass(frozen=True, slots=True)
class Outskirts:
    """The tenth of the test questions that is least like the others, beside the rest.

    Attributes:
        far: On that tenth.
        near: On the rest.
    """

    far: Region
    near: Region
