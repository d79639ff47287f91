"""What a person at a terminal sees: steps, progress with time left, errors that say what to do."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from shutil import get_terminal_size
from textwrap import indent
from time import monotonic
from types import TracebackType
from typing import Any, Self

from karui.core.errors import KaruiError


@contextmanager
def explained() -> Iterator[None]:
    """Turns errors that karui knows into clear lines on stderr and the exit code they carry."""
    try:
        yield
    except KaruiError as error:
        say(f"\nError: {error.what}")
        for line in (error.why, error.remedy):
            if line:
                say(indent(line, "  "))
        if error.retry:
            say("  The same command may succeed later; a recording goes on where it was.")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("\nStopped. What was recorded so far is kept; the same command goes on from there.")
        sys.exit(130)


def say(text: str = "") -> None:
    """Prints for people, to stderr: stdout is for what a program may read.

    On a terminal, lines are broken between words and indented as they began; elsewhere they stay whole.
    """
    if sys.stderr.isatty():
        text = "\n".join(_fitted(line, get_terminal_size().columns) for line in text.split("\n"))
    print(text, file=sys.stderr, flush=True)


_BEGINNING = re.compile(r"\s*(?:[-+−✗✓] |\d+\. )?")
"""What stands before a line's first word, bullets and numbers included."""


def _fitted(line: str, columns: int) -> str:
    """Returns a line broken between words (in Japanese: between characters) to fit a terminal."""
    from rich.cells import cell_len

    if cell_len(line) <= columns:
        return line
    from rich.console import Console
    from rich.text import Text

    found = _BEGINNING.match(line)
    before = found[0] if found else ""
    room = max(columns - len(before), 20)
    parts = Text(line[len(before) :]).wrap(Console(width=room), room)
    below = " " * len(before)
    return "\n".join((below if n else before) + part.plain.rstrip() for n, part in enumerate(parts))


def table(headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Prints a table to stdout; the first column to the left, numbers to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for number, row in enumerate(zip(*rows, strict=True)):
        numeric = all(cell in {"", "n/a"} or cell[0] in "0123456789+-−–.×" for cell in row)
        made.columns[number].justify = "right" if numeric and number else "left"
        made.columns[number].no_wrap = numeric
    for cells in rows:
        made.add_row(*map(Text, cells))  # [THINK] in a cell is no markup
    made.columns[0].overflow = "fold"  # a long name is broken, not cut
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _PIPE)
    console.print(made)


_PIPE = 200
"""Columns of what is not a terminal: every row is one line."""


@dataclass
class Steps:
    """A bar per step, with the time it took or has left. Use as a context.

    On a terminal the bars move; elsewhere each step prints a line now and then, so that logs stay readable.
    """

    _progress: Any = field(default=None, repr=False)
    _task: Any = None
    _label: str = ""
    _printed: float = 0.0
    _began: float = 0.0

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        if console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description:<34}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=console,
            )
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        elif kind is None:
            self._took()

    def begin(self, label: str, total: int | None = None) -> None:
        """Starts the next step."""
        if self._progress is None:
            self._took()
            say(f"== {label}")
        else:
            self._finish()
            self._task = self._progress.add_task(label, total=total, note="")
        self._label, self._printed, self._began = label, 0.0, monotonic()

    def at(self, done: int, total: int, note: str = "") -> None:
        """Says how far the present step is."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total, note=note)
            return
        now = monotonic()
        if now - self._printed > 5 or done == total:
            self._printed = now
            say(f"   {self._label}: {done} of {total} {note}".rstrip())

    def say(self, text: str = "") -> None:
        """Prints something to know."""
        say(text)

    def warn(self, text: str) -> None:
        """Prints a warning."""
        say(f"Warning: {text}")

    def _took(self) -> None:
        if self._label:
            say(f"   {self._label}: done in {monotonic() - self._began:.0f} s")

    def _finish(self) -> None:
        if self._task is not None:
            found = next(t for t in self._progress.tasks if t.id == self._task)
            self._progress.update(self._task, total=found.total or 1, completed=found.total or 1)
