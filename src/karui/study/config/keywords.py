"""The options as keywords of the public functions, for editors and type checkers.

A test holds these equal to the classes of `karui.study.config.schema`, which declare them; where an option
takes a file, a keyword also takes its path as text, and where it takes a recording, a `Recording`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from karui.core.recording import Recording


class EngineKeywords(TypedDict, total=False):
    """What computes."""

    device: str
    dtype: str
    threads: int
    compile: bool


class ModelKeywords(EngineKeywords, total=False):
    """How a model is run; which one is an argument of its own."""

    engine: Sequence[str]
    thinking: Path | str | None
    concurrency: int
    workers: int
    logprobs: Literal["auto", "all", "few", "answers", "none"]


class SamplingKeywords(TypedDict, total=False):
    """How traces are drawn."""

    samples: int
    max_tokens: int
    temperature: float
    top_p: float
    seed: int


class BaselineKeywords(TypedDict, total=False):
    """What full thinking has to be, to be compared with."""

    accept_no_thinking: bool
    min_accuracy: float


class ObjectiveKeywords(TypedDict, total=False):
    """What is accepted, and what is to be minimised."""

    max_drop: float
    max_first_answer: float
    max_cost: float
    confidence: float
    minimize: str
    priority: str
    technique: Sequence[str]
    accept_truncation: bool
    assume: Mapping[str, Any]


class StudyKeywords(ModelKeywords, SamplingKeywords, BaselineKeywords, ObjectiveKeywords, total=False):
    """The options of `karui.poc`."""

    limit: int
    variant: Sequence[str]
    variants: Sequence[str]
    train_minutes: float
    train_on: Path | str | None
    sibling: str
    small: str
    reference: Literal["given", "self"]
    confirm: bool
    on: str
    lang: Literal["en", "ja"]
    out: Path | str


class RecordKeywords(ModelKeywords, SamplingKeywords, BaselineKeywords, total=False):
    """The options of `karui.record`."""

    limit: int
    reference: Literal["given", "self"]
    recording: Path | str | None
    minutes: float | None
    variant: Sequence[str]
    on: str
    shard: str
    compact: bool
    out: Path | str


class ChooseKeywords(BaselineKeywords, ObjectiveKeywords, total=False):
    """The options of `karui.choose`."""

    variant: Sequence[Recording | Path | str]
    aux_model: Mapping[str, Recording | Path | str]
    pilot: Sequence[Recording | Path | str]
    kind: Sequence[str]
    on: str
    lang: Literal["en", "ja"]
    out: Path | str | None


class RunKeywords(ModelKeywords, total=False):
    """The options of `karui.run`."""

    max_tokens: int
    temperature: float
    top_p: float
    seed: int


class MakeKeywords(TypedDict, total=False):
    """The options of `karui.make`."""

    minutes: float | None
    seed: int
    device: str
    out: Path | str
