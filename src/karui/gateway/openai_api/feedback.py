"""The body of `/v1/feedback`, and its reply.

A field's description completes the sentence "FIELD must be …".
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from karui.gateway.openai_api.chat_request import ApiError

MOST_REFERENCE = 10_000
"""Characters of a reference."""
_PREFIX = re.compile(r"\A(?:chatcmpl-|msg_|resp_)")
"""What the ids of replies begin with."""
LABELS = {"good": 1.0, "mixed": 0.5, "bad": 0.0}
"""What can be said in a word, and its value."""


class FeedbackBody(BaseModel):
    """What a user says of one reply: a value or a label, one of the two."""

    model_config = ConfigDict(strict=True, extra="ignore")

    request_id: str = Field(
        min_length=1,
        max_length=100,
        description="the x-karui-request-id of a reply, or the id of the reply itself",
    )
    value: float | None = Field(None, ge=0.0, le=1.0, description="a number from 0, bad, to 1, good")
    label: Literal["good", "mixed", "bad"] | None = Field(
        None, description="good, mixed or bad, for a value of 1, 0.5 or 0"
    )
    reference: str | None = Field(
        None,
        max_length=MOST_REFERENCE,
        description=f"the right answer, a text of at most {MOST_REFERENCE} characters; it is kept only where "
        "conversations are kept",
    )


class FeedbackReply(BaseModel):
    """What became of a feedback."""

    object: Literal["karui.feedback"] = "karui.feedback"
    request_id: str
    counted: bool = Field(description="Whether the comparison of the plan with full thinking has counted it.")
    why: str = Field(description="Why it has not; empty where it has.")
    reference: Literal["", "kept", "not kept"] = Field(description="What became of the reference.")


@dataclass(frozen=True, slots=True)
class Said:
    """A feedback that has been read: on which request, its value from 0 to 1, and a reference or ""."""

    request: str
    value: float
    reference: str = ""


def read_feedback(body: Any) -> Said:
    """Reads the body of a feedback.

    Raises:
        ApiError: Names the first field that is wrong.
    """
    try:
        told = FeedbackBody.model_validate(body)
    except ValidationError as error:
        raise _field_error(error) from error
    if (told.value is None) == (told.label is None):
        raise ApiError(400, "value or label must be given, and not both.", param="value")
    value = LABELS[told.label] if told.label is not None else float(told.value or 0.0)
    return Said(_PREFIX.sub("", told.request_id), value, (told.reference or "").strip())


def _field_error(error: ValidationError) -> ApiError:
    path = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    name = str(path[0]) if path else ""
    if name not in FeedbackBody.model_fields:
        return ApiError(400, "The body must be a JSON object.")
    return ApiError(400, f"{name} must be {FeedbackBody.model_fields[name].description}.", param=name)
