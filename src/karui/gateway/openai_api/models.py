"""OpenAI's requests and replies as models: they validate requests, and `/openapi.json` is made of them.

A field's description completes the sentence "FIELD must be …": it is what a client is told, and what the
OpenAPI text says. Fields that are not named here are allowed: a plan that cannot run with them leaves the
request to full thinking, which passes them on as they came.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Count: TypeAlias = Annotated[int, Field(ge=0)]


class _Read(BaseModel):
    """What the gateway reads; a value of another type is refused and not converted."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Written(BaseModel):
    """What the gateway writes, or passes on."""

    model_config = ConfigDict(extra="allow")


class StreamOptions(_Read):
    """How a stream ends."""

    include_usage: bool | None = Field(None, description="true or false")


class Message(_Read):
    """One message of a chat."""

    role: Literal["assistant", "developer", "function", "system", "tool", "user"] = Field(
        description="one of assistant, developer, function, system, tool, user"
    )
    content: str | list[dict[str, Any]] | None = Field(None, description="a text or a list of parts")


class _Request(_Read):
    model: str = Field(min_length=1, description="a model's name, such as karui/plan")
    stream: bool | None = Field(None, description="true or false")
    stream_options: StreamOptions | None = Field(None, description="an object, for streams only")
    n: int | None = Field(None, ge=1, le=128, description="a whole number from 1 to 128")
    temperature: float | None = Field(None, ge=0, le=2, description="a number from 0 to 2")
    top_p: float | None = Field(None, ge=0, le=1, description="a number from 0 to 1")
    seed: int | None = Field(None, description="a whole number")
    max_completion_tokens: int | None = Field(None, ge=1, description="a whole number of 1 or more")
    max_tokens: int | None = Field(None, ge=1, description="a whole number of 1 or more")


class ChatRequestBody(_Request):
    """The body of a chat."""

    messages: list[Message] = Field(min_length=1, description="a list with at least one message")


class TextRequestBody(_Request):
    """The body of a completion of raw text."""

    prompt: str | list[Any] = Field(description="a text or a list")


class ExtraTokens(_Written):
    """What karui generated besides: trials, further traces, what a cut threw away."""

    extra_tokens: Count = 0


class TokenUsage(_Written):
    """Tokens of one request."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    total_tokens: Count = 0
    karui: ExtraTokens = ExtraTokens()


class SpokenMessage(_Written):
    """What the model says."""

    role: str
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class _Choice(_Written):
    index: int = 0
    finish_reason: str | None = None


class ChatChoice(_Choice):
    """One choice of a chat."""

    message: SpokenMessage


class TextChoice(_Choice):
    """One choice of a completion of raw text."""

    text: str


class _Completion(_Written):
    usage: TokenUsage | None = None
    karui: dict[str, Any] = Field({}, description="What karui did: plan, ran, moves, fallback …")


class ChatCompletion(_Completion):
    """The reply to a chat."""

    object: Literal["chat.completion"] = "chat.completion"
    choices: list[ChatChoice]


class TextCompletion(_Completion):
    """The reply to a completion of raw text."""

    object: Literal["text_completion"] = "text_completion"
    choices: list[TextChoice]


class Model(_Written):
    """One name of a model."""

    id: str
    object: Literal["model"]


class Models(_Written):
    """The names that requests may give."""

    object: Literal["list"] = "list"
    data: list[Model]


class ErrorDetails(_Written):
    """What is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | int | None = None


class Error(_Written):
    """OpenAI's error object."""

    error: ErrorDetails
