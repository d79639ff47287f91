"""The gateway's OpenAPI description, at /openapi.json: what it reads itself, and every reply it gives.

Fields of OpenAI's that are not named here are allowed: a plan that cannot run with them leaves the request to
full thinking, which passes them on as they came.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from karui.gateway.dialects.models import (
    MessageError,
    MessageReply,
    MessagesRequestBody,
    ResponseReply,
    ResponsesRequestBody,
)
from karui.gateway.openai_api.feedback import FeedbackBody, FeedbackReply
from karui.gateway.openai_api.models import (
    ChatCompletion,
    ChatRequestBody,
    Error,
    Models,
    TextCompletion,
    TextRequestBody,
)
from karui.version import __version__

_Schema = dict[str, Any]

_WHY = {
    400: "The body is wrong; the message names the field.",
    401: "The key is wrong or missing.",
    403: "A page of another site, or a host name that is not allowed where no key protects the path.",
    404: "No such model, request or page.",
    405: "Not with this method.",
    408: "The body took too long to arrive.",
    409: "There was feedback on this request before; the first one stays.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    429: "Too many requests at once; Retry-After says when to come back.",
    500: "The gateway failed.",
    502: "The model's server failed, and so did the fallback where there is one.",
    503: "The gateway is shutting down, or the model's server cannot be reached.",
    504: "The model's server took too long.",
}
_GENERATION = tuple(status for status in _WHY if status != 409)
_CHUNKS = "Events until `data: [DONE]`; a failure in mid-stream is an event with `error`."
_STREAMS = {
    "createChatCompletion": _CHUNKS,
    "createCompletion": _CHUNKS,
    "createMessage": "Events from `message_start` to `message_stop`; a failure is an event `error`.",
    "createResponse": "Events from `response.created` to `response.completed` or `response.incomplete`; "
    "a failure is an event `error`.",
}
_KARUI_HEADERS = {
    "x-karui-api": "Of a request in another API than OpenAI's chat: passed on, or translated.",
    "x-karui-plan": "The plan that was asked for.",
    "x-karui-ran": "What answered: plan or full.",
    "x-karui-fallback": "Why that was not the plan; absent where it was.",
    "x-karui-moves": "What the plan did; in streams it stands in the last event.",
    "x-karui-tokens-saved": "Against full thinking's mean in the recording: an estimate.",
}


def description() -> _Schema:
    """Returns the description, as JSON-able values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "karui",
            "version": __version__,
            "description": "A chosen plan served behind OpenAI's and Anthropic's APIs, with a monitor.",
        },
        "paths": {
            "/v1/chat/completions": {
                "post": _generation("createChatCompletion", "ChatRequestBody", "ChatCompletion")
            },
            "/v1/completions": {"post": _generation("createCompletion", "TextRequestBody", "TextCompletion")},
            "/v1/messages": {
                "post": _generation("createMessage", "MessagesRequestBody", "MessageReply", "MessageError")
            },
            "/v1/messages/count_tokens": {"post": _count()},
            "/v1/responses": {"post": _generation("createResponse", "ResponsesRequestBody", "ResponseReply")},
            "/v1/feedback": {"post": _feedback()},
            "/v1/models": {
                "get": _page("listModels", "The names that requests may give.", _ref("Models"), 401, 403)
            },
            "/health": {"get": _health()},
            "/metrics": {"get": _private("metrics", "metrics", "Figures for Prometheus.", None, 401, 403)},
            "/api/state": {"get": _private("", "state", "What the monitor shows.", _object({}), 401, 403)},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "The clients' key."},
                "operator": {"type": "http", "scheme": "bearer", "description": "The operator's key."},
                "metrics": {"type": "http", "scheme": "bearer", "description": "The key for metrics."},
            },
        },
        "security": [{"key": []}, {}],
    }


def _generation(name: str, request: str, reply: str, error: str = "Error") -> _Schema:
    content = {
        "application/json": {"schema": _ref(reply)},
        "text/event-stream": {"schema": {"type": "string"}, "x-note": _STREAMS[name]},
    }
    headers = {n: {"description": d, "schema": {"type": "string"}} for n, d in _KARUI_HEADERS.items()}
    return {
        "operationId": name,
        "summary": "Answers by the plan, or by full thinking where the plan cannot or may not.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(request)}}},
        "responses": {
            "200": {"description": "The completion.", "headers": headers, "content": content},
            **_errors(*_GENERATION, error=error),
        },
    }


def _feedback() -> _Schema:
    told = {"application/json": {"schema": _ref("FeedbackReply")}}
    return {
        "operationId": "giveFeedback",
        "summary": "What a user says of one reply; it is taken once, and compared where an arm was drawn.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("FeedbackBody")}},
        },
        "responses": {
            "200": {"description": "It was taken.", "content": told},
            **_errors(400, 401, 403, 404, 405, 409, 413, 415),
        },
    }


def _count() -> _Schema:
    asked = _object({"model": {"type": "string", "minLength": 1}})
    told = {"application/json": {"schema": _object({"input_tokens": {"type": "integer"}})}}
    return {
        "operationId": "countTokens",
        "summary": "Tokens of a message, counted by the model's server; 404 where it does not count.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {**asked, "required": ["model"]}}},
        },
        "responses": {
            "200": {"description": "The count.", "content": told},
            **_errors(*_GENERATION, error="MessageError"),
        },
    }


def _page(name: str, summary: str, schema: _Schema | None, *statuses: int) -> _Schema:
    content = (
        {"application/json": {"schema": schema}} if schema else {"text/plain": {"schema": {"type": "string"}}}
    )
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_errors(405, *statuses)},
    }


def _private(key: str, *told: Any) -> _Schema:
    """Returns a page that is the operator's once any key is set; one more key may open it."""
    keys: list[_Schema] = [{"operator": []}, *([{key: []}] if key else []), {}]
    return {**_page(*told), "security": keys}


def _health() -> _Schema:
    """Returns the one page that says the same in success and in failure, and asks for no key."""
    made = _page("health", "Whether requests can be answered.", _object({"status": {"type": "string"}}))
    made["responses"]["503"] = {**made["responses"]["200"], "description": "They cannot; the body says why."}
    return {**made, "security": []}


def _errors(*statuses: int, error: str = "Error") -> _Schema:
    content = {"application/json": {"schema": _ref(error)}}
    made: _Schema = {str(s): {"description": _WHY[s], "content": content} for s in sorted(statuses)}
    if "429" in made:
        seconds = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
        made["429"] = {**made["429"], "headers": {"Retry-After": seconds}}
    return made


def _schemas() -> _Schema:
    models: tuple[type[BaseModel], ...] = (
        *(ChatRequestBody, TextRequestBody),
        *(ChatCompletion, TextCompletion, Models, Error, FeedbackBody, FeedbackReply),
        *(MessagesRequestBody, MessageReply, MessageError, ResponsesRequestBody, ResponseReply),
    )
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: _Schema = made["$defs"]
    return schemas


def _object(properties: _Schema) -> _Schema:
    return {"type": "object", "properties": properties}


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}
