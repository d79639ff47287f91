"""Recording in several processes: one small model keeps neither a GPU nor its driver's thread busy alone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

from karui import catalog
from karui.artifacts.artifact import Artifact
from karui.core.engine import CheckpointPolicy
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.engines.transformers import TransformersEngine
from karui.recording import store
from karui.recording.record import record
from karui.tasks.verifiers.exact import Exact

SAMPLING = Sampling(temperature=0.6, top_p=0.95, max_tokens=1024)
"""As karui-mini's own recordings were made."""
FINE = CheckpointPolicy(max_interval=64, min_interval=8)
"""For what is learned from: a trial at the end of nearly every step, so that cuts fall where they should."""
NONE = CheckpointPolicy(max_interval=1_000_000, min_interval=1_000_000)


def task_of(path: Path, name: str, limit: int | None = None) -> Task:
    """Return the questions of a JSONL file as karui's own task reads them; needs no pydantic."""
    lines = path.read_text(encoding="utf-8").splitlines()[:limit]
    rows = [json.loads(line) for line in lines]
    return Task(name, tuple(Question(r["id"], r["question"], r["answer"], Exact(), r["kind"]) for r in rows))


def make_recording(
    model: Path,
    name: str,
    task: Task,
    folder: Path,
    *,
    style: str = "",
    samples: int,
    rule: CheckpointPolicy,
    slots: int,
    seconds: float,
) -> Recording:
    """Record a task, and return what is there when all is done or the time is up.

    Args:
        model: Its folder; an artifact brings its techniques.
        name: What to call it if it is no artifact.
        task: The questions.
        folder: Where the recording goes, or was begun.
        style: What is added to the prompt.
        samples: Traces of each question.
        rule: Where checkpoints lie.
        slots: Streams side by side.
        seconds: After which it ends, whatever is missing.
    """
    made = Artifact.of(model)
    own = catalog.plan_from_spec(made.techniques) if made else Plan()
    plan = Plan((*own.techniques, *catalog.parse(style).techniques))
    engine = TransformersEngine.load(
        str(model), name=made.name if made else name, slots=slots, rule=rule, threads=1
    )

    async def run() -> None:
        recorded = record(engine, task, folder, style=plan, sampling=SAMPLING, samples=samples, at_once=slots)
        try:
            await asyncio.wait_for(recorded, seconds)
        except TimeoutError:
            print(f"{folder.name}: out of time", flush=True)
        await engine.close()

    asyncio.run(run())
    return store.load(folder)


def part_of(task: Task, number: int, parts: int) -> Task:
    """Return every `parts`-th question, from `number` on."""
    return replace(task, questions=task.questions[number::parts])


def join(folders: list[Path], task: Task, out: Path) -> Recording:
    """Write the recordings of the parts of a task as one, and return it.

    A trace's seed is made of its question and number: it is the recording that one process would have made.
    """
    parts = [store.load(folder) for folder in folders]
    found = {question.id: question for part in parts for question in part.questions}
    manifest = replace(
        parts[0].manifest,
        task_digest=task.digest,
        tokens_per_second=sum(part.manifest.tokens_per_second for part in parts),
    )
    rmtree(out, ignore_errors=True)
    whole = Recording(manifest, tuple(found[q.id] for q in task.questions))
    store.save(whole, out, level=store.FAST)
    return whole
