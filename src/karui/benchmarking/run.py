"""Running a suite: every cell that is not done yet, one by one, written as it is done."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from karui.benchmarking.cells import CHOSEN, FULL, Job, RunCells, methods_of, refused
from karui.benchmarking.live import LiveCells
from karui.benchmarking.results import (
    FORMAT,
    Cell,
    NotMeasured,
    Results,
    SetInfo,
    SuiteInfo,
)
from karui.benchmarking.results_file import load_results, save_results
from karui.benchmarking.sources import SourceMissing
from karui.benchmarking.suite import Live, Places, Run, Source, Suite, load_suite
from karui.core.errors import InputError, KaruiError

FILE = "results.json"
OnCell: TypeAlias = Callable[[int, int, str], None]
"""Told of every cell: how many are done, out of how many, and which comes next."""


@dataclass
class _Book:
    """What is known so far, by place.

    Attributes:
        known: Cells that were measured before, by key.
    """

    suite: Suite
    known: Mapping[str, Cell] = field(default_factory=dict)
    sets: dict[str, SetInfo] = field(default_factory=dict)
    cells: dict[tuple[str, ...], Cell] = field(default_factory=dict)
    missing: dict[tuple[str, str, str], NotMeasured] = field(default_factory=dict)

    def results(self) -> Results:
        """Returns it as the file holds it, in the suite's order of sets and of runs."""
        order = {s.name: n for n, s in enumerate(self.suite.sets)}
        last = len(order)
        used = [s for s in self.sets.values() if any(c.set == s.name for c in self.cells.values())]
        return Results(
            format=FORMAT,
            suite=SuiteInfo(
                name=self.suite.name,
                version=self.suite.version,
                title={"en": self.suite.title.en, "ja": self.suite.title.ja},
                controls=tuple(c.name for c in self.suite.controls),
            ),
            made=datetime.now(UTC).date().isoformat(),
            sets=tuple(sorted(used, key=lambda s: order.get(s.name, last))),
            cells=tuple(sorted(self.cells.values(), key=lambda c: order.get(c.set, last))),
            missing=tuple(self.missing.values()),
        )

    def add(self, cell: Cell, info: SetInfo) -> None:
        """Takes a cell.

        Raises:
            InputError: Its questions are not those of the set's other cells.
        """
        others = [c for c in self.cells.values() if c.set == info.name and c.set_digest != info.digest]
        if others:
            raise InputError(
                f"{cell.model} was asked other questions than the rest of the set {info.name!r}.",
                why="Nothing is compared across two question sets.",
                remedy="Give it a question set of its own in the suite.",
            )
        self.sets[info.name] = info
        self.cells[cell.place] = cell

    def keep(self, key: str) -> bool:
        """Takes a cell as it was measured before; returns whether it was, on its set's questions of today."""
        before = self.known.get(key)
        info = self.sets.get(before.set) if before else None
        if before is None or info is None or info.digest != before.set_digest:
            return False
        self.cells[before.place] = before
        return True

    def lack(self, run: Run, method: str, why: str, make: str = "") -> None:
        """Takes a cell that could not be measured."""
        found = NotMeasured(set=run.set, model=run.model, method=method, why=why, make=make)
        self.missing[run.set, run.model, method] = found


def run_suite(
    file: Path | str,
    out: Path | str,
    *,
    folders: Mapping[str, str] | None = None,
    only: tuple[str, ...] = (),
    on_cell: OnCell | None = None,
) -> Results:
    """Measures every cell of a suite that is not in the results yet.

    A cell is done where the results hold one of the same recordings, settings and controls. Cells that others
    added stay, and so do those whose recording is not there any more. What is in neither is listed with the
    command that makes it.

    Args:
        file: The suite's TOML file.
        out: Folder of `results.json`.
        folders: Other folders than the suite's, by its names for them.
        only: Names of runs; () is all.
        on_cell: Told of every cell.

    Raises:
        InputError: The suite or the results cannot be read, or two runs of a set were asked other questions.
        UnknownName: The suite names something that is not there.
        StorageError: The results cannot be written.
    """
    file, path = Path(file), Path(out) / FILE
    suite = load_suite(file)
    places = Places(suite, file, folders or {})
    runs = list(suite.runs_of(only))
    book = _begun(suite, path, all_runs=not only)
    for live in suite.live_of(only):
        _ran_live(book, live, places)
    work = [(cells, job) for run in runs for cells, job in _jobs(book, run, places)]
    for number, (cells, job) in enumerate(work):
        if on_cell:
            on_cell(number, len(work), f"{cells.run.set}, {cells.run.model}, {job.method}")
        if _done(book, cells, job):
            save_results(book.results(), path)
    if on_cell:
        on_cell(len(work), len(work), "")
    results = book.results()
    save_results(results, path)
    return results


