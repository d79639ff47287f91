"""The results file: cells of the benchmark, written by karui or by others. Its JSON schema ships beside it.

    {"format": 1, "suite": {"name": …, "version": …}, "sets": [ … ], "cells": [ … ], "missing": [ … ]}

What was not measured is said where it would stand: `{"missing": "no-timings"}` instead of a number.
"""

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from karui.codec.disk import reading, writing
from karui.core.errors import InputError
from karui.core.study import Interval as CoreInterval

FORMAT: Literal[1] = 1
SCHEMA = "benchmark.schema.json"
Axis: TypeAlias = Literal["tokens", "flops", "latency"]
AXES: tuple[Axis, ...] = ("tokens", "flops", "latency")
Family: TypeAlias = Literal["baseline", "shorter", "smaller", "faster", "control"]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Digest: TypeAlias = Annotated[str, StringConstraints(pattern="^sha256:[0-9a-f]{64}$")]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Missing(_Part):
    """Why a figure is missing, in place of the figure.

    Attributes:
        missing: A reason. Known ones are translated by the page: no-timings, no-shape, no-text, in-words,
            other-weights, two-models, sums-only, control-dearer, control-cheaper, zero-accuracy.
    """

    missing: Name


class Estimate(_Part):
    """A mean over questions with its 95% interval; an end that nothing bounds is null."""

    value: float
    low: float | None
    high: float | None

    @model_validator(mode="after")
    def _within(self) -> "Estimate":
        if (self.low is not None and self.low > self.value) or (
            self.high is not None and self.high < self.value
        ):
            raise ValueError("low, value and high must ascend")
        return self

    @staticmethod
    def of(found: CoreInterval) -> "Estimate":
        """Returns an interval as the file keeps it."""
        ends = (found.low, found.high) if found.bounded else (None, None)
        low, high = (None if e is None else short(e) for e in ends)
        value = short(found.value)
        return Estimate(
            value=value,
            low=None if low is None else min(low, value),
            high=None if high is None else max(high, value),
        )


class Cost(Estimate):
    """What a reply costs, and how that is known.

    Attributes:
        how: "counted", "measured", "estimated", or the name of a formula.
    """

    how: Name


class Matched(_Part):
    """A setting against a control that costs as much: positive gains are better than the control.

    Attributes:
        control: Its name.
        tokens: At equal tokens.
        flops: At equal FLOPs.
        latency: At equal latency: as many tokens one after the other.
    """

    control: Name
    tokens: Estimate | Missing
    flops: Estimate | Missing
    latency: Estimate | Missing


class Point(_Part):
    """One setting of a method.

    Attributes:
        settings: The plan or the setting, for people.
        accuracy: Share of right replies.
        tokens: Generated for a reply by all models, trials and dropped ones included.
        flops: Of a reply.
        latency: Seconds of a reply.
        steps: Tokens that a reply generates one after the other.
        truncated: Share of traces cut by the token limit.
        looped: Share of traces that come to repeat themselves.
        gain: Accuracy gained over full thinking on the same questions; negative is a loss. Null for full
            thinking itself.
        token_ratio: Tokens by those of full thinking; likewise.
        aes: Accuracy-efficiency score (O1-Pruner, 2501.12570).
        ock_score: OckScore (OckBench, 2511.05722).
        matched: Against each control at equal cost.
    """

    settings: str = Field(max_length=500)
    accuracy: Estimate
    tokens: Cost | Missing
    flops: Cost | Missing
    latency: Cost | Missing
    steps: Cost | Missing
    truncated: Share | Missing
    looped: Share | Missing
    gain: Estimate | None = None
    token_ratio: Estimate | None = None
    aes: float | Missing
    ock_score: float | Missing
    matched: tuple[Matched, ...] = ()


class Level(_Part):
    """A method at a share of full thinking's cost, its settings mixed with each other and with full thinking.

    Attributes:
        axis: What is equal.
        share: Of full thinking's mean cost.
        accuracy: There.
        gain: Over the plain control at the same cost; null for that control itself.
    """

    axis: Axis
    share: float = Field(gt=0)
    accuracy: Estimate
    gain: Estimate | Missing | None


