"""Traces side by side: what the full model thought, where the plan cut it, and what each answered."""

from dataclasses import dataclass

from markupsafe import Markup

from karui.core.study import Example, Side
from karui.i18n.reasons import action
from karui.report.context import Context
from karui.report.render import render

MOST = 40
"""Examples in a page; the JSON report has all."""

LONGEST = 12_000
"""Characters of one text; longer ones lose their middle."""


def section(c: Context) -> Markup:
    """Returns the examples, each folded away but the first."""
    examples = [_Shown.of(c, e) for e in c.study.examples[:MOST]]
    reference = c.words("majority" if c.words.agreement else "reference")
    return render(c, "traces", examples=examples, reference=reference)


@dataclass(frozen=True)
class _Column:
    """One side of an example, as texts.

    Attributes:
        title: Whose it is.
        count: Its tokens.
        note: What stands in place of the thinking; "" where it is shown.
        thinking: The thinking, or its part before the cut.
        left_out: On the side of full thinking, what the plan left out.
        actions: On the plan's side, what it did.
        right: The verdict.
        read: The answer.
        written: The text of the answer where it says more than that.
    """

    title: str
    count: str
    note: str
    thinking: str
    left_out: str
    actions: str
    right: bool
    read: str
    written: str

    @staticmethod
    def of(c: Context, title: str, side: Side, note: str, parts: tuple[str, str]) -> "_Column":
        """Returns a side under its title; `parts` are the thinking before and after the cut."""
        read = c.words("no_answer") if side.answer is None else side.answer
        said = side.text.strip() not in {"", read.strip()}
        return _Column(
            title=title,
            count=c.words("tokens_count", n=c.form.integer(side.tokens)),
            note=note,
            thinking=parts[0],
            left_out=parts[1],
            actions="; ".join(action(c.words, c.form, n, a) for n, a in enumerate(side.actions, 1)),
            right=side.correct,
            read=read,
            written=_clip(c, side.text, LONGEST) if said else "",
        )


@dataclass(frozen=True)
class _Shown:
    """An example as texts."""

    verdict: str
    tone: str
    question: str
    question_short: str
    about: str
    reference: str
    full: _Column
    plan: _Column

    @staticmethod
    def of(c: Context, e: Example) -> "_Shown":
        w, full, plan = c.words, e.full, e.plan
        sides = ("right" if s.correct else "wrong" for s in (full, plan))
        lost = full.correct and not plan.correct
        tokens = w("from_to", before=c.form.integer(full.tokens), after=c.form.integer(plan.tokens))
        return _Shown(
            verdict=w("full_{}_plan_{}".format(*sides)),
            tone="bad" if lost else "good" if plan.correct else "",
            question=_clip(c, e.question, LONGEST),
            question_short=_clip(c, e.question, 160),
            about=f"{e.kind} · {tokens}" if e.kind else tokens,
            reference=e.reference,
            full=_full(c, full, plan.thinking_chars),
            plan=_plan(c, full, plan),
        )


def _full(c: Context, full: Side, cut: int | None) -> _Column:
    thinking, title = full.thinking, c.words("baseline_short")
    if not thinking:
        return _Column.of(c, title, full, c.words("no_text"), ("", ""))
    if cut is None or cut >= len(thinking):
        return _Column.of(c, title, full, "", (_clip(c, thinking, LONGEST), ""))
    half = LONGEST // 2
    return _Column.of(c, title, full, "", (_clip(c, thinking[:cut], half), _clip(c, thinking[cut:], half)))


def _plan(c: Context, full: Side, plan: Side) -> _Column:
    thinking, cut, title = full.thinking, plan.thinking_chars, c.words("plan")
    if not thinking:
        return _Column.of(c, title, plan, c.words("no_text"), ("", ""))
    if cut is None or cut >= len(thinking):
        return _Column.of(c, title, plan, c.words("not_cut"), ("", ""))
    return _Column.of(c, title, plan, "", (_clip(c, thinking[:cut], LONGEST // 2), ""))


def _clip(c: Context, text: str, most: int) -> str:
    if len(text) <= most:
        return text
    if most < 1000:
        return text[:most].rstrip() + "…"
    half = most // 2
    left_out = c.words("left_out", n=c.form.integer(len(text) - 2 * half))
    return f"{text[:half]}\n{left_out}\n{text[-half:]}"
