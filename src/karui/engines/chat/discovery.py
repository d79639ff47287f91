"""Finds out how a model thinks by rendering its chat template with marked texts, and looking.

A discovery does no I/O: it is a generator that yields what it wants to see rendered, and is sent the text, or
the error that the template raised. The same one runs over a tokenizer in this process and over a server.

In this order: what the user says (`Override`), the tokenizer's `response_template`, turns rendered with marked
thinking and answers, prompts under each of the template's arguments, known pairs of markers.
"""

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from karui.core.errors import ModelError
from karui.engines.chat import pairs
from karui.engines.chat.arguments import LEVELS, THINKS, Argument, Source, read_source
from karui.engines.chat.format import (
    Finding,
    Message,
    Raised,
    Rendering,
    Switch,
    ThinkingFormat,
    listed,
    turns,
)
from karui.engines.chat.markers import PLAIN_ENDINGS, Markers, Start, plain
from karui.engines.chat.override import Override
from karui.engines.chat.response_template import Described
from karui.engines.chat.tags import closers, first_tag, openers, tags
from karui.engines.chat.turn import (
    ANSWER,
    QUESTION,
    THOUGHT,
    TOOL,
    WRITTEN_OUT,
    Turn,
    common_header,
    read_turn,
    says_thinking,
)

T = TypeVar("T")
Discovery: TypeAlias = Generator[Rendering, str | Raised, T]

