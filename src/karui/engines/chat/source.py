"""A chat template by its source alone: what it does without the server that shows prompts through it.

A server may tell the template more than it was asked to (llama.cpp's says enable_thinking=true by itself),
and may leave the last turn open where the template closes it. The source says what the model itself is like.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from karui.core.errors import ModelError
from karui.engines.chat.discovery import Known, discover
from karui.engines.chat.format import Finding, Message, Raised, Rendering, ThinkingFormat
from karui.engines.chat.template import drive

_OF_THE_SOURCE = ("thinking", "answer", "by itself", "thinks with", "turn ends with")
"""What the source says better than prompts that a server has made with it."""


def render_source(
    source: str,
    messages: Iterable[Message],
    *,
    generate: bool,
    named: Mapping[str, str],
    arguments: Mapping[str, Any],
) -> str:
    """Returns messages as a template shows them, rendered as transformers does.

    Args:
        source: A Jinja template.
        messages: At least one.
        generate: Whether the model's turn is opened at the end.
        named: Special tokens by the name that templates have for them: `bos_token`.
        arguments: Beside the messages.

    Raises:
        Exception: Whatever the template raises.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered, _ = render_jinja_template(
        conversations=[[dict(m) for m in messages]],
        chat_template=source,
        add_generation_prompt=generate,
        **named,
        **arguments,
    )
    return str(rendered[0])


def by_source(shown: ThinkingFormat, known: Known, named: Mapping[str, str]) -> ThinkingFormat:
    """Returns what a server's prompts have shown of a model, corrected by its template's source.

    Where both see other markers, what the server really writes stands.

    Args:
        shown: Found through the server.
        known: With the template's source; without one nothing is corrected.
        named: Special tokens by name.
    """
    if not known.template:
        return shown

    def render(wanted: Rendering) -> str | Raised:
        try:
            return render_source(
                known.template,
                wanted.messages,
                generate=wanted.generate,
                named=named,
                arguments=wanted.arguments,
            )
        except Exception as error:  # noqa: BLE001 - templates are programs of strangers: what they raise is data
            return Raised(str(error) or type(error).__name__)

    try:
        alone = drive(discover(known), render)
    except ModelError:
        return shown
    ours, theirs = alone.markers, shown.markers
    if not theirs.plain and (ours.open, ours.close) != (theirs.open, theirs.close):
        return shown
    told = shown.on.arguments or shown.on.word
    on, start = (shown.on, shown.start) if told else (alone.on, alone.start)
    return replace(
        shown,
        markers=ours,
        on=on,
        off=shown.off or alone.off,
        by_default=alone.by_default,
        start=start,
        turn_end=alone.turn_end or shown.turn_end,
        tails=tuple(sorted({**dict(alone.tails), **dict(shown.tails)}.items(), key=lambda t: -len(t[0]))),
        findings=_merged(shown, alone),
        notes=tuple(dict.fromkeys((*shown.notes, *alone.notes))),
    )


def _merged(shown: ThinkingFormat, alone: ThinkingFormat) -> tuple[Finding, ...]:
    said = {f.what: f for f in alone.findings if f.what in _OF_THE_SOURCE}
    rows = []
    for found in shown.findings:
        own = said.get(found.what, found)
        if own.value != found.value:
            own = replace(own, how=f"the template's source ({own.how}); through this server: {found.value}")
        rows.append(own)
    return tuple(rows)
