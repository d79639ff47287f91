"""Recordings of mini:test with trained models, and what they say in one line each."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from karui import catalog
from karui.core.ask import Sampling
from karui.core.engine import CheckpointRule
from karui.core.plan import Plan
from karui.core.question import Question, Task
from karui.engines.transformers import TransformersEngine
from karui.forge.artifact import Artifact
from karui.recording.record import record
from karui.recording.store import compact, load
from karui.tasks import verifier
from recipes.reinforce.material import LIMIT, NO_TRIALS

TEST = Path("src/karui/models/mini/questions/test.jsonl")


def test_task() -> Task:
    """Return ``mini:test`` as karui loads it, on a machine without what reads question files."""
    judge = verifier("exact")
    rows = [json.loads(line) for line in TEST.read_text(encoding="utf-8").splitlines()]
    questions = tuple(Question(r["id"], r["question"], r["answer"], judge, r["kind"]) for r in rows)
    return Task("mini:test", questions)


def record_trained(
    model: Path,
    more: str,
    folder: Path,
    given: argparse.Namespace,
    questions: int,
    samples: int,
    *,
    trials: bool,
) -> None:
    """Record the first test questions with an artifact, and print how right and how long its answers are.

    Args:
        model: The artifact's folder.
        more: Further techniques of the plan, as text.
        folder: Of the recording.
        given: The command line's settings.
        questions: How many.
        samples: Traces of each.
        trials: Whether to try an answer at every checkpoint, so that early exits can be replayed.
    """
    made = Artifact.of(model)
    style = Plan((*catalog.plan_from_spec(made.techniques).techniques, *catalog.parse(more).techniques))
    engine = TransformersEngine.load(
        str(model),
        name=made.name,
        device=given.device,
        slots=given.at_once,
        rule=CheckpointRule() if trials else NO_TRIALS,
    )
    task = test_task()
    task = replace(task, questions=task.questions[: 4 if given.tiny else questions])
    sampling = Sampling(temperature=0.6, top_p=0.95, max_tokens=LIMIT)
    asyncio.run(
        record(engine, task, folder, style=style, sampling=sampling, samples=samples, at_once=given.at_once)
    )
    compact(folder)
    found = load(folder, signals=False)
    right = [q.correct(t.answer) for q in found.questions for t in q.traces]
    tokens = [t.thinking_tokens for t in found.traces()]
    print(
        f"{folder.name}: {len(found.questions)} questions, {len(right)} traces, "
        f"{100 * np.mean(right):.2f}% right, {np.mean(tokens):.1f} thinking tokens",
        flush=True,
    )
