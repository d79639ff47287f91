"""A million traces × 300 plans, replayed and chosen from: memory of a process, and cost against work.

    python bench/scale.py [--quick] [--traces 1000 10000 …] [--workers 1 2 …] [--folder F]
                          [--out bench/results/scale.json]

Recordings of 10³ to 10⁶ traces are made from the one that ships with karui (bench/_scale_recording.py). Each
size is replayed and chosen from as `karui choose` does it, on two processes, from its parts on the disk, in
a process of its own (bench/_scale_side.py). Judged are the processor seconds of all processes, which ten
times the traces may make eleven times as many, and the largest memory of one process. 10⁴ traces are done by
1 to 8 processes as well. Where `--out` is there already, what it holds and is not asked for is kept, and each
size is written there once it is measured. What a size has come to so far is said on standard error.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _figures import ROOT, Figures, arguments
from _scale_picture import drawn
from _scale_recording import write

from karui.study.workspace import embedded

SIZES, QUICK = (1_000, 10_000, 100_000, 1_000_000), (400, 4_000)
PLANS, QUICK_PLANS, PROCESSES = 300, 20, 2
WORKERS, SHARED = (1, 2, 4, 8), 10_000
"""Processes, and the traces that so many do together."""
TIMES, MEGABYTES = 11.0, 1000.0
PICTURE = ROOT / "docs" / "figures" / "scale.svg"


def main() -> int:
    """Measures every size that is asked for, and judges."""
    parser = arguments(__doc__)
    parser.add_argument("--traces", type=int, nargs="*", help="sizes; by default all")
    parser.add_argument("--workers", type=int, nargs="*", help="processes; by default 1 to 8")
    parser.add_argument("--folder", type=Path, help="where recordings are made and kept; None forgets them")
    options = parser.parse_args()
    sizes, workers, shared = SIZES, WORKERS, SHARED
    if options.quick:
        sizes, workers, shared = QUICK, (1, 2), QUICK[0]
    sizes, workers = (
        asked if asked is not None else usual
        for asked, usual in ((options.traces, sizes), (options.workers, workers))
    )
    figures = Figures("scale", options)
    with TemporaryDirectory() as place:
        folder = options.folder or Path(place)

        def took(size: int, processes: int) -> dict[str, Any]:
            return _measured(folder, size, processes, quick=options.quick)

        new_sizes: dict[int, dict[str, Any]] = {}
        new_workers: dict[int, dict[str, Any]] = {}
        for size in sizes:
            new_sizes[size] = took(size, PROCESSES)
            _keep(options, "sizes", new_sizes)
        for processes in workers:
            new_workers[processes] = took(shared, processes)
            _keep(options, "workers", new_workers)
        by_size, by_workers = _known(options, "sizes") | new_sizes, _known(options, "workers") | new_workers
    _judge(figures, by_size)
    _show_workers(figures, by_workers)
    figures.extra = {
        name: {str(number): told for number, told in sorted(found.items())}
        for name, found in (("sizes", by_size), ("workers", by_workers))
    }
    if options.out is not None and not options.quick:
        PICTURE.write_text(drawn(by_size, by_workers, PLANS), encoding="utf-8")
    return figures.close()


def _known(options: argparse.Namespace, name: str) -> dict[int, dict[str, Any]]:
    """Returns what was measured before of other sizes, or with other numbers of workers."""
    if options.quick or options.out is None or not options.out.exists():
        return {}
    kept = json.loads(options.out.read_text(encoding="utf-8")).get(name, {})
    return {int(number): told for number, told in kept.items()}


def _keep(options: argparse.Namespace, name: str, measured: Mapping[int, dict[str, Any]]) -> None:
    """Writes what has been measured, beside all that is there: the next size may take hours."""
    if options.quick or options.out is None:
        return
    there = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    known = _known(options, name) | measured
    there[name] = {str(number): told for number, told in sorted(known.items())}
    options.out.write_text(json.dumps(there, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _measured(folder: Path, size: int, processes: int, *, quick: bool) -> dict[str, Any]:
    """Returns what one size took."""
    recording = folder / f"traces-{size}"
    write(embedded("recording"), recording, size)
    task = {
        "recording": str(recording),
        "plans": QUICK_PLANS if quick else PLANS,
        "processes": processes,
        "by_blocks": True,
    }
    side = [sys.executable, str(Path(__file__).parent / "_scale_side.py"), json.dumps(task)]
    run = subprocess.run(side, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(run.stdout)
    disk = sum(file.stat().st_size for file in recording.iterdir())
    return told | {
        "megabytes_on_disk": round(disk / 1e6, 1),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def _judge(figures: Figures, measured: dict[int, dict[str, Any]]) -> None:
    before: tuple[int, float] | None = None
    for size, told in sorted(measured.items()):
        name = f"{told['traces']:,} traces × {told['plans']} plans"
        seconds = told["processor_seconds"]
        figures.shown(f"{name}: processor time", seconds, "s")
        figures.shown(f"{name}: a trace", 1e6 * seconds / told["traces"], "µs", digits=0)
        largest = max(told["megabytes"], told["megabytes_of_workers"])
        figures.at_most(f"{name}: memory of a process", largest, MEGABYTES, "MB", digits=0)
        if before is not None:
            # over more than a decade, as many times eleven as there are decades
            target = TIMES * size / before[0] / 10
            figures.at_most(f"{name}: against {before[0]:,}", seconds / before[1], target, "×")
        figures.note(
            f"{told['decision']}: {told['label']}; {told['megabytes']:.0f} MB where plans are chosen, "
            f"{told['megabytes_of_workers']:.0f} MB where they are replayed; seconds of {told['steps']}"
        )
        before = size, seconds


def _show_workers(figures: Figures, measured: dict[int, dict[str, Any]]) -> None:
    for processes, told in sorted(measured.items()):
        name = f"{told['traces']:,} traces, {processes} process{'es' * (processes > 1)}"
        figures.shown(f"{name}: wall time", told["seconds"], "s")
        figures.shown(f"{name}: processor time", told["processor_seconds"], "s")


if __name__ == "__main__":
    sys.exit(main())
