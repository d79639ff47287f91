"""The log formats by name: karui's own, and those that other packages offer as entry points."""

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from inspect import isclass
from pathlib import Path
from typing import Any

from karui.core.errors import InputError, UnknownName
from karui.recording.importing import formats
from karui.recording.importing.plug import Adapter, Head

GROUP = "karui.imports"
"""Entry points of further formats."""


@cache
def adapters() -> dict[str, Adapter]:
    """Returns every format by name.

    Raises:
        InputError: An entry point is broken, or takes a name that is taken: never a silent absence.
    """
    found: dict[str, Adapter] = {}
    for module in pkgutil.iter_modules(formats.__path__):
        if not module.name.startswith("_"):
            loaded = import_module(f"{formats.__name__}.{module.name}")
            found |= {kind.name(): kind() for kind in _adapters_in(loaded)}
    for point in entry_points(group=GROUP):
        try:
            kind = point.load()
        except Exception as error:
            raise InputError(
                f"The import format {point.name!r} cannot be loaded.",
                why=f"{type(error).__name__}: {error}",
                remedy=f"Mend or remove the package that offers it ({point.value}).",
            ) from error
        if point.name in found:
            raise InputError(f"There are two import formats called {point.name!r}.")
        found[point.name] = kind()
    return dict(sorted(found.items()))


def adapter(name: str) -> Adapter:
    """Returns the format of this name.

    Raises:
        UnknownName: There is none.
    """
    known = adapters()
    if name not in known:
        raise UnknownName("import format", name, list(known))
    return known[name]


def recognised(path: Path) -> str:
    """Returns the name of the one format that a file is of.

    Raises:
        InputError: No format recognises it, or more than one does; a folder is named with the files in it.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder.", why=_within(path), remedy="Give one file of it.")
    head = Head.of(path)
    found = [name for name, each in adapters().items() if each.recognises(head)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"{path} may be of more than one format: {', '.join(found)}.", remedy="Say which with --format."
        )
    if not head.keys:
        raise InputError(f"{path} is empty, or holds neither JSON nor a table.")
    raise InputError(
        f"{path} is in no format that karui knows.",
        why=f"Its columns: {', '.join(sorted(head.keys)[:12])}.",
        remedy=f"Known formats: {', '.join(adapters())} (--format forces one). karui's own layout is in the "
        "help of `karui import`.",
    )


def _within(folder: Path) -> str:
    """Returns which files of a folder are logs, for people."""
    found = []
    for file in sorted(p for p in folder.rglob("*") if p.is_file())[:200]:
        try:
            found.append(f"{file.relative_to(folder)} ({recognised(file)})")
        except InputError:
            continue
    return f"In it: {', '.join(found[:10])}." if found else "No file in it is of a format that karui knows."


def _adapters_in(module: Any) -> list[type[Adapter]]:
    return [
        kind
        for kind in vars(module).values()
        if isclass(kind) and issubclass(kind, Adapter) and kind.__module__ == module.__name__
    ]
