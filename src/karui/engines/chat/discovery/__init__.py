"""Finds out how a model thinks by rendering its chat template with marked texts, and looking.

A discovery does no I/O: it is a generator that yields what it wants to see rendered, and is sent the text, or
the error that the template raised. The same one runs over a tokenizer in this process and over a server.

In this order: what the user says (`Override`), the tokenizer's `response_template`, turns rendered with
marked thinking and answers, prompts under each of the template's arguments, known pairs of markers.
"""

from dataclasses import replace

from karui.engines.chat.discovery.arguments import read_source
from karui.engines.chat.discovery.evidence import NONSENSE, Known, seen_in
from karui.engines.chat.discovery.inference import infer_markers
from karui.engines.chat.discovery.renderings import (
    Discovery,
    bare_turns,
    kept_field,
    marked_turn,
    plain_question,
    takes_system,
    try_arguments,
    try_words,
    turn_end,
)
from karui.engines.chat.discovery.switches import Switching
from karui.engines.chat.discovery.turn import closing_of
from karui.engines.chat.format import Finding, Switch, ThinkingFormat, listed
from karui.engines.chat.markers import Start

__all__ = ["Discovery", "Known", "discover"]


def discover(known: Known) -> Discovery[ThinkingFormat]:
    """Finds out how a model thinks.

    Raises:
        ModelError: The template cannot show a question at all, or two findings contradict each other.
    """
    usual = yield from plain_question()
    source = read_source(known.template)
    shown = seen_in(usual)
    tried = yield from try_arguments(source, shown)
    tried += yield from try_words(source, shown)
    bare = yield from bare_turns(shown, tried)
    turn = yield from marked_turn(tried, shown, bare)
    markers = infer_markers(known, turn, shown, tried, bare)
    looked = Switching(source, shown, tried, markers)
    on, off = looked.switches()
    if on.arguments:  # some templates look at the effort only where the thinking is on
        more = yield from try_arguments(source, shown, on.arguments)
        looked = Switching(source, shown, [*tried, *more], markers)
    system = yield from takes_system()
    history = yield from kept_field(on)
    end = yield from turn_end(on)
    if markers.answer and not markers.answer_close:
        looked = replace(looked, markers=replace(markers, answer_close=closing_of(markers.answer, end)))
    return put_together(known, looked, on, off, system=system, history=history, end=end)


def put_together(
    known: Known, looked: Switching, on: Switch, off: Switch | None, *, system: bool, history: str, end: str
) -> ThinkingFormat:
    """Puts everything together, with a finding for each part."""
    said, markers = known.override, looked.markers
    on = said.on or on
    off = said.off or off
    by_default, start = looked.state(looked.usual), looked.start(on)
    if markers.plain:
        by_default = start = Start.THINKING
    thinking = ThinkingFormat(
        markers,
        on,
        off,
        by_default,
        start,
        efforts=said.efforts if said.efforts is not None else looked.efforts(on),
        budget=said.budget if said.budget is not None else looked.budget(),
        history=said.history if said.history is not None else history,
        turn_end=said.turn_end or end,
        system=system,
        tails=looked.tails(),
        override=said.as_dict(),
    )
    return replace(
        thinking, findings=_findings(thinking, known, looked), notes=_notes(thinking, known, looked)
    )


def _findings(thinking: ThinkingFormat, known: Known, looked: Switching) -> tuple[Finding, ...]:
    """Returns what was found of each part, and how."""
    markers, off, history = thinking.markers, thinking.off, thinking.history

    def how(found: str, name: str) -> str:
        return "as the user says" if getattr(known.override, name, None) is not None else found

    arguments = "rendered under each argument of the template"
    if not looked.source.readable:
        arguments = "rendered under the usual arguments; the template's source is not to be had"
    rows = [
        Finding(
            "thinking",
            f"{markers.open} … {markers.close}" if not markers.plain else "no markers",
            markers.found_how,
        ),
        Finding(
            "answer",
            repr(markers.bridge + "…") if not markers.plain else "behind the thinking",
            "what stands between thinking and answer",
        ),
        Finding("by itself", _DOES[thinking.by_default], "the end of a prompt without arguments"),
        Finding("thinks with", str(thinking.on), how(arguments, "on")),
        Finding("does not think with", "nothing known" if off is None else str(off), how(arguments, "off")),
        Finding("levels of effort", listed(thinking.efforts), how(arguments, "efforts")),
        Finding("budget", thinking.budget or "none", how(arguments, "budget")),
        Finding(
            "earlier thinking",
            f"kept ({history})" if history else "not shown again",
            how("rendered with a later question", "history"),
        ),
        Finding(
            "turn ends with",
            thinking.turn_end or "not told by the template",
            how("what stands behind an answer", "turn_end"),
        ),
        Finding("system message", "taken" if thinking.system else "put before the question", "rendered"),
    ]
    raised = [
        f"{t.argument.name}={t.value!r}" for t in looked.tried if t.seen is None and t.value != NONSENSE
    ]
    if raised:
        rows.append(Finding("raises", ", ".join(raised), "the template's own errors; these are not offered"))
    return tuple(rows)


def _notes(thinking: ThinkingFormat, known: Known, looked: Switching) -> tuple[str, ...]:
    """Returns what a user should know about it, in sentences."""
    on, off = thinking.on, thinking.off
    notes = []
    if on.arguments or on.word:
        left = thinking.by_default is Start.UNDECIDED and off is not None and looked.closes(off)
        why = (
            "Told nothing, the model thinks or not, as it likes"
            if left
            else "The model does not think by itself"
        )
        notes.append(f"{why}: full thinking is asked for with {on}.")
    if not thinking.system:
        notes.append("The chat template has no system message: it is put before the question.")
    if known.described is not None and known.described.note:
        notes.append(known.described.note)
    return tuple(notes)


_DOES = {
    Start.UNDECIDED: "opens its thinking itself, or not",
    Start.THINKING: "thinks: the prompt opens it",
    Start.ANSWERING: "answers: the prompt has closed the thinking",
}
