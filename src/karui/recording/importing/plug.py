"""What a log format is to karui: one class in one file, found by the file's name.

    class MyTool(Adapter):
        '''Logs of my tool: what it is, and what it does not log.'''

        columns = frozenset({"id", "prompt", "reply", "gold"})

        def recognises(self, head):
            return {"prompt", "reply", "gold"} <= head.keys

        def read(self, source):
            for row in source.rows():
                source.leave(row.values, self.columns)
                yield Logged(row.where, row.values["reply"], Prompt(row.values["prompt"]), …)

Karui's own lie in `formats/`. A package of yours offers one as an entry point of the group `karui.imports`,
named as users are to name the format.
"""

import json
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from inspect import getdoc, isclass
from pathlib import Path
from typing import Any, ClassVar

from karui.core.errors import InputError, UnknownName
from karui.core.recording import Caveat
from karui.recording.importing import formats, source
from karui.recording.importing.reply import Logged
from karui.recording.importing.source import Source

GROUP = "karui.imports"
"""Entry points of further formats."""
_KEY = re.compile(rb'"([\w .-]{1,80})"\s*:')


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, to recognise its format by.

    Attributes:
        path: The file.
        keys: Columns of its first row; where that is not on a line of its own, every JSON key in sight.
    """

    path: Path
    keys: frozenset[str]

    @classmethod
    def of(cls, path: Path) -> "Head":
        """Looks at a file.

        Raises:
            InputError: It cannot be read.
        """
        raw = source.head(path)
        first = raw.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
        if ".csv" in (s.lower() for s in path.suffixes):
            names = first.decode("utf-8", "replace").strip().split(",")
            return cls(path, frozenset(name.strip().strip('"') for name in names))
        try:
            row = json.loads(first)
        except (ValueError, RecursionError):
            row = None
        row = row.get("data", row) if isinstance(row, dict) else row  # a page, as APIs hand them out
        row = row[0] if isinstance(row, list) and row else row
        found = row if isinstance(row, dict) else (key.decode() for key in _KEY.findall(raw))
        return cls(path, frozenset(found))


class Adapter(ABC):
    """One log format. Its name is its file's, with dashes; its docstring's first line describes it.

    Attributes:
        columns: The columns it knows; others are named to the user once.
        caveats: What has to be known of every log of this kind.
        believed: Whether the log's own verdict stands where there is a reference too.
    """

    columns: ClassVar[frozenset[str]] = frozenset()
    caveats: ClassVar[tuple[Caveat, ...]] = ()
    believed: ClassVar[bool] = False

    @classmethod
    def name(cls) -> str:
        """What users call the format."""
        return cls.__module__.rpartition(".")[2].replace("_", "-")

    @classmethod
    def summary(cls) -> str:
        """The first line of its docstring."""
        return (getdoc(cls) or "").partition("\n")[0]

    @abstractmethod
    def recognises(self, head: Head) -> bool:
        """Whether a file that begins so is of this format."""

    @abstractmethod
    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every reply of a log.

        What does not fit in a row is told to `source.problem` with its place; nothing is made up for it.

        Raises:
            InputError: The file as a whole is not of this format.
        """


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