_SYSTEM = "KARUI-SYSTEM"
_NEXT = "Karui5Next"
_NONSENSE = "karui_nonsense"
_BUDGET = 512
FIELDS = ("reasoning_content", "reasoning", "thinking")
"""What earlier thinking is called in messages, the most usual name first."""
PARTS = "parts"
"""Stands for thinking as a part of the content: `{"type": "thinking", "thinking": …}`."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model before anything is rendered.

    Attributes:
        template: Source of its chat template; "" where it is not to be had.
        tokens: Its vocabulary; empty where it is not to be had.
        described: What its `response_template` says; None where it has none.
        override: What the user says.
        table: Whether known pairs of markers may be used, as a last resort.
        endings: What ends the thinking of a model without markers.
    """

    template: str = ""
    tokens: Collection[str] = ()
    described: Described | None = None
    override: Override = field(default_factory=Override)
    table: bool = True
    endings: tuple[str, ...] = PLAIN_ENDINGS


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a prompt looks like under some arguments: the text before the question, and that behind it."""

    before: str
    tail: str


def discover(known: Known) -> Discovery[ThinkingFormat]:
    """Finds out how a model thinks.

    Raises:
        ModelError: The template cannot show a question at all, or two findings contradict each other.
    """
    usual = yield Rendering(turns(("user", QUESTION)))
    if isinstance(usual, Raised) or QUESTION not in usual:
        raise ModelError(
            "The chat template cannot show the model a question.",
            why=usual.why if isinstance(usual, Raised) else "What it renders does not hold the user's message.",
            remedy="Put the model's own chat_template.jinja beside its tokenizer.",
        )
    source = read_source(known.template)
    shown = _seen(usual)
    tried = yield from _try_arguments(source, shown)
    bare = yield from _bare(tried)
    turn = yield from _marked_turn(tried, shown, bare)
    markers = _markers(known, turn, shown, tried, bare)
    looked = _Looked(source, shown, tried, markers)
    on, off = looked.switches()
    if on.arguments:  # some templates look at the effort only where the thinking is on
        more = yield from _try_arguments(source, shown, on.arguments)
        looked = _Looked(source, shown, [*tried, *more], markers)
    if off is None and source.words and not markers.plain:
        off = yield from _word(source, shown, markers)
    system = yield from _takes_system()
    history = yield from _kept_fields(on)
    end = yield from _turn_end(on)
    return _format(known, looked, on, off, system=system, history=history, end=end)


# -- what is rendered ------------------------------------------------------------------------------------


def _seen(text: str, usual: _Seen | None = None) -> _Seen:
    before, _, tail = text.rpartition(QUESTION)
    first = first_tag(usual.tail) if usual is not None else ""
    if first and first in tail:  # what a template adds to the user's own words belongs to them
        added, _, rest = tail.partition(first)
        return _Seen(before + added, first + rest)
    return _Seen(before, tail)


@dataclass(frozen=True, slots=True)
class _Tried:
    """A prompt under one value of one argument; `seen` is None where the template raised."""

    argument: Argument
    value: Any
    seen: _Seen | None
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        return {**self.beside, self.argument.name: self.value}


def _try_arguments(
    source: Source, usual: _Seen, beside: Mapping[str, Any] | None = None
) -> Discovery[list[_Tried]]:
    """Renders a question under every argument that may matter; those that change nothing are left out.

    Args:
        source: The template's.
        usual: The question without arguments.
        beside: Given too, and then only how much to think is tried.
    """
    tried: list[_Tried] = []
    beside = beside or {}
    for argument in source.arguments:
        if beside and (argument.name in beside or not argument.effort):
            continue
        if not argument.about_thinking and _about_thinking(tried):
            break  # those about thinking come first
        values: list[Any] = [_BUDGET, 0] if argument.budget else [True, False, *argument.words]
        if argument.effort:
            values = list(dict.fromkeys([_NONSENSE, *values, *LEVELS]))
        found = []
        for value in values:
            text = yield Rendering(turns(("user", QUESTION)), {**beside, argument.name: value})
            ok = not isinstance(text, Raised) and QUESTION in text
            found.append(_Tried(argument, value, _seen(str(text), usual) if ok else None, beside))
        if len({t.seen for t in found} | (set() if beside else {usual})) > 1:
            tried += found
    return tried


def _about_thinking(tried: list[_Tried]) -> bool:
    return any(t.argument.about_thinking for t in tried)


def _bare(tried: list[_Tried]) -> Discovery[list[str]]:
    """Renders answers without thinking; returns what stands between question and answer."""
    found = []
    answered = turns(("user", QUESTION), ("assistant", ANSWER))
    for arguments in [{}, *(t.arguments for t in tried if t.seen is not None)]:
        for messages, generate in ((answered, False), ((*answered, *turns(("user", _NEXT))), True)):
            text = yield Rendering(messages, arguments, generate)
            if isinstance(text, str) and QUESTION in text and ANSWER in text:
                found.append(text.rpartition(QUESTION)[2].partition(ANSWER)[0])
    return list(dict.fromkeys(found))


def _marked_turn(tried: list[_Tried], usual: _Seen, bare: list[str]) -> Discovery[Turn | None]:
    """Renders a turn with marked thinking, in all the ways in which thinking is handed to templates."""
    fields = dict.fromkeys(FIELDS, THOUGHT)
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
            {"role": "assistant", "content": "", **fields, "tool_calls": [call], "tool_responses": [{"name": TOOL, "response": {"at": "it"}}]},
        ),
    ]
    tails = [usual.tail, *(t.seen.tail for t in tried if t.seen is not None)]
    for messages in ways:
        for arguments in [{}, *(t.arguments for t in tried if t.seen is not None)]:
            text = yield Rendering(messages, arguments, generate=False)
            if isinstance(text, str) and (found := read_turn(text, tails, bare)):
                return found
    return None


def _word(source: Source, usual: _Seen, markers: Markers) -> Discovery[Switch | None]:
    """Tries the commands that the template looks for in messages."""
    for word in source.words:
        text = yield Rendering(turns(("system", f"Be kind. {word}"), ("user", QUESTION)))
        if (
            isinstance(text, str)
            and markers.start(usual.tail) is not Start.ANSWERING
            and markers.start(_seen(text).tail) is Start.ANSWERING
        ):
            return Switch(word=word)
    return None


def _takes_system() -> Discovery[bool]:
    text = yield Rendering(turns(("system", _SYSTEM), ("user", QUESTION)))
    return isinstance(text, str) and _SYSTEM in text


def _kept_fields(on: Switch) -> Discovery[str]:
    """Returns the field whose thinking the template shows in turns before the last question."""
    for name in (*FIELDS, PARTS):
        content: Any = ANSWER
        if name == PARTS:
            content = [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": ANSWER}]
        said = turns(("user", QUESTION), ("assistant", content), **({} if name == PARTS else {name: THOUGHT}))
        text = yield Rendering((*said, *turns(("user", _NEXT))), on.arguments)
        if isinstance(text, str) and THOUGHT in text and ANSWER in text and not WRITTEN_OUT.search(text):
            return name
    return ""


def _turn_end(on: Switch) -> Discovery[str]:
    """Returns what stands behind an answer; where nothing does, what the next turn begins with."""
    answered = turns(("user", QUESTION), ("assistant", ANSWER))
    for messages in (answered, (*answered, *turns(("user", _NEXT)))):
        text = yield Rendering(messages, on.arguments, generate=False)
        behind = text.rpartition(ANSWER)[2].partition(_NEXT)[0].strip() if isinstance(text, str) else ""
        if behind:
            return behind
    return ""


# -- what follows from it --------------------------------------------------------------------------------


def _markers(
    known: Known, turn: Turn | None, usual: _Seen, tried: list[_Tried], bare: list[str]
) -> Markers:
    """Returns the markers by the first of the ways that shows any; what the user says stands above all."""
    found = _described(known.described, turn) or _of_turn(turn) or _of_prompts(known, usual, tried, bare)
    if found is None and known.table:
        found = _of_table(known, usual, tried)
    if found is None:
        found = plain(_why_plain(known), known.endings)
    found = _with_own_forms(found, usual, tried, bare)
    said = known.override.texts
    if not said:
        return found
    how = f"{', '.join(said)}: as the user says."
    texts = {"open": found.open, "close": found.close, "answer": found.answer} | said
    kept = {} if {"open", "close", "answer"} & set(said) else {"bridge": found.bridge, "empty": found.empty}
    return Markers(**{"family": pairs.named(texts["open"], texts["close"]), "found_how": how, **kept, **texts})


def _described(said: Described | None, turn: Turn | None) -> Markers | None:
    if said is None or not said.close:
        return None
    how = f"The tokenizer's response_template names {said.open} and {said.close}."
    if turn is None:
        return Markers(said.open, said.close, pairs.named(said.open, said.close), how, answer=said.answer)
    agree = turn.close.startswith(said.close) and (not said.open or turn.open.startswith(said.open))
    if not agree:
        raise ModelError(
            "Two findings about how this model thinks contradict each other.",
            why=f"Its response_template says that thinking stands between {said.open!r} and {said.close!r}; "
            f"its chat template writes it between {turn.open!r} and {turn.close!r}.",
            remedy="Say which it is: --thinking FILE with open = … and close = ….",
        )
    return _made(turn, f"{how[:-1]}, and the chat template writes thinking so.")


def _of_turn(turn: Turn | None) -> Markers | None:
    if turn is None:
        return None
    return _made(turn, f"The chat template writes thinking between {turn.open} and {turn.close}.")


def _made(turn: Turn, how: str) -> Markers:
    return Markers(
        turn.open,
        turn.close,
        pairs.named(turn.open, turn.close),
        how,
        answer=turn.answer,
        answer_close=turn.answer_close,
        bridge=turn.bridge,
    )


def _of_prompts(known: Known, usual: _Seen, tried: list[_Tried], bare: list[str]) -> Markers | None:
    """Finds markers in what prompts end with: opened and left open, or closed at once under an argument."""
    tails = _tails(usual, tried)
    shown = [*tails, *bare]
    header = common_header(shown)
    for text in (s[len(header) :] for s in shown):
        for begin, end in tags(text):
            closing = text[begin:end]
            opening = next((o for o in openers(closing) if any(o in t for t in shown)), "")
            if not opening or not says_thinking(text[: begin] + closing):
                continue
            at = text.rfind(opening, 0, begin)
            between = text[at + len(opening) : begin].strip() if at >= 0 else ""
            opening += between if between.isalnum() else ""
            how = f"Prompts end with {opening} or {closing}, depending on the template's arguments."
            return Markers(opening, closing, pairs.named(opening, closing), how)
    for tail in tails:
        last = tail[tags(tail)[-1][0] :].strip() if tags(tail) else ""
        if not last or not says_thinking(last) or all(last in b for b in bare):
            continue
        closing = next((c for c in closers(last) if c in known.template or c in known.tokens), "")
        if closing and tail.rstrip().endswith(last):
            how = f"Prompts end with {last}, and the chat template knows {closing}."
            return Markers(last, closing, pairs.named(last, closing), how)
    return None


def _opening_of_answers(header: str, bare: list[str], opening: str, closing: str) -> str:
    """Returns the tag behind which turns without thinking have their answers; "" where there is none."""
    for shown in (b[len(header) :].strip() for b in bare if b.startswith(header)):
        if tags(shown) and opening not in shown and closing not in shown:
            return shown
    return ""


def _tails(usual: _Seen, tried: list[_Tried]) -> list[str]:
    return list(dict.fromkeys([usual.tail, *(t.seen.tail for t in tried if t.seen is not None)]))


def _of_table(known: Known, usual: _Seen, tried: list[_Tried]) -> Markers | None:
    """Finds a known pair: in what prompts tell the model to write, or where no template shows anything.

    That the source of a template mentions a pair proves nothing, unless it has a switch for thinking.
    """
    for seen in (usual, *(t.seen for t in tried if t.seen is not None and t.value is True)):
        if found := pairs.in_text(seen.before + seen.tail, "what the prompt tells the model to write"):
            return found
    if _about_thinking(tried):
        return pairs.in_text(known.template, "the chat template, which has a switch for thinking")
    return None if known.template else pairs.in_vocabulary(known.tokens)


def _why_plain(known: Known) -> str:
    mentioned = pairs.in_text(known.template, "") or pairs.in_vocabulary(known.tokens)
    if mentioned is None:
        return "neither the chat template nor the vocabulary has one"
    return f"{mentioned.close} is known here, but no prompt and no turn of the chat template shows thinking"


def _with_own_forms(markers: Markers, usual: _Seen, tried: list[_Tried], bare: list[str]) -> Markers:
    """Puts in the model's own empty form, where a turn without thinking or a prompt shows it."""
    if markers.plain:
        return markers
    shown = [*_tails(usual, tried), *bare]
    header = common_header(shown)
    markers = _with_answers_opening(markers, header, bare)
    forms = [s[len(header) :] for s in shown]
    whole = [f[f.index(markers.open) :] for f in forms if markers.open in f and markers.close in f]
    empty = [f for f in whole if not f[len(markers.open) :].partition(markers.close)[0].strip()]
    closed = [f[f.index(markers.close) :] for f in forms if markers.close in f and markers.open not in f]
    answers = [f for f in forms if markers.answer and f.strip() == markers.answer]
    for form in (*empty, *closed, *answers):
        return replace(markers, empty=form)
    if not markers.bridge.startswith("\n"):
        return replace(markers, empty=markers.open + markers.bridge)
    return markers


