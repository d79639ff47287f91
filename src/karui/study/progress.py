"""What long work tells whoever waits for it: steps, how far they are, and what has to be known meanwhile.

Nothing below the command line prints. It is handed a `Progress`; the terminal's is `karui.cli.console.Steps`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from karui.artifacts.build_dir import Progress as BuildProgress


class Progress(Protocol):
    """Hears what a run does. It is called in the thread that works."""

    def begin(self, label: str, total: int | None = None) -> None:
        """The next step begins; `total` is its length where it is known."""

    def at(self, done: int, total: int, note: str = "") -> None:
        """How far the present step is, in units of its own, and a few words."""

    def say(self, text: str = "") -> None:
        """Something to know that is no reason to worry."""

    def warn(self, text: str) -> None:
        """Something that may make the result less than it looks."""


@dataclass(frozen=True, slots=True)
class ProgressUpdate:
    """What an `on_progress` callback is called with.

    Attributes:
        step: The present step, for people; "" before the first.
        done: Units of it done.
        total: Units in all; None where that is not known.
        note: A few words: the speed, say.
        message: Something to know; "" where the update is about the step.
    """

    step: str = ""
    done: int = 0
    total: int | None = None
    note: str = ""
    message: str = ""


class KaruiWarning(UserWarning):
    """A result may be less than it looks; where no `Progress` is handed in, `warnings` shows it."""


class Silent:
    """Tells nobody of steps. Warnings go to `warnings.warn`, so that they are not lost."""

    def begin(self, label: str, total: int | None = None) -> None:
        """Does nothing."""

    def at(self, done: int, total: int, note: str = "") -> None:
        """Does nothing."""

    def say(self, text: str = "") -> None:
        """Does nothing."""

    def warn(self, text: str) -> None:
        """Warns as Python does."""
        warnings.warn(text, KaruiWarning, stacklevel=2)


class Callback(Silent):
    """Calls a function with every update."""

    def __init__(self, call: Callable[[ProgressUpdate], None]) -> None:
        """Takes the function."""
        self._call, self._step = call, ""

    def begin(self, label: str, total: int | None = None) -> None:
        """Says that a step begins."""
        self._step = label
        self._call(ProgressUpdate(label, 0, total))

    def at(self, done: int, total: int, note: str = "") -> None:
        """Says how far it is."""
        self._call(ProgressUpdate(self._step, done, total, note))

    def say(self, text: str = "") -> None:
        """Passes a message on."""
        if text:
            self._call(ProgressUpdate(self._step, message=text))


OnProgress: TypeAlias = Progress | Callable[[ProgressUpdate], None] | None
"""What the public functions take: a `Progress`, a function, or nothing."""

SILENT = Silent()
"""The default."""


def progress_of(given: OnProgress) -> Progress:
    """Returns the `Progress` behind what a public function was given."""
    if given is None:
        return SILENT
    if callable(given):
        return Callback(given)
    return given


def build_progress(progress: Progress) -> Callable[[BuildProgress], None]:
    """Returns what shows the making of an artifact among a run's steps: each technique is one."""
    at = ""

    def progressed(now: BuildProgress) -> None:
        nonlocal at
        if now.technique != at:
            at = now.technique
            progress.begin(f"Making {at}")
        note = now.note
        if now.seconds_left is not None and now.done < now.total:
            note += f", {now.seconds_left:,.0f} s left"
        progress.at(round(100 * now.done / max(now.total, 1e-9)), 100, note)

    return progressed
