"""A baseline that fails, in words: how badly, why in all likelihood, and some of its replies."""

from karui.core.study.failure import BaselineFailure, FailedReply
from karui.core.trace import End
from karui.i18n.formats import Format
from karui.i18n.translator import Translator
from karui.selection.baseline.examine import PLAUSIBLE

MOST = 4
"""Reasons on the first screen, which is one sheet of paper."""
_ASKED, _SAID = 160, 200
"""Characters of a question, from its beginning, and of a reply, from its end, that have room there."""


def how_badly(w: Translator, form: Format, failed: BaselineFailure) -> str:
    """Returns how often the baseline was right, in a sentence."""
    return w(
        f"fails_{failed.kind.value}",
        hits=form.integer(failed.right),
        replies=form.integer(failed.replies),
        n=form.integer(failed.questions),
        share=form.percent(failed.accuracy),
        bounds=form.percents(failed.low, failed.high),
        chance=form.percent(failed.chance, 0),
    )


def rule(w: Translator, form: Format, failed: BaselineFailure) -> str:
    """Returns what counts as a failure."""
    return w("rule_fix", floor=form.percent(failed.floor, 0), plausible=form.percent(PLAUSIBLE, 0))


def likely(w: Translator, form: Format, failed: BaselineFailure) -> list[tuple[str, str]]:
    """Returns the likely reasons in order, each with what to do about it."""
    return [
        (
            w(f"because_{r.code.value}", count=form.integer(r.count), of=form.integer(r.of), detail=r.detail),
            w(f"cure_{r.code.value}"),
        )
        for r in failed.reasons
    ]


def told(w: Translator, reply: FailedReply) -> list[tuple[str, str]]:
    """Returns a reply as labels and texts: the question, the reply, what was read and what would be right."""
    read = w("read_nothing") if reply.read is None else reply.read
    end = w.known(reply.end.value)
    return [
        (w("question"), reply.question),
        (w("reply_thinking" if reply.thinking else "reply"), reply.text),
        (w("read_from_it"), read if reply.end is End.FINISHED else f"{read} ({end})"),
        *([(w("reference"), reply.reference)] if reply.reference else []),
    ]


def replies(w: Translator, failed: BaselineFailure) -> list[list[tuple[str, str]]]:
    """Returns some of its replies as labels and texts, cut to what the first screen has room for."""
    return [_cut(told(w, reply)) for reply in failed.examples]


def _cut(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    (question, asked), (reply, text), *short = lines
    return [
        (question, asked if len(asked) <= _ASKED else f"{asked[:_ASKED].rstrip()}…"),
        (reply, text if len(text) <= _SAID else f"…{text[-_SAID:].lstrip()}"),
        *short,
    ]
