"""From a prompt to the text the model is shown, and whether it is thinking when that text ends."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from karui.core.errors import EngineError
from karui.core.prompt import Prompt
from karui.engines.chat import pairs
from karui.engines.chat.discovery import Discovery, Known, discover
from karui.engines.chat.discovery.response_template import described
from karui.engines.chat.format import Finding, Message, Raised, Rendering, ThinkingFormat
from karui.engines.chat.markers import PLAIN_ENDINGS, Markers, Start, plain
from karui.engines.chat.override import NOTHING_SAID, Override


class ChatTemplate:
    """A tokenizer's chat template, told how its model thinks.

    Attributes:
        format: How the model thinks.
    """

    def __init__(self, tokenizer: Any, thinking: ThinkingFormat) -> None:
        """Takes a transformers tokenizer and what `find_format` found out about it."""
        self.format = thinking
        self._tokenizer = tokenizer

    @staticmethod
    def of(tokenizer: Any, thinking: Mapping[str, Any] | None = None) -> "ChatTemplate":
        """Returns the template of a tokenizer, found out about as for a recording.

        Args:
            tokenizer: As transformers loads it.
            thinking: What the recording's manifest says of how its model thinks. What its user said of it
                counts, and the model's own words, where nothing else shows anything.
        """
        told = thinking or {}
        said = Override.of(told.get("override", {}), "The recording's manifest")
        found = find_format(tokenizer, override=said)
        if found.markers.plain and told.get("close"):
            heard: dict[str, Any] = {f.name: told[f.name] for f in fields(Markers) if f.name in told}
            found = found.with_markers(Markers(**{**heard, "endings": ()}))
        return ChatTemplate(tokenizer, found)

    def render(self, prompt: Prompt) -> tuple[str, Start]:
        """Returns the text up to where the model goes on, and what it is then doing.

        Raises:
            EngineError: The prompt asks for a level of effort that the model does not have, or the template
                raises an error.
        """
        messages = messages_of(prompt, self.format)
        text = _render(self._tokenizer, Rendering(messages, arguments_of(prompt, self.format)))
        if isinstance(text, Raised):
            raise EngineError("The chat template cannot show a question.", why=text.why, remedy="Change it.")
        return begin(text, prompt, self.format)

    def ends(self, known: Iterable[int | None]) -> frozenset[int]:
        """Returns the tokens that end the model's turn: never one that its own thinking holds.

        Args:
            known: Those that its configuration and its tokenizer name; the template adds its own.
        """
        markers = self.format.markers
        inside = set(self._encode(markers.open + markers.bridge)) if markers.close else set()
        added = self._tokenizer.added_tokens_decoder
        # Converted tokenizers list only the end of text among their special ids, not the end of a turn.
        special = {*self._tokenizer.all_special_ids, *(i for i, token in added.items() if token.special)}
        # What closes the answer is a part of it: the turn ends behind that.
        end = self.format.turn_end.removeprefix(markers.answer_close)
        closing = [i for i in self._encode(end) if i in special - inside]
        return frozenset({i for i in known if i is not None and i not in inside} | set(closing[:1]))

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False) if text else []
        return ids


def find_format(
    tokenizer: Any,
    *,
    override: Override = NOTHING_SAID,
    table: bool = True,
    endings: tuple[str, ...] = PLAIN_ENDINGS,
) -> ThinkingFormat:
    """Finds out how the model thinks that a transformers tokenizer belongs to.

    Args:
        tokenizer: As transformers loads it.
        override: What the user says.
        table: Whether known pairs of markers may be used, as a last resort.
        endings: What ends the thinking of a model without markers.

    Raises:
        ModelError: The chat template cannot show a question, or two findings contradict each other.
    """
    template = source_of(tokenizer)
    said = described(getattr(tokenizer, "response_template", None))
    known = Known(template, tokenizer.get_vocab().keys(), said, override, table, endings)
    if not template:
        return without_template(known)
    return drive(discover(known), lambda rendering: _render(tokenizer, rendering))


def source_of(tokenizer: Any) -> str:
    """Returns the source of a tokenizer's chat template, "" where it has none.

    Of several, the one called "default" is for questions; others are for tools or documents.
    """
    template = getattr(tokenizer, "chat_template", None) or ""
    if isinstance(template, Mapping):
        template = template.get("default") or next(iter(template.values()), "")
    return str(template)


def mentions_thinking(tokenizer: Any) -> bool:
    """Whether a tokenizer knows markers of thinking at all, shown in prompts or not."""
    return bool(pairs.in_text(source_of(tokenizer), "") or pairs.in_vocabulary(tokenizer.get_vocab().keys()))


def drive(
    discovery: Discovery[ThinkingFormat], render: Callable[[Rendering], str | Raised]
) -> ThinkingFormat:
    """Runs a discovery over something that renders."""
    try:
        wanted = next(discovery)
        while True:
            wanted = discovery.send(render(wanted))
    except StopIteration as found:
        result: ThinkingFormat = found.value
        return result


def without_template(known: Known) -> ThinkingFormat:
    """Returns what a vocabulary alone tells: the question is shown as plain text."""
    markers = pairs.in_vocabulary(known.tokens) if known.table else None
    markers = markers or plain("the vocabulary has none, and there is no chat template", known.endings)
    if said := known.override.texts:
        markers = replace(plain(""), family="as said", found_how="As the user says.", endings=(), **said)
    start = Start.THINKING if markers.plain else Start.UNDECIDED
    return ThinkingFormat(
        markers,
        by_default=start,
        start=start,
        tails=(("\n", start),),
        findings=(Finding("thinking", f"{markers.open} … {markers.close}", markers.found_how),),
        notes=("No chat template: the question is shown as plain text.",),
        override=known.override.as_dict(),
    )


def messages_of(prompt: Prompt, thinking: ThinkingFormat) -> tuple[Message, ...]:
    """Returns what a chat template is given for a prompt."""
    switch = thinking.on if prompt.thinking else thinking.off
    word = switch.word if switch is not None else ""
    system = f"{prompt.system} {word}".strip() if word else prompt.system
    said = replace(prompt, system=system) if word else prompt
    return tuple(said.messages(apart=thinking.system, thoughts_field=thinking.history))


def arguments_of(prompt: Prompt, thinking: ThinkingFormat) -> dict[str, Any]:
    """Returns the arguments that a chat template is given beside a prompt's messages.

    Raises:
        EngineError: The prompt asks for a level of effort that the model does not have.
    """
    switch = thinking.on if prompt.thinking else thinking.off
    arguments = dict(switch.arguments) if switch is not None else {}
    if prompt.effort:
        if prompt.effort not in thinking.efforts:
            raise EngineError(
                f"This model has no level of effort {prompt.effort!r}.",
                why="Its chat template raises an error, or shows it what it shows without.",
                remedy=f"Its levels are {', '.join(thinking.efforts) or 'none at all'}.",
            )
        arguments |= thinking.efforts[prompt.effort]
    if prompt.told_budget and thinking.budget:
        arguments[thinking.budget] = prompt.told_budget
    return arguments


def begin(text: str, prompt: Prompt, thinking: ThinkingFormat) -> tuple[str, Start]:
    """Returns the text that a template made with what the prompt adds to it, and what the model then does.

    Args:
        text: Up to where the model's turn begins.
        prompt: What the template was given.
        thinking: How the model thinks.
    """
    markers = thinking.markers
    start = thinking.start_of(text)
    if not prompt.thinking and thinking.off is None and not markers.plain and start is not Start.ANSWERING:
        if start is Start.THINKING:
            # The template has opened the thinking itself.
            text = (text.rstrip() if markers.empty.startswith(markers.open) else text) + markers.shut
        else:
            text += markers.empty
    if not prompt.thinking:
        start = Start.ANSWERING
    if prompt.prefill and not markers.plain:
        begun = markers.start_behind(prompt.prefill)
        start = start if begun is Start.UNDECIDED else begun
    return text + prompt.prefill, start


def _render(tokenizer: Any, rendering: Rendering) -> str | Raised:
    messages: Sequence[Message] = rendering.messages
    source = source_of(tokenizer)
    if not source:
        return "\n\n".join(m["content"] for m in messages) + "\n"
    chosen = {"chat_template": source} if isinstance(tokenizer.chat_template, Mapping) else {}
    try:
        return str(
            tokenizer.apply_chat_template(
                [dict(m) for m in messages],
                **chosen,
                tokenize=False,
                add_generation_prompt=rendering.generate,
                **rendering.arguments,
            )
        )
    except Exception as error:  # noqa: BLE001 - templates are programs of strangers: what they raise is data
        return Raised(str(error) or type(error).__name__)
