"""A million traces × 300 plans, replayed and chosen from: memory of a process, and cost against work.

    python bench/scale.py [--quick] [--traces 1000 10000 …] [--folder F] [--out bench/results/scale.json]

Recordings of 10³ to 10⁶ traces are made from the one that ships with karui (bench/_scale_recording.py). Each
size is replayed and chosen from as `karui choose` does it, on two processes, from its parts on the disk, in
a process of its own (bench/_scale_side.py). Judged are the processor seconds of all processes, which ten
times the traces may make eleven times as many, and the largest memory of one process. Where `--out` is
there already, sizes that it holds and that are not asked for are kept, so sizes can be measured one by one;
the largest takes about an hour of two cores and four gigabytes of disk.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _figures import ROOT, Figures, arguments
from _scale_picture import drawn
from _scale_recording import write

from karui.study.workspace import embedded

SIZES, QUICK = (1_000, 10_000, 100_000, 1_000_000), (400, 4_000)
PLANS, QUICK_PLANS, PROCESSES = 300, 20, 2
TIMES, MEGABYTES = 11.0, 1000.0
PICTURE = ROOT / "docs" / "figures" / "scale.svg"


def main() -> int:
    """Measures every size that is asked for, and judges."""
    parser = arguments(__doc__)
    parser.add_argument("--traces", type=int, nargs="*", help="sizes; by default all")
    parser.add_argument("--folder", type=Path, help="where recordings are made and kept; None forgets them")
    options = parser.parse_args()
    sizes = options.traces or (QUICK if options.quick else SIZES)
    figures = Figures("scale", options)
    with TemporaryDirectory() as place:
        measured = _known(options) | {
            size: _measured(size, options.folder or Path(place), quick=options.quick) for size in sizes
        }
    _judge(figures, measured)
    figures.extra = {"sizes": {str(size): told for size, told in sorted(measured.items())}}
    if options.out is not None and not options.quick:
        PICTURE.write_text(drawn(measured, PLANS), encoding="utf-8")
    return figures.close()


def _known(options: argparse.Namespace) -> dict[int, dict[str, Any]]:
    """Returns what was measured before of other sizes."""
    if options.quick or options.out is None or not options.out.exists():
        return {}
    kept = json.loads(options.out.read_text(encoding="utf-8"))["sizes"]
    return {int(size): told for size, told in kept.items()}


def _measured(size: int, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Returns what one size took."""
    recording = folder / f"traces-{size}"
    write(embedded("recording"), recording, size)
    task = {
        "recording": str(recording),
        "plans": QUICK_PLANS if quick else PLANS,
        "processes": PROCESSES,
        "by_blocks": True,
    }
    side = [sys.executable, str(Path(__file__).parent / "_scale_side.py"), json.dumps(task)]
    run = subprocess.run(side, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(run.stdout)
    disk = sum(file.stat().st_size for file in recording.iterdir())
    return told | {"megabytes_on_disk": round(disk / 1e6, 1)}


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


if __name__ == "__main__":
    sys.exit(main())