def _with_answers_opening(markers: Markers, header: str, bare: list[str]) -> Markers:
    """Puts in the answer's own opening, where turns without thinking have one and none is known yet."""
    answer = "" if markers.answer else _opening_of_answers(header, bare, markers.open, markers.close)
    return replace(markers, answer=answer, bridge=markers.close + answer) if answer else markers


@dataclass(frozen=True, slots=True)
class _Looked:
    """Everything that was seen of prompts, and the markers to read it by."""

    source: Source
    usual: _Seen
    tried: list[_Tried]
    markers: Markers

    def state(self, seen: _Seen) -> Start:
        """What the model does behind a prompt."""
        return self.markers.start(seen.tail)

    def switches(self) -> tuple[Switch, Switch | None]:
        """Returns what makes the model think, and what leaves its thinking out."""
        if self.markers.plain:
            return Switch(), None
        usual = self.state(self.usual)
        off = self._off()
        if usual is Start.THINKING:
            return Switch(), off
        for name, seen in self._booleans().items():
            yes, no = seen
            # By itself it does what it does when told not to think, or more than it does by itself.
            if yes is None or self.state(yes) is Start.ANSWERING or yes == self.usual:
                continue
            if not THINKS.search(name) and self.state(yes) is usual:
                continue
            if self.usual == no or usual is Start.ANSWERING or self.state(yes) is Start.THINKING:
                return Switch({name: True}), off
        for tried in self._by_strength():
            assert tried.seen is not None
            opens = self.state(tried.seen)
            if opens is Start.THINKING or (usual is Start.ANSWERING and opens is Start.UNDECIDED):
                return Switch(tried.arguments), off
        return Switch(), off

    def _off(self) -> Switch | None:
        closing = [t for t in self.tried if t.seen is not None and self.state(t.seen) is Start.ANSWERING]
        closing = [t for t in closing if t.value is not True and t.value != _NONSENSE]
        closing.sort(key=lambda t: (t.value is not False, t.value != 0, t.value not in {"none", "disabled", "off"}))
        if closing:
            return Switch(closing[0].arguments)
        if self.state(self.usual) is Start.ANSWERING:
            return Switch()
        for name, (yes, no) in self._booleans().items():
            if THINKS.search(name) and yes is not None and no is not None and yes != no:
                return Switch({name: False})
        return None

    def _booleans(self) -> dict[str, tuple[_Seen | None, _Seen | None]]:
        """The prompt under True and under False, by argument: about thinking, and not about how much."""
        found: dict[str, tuple[_Seen | None, _Seen | None]] = {}
        for tried in self.tried:
            argument = tried.argument
            if tried.value is True and not (argument.effort or argument.budget):
                no = next(t.seen for t in self.tried if t.argument == argument and t.value is False)
                found[argument.name] = (tried.seen, no)
        return found

    def _by_strength(self) -> list[_Tried]:
        """Values in words, those first that ask for thinking without asking for the most or the least."""
        wanted = ("enabled", "on", "high", "medium", "max", "xhigh", "low", "minimal")
        said = [t for t in self.tried if t.seen is not None and t.value in wanted]
        said += [t for t in self.tried if t.seen is not None and t.argument.budget and t.value]
        return sorted(said, key=lambda t: wanted.index(t.value) if t.value in wanted else len(wanted))

    def efforts(self) -> dict[str, dict[str, Any]]:
        """Returns the levels of effort that the template takes, each with its arguments."""
        found: dict[str, dict[str, Any]] = {}
        for argument in dict.fromkeys(t.argument for t in self.tried if t.argument.effort):
            tried = {t.value: t for t in self.tried if t.argument == argument}
            seen = {value: t.seen for value, t in tried.items()}
            nonsense = seen.get(_NONSENSE)
            usual = self._under(tried[_NONSENSE].beside)
            level = argument.name.removesuffix("_effort")
            if level in LEVELS and seen.get(True) is not None:  # low_effort=True
                found[level] = tried[True].arguments
                continue
            words = [w for w in (*LEVELS, *argument.words) if seen.get(w) is not None]
            if nonsense is not None and nonsense != usual:
                # It takes any word: offered are those that its source names, and the usual three.
                words = [w for w in words if w in {*argument.words, "low", "medium", "high"}]
            elif nonsense is not None:
                words = [w for w in words if seen[w] != nonsense or w in argument.words]
            found |= {w: tried[w].arguments for w in words if self.state(seen[w]) is not Start.ANSWERING}  # type: ignore[arg-type]
        return {level: found[level] for level in sorted(found, key=_rank)}

    def budget(self) -> str:
        """Returns the argument that takes a number of thinking tokens."""
        return next((t.argument.name for t in self.tried if t.argument.budget and t.value), "")

    def start(self, on: Switch) -> Start:
        """Returns what the model does when `on` is given."""
        return self.state(self._under(on.arguments))

    def _under(self, arguments: Mapping[str, Any]) -> _Seen:
        """Returns the prompt under some arguments, where it was seen; else that under none."""
        return next((t.seen for t in self.tried if t.arguments == arguments and t.seen), self.usual)

    def tails(self) -> tuple[tuple[str, Start], ...]:
        """Returns what prompts end with, longest first."""
        seen = [self.usual, *(t.seen for t in self.tried if t.seen is not None)]
        found = {s.tail: self.state(s) for s in seen}
        return tuple(sorted(found.items(), key=lambda item: -len(item[0])))


