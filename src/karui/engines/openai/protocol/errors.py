"""Errors in the shapes that servers give them, and the sentences karui makes of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from karui.core.errors import EngineError, InputError, KaruiError, ModelError, RequestRejected


@dataclass(frozen=True, slots=True)
class ServerError:
    """What a server said went wrong.

    Attributes:
        message: Its words, shortened.
        kind: Its type or code, "" where it gave none.
        field: The parameter it blames, "" for none.
        status: The HTTP status it names itself, 0 where it names none.
    """

    message: str
    kind: str = ""
    field: str = ""
    status: int = 0


def read_fault(text: str) -> ServerError:
    """Reads an error's body.

    OpenAI, vLLM and llama.cpp say `{"error": {message, type, param, code}}` (the last two with a number as
    the code), SGLang and older vLLM `{"object": "error", message, type, code}`, FastAPI `{"detail": …}`,
    proxies plain text or HTML.
    """
    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ServerError(" ".join(text.split())[:400])
    found = (body.get("error") or body) if isinstance(body, dict) else body
    if not isinstance(found, dict):
        return ServerError(str(found)[:400])
    message = found.get("message") or found.get("detail") or found
    code = str(found.get("code") or "")
    status = int(code) if code.isdecimal() and 400 <= int(code) < 600 else 0
    kind = found.get("type") or ("" if status else code) or ""
    return ServerError(str(message)[:400], str(kind), str(found.get("param") or ""), status)


def fault_in(data: Mapping[str, Any], text: str = "") -> ServerError | None:
    """Returns the error that a reply or an event holds; None where it holds none.

    Many servers send `"error": null` with every event; OpenRouter puts errors into the choice.

    Args:
        data: What a server sent, with a status that says that all is well.
        text: The same as it came.
    """
    choices = data.get("choices")
    listed = choices if isinstance(choices, list) else []
    inside = next((c["error"] for c in listed if isinstance(c, dict) and c.get("error")), None)
    failed = data.get("response") if data.get("type") == "response.failed" else None
    found = data.get("error") or inside or (failed.get("error") if isinstance(failed, dict) else None)
    if found:
        return read_fault(json.dumps({"error": found}))
    return read_fault(text or json.dumps(data)) if data.get("object") == "error" else None


def explain(status: int, fault: ServerError, url: str) -> KaruiError:
    """Returns the error to raise for a status and what was said with it."""
    said = f"{fault.message} ({fault.kind})" if fault.kind else fault.message
    words = f"{fault.message} {fault.kind}".casefold()
    if status in {401, 403}:
        return InputError(
            f"{url} does not accept the API key.",
            why=said,
            remedy="Set KARUI_API_KEY to a key that it knows; karui neither stores nor shows it.",
        )
    if status == 404 and "model" in words:
        return ModelError(
            f"{url} does not serve this model.", why=said, remedy="Name one it serves: URL#name."
        )
    if status == 429:
        return EngineError(
            f"{url} is too busy, or the account's limit is reached.",
            why=said,
            remedy="Use fewer streams side by side, or try again later.",
            status=status,
        )
    if 400 <= status < 500 and status != 408:
        remedy = "Check what it can do with `karui probe`."
        if "context" in words or "max_model_len" in words or "maximum" in words:
            remedy = "Shorten the question or lower the limit of tokens: prompt and limit must fit together."
        what = f"{url} refused the request with status {status}."
        return RequestRejected(what, why=said, remedy=remedy, status=status)
    what = f"{url} failed with status {status}."
    return EngineError(what, why=said, remedy="Its own log says more.", status=status)
