"""Parameters that a request's server reads: tools, formats, stop words; and what is said with them.

A prompt carries them as JSON. A tool call stands in a text as models of Hermes' and Qwen's kind write it:
`<tool_call>{"name": …, "arguments": …}</tool_call>`, one after the other, behind what was said besides.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

TOOLS, FORMAT, STOP = "tools", "response_format", "stop"
KINDS = (TOOLS, FORMAT, STOP)
_KINDS: Mapping[str, str] = {
    "tools": TOOLS,
    "tool_choice": TOOLS,
    "parallel_tool_calls": TOOLS,
    "response_format": FORMAT,
    "stop": STOP,
}
"""By parameter that may change what a model answers, its kind."""
_LARGE = 65_536
"""Characters beyond which parameters are read anew each time, and not kept."""
_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


def parameters_of(fields: Mapping[str, Any]) -> str:
    """Returns those of a request's fields that are parameters of the answer, as JSON; "" for none.

    Without tools there is nothing to choose from, and a format of plain text asks for nothing.
    """
    told = {name: fields[name] for name in _KINDS if fields.get(name) not in (None, [], "")}
    if "tools" not in told:
        told = {name: value for name, value in told.items() if _KINDS[name] != TOOLS}
    if told.get("response_format") == {"type": "text"}:
        del told["response_format"]
    return json.dumps(told, ensure_ascii=False, sort_keys=True) if told else ""


def kinds_of(parameters: str) -> frozenset[str]:
    """Returns the kinds of parameters: `tools`, `response_format`, `stop`."""
    return frozenset(_KINDS[name] for name in fields_of(parameters))


def fields_of(parameters: str) -> Mapping[str, Any]:
    """Returns parameters by name. They are shared: nobody changes them."""
    return _kept(parameters) if len(parameters) <= _LARGE else _read(parameters)


def _read(parameters: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(parameters) if parameters else {}
    return found


_kept = lru_cache(maxsize=128)(_read)


def cut_at(text: str, stop: Any) -> tuple[str, str]:
    """Returns a text up to the first of some stop words, and which it was; "" where none is in it.

    Args:
        text: An answer.
        stop: A word, or a list of them.
    """
    words = [stop] if isinstance(stop, str) else [w for w in stop or () if isinstance(w, str)]
    places = [(place, word) for word in words if word and (place := text.find(word)) >= 0]
    place, word = min(places, default=(len(text), ""))
    return text[:place], word


def call_text(name: str, arguments: str) -> str:
    """Returns a tool call as text; arguments that are no JSON stand there as a text of JSON."""
    try:
        json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {arguments or "{}"}}}\n</tool_call>'


def with_calls(said: str, calls: Iterable[tuple[str, str]]) -> str:
    """Returns what was said and called, as one text.

    Args:
        said: The text.
        calls: Names and arguments, as JSON.
    """
    return "\n".join(filter(None, [said.strip(), *(call_text(name, arguments) for name, arguments in calls)]))


def calls_in(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Returns what a text says besides its tool calls, and the calls: name and arguments.

    What stands between the marks and is no call stays in the text.
    """
    rest: list[str] = []
    found: list[dict[str, Any]] = []
    at = 0
    while (begin := text.find(_OPEN, at)) >= 0 and (end := text.find(_CLOSE, begin)) >= 0:
        call = _call(text[begin + len(_OPEN) : end])
        after = end + len(_CLOSE)
        rest.append(text[at : after if call is None else begin])
        if call is not None:
            found.append(call)
        at = after
    rest.append(text[at:])
    return ("".join(rest).strip(), found) if found else (text, found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses an object with a field twice: which of them counts, no two readers agree on."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a field stands there twice")
    return made


def _call(text: str) -> dict[str, Any] | None:
    try:
        call = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return None
    return {"name": call["name"], "arguments": call.get("arguments", call.get("parameters", {}))}
