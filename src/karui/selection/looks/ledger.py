"""The ledger: every look at test questions, and what it cost of the chance of a false certificate.

A *family* is one line of plans, tested in a fixed order at one margin over one process of units. The families
of one model over the same questions share alpha: the first gets four fifths of it, the k-th after that
alpha/5 · 6/(π²k²), which add up to alpha however many there are. So all certificates together are false
with a chance of at most alpha. A family that goes on over more questions is the same family and costs
nothing again, as does a look that repeats an earlier one.

The ledger lies beside the recording, where copies take it along, and in a file of the user's, where other
folders with the same questions find it.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from math import pi
from pathlib import Path
from typing import Any

from karui.codec.values import Misfit, decode, encode

FILE = "looks.jsonl"
"""What it is called, beside a recording and in the user's folder."""
VARIABLE = "KARUI_LEDGER"
"""Environment variable: another file for the user's ledger; empty for none."""
FIRST = 0.8
"""Share of alpha that the first family gets."""


def level(alpha: float, family: int) -> float:
    """Returns the level of a family, counted from 1."""
    return FIRST * alpha if family == 1 else (1 - FIRST) * alpha * 6 / (pi * (family - 1)) ** 2


@dataclass(frozen=True, slots=True)
class Family:
    """A line of plans that is tested in order, each at `level`, until the first failure.

    Attributes:
        id: Digest of what it was opened with.
        level: Chance that any of its certificates is false, at most.
        margin: The loss that is ruled out.
        alpha: Of the rule that it was opened under.
        minimize: The axis that its line was ordered for.
        plans: Ids, in order.
        specs: What recreates each.
        evidence: Digest of the differences of all its plans, in the order of the look's units.
        certified: How many of the plans, from the first, were certified.
    """

    id: str
    level: float
    margin: float
    alpha: float
    minimize: str
    plans: tuple[str, ...]
    specs: tuple[list[dict[str, Any]], ...]
    evidence: str
    certified: int = 0


@dataclass(frozen=True)
class Look:
    """One look at test questions.

    Attributes:
        at: When, ISO.
        model: The model's digest, or its name.
        asked: Digests of all questions of the recording.
        units: Digests of the units that were bet on, in order.
        batches: How many of them each batch has.
        families: What was tested on them.
    """

    at: str
    model: str
    asked: tuple[str, ...]
    units: tuple[str, ...]
    batches: tuple[int, ...]
    families: tuple[Family, ...]

    @cached_property
    def id(self) -> str:
        """Digest of everything but the time: a look that is repeated is one look."""
        told = repr((self.model, self.asked, self.units, self.batches, self.families))
        return sha256(told.encode()).hexdigest()[:16]

    def grows_into(self, units: Sequence[str], batches: Sequence[int]) -> bool:
        """Returns whether these units begin with those of this look, batch by batch."""
        return self.units == tuple(units[: len(self.units)]) and self.batches == tuple(
            batches[: len(self.batches)]
        )


@dataclass
class Ledger:
    """All looks that are known, and the files they are noted in.

    Attributes:
        looks: Oldest first.
        files: Where looks are noted; none keeps them in memory only.
        asked: Digests of all questions of the recording that is looked at; those of earlier looks that share
            one are counted.
        unwritten: Files that could not be read or written, each with the reason.
    """

    looks: list[Look] = field(default_factory=list)
    files: Sequence[Path] = ()
    asked: frozenset[str] = frozenset()
    unwritten: list[str] = field(default_factory=list)

    @staticmethod
    def open(files: Sequence[Path], asked: frozenset[str] = frozenset()) -> "Ledger":
        """Reads what is there; a file that is missing holds no looks."""
        ledger, seen = Ledger(files=files, asked=asked), set[str]()
        for file in files:
            for look in ledger._read(file):
                if look.id not in seen:
                    seen.add(look.id)
                    ledger.looks.append(look)
        ledger.looks.sort(key=lambda look: look.at)
        return ledger

    def earlier(self, model: str, units: Sequence[str]) -> list[Look]:
        """Returns the looks by the same model at questions of which some are asked again, oldest first."""
        asked = self.asked | set(units)
        return [k for k in self.looks if k.model == model and not asked.isdisjoint((*k.asked, *k.units))]

    def note(self, look: Look) -> None:
        """Takes in a look, and writes it down; what cannot be written is in `unwritten`."""
        if any(known.id == look.id for known in self.looks):
            return
        self.looks.append(look)
        for file in self.files:
            self._append(file, json.dumps(encode(look), ensure_ascii=False) + "\n")

    def _append(self, file: Path, line: str) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as sink:
                sink.write(line)
        except OSError as error:
            self._failed(file, error.strerror or "")

    def _read(self, file: Path) -> list[Look]:
        try:
            lines = file.read_text(encoding="utf-8").split("\n") if file.exists() else []
        except OSError as error:
            self._failed(file, error.strerror or "")
            return []
        except ValueError:
            self._failed(file, "it is not text")
            return []
        looks = []
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                looks.append(decode(Look, json.loads(line)))
            except (ValueError, Misfit):
                self._failed(
                    file,
                    f"line {number} is no look (half written by a killed run, perhaps) and is passed over; "
                    "the look it stood for is not counted. Delete the line, and this is not said again",
                )
        return looks

    def _failed(self, file: Path, why: str) -> None:
        """Notes what is wrong with a file, the first thing only."""
        if not any(known.startswith(f"{file}: ") for known in self.unwritten):
            self.unwritten.append(f"{file}: {why}")


def join(sources: Sequence[Path], target: Path) -> None:
    """Notes beside a recording every look that is noted beside others, which it was merged from."""
    ledger = Ledger.open([target / FILE])
    for look in Ledger.open([source / FILE for source in sources]).looks:
        ledger.note(look)


def now() -> str:
    """Returns the time as looks have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def users_file(environment: Callable[[str], str | None] = os.environ.get) -> Path | None:
    """Returns the user's own ledger; None where `KARUI_LEDGER` is empty."""
    given = environment(VARIABLE)
    if given is not None:
        return Path(given).expanduser() if given else None
    state = environment("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "karui" / FILE
