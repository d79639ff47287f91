"""The benchmark as a page in each language: tables and pictures by question set, nothing fetched.

Everything is in the HTML: without its script the page shows every set one after the other. The script sorts,
filters, and shows one set at a time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from karui.benchmarking.frontier import Dot, dot, frontier_of, picture, shape
from karui.benchmarking.results import AXES, Axis, Results, SetInfo
from karui.benchmarking.results_file import SCHEMA, save_results
from karui.benchmarking.rows import LevelRow, Row, RowMaker
from karui.codec.disk import writing
from karui.html.embedded_data import data
from karui.html.page import document, static, templates
from karui.i18n.benchmark import BENCHMARK
from karui.i18n.formats import Format
from karui.i18n.languages import LANGUAGES
from karui.i18n.words import Words
from karui.version import __version__

NAMES = {"en": ("English", "index.html"), "ja": ("日本語", "ja.html")}
_PACKAGE = "karui.benchmarking"
FAMILIES = ("baseline", "shorter", "smaller", "faster", "control")
COSTS = ("accuracy", "tokens", "flops", "latency", "against_full")
VERDICTS = ("better", "undecided", "worse")
REST = ("truncated", "unanswered", "looped", "aes", "ock")
_SCRIPT = ("shown", "sort", "ascending", "descending")
"""Texts that the script fills in."""


@dataclass(frozen=True)
class MissingCells:
    """Cells that wait for the same thing."""

    model: str
    methods: tuple[str, ...]
    why: str
    make: str


@dataclass(frozen=True)
class Tally:
    """How a method's settings fared against the plain control, all sets and models together: verdicts alone.

    Attributes:
        method: Its name.
        family: Its family.
        pairs: Models on question sets that it was measured with.
        verdicts: By axis and verdict, how many settings.
    """

    method: str
    family: str
    pairs: int
    verdicts: Mapping[Axis, Mapping[str, int]]


@dataclass(frozen=True)
class Section:
    """One question set."""

    info: SetInfo
    title: str
    rows: Sequence[Row] = field(repr=False)
    levels: Sequence[LevelRow] = field(repr=False)
    shares: Sequence[float]
    pictures: dict[Axis, Markup | None] = field(repr=False)
    front: dict[Axis, frozenset[str]] = field(repr=False)
    caveats: Sequence[str]
    refused: Sequence[tuple[str, str]]
    missing: Sequence[MissingCells]


def write_page(results: Results, folder: Path | str) -> list[Path]:
    """Writes the page in each language, and beside it the results and their schema.

    Raises:
        StorageError: The folder cannot be written.
    """
    folder = Path(folder)
    written = [folder / name for _, name in (NAMES[code] for code in LANGUAGES)]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for code, path in zip(LANGUAGES, written, strict=True):
            path.write_text(page(results, code), encoding="utf-8")
        (folder / SCHEMA).write_bytes(files(_PACKAGE).joinpath(SCHEMA).read_bytes())
    save_results(results, folder / "results.json")
    return [*written, folder / "results.json", folder / SCHEMA]


def page(results: Results, lang: str) -> str:
    """Returns the page in one language."""
    words, form = Words(lang, BENCHMARK), Format(lang)
    controls = results.suite.controls
    maker = RowMaker(words, form, controls)
    sections = [_section(results, info, maker, words, form) for info in results.sets]
    body = (
        templates(_PACKAGE)
        .get_template("benchmark.html")
        .render(
            w=words,
            f=form,
            results=results,
            sections=sections,
            tallies=_tallies(sections, controls[0]),
            verdicts=VERDICTS,
            axes=AXES,
            families=FAMILIES,
            columns=(*COSTS, *controls, *REST),
            controls=controls,
            named=maker.named,
            shape=shape,
            engine=maker.engine,
            models=list(dict.fromkeys(c.model for c in results.cells)),
            methods=len({c.method for c in results.cells}),
            languages=[(code, *NAMES[code]) for code in LANGUAGES],
            schema=SCHEMA,
            version=__version__,
            data=data("texts", {key: BENCHMARK[key][LANGUAGES.index(lang)] for key in _SCRIPT}),
        )
    )
    style = static("karui.report", "base.css") + static(_PACKAGE, "benchmark.css")
    title = results.suite.title[lang]  # type: ignore[index]
    markup = Markup(body)  # noqa: S704 - the template has escaped every value
    return document(title, lang, markup, style=style, script=static(_PACKAGE, "benchmark.js"))


def _section(results: Results, info: SetInfo, maker: RowMaker, words: Words, form: Format) -> Section:
    here = [c for c in results.cells if (c.set, c.set_digest) == (info.name, info.digest)]
    cells = sorted(here, key=lambda c: c.family == "control")  # what is to be beaten stands below
    rows = maker.rows(cells, info.name)
    dots = {axis: _dots(rows, axis, form) for axis in AXES}
    title = info.title.get(words.lang) or next(iter(info.title.values()))  # type: ignore[call-overload]
    unit = "words" if all(c.unit == "words" for c in cells) else "tokens"
    return Section(
        info=info,
        title=title,
        rows=rows,
        levels=maker.levels(cells),
        shares=sorted({level.share for c in cells for level in c.levels}),
        pictures={axis: _picture(dots[axis], axis, unit, title, words, form) for axis in AXES},
        front={axis: _on_frontier(dots[axis]) for axis in AXES},
        caveats=list(dict.fromkeys(maker.caveat(v) for c in cells for v in c.caveats)),
        refused=list(dict.fromkeys((f"{c.model}, {c.method}", why) for c in cells for why in c.refused)),
        missing=_missing(results, info.name),
    )


def _tallies(sections: Sequence[Section], control: str) -> list[Tally]:
    """Returns every method's tally, those first whose settings are better most often at equal tokens."""
    by_method: dict[str, list[Row]] = {}
    for row in (r for s in sections for r in s.rows):
        if row.cell.family != "baseline" and row.cell.method != control:
            by_method.setdefault(row.cell.method, []).append(row)
    found = []
    for method, rows in by_method.items():
        counts = {axis: Counter(r.matched[control][axis].verdict for r in rows) for axis in AXES}
        pairs = len({(r.cell.set, r.cell.model) for r in rows})
        found.append(Tally(method, rows[0].cell.family, pairs, counts))
    return sorted(found, key=_standing, reverse=True)


