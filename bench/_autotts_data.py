"""What bench/autotts.py compares with, and where it finds its recordings.

Published figures are those of 2605.08083 (repository zhengkid/AutoTTS, commit 3cd98d1), its table of
results: accuracy in points and thousand tokens a question, 64 branches drawn from the 128; "held-out" is the
paper's mean over AIME 2025 and HMMT 2025.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

SIZES = ("0.6B", "1.7B", "4B", "8B")
SEARCH, HELD_OUT = "aime24", ("aime25", "hmmt25")
TITLES = {"aime24": "AIME24", "aime25": "AIME25", "hmmt25": "HMMT25", "held-out": "held-out mean"}
SC, ASC, PROBE, HALF, FULL = "SC@64", "ASC", "Parallel-Probe", "AutoTTS β=.5", "AutoTTS β=1"

_NAME = re.compile(r"(aime|hmmt)[^a-z0-9]*(?:feb(?:ruary)?[^a-z0-9]*)?(?:20)?(2[45])(?!\d)")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_SETS = ("aime24", "aime25", "hmmt25", "held-out")
_TABLE = {
    "0.6B": {
        SC: ((21.4, 1009), (28.9, 891), (18.1, 938), (23.2, 914)),
        ASC: ((21.4, 806), (28.9, 654), (18.1, 581), (23.2, 617)),
        PROBE: ((21.8, 774), (29.7, 698), (18.5, 735), (24.1, 716)),
        HALF: ((19.2, 284), (28.6, 250), (14.9, 258), (21.8, 254)),
        FULL: ((20.9, 542), (31.1, 475), (18.0, 487), (24.6, 481)),
    },
    "1.7B": {
        SC: ((72.5, 1026), (44.4, 1054), (24.2, 1133), (34.3, 1094)),
        ASC: ((72.3, 483), (44.4, 601), (24.2, 586), (34.3, 594)),
        PROBE: ((68.1, 749), (44.7, 776), (22.6, 860), (33.7, 818)),
        HALF: ((68.5, 276), (46.7, 328), (30.5, 359), (38.6, 344)),
        FULL: ((70.4, 499), (49.0, 613), (32.1, 680), (40.6, 646)),
    },
    "4B": {
        SC: ((80.0, 887), (76.6, 1088), (43.6, 1168), (60.1, 1128)),
        ASC: ((80.1, 176), (76.4, 277), (44.0, 389), (60.2, 333)),
        PROBE: ((79.7, 689), (76.1, 806), (44.7, 872), (60.4, 839)),
        HALF: ((82.0, 237), (73.8, 332), (45.7, 365), (59.8, 349)),
        FULL: ((83.5, 425), (74.4, 610), (46.5, 687), (60.5, 649)),
    },
    "8B": {
        SC: ((80.4, 911), (76.7, 1124), (48.9, 1267), (62.8, 1196)),
        ASC: ((80.4, 226), (76.7, 406), (48.8, 565), (62.8, 486)),
        PROBE: ((81.5, 731), (76.9, 847), (47.1, 897), (62.0, 872)),
        HALF: ((84.3, 255), (74.1, 361), (48.1, 397), (61.1, 379)),
        FULL: ((85.8, 467), (75.8, 672), (49.5, 749), (62.7, 711)),
    },
}


def published(size: str, method: str, name: str) -> tuple[float, float]:
    """Returns accuracy in points and thousand tokens of a method on a set ("held-out" for the mean)."""
    return _TABLE[size][method][_SETS.index(name)]


@dataclass(frozen=True)
class Store:
    """The recording of one size on one set.

    Attributes:
        size: As the path says; "8B" where it says none, as SCOUT's do not.
        name: The set.
        path: The file.
        digest: Its sha256.
        named: Whether the path says the size.
    """

    size: str
    name: str
    path: Path
    digest: str
    named: bool


class Clash(Exception):
    """Two files of the same size and set differ."""


def find(folders: Iterable[Path]) -> dict[tuple[str, str], Store]:
    """Returns every recording under the folders, by size and set; links are followed.

    Size and set are read from the path from the folder given on, in whatever order (`Qwen3-4B/aime24.json`,
    `hmmt25/Qwen3-0.6B.json`); of several the one nearest to the file's end counts. A path without a size is
    of the SCOUT layout, which is of 8B; it yields to a path that says 8B.

    Raises:
        Clash: Two files claim to be the same and are not.
    """
    found: dict[tuple[str, str], Store] = {}
    for store in (s for folder in folders for s in _stores(folder.absolute())):
        key = store.size, store.name
        other = found.setdefault(key, store)
        if other.digest == store.digest or (other.named and not store.named):
            continue
        if other.named == store.named:
            raise Clash(f"{other.path} and {store.path} both claim to be {key[1]} of {key[0]}, and differ.")
        found[key] = store
    return found


def _stores(folder: Path) -> Iterator[Store]:
    paths = (Path(at) / f for at, _, files in os.walk(folder, followlinks=True) for f in files)
    for path in sorted(p for p in paths if p.suffix == ".json"):
        within = path.relative_to(folder).as_posix().lower()
        words = f"{folder.name.lower()}/{within}"
        names = [n for n in map("".join, _NAME.findall(words)) if n in _SETS]
        said = _SIZE.findall(within) or _SIZE.findall(folder.name.lower())
        sizes = [f"{size}B" for size in said if f"{size}B" in SIZES]
        if names and (sizes or not _SIZE.search(within)):
            digest = sha256(path.read_bytes()).hexdigest()
            yield Store(sizes[-1] if sizes else "8B", names[-1], path, digest, bool(sizes))
