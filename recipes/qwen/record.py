"""Recording GSM8K in several processes on one GPU: what is learned from, and what is measured on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from karui import tasks
from karui.core.prompt import Sampling
from karui.core.recording import Recording
from karui.engines.transformers import TransformersEngine
from karui.recording.record import record
from recipes.shorter.record import NONE, join, part_of

SAMPLING = Sampling(temperature=0.6, top_p=0.95, max_tokens=768)
"""As the recording in bench/results/qwen2.5-coder-1.5b-gsm8k was made."""


@dataclass(frozen=True)
class Wanted:
    """One recording to make.

    Attributes:
        file: Questions in GSM8K's own form.
        limit: How many of them; a sample, the same every time.
        samples: Traces of each.
        folder: Where the recording goes.
        seconds: After which it ends, whatever is missing; None waits for the last trace. What is measured
            on must not be cut: the traces that are missing then are the long ones.
    """

    file: Path
    limit: int
    samples: int
    folder: Path
    seconds: float | None = None

    def part(self, number: int) -> Path:
        """Return the folder of one process's part."""
        return self.folder.with_name(f"{self.folder.name}-parts") / f"{number:02d}"


def make_recordings(
    model: Path, name: str, wanted: Sequence[Wanted], *, processes: int, slots: int, gpus: int
) -> list[Recording]:
    """Record all of them at once, each process a part of each, and return them whole.

    One process waits for Python between two steps of the GPU; several fill each other's gaps.

    Args:
        model: Its folder.
        name: What to call it.
        wanted: The recordings; streams of the first are opened first.
        processes: How many.
        slots: Streams side by side in each of them.
        gpus: Over which the processes are spread.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # The cache grows by making a larger one beside it: what it gives back has to fit what comes next.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(_record_part, model, name, wanted, number, processes, slots, number % gpus)
            for number in range(processes)
        ]
        for job in jobs:
            print(job.result(), flush=True)
    return [
        join(
            [one.part(n) for n in range(processes)],
            tasks.load(f"gsm8k:{one.file}", limit=one.limit),
            one.folder,
        )
        for one in wanted
    ]


def _record_part(
    model: Path, name: str, wanted: Sequence[Wanted], number: int, processes: int, slots: int, gpu: int
) -> str:
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", f"{gpu}")  # read when CUDA is first asked for anything
    engine = TransformersEngine.load(str(model), name=name, slots=slots, rule=NONE, threads=1)

    async def make(one: Wanted) -> str:
        task = part_of(tasks.load(f"gsm8k:{one.file}", limit=one.limit), number, processes)
        made = record(engine, task, one.part(number), sampling=SAMPLING, samples=one.samples, at_once=slots)
        try:
            whole = await asyncio.wait_for(made, one.seconds)
        except TimeoutError:
            return f"{one.folder.name}: out of time"
        return f"{one.folder.name}: {whole.manifest.tokens_per_second:,.0f} tokens/s"

    async def run() -> list[str]:
        said = await asyncio.gather(*map(make, wanted))
        await engine.close()
        return said

    return f"process {number}: {'; '.join(asyncio.run(run()))}"