def _standing(tally: Tally) -> tuple[float, int]:
    counts = tally.verdicts["tokens"]
    known = sum(counts[v] for v in VERDICTS)
    return ((counts["better"] - counts["worse"]) / known if known else -2.0, known)


def _dots(rows: Sequence[Row], axis: Axis, form: Format) -> list[Dot]:
    """Returns the rows as dots; those in words and in tokens would not share an axis."""
    found = []
    for row in rows:
        a = row.point.accuracy
        label = f"{row.cell.model}: {row.settings or row.method}, {form.percent(a.value)}"
        one = dot(row.id, row.cell, row.point, axis, label)
        if one is not None:
            found.append(one)
    return found


def _on_frontier(dots: Sequence[Dot]) -> frozenset[str]:
    models = {d.model for d in dots}
    return frozenset(d.row for m in models for d in frontier_of(x for x in dots if x.model == m))


def _picture(
    dots: Sequence[Dot], axis: Axis, unit: str, title: str, words: Words, form: Format
) -> Markup | None:
    if not dots:
        return None
    across = words("x_words" if axis == "tokens" and unit == "words" else f"x_{axis}")
    alt = words("frontier_alt", axis=words(f"axis_{axis}"), set=title, n=len(dots))
    return picture(dots, form, (across, words("y")), alt)


def _missing(results: Results, name: str) -> list[MissingCells]:
    """Returns what is missing of a set, together where one thing makes it."""
    waiting: dict[tuple[str, str, str], list[str]] = {}
    for one in results.missing:
        if one.set == name:
            waiting.setdefault((one.model, one.make, "" if one.make else one.why), []).append(one.method)
    why = {(m.model, m.make, "" if m.make else m.why): m.why for m in results.missing}
    return [MissingCells(k[0], tuple(methods), why[k], k[1]) for k, methods in waiting.items()]
