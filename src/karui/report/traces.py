"""Traces side by side: what the full model thought, where the plan cut it, and what each answered."""

from collections.abc import Mapping
from typing import Any

from karui.html.markup import Safe, tag
from karui.report import phrases
from karui.report.context import Context

MOST = 40
"""Examples in a page; the JSON report has all."""

LONGEST = 12_000
"""Characters of one text; longer ones lose their middle."""


def section(c: Context) -> Safe:
    """Returns the examples, each folded away but the first."""
    w, examples = c.words, list(c.study.examples)[:MOST]
    title = tag("h2", w("traces"))
    if not examples:
        return tag("section", title, tag("p.note", w("traces_none")), id="s-traces")
    shown = [_example(c, e, first=i == 0) for i, e in enumerate(examples)]
    return tag("section", title, tag("p.note", w("traces_note")), *shown, id="s-traces")


def _example(c: Context, e: Mapping[str, Any], *, first: bool) -> Safe:
    w = c.words
    full, plan = e["full"], e["plan"]
    sides = ("right" if s.get("correct") else "wrong" for s in (full, plan))
    verdict = "full_{}_plan_{}".format(*sides)
    bad = bool(full.get("correct")) and not plan.get("correct")
    tokens = w("from_to", before=c.form.integer(full.get("tokens")), after=c.form.integer(plan.get("tokens")))
    summary = tag(
        "summary",
        tag("span", w(verdict), class_=f"outcome {'bad' if bad else 'good' if plan.get('correct') else ''}"),
        tag("span.what", _clip(c, str(e.get("question") or ""), 160)),
        tag("small", f"{e['kind']} · {tokens}" if e.get("kind") else tokens),
    )
    reference = w("majority" if w.agreement else "reference")
    asked = tag(
        "dl.asked",
        tag("dt", w("question")),
        tag("dd", _clip(c, str(e.get("question") or ""), LONGEST)),
        *([tag("dt", reference), tag("dd", str(e["reference"]))] if e.get("reference") else []),
    )
    columns = tag("div.sides", _full(c, full, plan.get("thinking_chars")), _plan(c, full, plan))
    return tag("details.example", summary, asked, columns, open=first)


def _full(c: Context, full: Mapping[str, Any], cut: int | None) -> Safe:
    w, thinking = c.words, str(full.get("thinking") or "")
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


def _plan(c: Context, full: Mapping[str, Any], plan: Mapping[str, Any]) -> Safe:
    w, cut, thinking = c.words, plan.get("thinking_chars"), str(full.get("thinking") or "")
    if not thinking:
        body = tag("p.note", w("no_text"))
    elif cut is None or cut >= len(thinking):
        body = tag("p.note", w("not_cut"))
    else:
        body = tag("pre", _clip(c, thinking[:cut], LONGEST // 2))
    moves = plan.get("moves")
    did = tag("p.moves", tag("span", w("moves")), " ", phrases.moves(c, str(moves))) if moves else None
    return tag("div.side", tag("h3", w("plan"), _count(c, plan)), body, did, _answer(c, plan))


def _count(c: Context, side: Mapping[str, Any]) -> Safe:
    return tag("small", c.words("tokens_count", n=c.form.integer(side.get("tokens"))))


def _answer(c: Context, side: Mapping[str, Any]) -> Safe:
    """What was answered: the text as it was written, and the answer read out of it where it differs."""
    w, good = c.words, bool(side.get("correct"))
    answer = side.get("answer")
    read = w("no_answer") if answer is None else str(answer)
    text = str(side.get("text") or "")
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