class Evidence(_Part):
    """What a cell rests on.

    Attributes:
        kind: A recording, a study, a log of another tool, or what somebody else measured.
        digest: SHA-256 of it, of several the digest of their digests.
        samples: Replies recorded to each question.
        runs: Orders of these that plans with several were replayed on.
        url: Where it can be had, if it can.
    """

    kind: Literal["recording", "study", "log", "external"]
    digest: Digest
    samples: int = Field(ge=1)
    runs: int = Field(default=1, ge=1)
    url: str = ""


class Cell(_Part):
    """A method with a model on a question set and an engine.

    Attributes:
        set: Name of the question set.
        set_digest: Digest of its questions: cells are compared only where it is the same.
        model: The model.
        engine: What it ran on.
        method: The method.
        family: shorter, smaller, faster; baseline or control.
        measured: live (an engine ran for this), replayed (over a recording of it), imported (replayed over a
            log of another tool).
        questions: How many the figures rest on.
        unit: What tokens are counted in.
        evidence: What it rests on.
        points: One for each setting.
        levels: Accuracy at equal cost.
        refused: Settings that could not be measured, each with the reason.
        caveats: What a reader of the figures has to know.
        by: Who measured it.
        key: What karui knows by that the cell is done; "" in cells of others.
    """

    set: Name
    set_digest: Digest
    model: Name
    engine: Name
    method: Name
    family: Family
    measured: Literal["live", "replayed", "imported"]
    questions: int = Field(ge=1)
    unit: Literal["tokens", "words"] = "tokens"
    evidence: Evidence
    points: tuple[Point, ...] = Field(min_length=1)
    levels: tuple[Level, ...] = ()
    refused: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    by: Name
    key: str = ""

    @property
    def place(self) -> tuple[str, ...]:
        """What it is of: two cells with the same stand for the same."""
        return (self.set, self.set_digest, self.model, self.engine, self.method, self.measured, self.by)


class NotMeasured(_Part):
    """A cell that could not be measured.

    Attributes:
        set: Name of the question set.
        model: The model.
        method: The method.
        why: The reason.
        make: The command that makes what is missing; "" where nothing does.
    """

    set: Name
    model: Name
    method: Name
    why: str
    make: str = ""


class SetInfo(_Part):
    """A question set.

    Attributes:
        name: As cells name it.
        digest: SHA-256 of its questions with their references.
        questions: How many.
        title: In English and Japanese.
        licence: Of the questions.
        source: Where they come from.
    """

    name: Name
    digest: Digest
    questions: int = Field(ge=1)
    title: dict[Literal["en", "ja"], str]
    licence: str
    source: str


class SuiteInfo(_Part):
    """What was measured; results of two versions do not go together.

    Attributes:
        name: The suite's.
        version: Its version.
        title: In English and Japanese.
        controls: Names of what methods are matched with, the plainest first.
    """

    name: Name
    version: Name
    title: dict[Literal["en", "ja"], str]
    controls: tuple[Name, ...]


class Results(_Part):
    """Results of one version of a suite.

    Attributes:
        format: Of this file.
        suite: What was measured.
        made: ISO date of the last change.
        sets: The question sets.
        cells: What was measured.
        missing: What could not be.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"title": "Benchmark results"})

    format: Literal[1]
    suite: SuiteInfo
    made: str
    sets: tuple[SetInfo, ...]
    cells: tuple[Cell, ...]
    missing: tuple[NotMeasured, ...] = ()

    @model_validator(mode="after")
    def _sets_known(self) -> "Results":
        known = {(s.name, s.digest): s.questions for s in self.sets}
        for number, cell in enumerate(self.cells):
            if (cell.set, cell.set_digest) not in known:
                raise ValueError(f"cell {number} names the set {cell.set!r} with a digest that no set has")
            if cell.questions != known[cell.set, cell.set_digest]:
                raise ValueError(f"cell {number} has another number of questions than its set")
        return self


def short(value: float) -> float:
    """Returns a number to four digits: more than intervals over questions bear, and the file stays small."""
    return float(f"{value:.4g}")


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
