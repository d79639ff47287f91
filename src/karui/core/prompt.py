"""What a model is shown and how its tokens are drawn; and a dialogue's messages as a prompt.

A prompt carries the parameters that its server reads (tools, formats, stop words) as JSON. A tool call stands
in a text as models of Hermes' and Qwen's kind write it: `<tool_call>{"name": …, "arguments": …}</tool_call>`,
one after the other, behind what was said besides.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""What a message calls its thinking, the most usual name first."""
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


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that decides which tokens a model is shown, and which it may not say.

    Attributes:
        user: The user's message.
        system: The system message; none where empty.
        thinking: Whether the model is allowed to think before it answers.
        prefill: Text the assistant's turn is made to begin with.
        banned: Words that may not be generated while thinking (suppressed in the logits).
        penalties: Words whose logits are lowered while thinking, each with what is taken off, in nats.
        effort: Level of reasoning effort that the model or its server is told; none where empty.
        budget: Thinking tokens after which the server itself ends the thinking; 0 leaves it alone.
        told_budget: Thinking tokens that the model itself is told to keep to, by its own chat template; 0
            tells it nothing.
        history: The turns before the user's message, oldest first: role (user or assistant) and text.
        thoughts: The thinking of those turns, one for each; empty where none is known.
        parameters: Tools, response format and stop words, as JSON, see `parameters_of`; "" for none.
    """

    user: str
    system: str = ""
    thinking: bool = True
    prefill: str = ""
    banned: tuple[str, ...] = ()
    penalties: tuple[tuple[str, float], ...] = ()
    effort: str = ""
    budget: int = 0
    told_budget: int = 0
    history: tuple[tuple[str, str], ...] = ()
    thoughts: tuple[str, ...] = ()
    parameters: str = ""

    def messages(self, *, apart: bool, thoughts_field: str = "") -> list[dict[str, Any]]:
        """Returns what a chat template is given.

        Args:
            apart: Whether it takes a system message; else that goes before the first of the user's.
            thoughts_field: The field in which it takes the thinking of earlier turns, "parts" for a part of
                the content, "blocks" for Apertus' blocks of it; "" where the model is not trained to see it.
        """
        made: list[dict[str, Any]] = [{"role": r, "content": text} for r, text in self.history]
        for message, thought in zip(made, self.thoughts, strict=False):
            if thought and thoughts_field == "parts":
                said = {"type": "text", "text": message["content"]}
                message["content"] = [{"type": "thinking", "thinking": thought}, said]
            elif thought and thoughts_field == "blocks":
                blocks = (("thoughts", thought), ("response", message["content"]))
                message["content"] = {"blocks": [{"type": kind, "text": text} for kind, text in blocks]}
            elif thought and thoughts_field:
                message[thoughts_field] = thought
        made.append({"role": "user", "content": self.user})
        if self.system and apart:
            made.insert(0, {"role": "system", "content": self.system})
        elif self.system:
            made[0]["content"] = f"{self.system}\n\n{made[0]['content']}"
        return made


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: 0 is greedy.
        top_p: Smallest set of tokens with at least this probability; 1 keeps all.
        top_k: At most this many tokens; 0 keeps all.
        max_tokens: Thinking and answer together; a trace that reaches it is truncated.
    """

    temperature: float = 0.6
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 2048


def prompt_of(messages: Sequence[Mapping[str, Any]]) -> Prompt | str:
    """Returns the prompt of a dialogue, or in words why it is none that a plan can show to a model.

    Args:
        messages: At least one, each with `role` and `content`: perhaps a system message, then user and
            assistant by turns, the user's last; content is text, or a list of parts of text. A turn of the
            assistant's may bring its thinking, in a field of its own or as parts.
    """
    texts: list[tuple[str, str]] = []
    thoughts: list[str] = []
    for number, message in enumerate(messages):
        role = str(message.get("role"))
        ours = role == "assistant"
        known = {"role", "content", *(THOUGHT_FIELDS if ours else ())}
        # Replies are sent back as they came: with fields that are there and hold nothing.
        nothing: tuple[Any, ...] = (None, [], {}, "") if ours else (None,)
        if strange := sorted(k for k, v in message.items() if k not in known and v not in nothing):
            return f"messages[{number}].{strange[0]}"
        text = _joined(message.get("content"), "text", "thinking" if ours else "")
        if text is None:
            return f"messages[{number}].content is more than text"
        thought = next((v for f in THOUGHT_FIELDS if (v := message.get(f))), None)
        thought = thought or _joined(message.get("content"), "thinking", "text") or ""
        if not isinstance(thought, str):
            return f"messages[{number}]'s thinking is more than text"
        texts.append((role, text))
        thoughts.append(thought if ours else "")
    system = ""
    if texts and texts[0][0] == "system":
        system = texts.pop(0)[1]
        thoughts.pop(0)
    roles = [role for role, _ in texts]
    if roles != [("user", "assistant")[n % 2] for n in range(len(roles))] or not len(roles) % 2:
        return "turns other than user and assistant by turns, the user's last"
    told = tuple(thoughts[:-1]) if any(thoughts) else ()
    return Prompt(texts[-1][1], system, history=tuple(texts[:-1]), thoughts=told)


def _joined(content: Any, kind: str, beside: str) -> str | None:
    """Returns a message's parts of one kind, joined; None where it holds others than these and `beside`."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    if not isinstance(content, list) or not content:
        return None
    found = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") not in {kind, beside}:
            return None
        if part.get("type") == kind:
            said = part.get(kind)
            if isinstance(said, list):  # Mistral nests the text of its thinking
                said = _joined(said, "text", "")
            if not isinstance(said, str):
                return None
            found.append(said)
    return "\n".join(found)


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
