"""From what was seen to the texts around thinking and answer: the first way that shows any counts."""

from dataclasses import replace

from karui.core.errors import ModelError
from karui.engines.chat import pairs
from karui.engines.chat.discovery.evidence import Known, Seen, Tried, about_thinking, tails_of
from karui.engines.chat.discovery.response_template import Described
from karui.engines.chat.discovery.tags import closers, openers, tags
from karui.engines.chat.discovery.turn import Turn, common_header, says_thinking
from karui.engines.chat.markers import Markers, plain

_TOLD = "what the prompt tells the model to write"


def infer_markers(
    known: Known, turn: Turn | None, usual: Seen, tried: list[Tried], bare: list[str]
) -> Markers:
    """Returns the markers by the first of the ways that shows any; what the user says stands above all."""
    settled = known.override.close is not None  # by the user, whatever is found
    found = (
        _described(None if settled else known.described, turn)
        or _of_turn(turn)
        or _of_prompts(known, usual, tried, bare)
        or _of_instructions(known, usual, tried)
    )
    if found is None and known.table:
        found = _of_table(known, tried)
    if found is None:
        found = plain(_why_plain(known), known.endings)
    found = _with_own_forms(found, usual, tried, bare)
    said = known.override.texts
    if not said:
        return found
    how = f"{', '.join(said)}: as the user says."
    texts = {"open": found.open, "close": found.close, "answer": found.answer} | said
    kept = {} if {"open", "close", "answer"} & set(said) else {"bridge": found.bridge, "empty": found.empty}
    family = pairs.named(texts["open"], texts["close"])
    return replace(plain(""), family=family, found_how=how, endings=(), **kept, **texts)


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


def _of_prompts(known: Known, usual: Seen, tried: list[Tried], bare: list[str]) -> Markers | None:
    """Finds markers in what prompts end with: opened and left open, or closed at once under an argument."""
    tails = tails_of(usual, tried)
    shown = [*tails, *bare]
    header = common_header(shown)
    for text in (s[len(header) :] for s in shown):
        for begin, end in tags(text):
            closing = text[begin:end]
            opening = next((o for o in openers(closing) if any(o in t for t in shown)), "")
            if not opening or not says_thinking(text[:begin] + closing):
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
        if not tail.rstrip().endswith(last):
            continue
        if closing := next((c for c in closers(last) if c in known.template or c in known.tokens), ""):
            how = f"Prompts end with {last}, and the chat template knows {closing}."
            return Markers(last, closing, pairs.named(last, closing), how)
        if not (known.template or known.tokens) and (closing := next(iter(closers(last)), "")):
            how = f"Prompts end with {last}; that {closing} ends it is what such tags usually have."
            return Markers(last, closing, pairs.named(last, closing), how)
    return None


def _of_instructions(known: Known, usual: Seen, tried: list[Tried]) -> Markers | None:
    """Finds the tags that a prompt tells the model to put its thinking, and perhaps its answer, into."""
    for seen in (usual, *(t.seen for t in tried if t.seen is not None and t.value is True)):
        text = seen.before + seen.tail
        if known.table and (found := pairs.in_text(text, _TOLD)):
            return found
        said = [text[begin:end] for begin, end in tags(text)]
        for closing in filter(says_thinking, said):
            if opening := next((o for o in openers(closing) if o in said), ""):
                return pairs.made(opening, closing, f"{opening} stands in {_TOLD}.", text)
    return None


def _opening_of_answers(header: str, bare: list[str], opening: str, closing: str) -> str:
    """Returns the tag behind which turns without thinking have their answers; "" where there is none."""
    for shown in (b[len(header) :].strip() for b in bare if b.startswith(header)):
        if tags(shown) and opening not in shown and closing not in shown:
            return shown
    return ""


def _of_table(known: Known, tried: list[Tried]) -> Markers | None:
    """Finds a known pair where no template shows anything.

    That the source of a template mentions a pair proves nothing, unless it has a switch for thinking.
    """
    if about_thinking(tried):
        return pairs.in_text(known.template, "the chat template, which has a switch for thinking")
    return None if known.template else pairs.in_vocabulary(known.tokens)


def _why_plain(known: Known) -> str:
    mentioned = pairs.in_text(known.template, "") or pairs.in_vocabulary(known.tokens)
    if mentioned is None:
        return "neither the chat template nor the vocabulary has one"
    return f"{mentioned.close} is known here, but no prompt and no turn of the chat template shows thinking"


def _with_own_forms(markers: Markers, usual: Seen, tried: list[Tried], bare: list[str]) -> Markers:
    """Puts in the model's own empty form, where a turn without thinking or a prompt shows it."""
    if markers.plain:
        return markers
    shown = [*tails_of(usual, tried), *bare]
    header = common_header(shown)
    markers = _with_answers_opening(markers, header, bare)
    forms = [s[len(header) :] for s in shown]
    whole = [f[f.index(markers.open) :] for f in forms if markers.open in f and markers.close in f]
    empty = [f for f in whole if not f[len(markers.open) :].partition(markers.close)[0].strip()]
    closed = [f[f.index(markers.close) :] for f in forms if markers.close in f and markers.open not in f]
    answers = [f for f in forms if markers.answer and f.strip() == markers.answer]
    for form in (*empty, *closed, *answers):
        tight = form.startswith(markers.open + markers.close) and all(
            markers.open + "\n" not in f for f in forms
        )
        # Where nothing has shown a bridge, a model that thinks without line breaks has none.
        bridge = form.removeprefix(markers.open) if tight and markers.untold else markers.bridge
        return replace(markers, empty=form, bridge=bridge)
    before, _, behind = markers.bridge.partition(markers.close)
    lines = before.endswith("\n") and behind.startswith("\n")
    return replace(markers, empty=markers.open + ("\n" if lines else "") + markers.bridge)


def _with_answers_opening(markers: Markers, header: str, bare: list[str]) -> Markers:
    """Puts in the answer's own opening, where turns without thinking have one and none is known yet."""
    answer = "" if markers.answer else _opening_of_answers(header, bare, markers.open, markers.close)
    return replace(markers, answer=answer, bridge=markers.close + answer) if answer else markers
