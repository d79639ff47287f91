"""A baseline that fails: full thinking that is hardly ever right, so that no plan can be judged by it."""

from dataclasses import dataclass
from enum import StrEnum

from karui.core.trace import End


class FailureKind(StrEnum):
    """Which rule says that a baseline fails; see `karui.selection.baseline.examine`."""

    NONE_RIGHT = "none right"
    BELOW_FLOOR = "below floor"
    NEAR_CHANCE = "near chance"


class Cause(StrEnum):
    """What wrong replies show, most telling first."""

    EMBEDDED = "embedded"
    """The model that ships with karui, on questions it was never taught."""
    UNREAD = "unread"
    """A reply in which no answer could be read."""
    EMPTY = "empty"
    """No reply at all."""
    UNMATCHED = "unmatched"
    """The reference occurs in the reply and was not read."""
    PARTIAL = "partial"
    """What was read is a part of the reference."""
    TRUNCATED = "truncated"
    """Cut by the token limit."""
    LOOPS = "loops"
    """The same passage again and again."""
    TIMEOUTS = "timeouts"
    """Answers whose comparison took too long."""
    ALIKE = "alike"
    """One answer to many questions."""
    UNTHOUGHT = "unthought"
    """No thinking."""
    GUESSING = "guessing"
    """No better than chance."""
    WRONG = "wrong"
    """Read, and another answer."""


@dataclass(frozen=True, slots=True)
class LikelyCause:
    """One likely cause of the failure, with the evidence for it.

    Attributes:
        code: Which one.
        count: Replies that show it.
        of: Replies that could have shown it.
        detail: What the sentence needs beside the counts: the answer of "alike", the verifier of "unread",
            "unmatched", "partial" and "timeouts", the limit of "truncated", the model of "embedded"; ""
            elsewhere.
    """

    code: Cause
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
        end: How the trace ended.
    """

    question: str
    text: str
    thinking: bool
    read: str | None
    reference: str
    end: End


@dataclass(frozen=True, slots=True)
class BaselineFailure:
    """Why nothing is chosen: full thinking itself fails.

    Attributes:
        kind: Which rule says so.
        accuracy: Mean over questions of the share of right replies.
        low: Lower end of its 95% interval (Wilson, by question).
        high: Upper end.
        floor: Accuracy below which a baseline is taken to fail.
        chance: Accuracy of guessing, None where the questions have no options.
        questions: How many were recorded.
        replies: How many there are to them.
        right: How many of the replies are right.
        reasons: Likely causes, the one with the most evidence first.
        examples: At most three replies, of different questions.
    """

    kind: FailureKind
    accuracy: float
    low: float
    high: float
    floor: float
    chance: float | None
    questions: int
    replies: int
    right: int
    reasons: tuple[LikelyCause, ...]
    examples: tuple[FailedReply, ...]
