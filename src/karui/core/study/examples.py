"""Examples: what a plan did to single traces, to be read side by side."""

from dataclasses import dataclass

from karui.core.trace import End


@dataclass(frozen=True, slots=True)
class ActionTaken:
    """What a plan did to one trace.

    Attributes:
        end: How the trace ended.
        thinking_tokens: After how many tokens of thinking.
        model: Which model it was of, by the name that the plan asks for.
    """

    end: End
    thinking_tokens: int
    model: str = "main"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an example.

    Attributes:
        text: The answer's text.
        answer: Canonical, None if there is none.
        correct: The verdict.
        tokens: Everything generated, by all its traces.
        thinking: The whole thinking on the side of full thinking, else "".
        thinking_chars: On the plan's side, where that thinking was cut; None where it was not.
        actions: On the plan's side, what it did, one trace after the other.
    """

    text: str
    answer: str | None
    correct: bool
    tokens: int
    thinking: str = ""
    thinking_chars: int | None = None
    actions: tuple[ActionTaken, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """One question under full thinking and under the plan.

    Attributes:
        question: What was asked.
        kind: Its kind.
        reference: The right answer.
        full: Full thinking, on the trace from which the plan took its answer, or on the first where the
            answer came from another model.
        plan: The plan.
    """

    question: str
    kind: str
    reference: str
    full: Side
    plan: Side
