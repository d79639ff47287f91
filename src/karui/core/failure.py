"""A baseline that fails: full thinking that is hardly ever right, so that no plan can be judged by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """One likely reason for the failure, with the evidence for it.

    Attributes:
        code: "embedded" (the model that ships with karui, on questions it was never taught), "unread" (a
            reply in which no answer could be read), "empty" (no reply at all), "unmatched" (the reference
            occurs in the reply and was not read), "partial" (what was read is a part of the reference),
            "truncated" (cut by the token limit), "loops" (the same
            passage again and again), "timeouts" (answers whose comparison took too long), "alike" (one
            answer to many questions), "unthought" (no thinking), "guessing" (no better than chance) or
            "wrong" (read, and another answer).
        count: Replies that show it.
        of: Replies that could have shown it.
        detail: What the sentence needs beside the counts: the answer of "alike", the verifier of "unread",
            "unmatched", "partial" and "timeouts", the limit of "truncated", the model of "embedded"; ""
            elsewhere.
    """

    code: str
    count: int
    of: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FailedReply:
    """A reply that was not right.

    Attributes:
        question: What was asked.
        text: The end of the reply; the end of the thinking where there is no reply.
        thinking: Whether `text` is thinking.
        read: The answer read out of it, None where there is none.
        reference: What would have been right.
        end: How the trace ended, as `karui.core.trace.End` says.
    """

    question: str
    text: str
    thinking: bool
    read: str | None
    reference: str
    end: str


@dataclass(frozen=True, slots=True)
class BaselineFailure:
    """Why nothing is chosen: full thinking itself fails.

    Attributes:
        kind: "none right", "below floor" or "near chance".
        accuracy: Mean over questions of the share of right replies.
        low: Lower end of its 95% interval (Wilson, by question).
        high: Upper end.
        floor: Accuracy below which a baseline is taken to fail.
        chance: Accuracy of guessing, None where the questions have no options.
        questions: How many were recorded.
        replies: How many there are to them.
        right: How many of the replies are right.
        reasons: Likely reasons, the one with the most evidence first.
        examples: At most three replies, of different questions.
    """

    kind: str
    accuracy: float
    low: float
    high: float
    floor: float
    chance: float | None
    questions: int
    replies: int
    right: int
    reasons: tuple[Reason, ...]
    examples: tuple[FailedReply, ...]

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "BaselineFailure":
        """Reads what `dataclasses.asdict` wrote."""
        return BaselineFailure(
            **{
                **values,
                "reasons": tuple(Reason(**r) for r in values["reasons"]),
                "examples": tuple(FailedReply(**e) for e in values["examples"]),
            }
        )
