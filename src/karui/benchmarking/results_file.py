"""The results file on disk: read and checked, written a cell a line, put together. Its JSON schema ships."""

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from karui.benchmarking.results import FORMAT, Results
from karui.codec.disk import reading, writing
from karui.core.errors import InputError

SCHEMA = "benchmark.schema.json"


def schema_text() -> str:
    """Returns the JSON schema of the results file as it ships: what any validator checks cells by."""
    made: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Results.model_json_schema(mode="serialization"),
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def shipped_schema() -> str:
    """Returns the schema's file."""
    return files("karui.benchmarking").joinpath(SCHEMA).read_text(encoding="utf-8")


def load_results(path: Path | str) -> Results:
    """Reads results.

    Raises:
        InputError: The file cannot be read, or a cell does not fit the schema; names the place.
    """
    path = Path(path)
    with reading(path, "Give the results.json that `karui benchmark run` wrote.", format="JSON"):
        values = json.loads(path.read_bytes())
    try:
        return Results.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise InputError(
            f"{path} does not hold results of a benchmark.",
            why=f"{f'At {place}: ' if place else ''}{first['msg']}",
            remedy=f"`karui benchmark schema` prints the schema ({SCHEMA}); docs/benchmark.md shows a cell.",
        ) from error


def save_results(results: Results, path: Path) -> None:
    """Writes results, a cell a line, so that a cell is added or compared as a line.

    Raises:
        StorageError: The file cannot be written.
    """
    values = results.model_dump(mode="json")
    lines = [
        f'{{"format": {results.format},',
        f'"suite": {_json(values["suite"])},',
        f'"made": "{results.made}",',
    ]
    for name in ("sets", "cells", "missing"):
        rows = ",\n".join(map(_json, values[name]))
        lines.append(f'"{name}": [' + (f"\n{rows}\n" if rows else "") + ("]}" if name == "missing" else "],"))
    partial = path.with_name(path.name + ".partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(path)


def merged(several: Iterable[Results]) -> Results:
    """Returns results of one suite together; where two have the same cell, the later stands.

    Raises:
        InputError: They are of two suites or versions, or know a set by two digests.
    """
    first, *others = several
    sets = {s.name: s for s in first.sets}
    cells = {c.place: c for c in first.cells}
    missing = {(m.set, m.model, m.method): m for m in first.missing}
    for other in others:
        if other.suite != first.suite:
            raise InputError(
                f"Results of {other.suite.name} {other.suite.version} and of {first.suite.name} "
                f"{first.suite.version} do not go together.",
                remedy="Give results of one version of a suite.",
            )
        for s in other.sets:
            if sets.setdefault(s.name, s).digest != s.digest:
                raise InputError(
                    f"The set {s.name!r} has other questions in one of the files.",
                    why="Nothing is compared across two question sets.",
                    remedy="Give the set another name, in its cells as well.",
                )
        cells |= {c.place: c for c in other.cells}
        missing |= {(m.set, m.model, m.method): m for m in other.missing}
    there = {(c.set, c.model, c.method) for c in cells.values()}
    return Results(
        format=FORMAT,
        suite=first.suite,
        made=max(first.made, *(o.made for o in others)) if others else first.made,
        sets=tuple(sets.values()),
        cells=tuple(cells.values()),
        missing=tuple(m for place, m in missing.items() if place not in there),
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
