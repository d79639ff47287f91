"""The APIs that clients may speak: how their requests are read and their replies written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from karui.gateway.dialects.messages_reply import MessageTranslation, message_error
from karui.gateway.dialects.messages_request import read_messages
from karui.gateway.dialects.responses_reply import ResponseTranslation
from karui.gateway.dialects.responses_request import read_responses
from karui.gateway.openai_api.chat_request import ApiError, ChatRequest, read_request
from karui.gateway.openai_api.replies import error_object


class Translation(Protocol):
    """One chat completion as another API's reply: whole, or as a stream."""

    def whole(self, reply: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a whole completion as that API's reply."""

    def take(self, chunk: Mapping[str, Any]) -> bytes:
        """Returns the events for a chunk of a stream."""

    def alive(self) -> bytes:
        """Returns what shows that a stream is in use."""

    def end(self) -> bytes:
        """Returns the events that end a stream; none where it has ended."""

    def error(self, wrong: ApiError) -> bytes:
        """Returns the event that ends a stream with an error."""


@dataclass(frozen=True)
class Dialect:
    """One API.

    Attributes:
        path: Of its requests.
        read: Reads a request's body; raises ApiError.
        error: Returns an error as it has them.
        translation: Makes what writes its replies; None where those of chat completions are its own.
    """

    path: str
    read: Callable[[bytes], ChatRequest]
    error: Callable[[ApiError], dict[str, Any]] = error_object
    translation: Callable[[ChatRequest], Translation] | None = None


CHAT = Dialect("/v1/chat/completions", partial(read_request, chat=True))
TEXT = Dialect("/v1/completions", partial(read_request, chat=False))
MESSAGES = Dialect("/v1/messages", read_messages, message_error, MessageTranslation)
RESPONSES = Dialect("/v1/responses", read_responses, translation=ResponseTranslation)
DIALECTS = (CHAT, TEXT, MESSAGES, RESPONSES)
_BY_PATH = {dialect.path: dialect for dialect in DIALECTS} | {f"{MESSAGES.path}/count_tokens": MESSAGES}


def error_at(path: str, wrong: ApiError) -> dict[str, Any]:
    """Returns an error as the API at a path has it."""
    return _BY_PATH.get(path, CHAT).error(wrong)
