"""Whether a recording survives everything: kill -9 at random moments, two recorders at once, a full disk.

    python bench/kill.py [--quick] [--out bench/results/kill.json]

A model that does not exist is recorded (`karui.engines.scripted`: no tokens are computed, files are written
as always), in parts of two traces, by processes that are killed after a random time: while they record, while
they join parts, and while two of them are started in one folder. Every recording is then resumed and joined.
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
from _killed import BUSY, FULL, Child, Tally, moments, record_all, wait

KILLS = {"recording": 70, "joining": 60, "two recorders at once": 70}
FULL_DISKS = 20
QUICK = 2
AT_ONCE = 4
"""Folders that are killed in at the same time: most of it is waiting for the disk."""


def main() -> int:
    options = arguments(__doc__).parse_args()
    figures = Figures("kill", options)
    chance = random.Random(0)
    with TemporaryDirectory() as place:
        home = Path(place)
        whole = home / "whole"
        record_all(whole)

        def nothing(folder: Path) -> None:
            folder.mkdir()

        def copied(folder: Path) -> None:
            copytree(whole, folder)

        seconds = {
            "recording": moments("recording", home, nothing),
            "joining": moments("joining", home, copied),
        }
        figures.note(
            f"unkilled, recording takes {seconds['recording']:.2f} s and joining {seconds['joining']:.2f} s"
        )
        total = 0
        for name, kills in KILLS.items():
            times = QUICK if options.quick else kills
            tally = Tally()
            exits: Counter[int] = Counter()

            def one(n: int, name: str = name, tally: Tally = tally, exits: Counter[int] = exits) -> None:
                folder = home / f"{name}-{n}"
                (copied if name == "joining" else nothing)(folder)
                _kill(name, folder, seconds, random.Random(f"{name} {n}"), exits)
                tally.judge(folder)

            with ThreadPoolExecutor(AT_ONCE) as several:
                list(several.map(one, range(times)))
            total += times
            _figures(figures, f"killed, {name}", times, tally)
            if name == "two recorders at once":
                figures.shown("  of the second recorders, refused by name", exits[BUSY], digits=0)
        figures.at_least("kills in all", total, 200, digits=0)
        _full(
            figures,
            QUICK if options.quick else FULL_DISKS,
            home,
            chance,
            {"recording": nothing, "joining": copied},
        )
    return figures.close()


def _kill(
    name: str, folder: Path, seconds: dict[str, float], chance: random.Random, exits: Counter[int]
) -> None:
    """Starts the work in a folder, and kills it at a random moment; of two recorders, one of them."""
    if name != "two recorders at once":
        child = Child.begin(name, folder)
        wait(seconds[name], chance)
        child.kill()
        return
    both = [Child.begin("recording", folder)]
    wait(seconds["recording"] / 2, chance)
    both.append(Child.begin("recording", folder))
    chance.shuffle(both)
    wait(seconds["recording"] / 2, chance)
    both[0].kill()
    exits[both[1].end()] += 1


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
            exits[Child.begin(name, folder, room=chance.randrange(60_000)).end()] += 1
            tally.judge(folder)
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
