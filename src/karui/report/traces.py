"""Traces side by side: what the full model thought, where the plan cut it, and what each answered."""

from karui.core.study import Example, Side
from karui.html.markup import Safe, tag
from karui.i18n.reasons import action
from karui.report.context import Context

MOST = 40
"""Examples in a page; the JSON report has all."""

LONGEST = 12_000
"""Characters of one text; longer ones lose their middle."""


def section(c: Context) -> Safe:
    """Returns the examples, each folded away but the first."""
    w, examples = c.words, c.study.examples[:MOST]
    title = tag("h2", w("traces"))
    if not examples:
        return tag("section", title, tag("p.note", w("traces_none")), id="s-traces")
    shown = [_example(c, e, first=i == 0) for i, e in enumerate(examples)]
    return tag("section", title, tag("p.note", w("traces_note")), *shown, id="s-traces")


def _example(c: Context, e: Example, *, first: bool) -> Safe:
    w = c.words
    full, plan = e.full, e.plan
    sides = ("right" if s.correct else "wrong" for s in (full, plan))
    verdict = "full_{}_plan_{}".format(*sides)
    bad = full.correct and not plan.correct
    tokens = w("from_to", before=c.form.integer(full.tokens), after=c.form.integer(plan.tokens))
    summary = tag(
        "summary",
        tag("span", w(verdict), class_=f"outcome {'bad' if bad else 'good' if plan.correct else ''}"),
        tag("span.what", _clip(c, e.question, 160)),
        tag("small", f"{e.kind} · {tokens}" if e.kind else tokens),
    )
    reference = w("majority" if w.agreement else "reference")
    asked = tag(
        "dl.asked",
        tag("dt", w("question")),
        tag("dd", _clip(c, e.question, LONGEST)),
        *([tag("dt", reference), tag("dd", e.reference)] if e.reference else []),
    )
    columns = tag("div.sides", _full(c, full, plan.thinking_chars), _plan(c, full, plan))
    return tag("details.example", summary, asked, columns, open=first)


def _full(c: Context, full: Side, cut: int | None) -> Safe:
    w, thinking = c.words, full.thinking
    if not thinking:
        body = tag("p.note", w("no_text"))
    elif cut is None or cut >= len(thinking):
        body = tag("pre", _clip(c, thinking, LONGEST))
    else:
        body = tag(
            "pre",
            _clip(c, thinking[:cut], LONGEST // 2),
            tag("mark", f"✂ {w('cut_here')}"),
            tag("s", _clip(c, thinking[cut:], LONGEST // 2)),
        )
    return tag("div.side", tag("h3", w("baseline_short"), _count(c, full)), body, _answer(c, full))


def _plan(c: Context, full: Side, plan: Side) -> Safe:
    w, cut, thinking = c.words, plan.thinking_chars, full.thinking
    if not thinking:
        body = tag("p.note", w("no_text"))
    elif cut is None or cut >= len(thinking):
        body = tag("p.note", w("not_cut"))
    else:
        body = tag("pre", _clip(c, thinking[:cut], LONGEST // 2))
    taken = "; ".join(action(w, c.form, n, a) for n, a in enumerate(plan.actions, 1))
    did = tag("p.moves", tag("span", w("moves")), " ", taken) if taken else None
    return tag("div.side", tag("h3", w("plan"), _count(c, plan)), body, did, _answer(c, plan))


def _count(c: Context, side: Side) -> Safe:
    return tag("small", c.words("tokens_count", n=c.form.integer(side.tokens)))


def _answer(c: Context, side: Side) -> Safe:
    """What was answered: the text as it was written, and the answer read out of it where it differs."""
    w, good, text = c.words, side.correct, side.text
    read = w("no_answer") if side.answer is None else side.answer
    written = tag("pre", _clip(c, text, LONGEST)) if text.strip() and text.strip() != read.strip() else None
    return tag(
        "div",
        tag("span", f"{'✓' if good else '✗'} {w('right' if good else 'wrong')}"),
        tag("b", f"{w('answer')}: {read}"),
        written,
        class_=f"answer {'good' if good else 'bad'}",
    )


def _clip(c: Context, text: str, most: int) -> str:
    if len(text) <= most:
        return text
    if most < 1000:
        return text[:most].rstrip() + "…"
    half = most // 2
    left_out = c.words("left_out", n=c.form.integer(len(text) - 2 * half))
    return f"{text[:half]}\n{left_out}\n{text[-half:]}"
