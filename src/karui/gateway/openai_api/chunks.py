"""What a backend streams: thinking, then the answer, and last what it came to."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from karui.engines.openai.protocol.finish_reason import is_cut
from karui.gateway.openai_api.replies import Usage


@dataclass(frozen=True)
class Completion:
    """A finished completion.

    Attributes:
        thinking: Text of the thinking of the trace that answered; "" where it was streamed already.
        answer: Text of its answer; "" where the token limit cut it, or it was streamed already.
        finish: "stop", "length" where the limit cut it, or the server's word where the server did.
        usage: Its tokens.
        calls: Its tool calls, as a message has them.
        choices: The server's own choices where it was asked for several, or for log-probabilities.
    """

    thinking: str
    answer: str
    finish: str
    usage: Usage
    calls: tuple[Mapping[str, Any], ...] = ()
    choices: tuple[Mapping[str, Any], ...] = ()

    @property
    def truncated(self) -> bool:
        """Whether anything but the model ended it."""
        return is_cut(self.finish, thinking=not self.answer and bool(self.thinking))


R_co = TypeVar("R_co", bound=Completion, covariant=True)


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished(Generic[R_co]):
    """The end of a stream, and what it came to."""

    result: R_co


Stream = AsyncGenerator[Thinking | Answer | Finished[R_co], None]
"""Pieces as they come, and `Finished` exactly once, last."""
