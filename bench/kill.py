"""Whether a recording survives everything: kill -9 at random moments, two recorders at once, a full disk.

    python bench/kill.py [--quick] [--out bench/results/kill.json]

A model that does not exist is recorded (`karui.engines.scripted`: no tokens are computed, files are written
as always), in parts of two traces, by processes that are killed after a random time: while they record, while
they join parts or merge shards, while two of them are started in one folder, and while workers record (one
of the workers, or who asked them). Every recording is then resumed and joined.
Each trace says when it was made, so one that was lost and made again counts as lost. A full disk is a hook
that writes half of what is wanted and says ENOSPC.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

from _figures import Figures, arguments
from _killed import (
    AT_ONCE,
    BUSY,
    FULL,
    WORK,
    Child,
    Tally,
    kill_worker,
    merge_all,
    moments,
    record_all,
    shards_of,
    wait,
)

KILLS = {
    "recording": 60,
    "joining": 45,
    "merging": 45,
    "two recorders at once": 50,
    "workers": 24,
}
FULL_DISKS = 20
QUICK = 2


def main() -> int:
    options = arguments(__doc__).parse_args()
    figures = Figures("kill", options)
    chance = random.Random(0)
    with TemporaryDirectory() as place:
        home = Path(place)
        whole = home / "whole"
        record_all(whole)
        shards_of(whole)

        def nothing(folder: Path) -> None:
            folder.mkdir()

        def copied(folder: Path) -> None:
            copytree(whole, folder)

        prepared = {"joining": copied}
        timed = list(KILLS)[: 1 if options.quick else None]
        seconds = {name: moments(name, home, prepared.get(name, nothing)) for name in timed if name in WORK}
        told = ", ".join(f"{name} {took:.2f} s" for name, took in seconds.items())
        figures.note(f"unkilled, {AT_ONCE} at a time: {told}")
        total = 0
        for name, kills in KILLS.items():
            times = QUICK if options.quick else kills
            tally = Tally()
            exits: Counter[int] = Counter()

            def one(n: int, name: str = name, tally: Tally = tally, exits: Counter[int] = exits) -> None:
                folder = home / f"{name}-{n}"
                prepared.get(name, nothing)(folder)
                drawn = random.Random(f"{name} {n}")
                _kill(name, folder, seconds.get(name, seconds["recording"]), drawn, exits)
                tally.judge(folder, WORK.get(name, record_all) if name != "joining" else record_all)

            with ThreadPoolExecutor(AT_ONCE) as several:
                list(several.map(one, range(times)))
            total += times
            _figures(figures, f"killed, {name}", times, tally)
            if name == "two recorders at once":
                figures.shown("  of the second recorders, refused by name", exits[BUSY], digits=0)
            if name == "workers":
                figures.shown("  of them a worker, not who records", exits[0], digits=0)
        figures.at_least("kills in all", total, 200, digits=0)
        full = {"recording": nothing, "joining": copied, "merging": nothing}
        _full(figures, QUICK if options.quick else FULL_DISKS, home, chance, full)
    return figures.close()


def _kill(name: str, folder: Path, seconds: float, chance: random.Random, exits: Counter[int]) -> None:
    """Starts the work in a folder, and kills it at a random moment; of two recorders, one of them."""
    if name == "two recorders at once":
        both = [Child.begin("recording", folder)]
        wait(seconds / 2, chance)
        both.append(Child.begin("recording", folder))
        chance.shuffle(both)
        wait(seconds / 2, chance)
        both[0].kill()
        exits[both[1].end()] += 1
        return
    child = Child.begin(name, folder)
    wait(seconds, chance)
    if name == "workers" and chance.random() < 0.5:
        kill_worker(folder, chance)
        exits[child.end()] += 1
    else:
        child.kill()


def _full(
    figures: Figures,
    times: int,
    home: Path,
    chance: random.Random,
    prepared: dict[str, Callable[[Path], None]],
) -> None:
    """Lets the disk be full after a random number of bytes, then makes room and resumes."""
    for name, prepare in prepared.items():
        tally = Tally()
        exits: Counter[int] = Counter()
        for n in range(times):
            folder = home / f"full-{name}-{n}"
            prepare(folder)
            exits[
                Child.begin(name, folder, room=chance.randrange(9_000 if name == "joining" else 60_000)).end()
            ] += 1
            tally.judge(folder, merge_all if name == "merging" else record_all)
        _figures(figures, f"disk full, {name}", times, tally)
        figures.at_most(
            f"disk full, {name}: ends otherwise than by saying so",
            times - exits[FULL] - exits[0],
            0,
            digits=0,
        )
        figures.shown(f"disk full, {name}: said so", exits[FULL], digits=0)


def _figures(figures: Figures, name: str, times: int, tally: Tally) -> None:
    figures.shown(f"{name}: times", times, digits=0)
    figures.shown(f"{name}: of them with some of the traces written", tally.middle, digits=0)
    figures.at_most(f"{name}: traces lost", tally.lost, 0, digits=0)
    figures.at_most(f"{name}: traces doubled", tally.doubled, 0, digits=0)
    figures.at_most(f"{name}: traces missing or not the script's", tally.wrong, 0, digits=0)
    figures.at_most(f"{name}: files left behind", tally.left, 0, digits=0)


if __name__ == "__main__":
    sys.exit(main())
