"""What the translations of requests share: validation, and what of a request a chat has no place for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from karui.gateway.openai_api.chat_request import ApiError


@dataclass
class Missing:
    """What a chat has no place for, in words of a closed list; the first that was met counts."""

    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Takes one."""
        self.names.append(name)

    @property
    def first(self) -> str:
        """The first one; "" where there is none."""
        return self.names[0] if self.names else ""


def validate(body: Mapping[str, Any], model: type[BaseModel]) -> None:
    """Checks the fields that the gateway reads.

    Raises:
        ApiError: Names the first field that is wrong, and what it must be.
    """
    try:
        model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        if first["type"] == "missing" and len(first["loc"]) == 1:
            raise ApiError(400, f"{name} is missing.", param=name) from error
        where = f"{name}[{first['loc'][1]}]" if name == "messages" and len(first["loc"]) > 1 else name
        wanted = str(model.model_fields[name].description)
        if where != name:
            inner = first["loc"][2] if len(first["loc"]) > 2 else ""
            wanted = {"role": "a turn of user, assistant or system", "content": "a turn with content"}.get(
                str(inner), "an object"
            )
        value = first["input"]
        got = f" (got {json.dumps(value)})" if isinstance(value, bool | int | float) else ""
        raise ApiError(400, f"{where} must be {wanted}{got}.", param=name) from error


def word(part: Mapping[str, Any], name: str = "type") -> str:
    """Returns a field that is a word; "" where it is missing, or something else."""
    value = part.get(name)
    return value if isinstance(value, str) else ""


def text_of(part: Mapping[str, Any], name: str, where: str) -> str:
    """Returns a field that must be a text.

    Raises:
        ApiError: It is none.
    """
    value = part.get(name)
    if not isinstance(value, str):
        raise ApiError(400, f"{where}.{name} must be a text.", param=where.partition("[")[0])
    return value


def object_of(part: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """Returns a field that must be an object.

    Raises:
        ApiError: It is none.
    """
    value = part.get(name)
    if not isinstance(value, dict):
        raise ApiError(400, f"{where}.{name} must be an object.", param=where.partition("[")[0])
    return value


def content_of(parts: Sequence[Mapping[str, Any]]) -> Any:
    """Returns a chat message's content: a text where it is one text, else its parts."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]
    return list(parts)


def schema_format(schema: Any, name: str = "output", **more: Any) -> dict[str, Any]:
    """Returns a JSON schema as chat completions ask for it."""
    told = {key: value for key, value in more.items() if value is not None}
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, **told}}
