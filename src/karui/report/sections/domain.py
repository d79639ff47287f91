"""Which questions a choice speaks of, and how confidence and rightness part company where that ends."""

from markupsafe import Markup

from karui.core.study import Interval
from karui.core.study.choice import Choice
from karui.core.study.domain import DomainSummary, Region
from karui.domain.domain import fewest
from karui.i18n.formats import Format
from karui.i18n.translator import Translator
from karui.report.context import Context
from karui.report.render import Cell, Table, heads, number, render

_KINDS = 20
"""Kinds that are named."""


def sentences(choice: Choice, words: Translator, form: Format) -> list[str]:
    """Returns what has to be known of the domain; nothing for choices that do not say.

    Args:
        choice: Says which questions it speaks of.
        words: Returns the text of a key in some language.
        form: The number formats of the same language.
    """
    domain = choice.domain
    if domain is None:
        return []
    told = [words("domain_lead", n=form.integer(domain.questions)), _shape(domain, words, form)]
    if domain.kinds:
        named = [*domain.kinds[:_KINDS], *(["…"] if len(domain.kinds) > _KINDS else [])]
        told.append(words("domain_kinds", kinds=(", " if form.lang == "en" else "、").join(named)))
    return [*told, limit(domain, words, form), words("domain_beyond")]


def limit(domain: DomainSummary, words: Translator, form: Format) -> str:
    """Returns how surely questions unlike the recorded ones are told apart, or why they are not."""
    rates = {"rate": form.percent(domain.rate, 0), "confidence": form.percent(domain.confidence, 0)}
    counted = form.integer(domain.calibration)
    if domain.known:
        return words("domain_known", calibration=counted, **rates)
    return words(
        "domain_few", calibration=counted, fewest=form.integer(fewest(domain.rate, domain.confidence))
    )


def section(c: Context) -> Markup | None:
    """Returns the section; None for choices that do not say which questions they speak of."""
    told = sentences(c.study.choice, c.words, c.form)
    if not told:
        return None
    head, rows = table(c)
    tables = []
    if rows:
        cells = [[Cell(first, header=True), *(number(one) for one in rest)] for first, *rest in rows]
        tables = [Table(c.words("domain_far"), heads(*head), cells)]
    return render(
        c,
        "plain",
        name="domain",
        lead=told[0],
        note=joined(c, told[1:]),
        tables=tables,
        below=apart(c),
        folded=None,
    )


def table(c: Context) -> tuple[list[str], list[list[str]]]:
    """Returns headings and rows of how the plan does where the domain ends; no rows where that is unknown."""
    w, found = c.words, c.study.outskirts
    head = [
        w("region"),
        w("questions"),
        w("Accuracy"),
        w("region_confidence"),
        w("region_full"),
    ]
    if found is None or not c.plan:
        return head, []
    return head, [_row(c, w("region_far"), found.far), _row(c, w("region_near"), found.near)]


def apart(c: Context) -> list[str]:
    """Returns by how much confidence and rightness part; nothing where there is no confidence."""
    found = c.study.outskirts
    if found is None or not c.plan or found.far.confidence is None or found.near.confidence is None:
        return []
    far, near = (
        c.form.points(region.confidence - region.accuracy.value, sign=True)
        for region in (found.far, found.near)
        if region.confidence is not None
    )
    return [c.words("region_apart", far=far, near=near)]


def joined(c: Context, told: list[str]) -> str:
    """Returns sentences as one text."""
    return ("" if c.form.lang == "ja" else " ").join(told)


def _row(c: Context, name: str, region: Region) -> list[str]:
    form = c.form

    def share(value: Interval) -> str:
        return f"{form.percent(value.value)} ({form.percents(value.low, value.high)})"

    sure = "–" if region.confidence is None else form.percent(region.confidence)
    return [name, form.integer(region.questions), share(region.accuracy), sure, share(region.full)]


def _shape(domain: DomainSummary, words: Translator, form: Format) -> str:
    shares = [words(f"script {name}", share=form.percent(share, 0)) for name, share in domain.scripts]
    scripts = words("domain_scripts", shares=(", " if form.lang == "en" else "、").join(shares))
    low, high = domain.length
    return words("domain_shape", low=form.integer(low), high=form.integer(high), scripts=scripts)
