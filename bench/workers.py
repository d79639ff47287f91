"""Recording on two cores, against the build of commit 5682b79: idle, and beside a busy loop.

    python bench/workers.py [--quick] [--pairs N] [--out bench/results/workers.json]

Both builds record karui-mini by `karui record` on the same two cores, this one with whatever it measures to
be best (`--workers 0`), the old one with two threads: what it chose on two idle cores. Tokens are counted
within a window of some seconds that begins once the model generates; the busy loop, on one of the two cores,
begins with the window, so that it comes after everything that is measured at load. Builds take turns, the two
of a pair one after the other, and the ratio is that of the medians. Other work on the machine is in the
figures: the load is printed. One process of this build, which has to notice by itself, is shown as well.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from queue import Empty, Queue
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic

from _builds import OLD, busy_loop, environment, old_build
from _figures import ROOT, Figures, arguments

IDLE, BUSY = 1.5, 8.0
ALONE = "now, one process"
WINDOW, SETTLE, PATIENCE, STILL = 12.0, 2.0, 120.0, 40.0
"""Seconds: of the window, before it, until the first line at most, and without a line for none to count."""
_PACE = re.compile(r"([\d,]+) tokens/s")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="how often each build is measured, in turn")
    options = parser.parse_args()
    figures = Figures("workers", options)
    cores = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cores)  # and whatever is started from here
    figures.note(f"cores {cores}; load before the start {os.getloadavg()[0]:.1f}")
    with old_build() as old:
        for name, wanted in (("idle", IDLE), ("beside a busy loop", BUSY)):
            _compare(figures, options, name, wanted, old, cores)
    return figures.close()


def _compare(
    figures: Figures, options: argparse.Namespace, name: str, wanted: float, old: Path, cores: list[int]
) -> None:
    builds = (
        ("now", ROOT, ()),
        (OLD, old, ("--threads", str(len(cores)))),
        (ALONE, ROOT, ("--workers", "1")),
    )
    rates: dict[str, list[float]] = {build: [] for build, _, _ in builds}
    for _ in range(1 if options.quick else options.pairs):
        for build, home, more in builds[: 2 if options.quick else 3]:
            busy = None if name == "idle" else cores[0]
            found = _rate(home, more, busy, 3.0 if options.quick else WINDOW)
            rates[build].append(found)
            figures.note(f"{name}, {build}: {found:,.0f} tokens/s, load {os.getloadavg()[0]:.1f}")
    for build, found in ((b, f) for b, f in rates.items() if f):
        figures.shown(f"{name}, {build}", median(found), "tokens/s", digits=0)
    ours, theirs = median(rates["now"]), median(rates[OLD])
    if not theirs:
        figures.note(f"{name}: nothing came of the old build within the window, so there is no ratio")
    figures.at_least(f"{name}, now against {OLD}", ours / theirs if theirs else 0.0, wanted, "×")


def _rate(home: Path, more: tuple[str, ...], busy: int | None, window: float) -> float:
    """Returns the tokens per second of a build's `karui record`, with a core taken from it or None."""
    with TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "karui", "record", "--samples", "4", "--max-tokens", "1024", *more]
        process = subprocess.Popen(
            [*words, "--out", f"{folder}/recording"],
            env=environment(home), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            return _counted(process, busy, window)
        finally:
            process.kill()
            process.wait()


def _counted(process: "subprocess.Popen[str]", busy_core: int | None, window: float) -> float:
    """Counts tokens from the pace since the beginning that `karui record` prints."""
    lines: Queue[str] = Queue()
    assert process.stdout is not None
    Thread(target=lambda: [lines.put(line) for line in process.stdout or ()], daemon=True).start()
    seen: list[str] = []
    began = _next_pace(process, lines, seen, monotonic() + PATIENCE)[0]
    at, pace = began, 0.0
    while at - began < SETTLE:
        try:
            at, pace = _next_pace(process, lines, seen, monotonic() + STILL)
        except TimeoutError:
            at = monotonic()
    first, before = at, pace * (at - began)
    with busy_loop(busy_core):
        while at - first < window:
            try:
                at, pace = _next_pace(process, lines, seen, monotonic() + STILL)
            except TimeoutError:  # no line: nothing has come of it all this time
                at, pace = monotonic(), before / (monotonic() - began)
    return max(0.0, pace * (at - began) - before) / (at - first)


def _next_pace(
    process: "subprocess.Popen[str]", lines: "Queue[str]", seen: list[str], until: float
) -> tuple[float, float]:
    """Waits for the next line with a pace; returns when it came, and the pace."""
    while (left := until - monotonic()) > 0:
        try:
            line = lines.get(timeout=min(1.0, left))
        except Empty:
            if process.poll() is not None:
                break
            continue
        seen.append(line)
        if found := _PACE.search(line):
            return monotonic(), float(found[1].replace(",", ""))
    if process.poll() is None and seen and _PACE.search(seen[-1]):
        raise TimeoutError
    raise SystemExit("karui record gave no pace:\n" + "".join(seen[-20:]))


if __name__ == "__main__":
    sys.exit(main())
