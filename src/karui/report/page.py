"""The HTML page: one file that fetches nothing."""

from karui import __version__
from karui.html.markup import Safe, join, tag
from karui.html.page import document, static
from karui.report import (
    interaction,
    learning,
    misbehaviour,
    models,
    pareto_chart,
    question_kinds,
    reference_run,
    reproduce,
    tables,
    tests_section,
    traces,
)
from karui.report.context import Context
from karui.report.summary_section import head

STYLES = ("base.css", "first.css", "evidence.css", "print.css")
SCRIPTS = ("savings.js", "picture.js")


def page(c: Context) -> str:
    """Returns the whole page."""
    return document(
        c.words("title", model=c.model, task=str(c.study.choice.get("task", ""))),
        c.form.lang,
        tag("main", head(c), evidence(c)),
        style="\n".join(static("karui.report", name) for name in STYLES),
        script="\n".join(static("karui.report", name) for name in SCRIPTS),
    )


def evidence(c: Context) -> Safe:
    """Returns everything below the first screen."""
    w = c.words
    interval = c.study.baseline["accuracy"]
    sections = [
        ("picture", pareto_chart.section(c)),
        ("table", tables.section(c)),
        ("models", models.section(c)),
        ("misbehaviour", misbehaviour.section(c)),
        ("learning", learning.section(c)),
        ("interaction", interaction.section(c)),
        ("kinds", question_kinds.section(c)),
        ("traces", traces.section(c)),
        ("tested", tests_section.section(c)),
        ("rejected", tests_section.rejected(c)),
        ("live", tables.live(c)),
        ("shipped", reference_run.section(c)),
        ("reproduce", reproduce.section(c)),
    ]
    if c.decision.name == "fix":  # nothing was compared with a baseline that fails
        sections = [(name, made) for name, made in sections if name in {"table", "reproduce"}]
    held = [(name, made) for name, made in sections if made is not None]
    links = [tag("li", tag("a", w(name), href=f"#s-{name}")) for name, _ in held]
    note = w(
        "for_engineers_note",
        n=c.form.integer(c.study.baseline["questions"]),
        level=c.form.percent(interval.get("level", 0.95), 0),
    )
    return tag(
        "div.evidence",
        tag("header", tag("h1", w("for_engineers")), tag("p.note", note)),
        tag("nav", tag("ol", *links), aria_label=w("contents")),
        join(*(made for _, made in held)),
        tag("footer", w("made_by", version=__version__)),
        id="evidence",
    )
