"""Files that cannot be read or written, as errors that name them: one pair for all of karui."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path

from karui.core.errors import InputError, KaruiError, StorageError

DAMAGED: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,  # JSON in JSON in JSON
)
"""What reading a file raises that is missing, cut off, or holds something else than it should."""


@contextmanager
def reading(
    path: Path | str,
    remedy: str = "",
    *,
    error: type[KaruiError] = InputError,
    format: str = "",  # noqa: A002 - as people call it
    also: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Turns whatever a missing or damaged file raises into one error that names it.

    Args:
        path: The file.
        remedy: What the reader of the error can do.
        error: What is raised.
        format: What it should be, where the name does not say so: "TOML".
        also: What a library raises besides `DAMAGED`.

    Raises:
        KaruiError: Of the kind `error`. One that was raised inside goes on as it is.
    """
    try:
        yield
    except KaruiError:
        raise
    except FileNotFoundError as cause:
        raise error(f"There is no file {cause.filename or path}.", remedy=remedy) from cause
    except DAMAGED + also as cause:
        form = f" as {format}" if format and not isinstance(cause, OSError) else ""
        raise error(f"{path} cannot be read{form}.", why=reason_of(cause), remedy=remedy) from cause


@contextmanager
def writing(path: Path | str, then: str = "") -> Iterator[None]:
    """Turns whatever a full disk or a path without permission raises into a `StorageError`.

    Args:
        path: What is written.
        then: What follows once that is mended, as the end of a sentence.

    Raises:
        StorageError: It names the path.
    """
    try:
        yield
    except OSError as cause:
        full = cause.errno in (ENOSPC, EDQUOT)
        raise StorageError(
            f"{path} cannot be written.",
            why="The disk is full." if full else reason_of(cause),
            remedy=f"{'Make room' if full else 'Check the path and its permissions'}{then}.",
        ) from cause


def reason_of(cause: Exception) -> str:
    """Returns what an exception says, for people."""
    if isinstance(cause, OSError) and cause.strerror:
        return f"{cause.strerror}."
    if isinstance(cause, KeyError):
        return f"It has no {cause}."
    return f"{type(cause).__name__}: {cause}"
