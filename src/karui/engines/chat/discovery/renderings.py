"""What a discovery wants to see rendered: each function asks for some prompts or turns, and reads them."""

from collections.abc import Generator, Mapping
from typing import Any, TypeAlias, TypeVar

from karui.core.errors import ModelError
from karui.core.prompt import THOUGHT_FIELDS, Prompt
from karui.engines.chat.discovery.arguments import LEVELS, Argument, Source
from karui.engines.chat.discovery.evidence import (
    NONSENSE,
    Seen,
    Tried,
    about_thinking,
    different,
    seen_in,
    tails_of,
)
from karui.engines.chat.discovery.tags import first_tag, from_first_tag, tags
from karui.engines.chat.discovery.turn import ANSWER, QUESTION, THOUGHT, TOOL, WRITTEN_OUT, Turn, read_turn
from karui.engines.chat.format import Message, Raised, Rendering, Switch, turns

T = TypeVar("T")
Discovery: TypeAlias = Generator[Rendering, str | Raised, T]
"""Yields what it wants to see, is sent the text or the template's error, and returns what it found."""

_SYSTEM = "KARUI-SYSTEM"
_NEXT = "Karui5Next"
_BUDGET = 512
_ENOUGH = 4
"""Values that change nothing, after which an argument is taken for one that the template does not have."""
PARTS = "parts"
"""Stands for thinking as a part of the content: `{"type": "thinking", "thinking": …}`."""
BLOCKS = "blocks"
"""Stands for thinking as a block of the content, as Apertus has it: `{"type": "thoughts", "text": …}`."""


def plain_question() -> Discovery[str]:
    """Renders a question, told nothing.

    Raises:
        ModelError: The template raises, or what it renders does not hold the question.
    """
    text = yield Rendering(turns(("user", QUESTION)))
    if isinstance(text, str) and QUESTION in text:
        return text
    why = text.why if isinstance(text, Raised) else "What it renders does not hold the user's message."
    parts = yield Rendering(turns(("user", [{"type": "text", "text": QUESTION}])))
    if isinstance(parts, str) and QUESTION in parts:
        why = f"It shows messages only as lists of parts, as models for images have them. As text: {why}"
    raise ModelError(
        "The chat template cannot show the model a question.",
        why=why,
        remedy="Put the model's own chat_template.jinja beside its tokenizer.",
    )


def try_arguments(
    source: Source, usual: Seen, beside: Mapping[str, Any] | None = None
) -> Discovery[list[Tried]]:
    """Renders a question under every argument that may matter; those that change nothing are left out.

    Args:
        source: The template's.
        usual: The question without arguments.
        beside: Given too, and then only how much to think is tried.
    """
    tried: list[Tried] = []
    beside = beside or {}
    tried_once = False
    for argument in source.arguments:
        if beside and (
            argument.name in beside or not argument.effort or (not source.readable and tried_once)
        ):
            continue
        tried_once = True
        if not argument.about_thinking and about_thinking(tried):
            break  # those about thinking come first
        found: list[Tried] = []
        for value in _values(argument):
            if not source.readable and len(found) == _ENOUGH and len({t.seen for t in found}) == 1:
                break  # most templates do not have the argument
            text = yield Rendering(turns(("user", QUESTION)), {**beside, argument.name: value})
            ok = not isinstance(text, Raised) and QUESTION in text
            found.append(Tried(argument, value, seen_in(str(text)) if ok else None, beside))
        seen = {t.seen for t in found} - {None}
        if len(seen if beside else seen | {usual}) > 1:
            tried += found
    return tried


def _values(argument: Argument) -> list[Any]:
    """Returns the values of an argument to try, those first that more templates take."""
    if argument.budget:
        return [_BUDGET, 0]
    if argument.effort and not argument.level:
        return list(dict.fromkeys([NONSENSE, "max", "low", "high", "none", *LEVELS, *argument.words]))
    return [True, False, *argument.words]


def try_words(source: Source, usual: Seen) -> Discovery[list[Tried]]:
    """Renders a question with each command that the template looks for in its system message.

    Every word changes the message; those count that change what the prompt ends with.
    """
    tried = []
    for word in source.words:
        text = yield Rendering(turns(("system", f"Be kind. {word}"), ("user", QUESTION)))
        if isinstance(text, str) and QUESTION in text and (seen := seen_in(text)).tail != usual.tail:
            tried.append(Tried(Argument(word), word, seen, word=word))
    return tried


