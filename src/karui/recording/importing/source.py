"""Reading the files that other tools log into: JSON lines, one JSON document, CSV; packed or plain.

A row that cannot be read is a problem with its place, never the end of the reading: whoever reads decides
whether one of them spoils the import.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karui.codec.disk import reason_of
from karui.core.errors import InputError

_PACKED: Any = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_LINES = frozenset({".jsonl", ".ndjson"})
_HEAD = 1 << 20
"""Bytes looked at to find out what a file is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a log.

    Attributes:
        where: Its place, for people: "line 3".
        values: By column.
    """

    where: str
    values: dict[str, Any]


@dataclass
class Source:
    """A log and what was found wrong with it while it was read.

    Attributes:
        path: The file.
        requests: A second file, with what was asked, for formats that log only what came back.
        problems: What could not be read, each with its place.
        unknown: Columns that the format does not know, in the order met.
        notes: What else a user should hear, one sentence each.
    """

    path: Path
    requests: Path | None = None
    problems: list[str] = field(default_factory=list)
    unknown: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Row]:
        """Yields every row that can be read: a line, an item of a list, a line of a table.

        Raises:
            InputError: The file itself cannot be read.
        """
        yield from rows_of(self.path, self.problems)

    def document(self) -> Any:
        """Returns the file as one JSON document.

        Raises:
            InputError: It cannot be read, or is none.
        """
        text = "".join(text_of(self.path, self.problems))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{self.path} is not a complete JSON document.",
                why=broken(error, whole=True),
                remedy="If it was cut off while it was written or copied, get the whole file.",
            ) from error

    def leave(self, row: dict[str, Any], known: frozenset[str]) -> None:
        """Notes the columns of a row that a format does not know."""
        for name in row:
            if name not in known:
                self.unknown.setdefault(name)

    def problem(self, where: str, what: str) -> None:
        """Notes what is wrong at a place."""
        self.problems.append(f"{where}: {what}")


def rows_of(path: Path, problems: list[str]) -> Iterator[Row]:
    """Yields the rows of a file; what cannot be read goes to `problems` with its place.

    Raises:
        InputError: The file itself cannot be read.
    """
    if _suffix(path) == ".csv":
        yield from _table(path, problems)
        return
    lines = text_of(path, problems)
    number, first = 1, next(lines, "")
    while first and not first.strip():
        number, first = number + 1, next(lines, "")
    if _suffix(path) not in _LINES and (not _is_row(first) or _is_page(first)):
        yield from _items(path, "".join([first, *lines]), problems, number)
        return
    while first:
        if first.strip():
            yield from _line(first, number, problems)
        number, first = number + 1, next(lines, "")


def text_of(path: Path, problems: list[str]) -> Iterator[str]:
    """Yields the lines of a file, line breaks included; a packed file that was cut off ends with a problem.

    Raises:
        InputError: It cannot be opened, or is no text.
    """
    opener = _PACKED.get(path.suffix.lower())
    try:
        with opener(path, "rb") if opener else path.open("rb") as packed:
            # newline="\n": a JSON string may hold any of the other characters that Python splits lines at
            yield from io.TextIOWrapper(packed, encoding="utf-8-sig", newline="\n")
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        problems.append(f"the end: the packed file was cut off ({type(error).__name__}: {error})")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read.",
            why=reason_of(error),
            remedy="Give a file of UTF-8 text, plain or packed as .gz, .xz or .bz2.",
        ) from error


def head(path: Path) -> bytes:
    """Returns the beginning of a file, unpacked.

    Raises:
        InputError: It cannot be read.
    """
    opener = _PACKED.get(path.suffix.lower())
    found = b""
    try:
        with opener(path, "rb") if opener else path.open("rb") as packed:
            while len(found) < _HEAD and (more := packed.read(1 << 14)):
                found += more
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        if not found:
            raise InputError(
                f"{path} cannot be read.",
                why=f"The packed file was cut off before anything of it could be unpacked ({error}).",
                remedy="Get the whole file.",
            ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read.", why=reason_of(error)) from error
    return found


def broken(error: BaseException, *, whole: bool = False) -> str:
    """Returns what is wrong with a piece of JSON, for people."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        place = f"line {error.lineno}, column {error.colno}" if whole else f"column {error.colno}"
        return f"{error.msg} at {place}"
    return f"{type(error).__name__}: {error}"


def parsed(value: Any) -> Any:
    """Returns what a string of JSON holds, any other value as it is: exports write columns either way."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _suffix(path: Path) -> str:
    packed = path.suffix.lower() in _PACKED
    return Path(path.stem).suffix.lower() if packed else path.suffix.lower()


def _is_page(line: str) -> bool:
    """Whether a line is a page of rows, as APIs hand them out."""
    return isinstance(json.loads(line).get("data"), list)


def _is_row(line: str) -> bool:
    """Whether a line is a row by itself: one document spread over lines begins otherwise."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _line(line: str, number: int, problems: list[str]) -> Iterator[Row]:
    where = f"line {number}"
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        cut = " (the file ends within this line: it was cut off)" if not line.endswith("\n") else ""
        problems.append(f"{where}: Invalid JSON: {broken(error)}{cut}")
        return
    if not isinstance(values, dict):
        problems.append(f"{where}: it holds no object, but {_kind(values)}")
    elif _sound(line, values):
        yield Row(where, values)
    else:
        problems.append(f"{where}: it holds half of a character (a lone surrogate), which no text file can")


def _items(path: Path, text: str, problems: list[str], number: int) -> Iterator[Row]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        if any(map(_is_row, text.split("\n")[1:3])):  # rows, of which the first is broken
            for n, line in enumerate(text.split("\n"), number):
                if line.strip():
                    yield from _line(line, n, problems)
            return
        if not text.strip():
            return
        problems.append(f"{path.name}: Invalid JSON: {broken(error, whole=True)}")
        return
    if isinstance(values, dict):
        listed = values.get("data")  # how APIs hand out pages
        values = listed if isinstance(listed, list) else [values]
    for index, item in enumerate(values):
        where = f"item {index}"
        if not isinstance(item, dict):
            problems.append(f"{where}: it holds no object, but {_kind(item)}")
        elif _sound(text, item):
            yield Row(where, item)
        else:
            problems.append(
                f"{where}: it holds half of a character (a lone surrogate), which no text file can"
            )


def _table(path: Path, problems: list[str]) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)  # a reply may be megabytes long; the default of 128 KiB would refuse it
    reader = csv.DictReader(text_of(path, problems), strict=True)
    try:
        for values in reader:
            where = f"line {reader.line_num}"
            if None in values or None in values.values():
                problems.append(f"{where}: it does not have as many columns as the first line names")
            else:
                yield Row(where, dict(values))
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")


def _sound(line: str, values: Any) -> bool:
    """Whether all text in a row can be written again; escapes alone can spell what UTF-8 cannot."""
    if "\\ud" not in line and "\\uD" not in line:
        return True
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")
