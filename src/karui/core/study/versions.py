"""Versions of a model: what each takes on a machine, how it was made, and the race between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from karui.core.study.learning import Training
from karui.core.study.measurement import Comparison, Measurement


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """One model on one engine, weighed.

    Attributes:
        model: Its name.
        engine: Name of the engine.
        dtype: What it computes in, or its format.
        parameters: How many.
        disk_bytes: Of its weight files.
        loaded_bytes: Of its weights as the engine holds them, by the engine's own count; None where the
            engine cannot tell.
        resident_bytes: By how much the process grew from before loading to after generating: weights, caches
            and whatever the engine keeps besides.
        kv_bytes_per_token: Of its KV cache; None where its shape is unknown.
        flops_per_token: For a token with 512 positions before it; None likewise.
        speed: Tokens per second by streams side by side.
        load_seconds: From a folder to an engine ready to generate.
        machine: In words.
        options: What the engine was loaded with.
        speculated: By streams side by side, where tokens were guessed ahead: `acceptance` (share of the
            guesses that stood), `tokens_per_forward` of a stream, `positions_per_token` that the model
            computed and `drafted_per_token` that a draft model did.
        joules_per_token: By streams side by side, mean power while generating over `speed`, by the counter
            that was read (`karui.measure.energy`); {} where the machine has none that can be read.
    """

    model: str
    engine: str
    dtype: str
    parameters: int
    disk_bytes: int
    loaded_bytes: int | None
    resident_bytes: int
    kv_bytes_per_token: float | None
    flops_per_token: float | None
    speed: Mapping[int, float]
    load_seconds: float
    machine: str
    options: Mapping[str, Any]
    speculated: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    joules_per_token: Mapping[int, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """How the weights of a version were made.

    Attributes:
        seconds: Wall time.
        key: Of the artifact.
        folder: Where its weights are.
        minutes: Allowed for its training; None where it has none, or no limit.
        peak_bytes: Most memory held at once; None where it was not measured.
        device: Such as "cpu".
        machine: In words.
        notes: What the technique wrote down about it, JSON-able.
    """

    seconds: float
    key: str = ""
    folder: str = ""
    minutes: float | None = None
    peak_bytes: float | None = None
    device: str = ""
    machine: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def training(self) -> Training | None:
        """How it learned; None where nothing was trained."""
        return Training.of(self.notes)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """The model as it came, or a version of it.

    Attributes:
        name: The model's.
        label: The techniques that make it; "" for the model as it came.
        weight: What it takes on this machine; None where it was not profiled.
        made: How it was made; None for the model as it came, and where it could not be made.
        measurement: Of full thinking with it; None where it was not recorded.
        comparison: Of the same with the model as it came; None likewise, and for that itself.
        refused: What an error said where it could not be made or run; "" where it could.
    """

    name: str
    label: str
    weight: ModelProfile | None = None
    made: Made | None = None
    measurement: Measurement | None = None
    comparison: Comparison | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class RaceResult:
    """One artifact at the end of the last rung it took part in.

    Attributes:
        name: The artifact's.
        questions: How many it was asked.
        accuracy: Share right.
        cost_ratio: Its cost over the baseline's, on the same questions.
        score: Accuracy-efficiency score against the baseline.
        kept: Whether it goes on to a full recording.
    """

    name: str
    questions: int
    accuracy: float
    cost_ratio: float
    score: float
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Screening:
    """The whole race.

    Attributes:
        standings: Every artifact, best first.
        asked: Traces generated for it.
        spared: Traces that full recordings of the dropped artifacts would have taken, less those that
            screening took.
    """

    standings: tuple[RaceResult, ...]
    asked: int
    spared: int = 0

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the artifacts to record, best first."""
        return tuple(s.name for s in self.standings if s.kept)
