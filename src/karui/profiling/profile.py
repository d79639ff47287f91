"""Weighing: what a model takes in memory and gives in tokens per second on this machine.

Each model is weighed in a process of its own, one after the other, so that its memory is its alone.
"""

import asyncio
import gc
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from karui import engines
from karui.core.engine import Engine, engine_name
from karui.core.errors import EngineError, InputError, KaruiError
from karui.core.request import Request
from karui.core.study import ModelProfile
from karui.measure.energy import EnergyMeter
from karui.measure.flops import Shape, decode, kv_bytes_per_token
from karui.measure.machine import machine
from karui.measure.memory import weights_on_disk
from karui.profiling.speed import tokens_per_second

AT_ONCE = (1, 8, 32)
"""Streams side by side for which speed is measured: a dialogue, a small team, a batch."""


def profile(
    model: str,
    asks: Sequence[Request],
    *,
    name: str = "",
    at_once: Sequence[int] = AT_ONCE,
    tokens: int = 256,
    rounds: int = 2,
    **options: Any,
) -> ModelProfile:
    """Weighs one model in a new process.

    Args:
        model: As `karui.engines.load` takes it.
        asks: What it thinks about while its speed is measured.
        name: What to call it; `model` where empty.
        at_once: Streams side by side, one figure each.
        tokens: Tokens of the longest stream of each measurement.
        rounds: Measurements of each, of which the fastest counts.
        options: Further options of `karui.engines.load`.

    Raises:
        KaruiError: What loading or generating raised.
        EngineError: The process died: out of memory, most often.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    work = (model, list(asks), name, tuple(at_once), tokens, rounds, options)
    process = context.Process(target=_alone, args=(theirs, *work))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        process.join()
        raise EngineError(
            f"The process that weighed {name or model} died with exit code {process.exitcode}.",
            why="It ran out of memory, most likely." if process.exitcode == -9 else "",
            remedy="Try a smaller format, or fewer streams side by side.",
        ) from None
    process.join()
    if isinstance(found, KaruiError):
        raise found
    assert isinstance(found, ModelProfile)
    return found


def _alone(pipe: Any, model: str, asks: list[Request], name: str, *settings: Any) -> None:
    try:
        pipe.send(_weigh(model, asks, name, *settings))
    except KaruiError as error:
        pipe.send(error)
    finally:
        pipe.close()


def _weigh(
    model: str,
    asks: list[Request],
    name: str,
    at_once: tuple[int, ...],
    tokens: int,
    rounds: int,
    options: dict[str, Any],
) -> ModelProfile:
    engines.import_for(model)  # the libraries' own memory is no model's
    before = _resident()
    began = perf_counter()
    engine = engines.load(model, **{"name": name or model, "slots": max(at_once), **options})
    seconds = perf_counter() - began

    async def measure(engine: Engine) -> dict[int, float]:
        speed = {}
        for n in at_once:
            before_this = getattr(engine, "speculated", None)
            with EnergyMeter() as meter:
                speed[n] = await tokens_per_second(engine, asks, at_once=n, tokens=tokens, rounds=rounds)
            if used := meter.per(meter.seconds * speed[n]):
                energy[n] = used
            if before_this is not None:
                guessed[n] = engine.speculated.since(before_this).shares  # type: ignore[attr-defined]
        grown.append(_resident() - before)
        held.append((getattr(engine, "loaded_bytes", None), getattr(engine, "kv_value_bytes", 2.0)))
        await engine.close()
        return speed

    guessed: dict[int, Mapping[str, float]] = {}
    energy: dict[int, Mapping[str, float]] = {}
    grown: list[int] = []
    held: list[tuple[int | None, float]] = []
    speed = asyncio.run(measure(engine))
    card = engine.card
    try:
        shape = Shape.from_config(card.config) if card.config else None
    except InputError:
        shape = None
    loaded_bytes, value_bytes = held[0]
    return ModelProfile(
        model=card.name,
        engine=engine_name(engine),
        dtype=card.dtype,
        parameters=card.parameters,
        disk_bytes=card.weight_bytes or weights_on_disk(Path(model)),
        loaded_bytes=loaded_bytes,
        resident_bytes=grown[0],
        kv_bytes_per_token=None if shape is None else kv_bytes_per_token(shape, value_bytes),
        flops_per_token=None if shape is None else decode(shape, 512, 1),
        speed=speed,
        load_seconds=seconds,
        machine=machine(),
        options=options,
        speculated=guessed,
        joules_per_token=energy,
    )


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)