def bare_turns(usual: Seen, tried: list[Tried]) -> Discovery[list[str]]:
    """Renders answers without thinking; returns what stands between question and answer."""
    found = []
    answered = turns(("user", QUESTION), ("assistant", ANSWER))
    for arguments in different(usual, tried):
        for messages, generate in ((answered, False), ((*answered, *turns(("user", _NEXT))), True)):
            text = yield Rendering(messages, arguments, generate)
            if isinstance(text, str) and QUESTION in text and ANSWER in text:
                found.append(from_first_tag(text.rpartition(QUESTION)[2].partition(ANSWER)[0])[1])
    return list(dict.fromkeys(found))


def marked_turn(tried: list[Tried], usual: Seen, bare: list[str]) -> Discovery[Turn | None]:
    """Renders a turn with marked thinking, in all the ways in which thinking is handed to templates."""
    fields = dict.fromkeys(THOUGHT_FIELDS, THOUGHT)
    parts = [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": ANSWER}]
    blocks = {"blocks": [{"type": "thoughts", "text": THOUGHT}, {"type": "response", "text": ANSWER}]}
    call = {"id": "call00001", "type": "function", "function": {"name": TOOL, "arguments": {"at": "it"}}}
    asked = turns(("user", QUESTION))
    ways: list[tuple[Message, ...]] = [
        turns(("user", QUESTION), ("assistant", ANSWER), **fields),
        turns(("user", QUESTION), ("assistant", parts)),
        turns(("user", QUESTION), ("assistant", blocks)),
        (
            *turns(*[("user", QUESTION), ("assistant", "")], **fields, tool_calls=[call]),
            {"role": "tool", "tool_call_id": "call00001", "name": TOOL, "content": "seen"},
            *turns(("assistant", ANSWER)),
        ),
        (
            *asked,
            {
                "role": "assistant",
                "content": "",
                **fields,
                "tool_calls": [call],
                "tool_responses": [{"name": TOOL, "response": {"at": "it"}}],
            },
        ),
    ]
    tails = tails_of(usual, tried)
    # Told not to think, a template shows no thinking that it does not show anyway.
    thinking = [t for t in tried if t.value is not False and not t.quiet]
    for messages in ways:
        for arguments in different(usual, thinking):
            text = yield Rendering(messages, arguments, generate=False)
            if isinstance(text, str) and (found := read_turn(text, tails, bare)):
                return found
    return None


def takes_system() -> Discovery[bool]:
    """Returns whether the template shows a system message."""
    text = yield Rendering(turns(("system", _SYSTEM), ("user", QUESTION)))
    return isinstance(text, str) and _SYSTEM in text


def kept_field(on: Switch) -> Discovery[str]:
    """Returns the field whose thinking the template shows in turns before the last question."""
    for name in (*THOUGHT_FIELDS, PARTS, BLOCKS):
        asked = Prompt(_NEXT, history=(("user", QUESTION), ("assistant", ANSWER)), thoughts=("", THOUGHT))
        text = yield Rendering(tuple(asked.messages(apart=True, thoughts_field=name)), on.arguments)
        if isinstance(text, str) and THOUGHT in text and ANSWER in text and not WRITTEN_OUT.search(text):
            return name
    return ""


def turn_end(on: Switch) -> Discovery[str]:
    """Returns what stands behind the answer in a model's last turn; "" where nothing does.

    Some templates write the end of a turn with the beginning of the next one. Where that is all there is, as
    with GLM's `<|user|>`, the end is left to the model's configuration.
    """
    answered = turns(("user", QUESTION), ("assistant", ANSWER))
    text = yield Rendering(answered, on.arguments, generate=False)
    end = text.rpartition(ANSWER)[2].strip() if isinstance(text, str) else ""
    if not end:
        text = yield Rendering((*answered, *turns(("user", _NEXT))), on.arguments)
        if isinstance(text, str):
            end = first_tag(text.rpartition(ANSWER)[2].partition(_NEXT)[0])
            begins = text.partition(QUESTION)[0]
            end = "" if end and end in [begins[slice(*place)] for place in tags(begins)[-1:]] else end
    return end