def _jobs(book: _Book, run: Run, places: Places) -> Iterator[tuple[RunCells, Job]]:
    """Yields a run's cells; where its recording is not there, they are what they were, or missing."""
    suite = book.suite
    try:
        cells = RunCells.of(suite, run, places)
    except SourceMissing as lacking:
        for method in (FULL, *(m.name for m in methods_of(suite, run)), *(v.method for v in run.variants)):
            _lacking(book, run, method, lacking)
        return
    for job in cells.jobs():
        yield cells, job


def _ran_live(book: _Book, live: Live, places: Places) -> None:
    """Sees to the cells of a live run: two of one key, each under its method."""
    run = Run(name=live.name, set=live.set, model=live.model, source=Source(study=live.study, make=live.make))
    for method in (FULL, CHOSEN):
        book.missing.pop((live.set, live.model, method), None)
    try:
        found = LiveCells.of(live, places)
        if all(book.keep(found.key(method)) for method in (FULL, CHOSEN)):
            return
        info, cells = found.measured(book.suite)
    except SourceMissing as lacking:
        for method in (FULL, CHOSEN):
            _lacking(book, run, method, lacking)
        return
    except KaruiError as error:
        for method in (FULL, CHOSEN):
            book.lack(run, method, refused(error), places(live.make))
        return
    for cell in cells:
        book.add(cell, info)


def _lacking(book: _Book, run: Run, method: str, lacking: SourceMissing) -> None:
    """Sees to a cell whose source is not there: one that was measured elsewhere stays, by its digest."""
    place = (run.set, run.model, method)
    before = [c for c in book.known.values() if (c.set, c.model, c.method) == place]
    for cell in before:
        book.cells[cell.place] = cell
    if not before:
        book.lack(run, method, f"There is no {lacking.place}.", lacking.make)


def _begun(suite: Suite, path: Path, *, all_runs: bool) -> _Book:
    """Returns what the results hold: all of it where only some runs are measured, else what others added."""
    if not path.exists():
        return _Book(suite)
    before = load_results(path)
    if (before.suite.name, before.suite.version) != (suite.name, suite.version):
        raise InputError(
            f"{path} holds results of {before.suite.name} {before.suite.version}.",
            why=f"The suite is {suite.name} {suite.version}.",
            remedy="Give another folder with --out.",
        )
    book = _Book(suite, {c.key: c for c in before.cells if c.key})
    kept = [c for c in before.cells if not (all_runs and c.key)]
    book.cells = {c.place: c for c in kept}
    book.sets = {s.name: s for s in before.sets}
    if not all_runs:
        book.missing = {(m.set, m.model, m.method): m for m in before.missing}
    return book


def _done(book: _Book, cells: RunCells, job: Job) -> bool:
    """Sees to a cell; returns whether it was measured just now."""
    run = cells.run
    book.missing.pop((run.set, run.model, job.method), None)
    if job.lacking is not None:
        _lacking(book, run, job.method, job.lacking)
        return False
    if book.keep(job.key):
        return False
    try:
        cell = cells.measure(job)
        info = cells.info
    except KaruiError as error:
        book.lack(run, job.method, refused(error), cells.command(job))
        return False
    book.add(cell, info)
    return True


def makes(results: Results) -> Iterator[tuple[str, list[NotMeasured]]]:
    """Yields the commands that make what is missing, each with the cells that wait for it."""
    waiting: dict[str, list[NotMeasured]] = {}
    for one in results.missing:
        if one.make:
            waiting.setdefault(one.make, []).append(one)
    yield from waiting.items()
