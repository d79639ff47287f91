"""How the long steps of choosing say how far they are."""

from collections.abc import Callable
from typing import TypeAlias

OnProgress: TypeAlias = Callable[[int, int], None]
"""Called with how much is done, and out of how much."""


def quiet(done: int, total: int) -> None:
    """Reports progress to nobody."""
