"""Rows as a table of whichever data frame library is installed; karui itself needs none."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from karui.core.errors import InputError

FRAMES = ("polars", "pandas")
"""Libraries whose `DataFrame` takes columns by name, in the order of preference."""


def frame_of(
    rows: Sequence[Mapping[str, Any]], frame: Callable[[Mapping[str, list[Any]]], Any] | None
) -> Any:
    """Returns rows as a data frame.

    Args:
        rows: Each with the same keys.
        frame: Called with a list of values for every column; None takes polars or pandas, whichever is there.

    Raises:
        InputError: Neither is installed.
    """
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return (frame or _installed())(columns)


def _installed() -> Callable[[Mapping[str, list[Any]]], Any]:
    for name in FRAMES:
        try:
            found: Callable[[Mapping[str, list[Any]]], Any] = import_module(name).DataFrame
        except ImportError:
            continue
        return found
    raise InputError(
        "A data frame needs polars or pandas, and neither is installed.",
        remedy="Install one of them, pass frame=…, or use `rows()`, which returns dictionaries.",
    )
