"""Training questions of karui-mini's recipe, and a recording of karui-mini on them."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from random import Random

from karui.core.ask import Sampling
from karui.core.engine import CheckpointRule
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.engines.transformers import TransformersEngine
from karui.recording.record import record
from karui.recording.store import load
from karui.tasks import verifier

QUESTIONS, RECORDING = "questions.jsonl", "recording"
LIMIT = 1024
NO_TRIALS = CheckpointRule(every=10_000, least=10_000, steps=False)
"""Nothing is replayed on these recordings: they are there for prompts and lengths, or to count answers."""


def write_questions(source: Path, size: int, seed: int, path: Path) -> None:
    """Write ``size`` training questions, drawn from the file that the recipe of karui-micro makes.

    That file has none of karui-mini's held-out questions in it (``recipes.micro``, stage ``questions``).
    """
    with gzip.open(source, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    Random(seed).shuffle(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for number, row in enumerate(rows[:size], start=1):
            kept = {"id": f"mini-train-{number:05d}", "question": row["question"], "answer": row["answer"]}
            out.write(json.dumps({**kept, "kind": row["kind"]}, ensure_ascii=False) + "\n")


def training_task(path: Path) -> Task:
    """Return the training questions as a task: asked and judged as karui's own ``mini`` is."""
    judge = verifier("exact")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    questions = tuple(Question(r["id"], r["question"], r["answer"], judge, r["kind"]) for r in rows)
    return Task("mini:train", questions)


def record_plain(
    model: Path, name: str, task: Task, folder: Path, samples: int, device: str, at_once: int, **options
) -> Recording:
    """Record a task without trials, or go on with what is there."""
    sampling = Sampling(temperature=0.6, top_p=0.95, max_tokens=LIMIT)
    engine = TransformersEngine.load(str(model), name=name, device=device, slots=at_once, rule=NO_TRIALS)
    asyncio.run(record(engine, task, folder, sampling=sampling, samples=samples, at_once=at_once, **options))
    return load(folder, signals=False)
