"""Shares of work that need nothing of each other: done here, by forked processes, or elsewhere."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from signal import SIG_IGN, SIGINT, signal
from typing import Any, Protocol, TypeAlias, TypeVar

Result = TypeVar("Result")
Shares: TypeAlias = Callable[[int], Callable[[], Result]]
"""Returns share n: what does it, which can be pickled."""


class Spread(Protocol):
    """Where shares of work are done."""

    @property
    def width(self) -> int:
        """How many are done at a time."""

    def each(self, shares: Shares[Result], count: int) -> Iterator[tuple[int, Result]]:
        """Yields the number and the result of every share, in the order in which they are done.

        Raises:
            KaruiError: What a share raised.
        """


@dataclass(frozen=True)
class Processes:
    """Shares done by forked processes, which inherit what is in memory; by this one where it cannot fork.

    Attributes:
        width: How many processes.
    """

    width: int = 1

    def each(self, shares: Shares[Result], count: int) -> Iterator[tuple[int, Result]]:
        """Yields every share's number and result."""
        if self.width < 2 or count < 2 or "fork" not in get_all_start_methods():
            for number in range(count):
                yield number, shares(number)()
            return
        global _forked  # noqa: PLW0603 - what a forked process inherits instead of unpickling
        _forked = shares
        try:
            with get_context("fork").Pool(min(self.width, count), initializer=begin_worker) as pool:
                yield from pool.imap_unordered(_do, range(count))
        finally:
            _forked = None


_forked: Shares[Any] | None = None


def begin_worker() -> None:
    """Begins a forked process."""
    # Frozen, what was there before is neither searched for garbage nor copied for it; and Ctrl-C, which a
    # terminal sends to all, is the parent's to answer.
    gc.freeze()
    signal(SIGINT, SIG_IGN)


def _do(number: int) -> tuple[int, Any]:
    assert _forked is not None
    return number, _forked(number)()
