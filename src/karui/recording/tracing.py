"""One trace: a stream that thinks to its end, tried at every checkpoint on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from karui.core.ability import Ability
from karui.core.engine import (
    CheckpointPolicy,
    Engine,
    MakesTraces,
    ModelInfo,
    OnTokens,
    Reader,
    engine_here,
    engine_name,
    engine_server,
)
from karui.core.request import Request
from karui.core.trace import RecordedCheckpoint, Trace

__all__ = ["EngineInfo", "OnTokens", "OwnEngine", "TraceSource", "read_anew", "trace_of"]


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a manifest says of an engine: of one in this process, or of those of workers.

    Attributes:
        card: The model.
        name: Of the engine, as manifests call it.
        abilities: What it can do.
        rule: Where its streams stop.
        suffix: The trial suffix.
        suffix_tokens: Its length.
        thinks: How the model thinks, and how that was found out.
        server: What a server told of its model and version.
        workers: The processes that record, by what `Manifest.workers` says of each.
        here: Whether it computes on this machine.
    """

    card: ModelInfo
    name: str
    abilities: frozenset[Ability]
    rule: CheckpointPolicy
    suffix: str
    suffix_tokens: int
    thinks: Mapping[str, Any]
    server: Mapping[str, str] = field(default_factory=dict)
    workers: tuple[Mapping[str, Any], ...] = ()
    here: bool = True

    @staticmethod
    def of(engine: Engine) -> "EngineInfo":
        """Returns what a manifest says of an engine."""
        return EngineInfo(
            engine.card,
            engine_name(engine),
            engine.abilities,
            engine.rule,
            engine.suffix,
            engine.suffix_tokens,
            engine.thinks,
            engine_server(engine),
            here=engine_here(engine),
        )


@runtime_checkable
class TraceSource(Protocol):
    """What makes traces for a recording."""

    @property
    def info(self) -> EngineInfo:
        """What the manifest says of it."""

    async def trace(self, ask: Request, sample: int, read: Reader, on_tokens: OnTokens) -> tuple[Trace, str]:
        """Returns a whole trace with a trial at every checkpoint, and the name of the worker that made it.

        Raises:
            EngineError: The engine failed.
        """


class OwnEngine:
    """Traces of an engine in this process.

    Attributes:
        info: What the manifest says of it.
    """

    def __init__(self, engine: Engine) -> None:
        """Takes an engine that is loaded."""
        self.info, self._engine = EngineInfo.of(engine), engine

    async def trace(self, ask: Request, sample: int, read: Reader, on_tokens: OnTokens) -> tuple[Trace, str]:
        """Returns a whole trace; no worker made it."""
        return await trace_of(self._engine, ask, sample, read, on_tokens), ""


async def trace_of(engine: Engine, ask: Request, sample: int, read: Reader, on_tokens: OnTokens) -> Trace:
    """Lets one stream think to its end, and tries the answer at every checkpoint.

    Raises:
        EngineError: The engine failed.
    """
    if isinstance(engine, MakesTraces):
        whole = await engine.whole_trace(ask, sample, read, on_tokens)
        if whole is not None:
            return whole
    stream = engine.open(ask, sample, read)
    tries = Ability.TRIALS in engine.abilities
    marks: list[RecordedCheckpoint] = []
    reached = chars = 0
    try:
        while not isinstance(step := await stream.advance(), Trace):
            tokens = step.tokens - reached
            reached = step.tokens
            chars += len(step.text)
            trial = await stream.trial() if tries else None
            marks.append(RecordedCheckpoint(reached, chars, trial))
            on_tokens(tokens + (trial.tokens if trial else 0))
    except BaseException:
        stream.stop()
        raise
    on_tokens(step.tokens - reached)
    return replace(step, checkpoints=tuple(marks))


def read_anew(trace: Trace, read: Reader) -> Trace:
    """Returns a trace whose answers are texts, as a worker sends it, with the answers read out of them."""

    def answer(text: str | None) -> str | None:
        return None if text is None else read(text)

    marks = tuple(
        mark
        if mark.trial is None
        else replace(mark, trial=replace(mark.trial, answer=answer(mark.trial.answer)))
        for mark in trace.checkpoints
    )
    return replace(trace, answer=answer(trace.answer), checkpoints=marks)
