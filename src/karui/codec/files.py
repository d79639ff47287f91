"""`study.json` and `choice.json`: written with a version, and read if they are not of a later one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from karui.codec.disk import reading, writing
from karui.codec.legacy import upgraded_choice, upgraded_study
from karui.codec.values import Misfit, decode, encode
from karui.core.errors import InputError
from karui.core.study import Study
from karui.core.study.choice import Choice
from karui.version import __version__

FORMAT = 2
"""Version of `study.json` and `choice.json`. Format 1, which had no number in a choice, is read as well."""

T = TypeVar("T")


def encoded(value: Study | Choice) -> dict[str, Any]:
    """Returns what a file holds: the format, the version of karui, and every field."""
    return {"format": FORMAT, "karui": __version__, **encode(value)}


def save(value: Study | Choice, path: Path) -> None:
    """Writes a study or a choice.

    Raises:
        StorageError: The file cannot be written.
    """
    text = json.dumps(encoded(value), ensure_ascii=False, indent=1, allow_nan=False)
    with writing(path):
        path.write_text(text + "\n", encoding="utf-8")


def load_study(path: Path) -> Study:
    """Reads a study.

    Raises:
        InputError: The file is missing, is not a study, or was written by a later version of karui.
    """
    remedy = "Give the study.json that `karui poc` or `karui choose` wrote."
    return _load(Study, path, "a study", remedy, {"made", "manifest", "choice", "baseline"}, upgraded_study)


def load_choice(path: Path) -> Choice:
    """Reads a choice.

    Raises:
        InputError: The file is missing, is not a choice, or was written by a later version of karui.
    """
    remedy = "Give the choice.json that `karui poc` or `karui choose` wrote."
    return _load(Choice, path, "a choice", remedy, {"model", "rule", "spec", "decision"}, upgraded_choice)


def _load(
    kind: type[T],
    path: Path,
    noun: str,
    remedy: str,
    needed: set[str],
    upgraded: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> T:
    with reading(path, remedy, format="JSON"):
        values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or not needed <= values.keys():
        raise InputError(f"{path} is not {noun}.", remedy=remedy)
    written, writer = values.pop("format", 1), values.pop("karui", "")
    if not isinstance(written, int) or written > FORMAT:
        raise _too_new(path, f"It has format {written}", str(writer))
    try:
        return decode(kind, upgraded(values) if written == 1 else values)
    except Misfit as misfit:
        if misfit.unknown:
            raise _too_new(path, f"{misfit}".capitalize(), str(writer)) from misfit
        raise InputError(f"{path} is not {noun}.", why=f"{misfit}.", remedy=remedy) from misfit


def _too_new(path: Path, why: str, writer: str) -> InputError:
    return InputError(
        f"{path} was written by a later version of karui than {__version__}.",
        why=f"{why}; this version reads formats 1 to {FORMAT}.",
        remedy=f"Use karui {writer} or later." if writer else "Use the version of karui that wrote it.",
    )