def _rank(level: str) -> tuple[int, str]:
    return (LEVELS.index(level) if level in LEVELS else len(LEVELS), level)


def _format(
    known: Known, looked: _Looked, on: Switch, off: Switch | None, *, system: bool, history: str, end: str
) -> ThinkingFormat:
    """Puts everything together, with a finding for each part."""
    said, markers = known.override, looked.markers
    on = said.on or on
    off = said.off or off
    efforts = said.efforts if said.efforts is not None else looked.efforts()
    budget = said.budget if said.budget is not None else looked.budget()
    history = said.history if said.history is not None else history
    end = said.turn_end or end
    by_default, start = looked.state(looked.usual), looked.start(on)
    if markers.plain:
        by_default = start = Start.THINKING

    def how(found: str, name: str) -> str:
        return "as the user says" if getattr(said, name, None) is not None else found

    arguments = "rendered under each argument of the template"
    if not looked.source.readable:
        arguments = "rendered under the usual arguments; the template's source is not to be had"
    raised = [f"{t.argument.name}={t.value!r}" for t in looked.tried if t.seen is None and t.value != _NONSENSE]
    rows = [
        Finding("thinking", f"{markers.open} … {markers.close}" if not markers.plain else "no markers", markers.found_how),
        Finding("answer", repr(markers.bridge + "…") if not markers.plain else "behind the thinking", "what stands between thinking and answer"),
        Finding("by itself", _DOES[by_default], "the end of a prompt without arguments"),
        Finding("thinks with", str(on), how(arguments, "on")),
        Finding("does not think with", "nothing known" if off is None else str(off), how(arguments, "off")),
        Finding("levels of effort", listed(efforts), how(arguments, "efforts")),
        Finding("budget", budget or "none", how(arguments, "budget")),
        Finding("earlier thinking", f"kept ({history})" if history else "not shown again", how("rendered with a later question", "history")),
        Finding("turn ends with", end or "not told by the template", how("what stands behind an answer", "turn_end")),
        Finding("system message", "taken" if system else "put before the question", "rendered"),
    ]
    if raised:
        rows.append(Finding("raises", ", ".join(raised), "the template's own errors; these are not offered"))
    notes = []
    if on.arguments or on.word:
        notes.append(f"The model does not think by itself: full thinking is asked for with {on}.")
    if not system:
        notes.append("The chat template has no system message: it is put before the question.")
    if known.described is not None and known.described.note:
        notes.append(known.described.note)
    return ThinkingFormat(
        markers, on, off, by_default, start, efforts, budget, history, end, system, looked.tails(), tuple(rows), tuple(notes), said.as_dict()
    )


_DOES = {
    Start.UNDECIDED: "opens its thinking itself, or not",
    Start.THINKING: "thinks: the prompt opens it",
    Start.ANSWERING: "answers: the prompt has closed the thinking",
}
