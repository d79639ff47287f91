"""What a portfolio keeps between runs: how far each proof of concept is, and what it took.

`portfolio.json` is rewritten whole and renamed into place, so that a run that is killed leaves the last one.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.codec.disk import reading, writing
from karui.codec.values import Misfit, decode, encode
from karui.core.errors import InputError, KaruiError
from karui.portfolios.budget import Spending
from karui.portfolios.entry import State
from karui.recording import store
from karui.study.config.fields import flat
from karui.study.portfolios.file import Poc
from karui.study.run import RECORDING

FILE = "portfolio.json"
FORMAT = 1


@dataclass(frozen=True)
class Kept:
    """One proof of concept between runs.

    Attributes:
        state: How far it is.
        options: Digest of the options that its study was made with.
        hours: Of this machine, so far, all runs together.
        probed: Tokens of the probe that its expected cost rests on.
        tokens_a_trace: What a trace takes at most (mean and two standard errors); 0 where not known.
        tokens_per_second: The pace it was probed at; 0 where not known.
        held: Questions kept for its live confirmation.
        needs: What it is expected to take still, at most.
        lacking: The limit of the budget that did not hold that; "" where it fits.
        failure: What went wrong; "" where nothing did.
    """

    state: State = State.WAITING
    options: str = ""
    hours: float = 0.0
    probed: float = 0.0
    tokens_a_trace: float = 0.0
    tokens_per_second: float = 0.0
    held: int = 0
    needs: Spending = field(default_factory=Spending)
    lacking: str = ""
    failure: str = ""


@dataclass
class Book:
    """What is kept of all of them, by name.

    Attributes:
        folder: The portfolio's.
        kept: By name.
    """

    folder: Path
    kept: dict[str, Kept] = field(default_factory=dict)

    @staticmethod
    def open(folder: Path) -> "Book":
        """Reads what an earlier run kept.

        Raises:
            InputError: The file is damaged, or was written by a later version of karui.
        """
        file = folder / FILE
        if not file.exists():
            return Book(folder)
        remedy = "Move it away: what was recorded is found again, and the hours begin at nothing."
        with reading(file, remedy, also=(Misfit,)):
            values: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            if values.get("format") != FORMAT:
                raise InputError(f"{file} was written by another version of karui.", remedy=remedy)
            return Book(folder, decode(dict[str, Kept], values["pocs"], "pocs"))

    def of(self, name: str) -> Kept:
        """Returns what is kept of one."""
        return self.kept.get(name, Kept())

    def note(self, name: str, **changes: Any) -> Kept:
        """Changes what is kept of one, and writes it down.

        Raises:
            StorageError: The file cannot be written.
        """
        found = self.kept[name] = replace(self.of(name), **changes)
        file, draft = self.folder / FILE, self.folder / f".{FILE}.new"
        text = json.dumps({"format": FORMAT, "pocs": encode(self.kept)}, ensure_ascii=False, indent=1)
        with writing(file):
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(text + "\n", encoding="utf-8")
            draft.replace(file)
        return found


def options_digest(poc: Poc) -> str:
    """Returns the digest of the options that decide a study: without prices, unless it is chosen by them.

    A questions file counts by what it holds.
    """
    options = flat(poc.study)
    by_price = options["max_cost"] or options["minimize"] == "cost" or options["priority"] == "batch"
    left = {k: str(v) for k, v in options.items() if k not in {"out", "lang"} and (by_price or k != "assume")}
    with suppress(OSError):
        left["questions"] = sha256(Path(options["questions"]).read_bytes()).hexdigest()
    return sha256(json.dumps(left, sort_keys=True).encode()).hexdigest()[:16]


def recorded(folder: Path) -> tuple[float, int]:
    """Returns tokens and number of all traces recorded below a study's folder.

    What a killed run had not yet written down is not counted: nobody knows it.
    """
    tokens, traces = 0.0, 0
    for manifest in sorted(folder.glob(f"{RECORDING}*/{store.MANIFEST}")):
        with suppress(KaruiError):  # begun, and not one trace of it is whole
            for trace in store.load(manifest.parent, signals=False).traces():
                tokens += trace.tokens + sum(m.trial.tokens for m in trace.checkpoints if m.trial)
                traces += 1
    return tokens, traces
