"""The main job, `karui poc` on karui-mini, against the build of commit 5682b79: idle, and beside a busy loop.

    python bench/job.py [--quick] [--only idle|busy] [--pairs N] [--out bench/results/job.json]

Both builds run the same command on the same two cores, one after the other, from start to report: 400
questions × 2 traces recorded, every plan replayed, the choice confirmed live on 120 questions. Beside a busy
loop, which has one of the two cores for itself from the start, the old build is ended once it has taken
1/0.25 of this build's time: the ratio is then at most what is printed. Other work on the machine is in the
figures: the load is printed. With `--pairs` both builds run idle so often, in turn: the ratio is of the
medians. With `--only` the file of results keeps the other half's figures, each with its day. `--quick` runs a
tenth of the questions, idle only.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from _builds import OLD, busy_loop, environment, old_build
from _figures import ROOT, Figures, arguments

IDLE, BUSY = 0.45, 0.25
"""Targets: this build's wall time over the old one's, at most."""
QUICK = ("--limit", "40", "--samples", "1", "--no-confirm")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=("idle", "busy"), help="one half of it")
    parser.add_argument("--pairs", type=int, default=1, help="how often each build runs idle, in turn")
    options = parser.parse_args()
    figures = Figures("job", options)
    cores = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cores)  # and whatever is started from here
    with old_build() as old:
        figures.part = "idle"
        if options.only != "busy":
            _idle(figures, old, QUICK if options.quick else (), options.pairs)
        figures.part = "busy"
        if options.only != "idle" and not options.quick:
            _busy(figures, old, cores[0])
    return figures.close()


def _idle(figures: Figures, old: Path, more: Sequence[str], pairs: int) -> None:
    builds = (("idle, now", ROOT), (f"idle, {OLD}", old))
    rounds = [[_timed(figures, name, home, more) for name, home in builds] for _ in range(pairs)]
    ours, theirs = (median(times) for times in zip(*rounds, strict=True))
    figures.at_most(f"idle, now over {OLD}", ours / theirs, IDLE, "×", digits=2)


def _busy(figures: Figures, old: Path, core: int) -> None:
    with busy_loop(core):
        ours = _timed(figures, "beside a busy loop, now", ROOT, ())
    with busy_loop(core):
        theirs = _timed(figures, f"beside a busy loop, {OLD}", old, (), at_most=ours / BUSY)
    figures.at_most(f"beside a busy loop, now over {OLD}", ours / theirs, BUSY, "×", digits=2)


def _timed(
    figures: Figures, name: str, home: Path, more: Sequence[str], at_most: float | None = None
) -> float:
    """Returns the seconds that a build's `karui poc` takes; those after which it was ended, if it was."""
    ended = ""
    with TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "karui", "poc", "--out", f"{folder}/poc", *more]
        began = monotonic()
        try:
            done = subprocess.run(
                words,
                env=environment(home),
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=at_most,
                check=False,
            )
        except subprocess.TimeoutExpired:
            ended = ", ended before it was done"
        else:
            if not (Path(folder) / "poc" / "study.json").exists():
                raise SystemExit(f"karui poc made no study:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        seconds = monotonic() - began
    figures.shown(name, seconds, "s")
    figures.note(f"load {os.getloadavg()[0]:.1f}{ended}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
