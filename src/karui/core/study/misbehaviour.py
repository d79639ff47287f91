"""How a model's thinking goes wrong: cut by the limit, in a loop, or right earlier and wrong in the end."""

from dataclasses import dataclass

from karui.core.study.measurement import Interval


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """One model, format or prompt under full thinking. Every interval is clustered by question.

    Attributes:
        name: The model's name.
        label: Its techniques; "" for the model as it came.
        questions: How many.
        traces: How many.
        accuracy: Share of traces that are right.
        truncated: Share cut by the token limit.
        looped: Share that came to say the same passage again and again (`karui.core.loops`); None where
            a trace has no text to tell by.
        loop_tokens: Share of all thinking tokens that lie in such loops, judged by characters; None likewise.
        lost: Share that was right at some checkpoint and wrong, or cut, in the end; None without trials.
        lost_of_wrong: The same share of the traces that are not right in the end (2606.00206 reports up to
            52% for quantized models); None without trials, or where all are right.
        lost_rise: Rise of `lost` over the first model, paired by question; None for the first itself, and
            where either has no trials.
    """

    name: str
    label: str
    questions: int
    traces: int
    accuracy: Interval
    truncated: float
    looped: Interval | None
    loop_tokens: float | None
    lost: Interval | None
    lost_of_wrong: float | None
    lost_rise: Interval | None = None
