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
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc
from pathlib import Path
from typing import ClassVar

from karui.core.recording import Caveat
from karui.recording.importing import source
from karui.recording.importing.reply import Logged
from karui.recording.importing.source import Source

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
