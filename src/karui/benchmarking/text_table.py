"""One question set's cells as a table for the terminal."""

from karui.benchmarking.results import Results
from karui.benchmarking.rows import RowMaker, Shown
from karui.core.errors import UnknownName
from karui.i18n.benchmark import BENCHMARK
from karui.i18n.formats import Format
from karui.i18n.words import Words

_SHARES = ("truncated", "unanswered")


def text_table(results: Results, name: str, lang: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns head and rows of a set: what every setting comes to, and what it gains at equal tokens.

    Raises:
        UnknownName: There is no such set.
    """
    known = [s.name for s in results.sets]
    if name not in known:
        raise UnknownName("question set of these results", name, known)
    words, controls = Words(lang, BENCHMARK), results.suite.controls
    maker = RowMaker(words, Format(lang), controls)
    equal = [f"{words('against', control=maker.named(c))}, {words('at_equal_tokens')}" for c in controls]
    head = (
        *map(words, ("method", "model", "accuracy", "tokens", "against_full")),
        *equal,
        *map(words, _SHARES),
    )
    rows = [
        (
            row.settings or row.method,
            row.cell.model,
            *(_flat(row.figures[f]) for f in ("accuracy", "tokens", "against_full")),
            *(_flat(row.matched[c]["tokens"]) for c in controls),
            *(row.figures[f].text for f in _SHARES),
        )
        for row in maker.rows([c for c in results.cells if c.set == name], name)
    ]
    return head, rows


def _flat(shown: Shown) -> str:
    return f"{shown.text} ({shown.small})" if shown.small else shown.text
