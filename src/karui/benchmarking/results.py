"""What a results file holds: cells of the benchmark, written by karui or by others.

    {"format": 1, "suite": {"name": …, "version": …}, "sets": [ … ], "cells": [ … ], "missing": [ … ]}

What was not measured is said where it would stand: `{"missing": "no-timings"}` instead of a number.
`karui.benchmarking.results_file` reads and writes it.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from karui.core.study import Interval as CoreInterval

FORMAT: Literal[1] = 1
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
            other-weights, two-models, sums-only, medians-only, control-dearer, control-cheaper,
            zero-accuracy.
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
        truncated: Share of traces cut by the model's token limit. What a method ended itself is not among
            them, whether it answered then or not.
        unanswered: Share of replies without an answer, whatever ended them: the token limit, a cap of the
            method's own, an abstention.
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
    unanswered: Share | Missing = Missing(missing="not-stated")
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
