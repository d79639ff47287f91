"""Requests and replies of Anthropic's messages and OpenAI's responses as models, as in `openai_api.models`.

A field's description completes the sentence "FIELD must be …". Fields that are not named here go on as they
came, to a server with the same API, or as fields of a chat.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Text: TypeAlias = str | list[dict[str, Any]]
_Count: TypeAlias = Annotated[int, Field(ge=0)]
_AN_OBJECT, _OBJECTS = "an object", "a list of objects"


class _Read(BaseModel):
    """What the gateway reads; a value of another type is refused and not converted."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Written(BaseModel):
    """What the gateway writes, or passes on."""

    model_config = ConfigDict(extra="allow")


class Turn(_Read):
    """One turn of `/v1/messages`."""

    role: Literal["user", "assistant", "system"] = Field(description="one of user, assistant, system")
    content: Text = Field(description="a text or a list of blocks")


class MessagesRequestBody(_Read):
    """The body of Anthropic's `/v1/messages`."""

    model: str = Field(min_length=1, description="a model's name, such as karui/plan")
    messages: list[Turn] = Field(min_length=1, description="a list with at least one message")
    max_tokens: int = Field(ge=1, description="a whole number of 1 or more")
    system: Text | None = Field(None, description="a text or a list of blocks")
    stream: bool | None = Field(None, description="true or false")
    temperature: float | None = Field(None, ge=0, le=1, description="a number from 0 to 1")
    top_p: float | None = Field(None, ge=0, le=1, description="a number from 0 to 1")
    top_k: int | None = Field(None, ge=0, description="a whole number of 0 or more")
    stop_sequences: list[str] | None = Field(None, description="a list of texts")
    thinking: dict[str, Any] | None = Field(None, description=_AN_OBJECT)
    tools: list[dict[str, Any]] | None = Field(None, description=_OBJECTS)
    tool_choice: dict[str, Any] | None = Field(None, description=_AN_OBJECT)
    output_config: dict[str, Any] | None = Field(None, description=_AN_OBJECT)
    metadata: dict[str, Any] | None = Field(None, description=_AN_OBJECT)


class ResponsesRequestBody(_Read):
    """The body of OpenAI's `/v1/responses`."""

    model: str = Field(min_length=1, description="a model's name, such as karui/plan")
    input: str | Annotated[list[dict[str, Any]], Field(min_length=1)] = Field(
        description="a text or a list of items, at least one"
    )
    instructions: str | None = Field(None, description="a text")
    max_output_tokens: int | None = Field(None, ge=1, description="a whole number of 1 or more")
    stream: bool | None = Field(None, description="true or false")
    temperature: float | None = Field(None, ge=0, le=2, description="a number from 0 to 2")
    top_p: float | None = Field(None, ge=0, le=1, description="a number from 0 to 1")
    top_logprobs: int | None = Field(None, ge=0, le=20, description="a whole number from 0 to 20")
    include: list[str] | None = Field(None, description="a list of texts")
    reasoning: dict[str, Any] | None = Field(None, description=_AN_OBJECT)
    text: dict[str, Any] | None = Field(None, description=_AN_OBJECT)
    tools: list[dict[str, Any]] | None = Field(None, description=_OBJECTS)
    tool_choice: str | dict[str, Any] | None = Field(None, description="a text or an object")
    metadata: dict[str, Any] | None = Field(None, description=_AN_OBJECT)


class MessageUsage(_Written):
    """Tokens of a message; thinking is part of the output."""

    input_tokens: _Count
    output_tokens: _Count


class MessageReply(_Written):
    """The reply of `/v1/messages`."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[dict[str, Any]]
    stop_reason: str | None
    stop_sequence: str | None = None
    usage: MessageUsage


class MessageErrorDetails(_Written):
    """What is wrong."""

    type: str
    message: str


class MessageError(_Written):
    """Anthropic's error object."""

    type: Literal["error"]
    error: MessageErrorDetails


class ResponseUsage(_Written):
    """Tokens of a response; thinking is part of the output."""

    input_tokens: _Count
    output_tokens: _Count
    total_tokens: _Count


class ResponseReply(_Written):
    """The reply of `/v1/responses`."""

    id: str
    object: Literal["response"]
    created_at: float
    status: str
    model: str
    output: list[dict[str, Any]]
    usage: ResponseUsage | None = None
