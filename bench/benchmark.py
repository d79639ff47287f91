"""The common benchmark measured anew: what is committed comes out again, killed and resumed it costs little.

    python bench/benchmark.py [--folder data=DIR] [--quick] [--out bench/results/benchmark.json]

Cells of bench/benchmark.toml are measured into a temporary folder and compared, figure by figure, with those
in bench/results/benchmark/results.json. Then the same command is given again, as after a kill: it finds every
cell done. Imported logs lie in ../shared/data; where they are not there, their cells are left out.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import process_time

from _figures import ROOT, Figures, arguments

import karui
from karui.benchmarking.results import Cell, Missing, Results
from karui.benchmarking.results_file import load_results
from karui.benchmarking.run import FILE

SUITE = ROOT / "bench" / "benchmark.toml"
COMMITTED = ROOT / "bench" / "results" / "benchmark" / FILE
QUICK = ("micro", "qwen-32")
METHODS, AGAIN = 25, 0.1
"""Fewest methods; the share of a run's processor time that the same run may take when all is done."""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument(
        "--folder", action="append", default=[], help="data=DIR, where the logs lie elsewhere"
    )
    options = parser.parse_args()
    folders = dict(each.split("=", 1) for each in options.folder)
    only = QUICK if options.quick else ()
    figures, committed = Figures("benchmark", options), load_results(COMMITTED)
    with tempfile.TemporaryDirectory() as out:
        found, first = measured(out, folders, only)
        again, second = measured(out, folders, only)
    compared(figures, committed, found)
    counted(figures, committed)
    figures.shown("processor time of the run", first, "s", 0)
    figures.at_most("processor time of the same run again, by the first", second / first, AGAIN, "×", 3)
    figures.at_most(
        "cells that the second run changed", sum(c not in found.cells for c in again.cells), 0, "", 0
    )
    return figures.close()


def measured(out: str, folders: dict[str, str], only: tuple[str, ...]) -> tuple[Results, float]:
    """Returns the results and the processor seconds that they took."""
    began = process_time()
    results = karui.benchmark(SUITE, Path(out), folders=folders, only=only)
    return results, process_time() - began


def compared(figures: Figures, committed: Results, found: Results) -> None:
    """What is committed against what came out."""
    before = {c.place: c for c in committed.cells}
    figures.shown("cells measured", len(found.cells), "", 0)
    unknown = [c for c in found.cells if c.place not in before]
    other = [c for c in found.cells if c.place in before and figures_of(c) != figures_of(before[c.place])]
    figures.at_most("cells that are not committed", len(unknown), 0, "", 0)
    figures.at_most("cells that differ from the committed ones", len(other), 0, "", 0)
    for cell in (*unknown, *other):
        figures.note(f"{cell.set}, {cell.model}: {cell.method}")


def figures_of(cell: Cell) -> dict[str, object]:
    """Returns what a cell measures, without what it is known by."""
    return cell.model_dump(include={"points", "levels", "questions", "set_digest", "evidence"})


def counted(figures: Figures, results: Results) -> None:
    """How many methods there are, and how their settings fare against the plain control at equal tokens."""
    methods = {c.method for c in results.cells if c.family not in {"baseline", "control"}}
    figures.at_least("methods measured, controls aside", len(methods), METHODS, "", 0)
    figures.shown("models", len({c.model for c in results.cells}), "", 0)
    figures.shown("question sets", len(results.sets), "", 0)
    figures.shown("settings", sum(len(c.points) for c in results.cells), "", 0)
    plain = results.suite.controls[0]
    verdicts = Counter(
        verdict(m.tokens)
        for c in results.cells
        if c.family not in {"baseline", "control"}
        for p in c.points
        for m in p.matched
        if m.control == plain
    )
    for name in ("better than", "not told from", "worse than", "without a match of"):
        figures.shown(f"settings {name} the plain control at equal tokens", verdicts[name], "", 0)


def verdict(gain: object) -> str:
    """Returns what the interval of a gain says."""
    if isinstance(gain, Missing) or gain.low is None or gain.high is None:
        return "without a match of"
    return "better than" if gain.low > 0 else "worse than" if gain.high < 0 else "not told from"


if __name__ == "__main__":
    sys.exit(main())
