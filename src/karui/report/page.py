"""The HTML page: one file that fetches nothing."""

from markupsafe import Markup

from karui.html.page import document, static
from karui.report.context import Context
from karui.report.render import render
from karui.report.sections import (
    domain,
    interaction,
    learning,
    misbehaviour,
    models,
    pareto_chart,
    question_kinds,
    reference_run,
    reproduce,
    tables,
    tests,
    traces,
)
from karui.report.sections.summary import head
from karui.version import __version__

STYLES = ("base.css", "first.css", "evidence.css", "print.css")
SCRIPTS = ("savings.js", "picture.js")


def page(c: Context) -> str:
    """Returns the whole page."""
    return document(
        c.words("title", model=c.model, task=c.study.choice.task),
        c.form.lang,
        render(c, "report", first=head(c), evidence=evidence(c)),
        style="\n".join(static("karui.report", name) for name in STYLES),
        script="\n".join(static("karui.report", name) for name in SCRIPTS),
    )


def evidence(c: Context) -> Markup:
    """Returns everything below the first screen."""
    w = c.words
    interval = c.study.baseline.accuracy
    sections = [
        ("picture", pareto_chart.section(c)),
        ("table", tables.section(c)),
        ("models", models.section(c)),
        ("misbehaviour", misbehaviour.section(c)),
        ("learning", learning.section(c)),
        ("interaction", interaction.section(c)),
        ("kinds", question_kinds.section(c)),
        ("domain", domain.section(c)),
        ("traces", traces.section(c)),
        ("tested", tests.section(c)),
        ("rejected", tests.rejected(c)),
        ("live", tables.live(c)),
        ("shipped", reference_run.section(c)),
        ("reproduce", reproduce.section(c)),
    ]
    if c.decision.name == "fix":  # nothing was compared with a baseline that fails
        sections = [(name, made) for name, made in sections if name in {"table", "reproduce"}]
    held = [(name, made) for name, made in sections if made is not None]
    note = w(
        "for_engineers_note",
        n=c.form.integer(c.study.baseline.questions),
        level=c.form.percent(interval.level, 0),
    )
    return render(c, "evidence", note=note, sections=held, version=__version__)
