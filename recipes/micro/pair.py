"""Fresh questions, and recordings of karui-mini and karui-micro on them: what `bench/smaller.py` judges by.

    python -m recipes.micro.pair draw --work runs/pair
    python -m recipes.micro.pair record --model karui-micro --questions runs/pair/fresh.jsonl --out OUT

The questions are drawn by karui-mini's own recipe; none was trained on, none is in its pilot, test or confirm
split. Drawing wants reasoning-gym and no GPU, recording wants a GPU. A recording is made by several processes
side by side, each a part of the questions, and is the one that a single process would have made.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from recipes.micro.__main__ import MODELS, held_out
from recipes.micro.practice import weak_questions
from recipes.mini.kinds import KINDS
from recipes.mini.questions import fingerprint, quotas, split, write_split
from recipes.mini.thought import Question

if TYPE_CHECKING:
    from karui.core.question import Task

SIZES = {"fresh": 3240, "fresh-confirm": 430}
SEED, ATTEMPTS = 90_917, 12
FOLDERS = {"karui-mini": MODELS / "mini", "karui-micro": MODELS / "micro"}


def draw(taken: set[str]) -> dict[str, list[Question]]:
    """Return the questions of every new split, whose fingerprints are not among `taken`.

    A kind that has nearly all of its questions in the training data gives what is left, split in proportion.
    """
    wanted = {name: quotas(size) for name, size in SIZES.items()}
    splits: dict[str, list[Question]] = {name: [] for name in SIZES}
    for kind in KINDS:
        total = sum(counts[kind] for counts in wanted.values())
        pool: dict[str, Question] = {}
        for attempt in range(ATTEMPTS):
            for question in KINDS[kind].draw(SEED + attempt, 4 * total):
                mark = fingerprint(question.question)
                if mark not in taken and len(pool) < total:
                    pool.setdefault(mark, question)
        found = list(pool.values())
        begun = 0
        for name, counts in wanted.items():
            share = counts[kind] * len(found) // total
            splits[name] += found[begun : begun + share]
            begun += share
        if len(found) < total:
            print(f"{kind}: {len(found)} of {total} questions; all others were trained on", flush=True)
    for name, questions in splits.items():
        Random(f"{SEED} {name}").shuffle(questions)
    return splits


def complete(task: Task, folders: list[Path], samples: int) -> Task:
    """Return the task up to the first question of which a part lacks a trace.

    In a recording that ran out of time the last ones are missing; leaving out single ones would leave out
    those that were thought about longest.
    """
    from karui.recording import store

    there = {q.id for folder in folders for q in store.load(folder).questions if len(q.traces) >= samples}
    missing = next((n for n, q in enumerate(task.questions) if q.id not in there), len(task.questions))
    return replace(task, questions=task.questions[:missing])


def _draw(given: argparse.Namespace) -> None:
    taken = held_out(FOLDERS["karui-mini"])
    learnt = [*split(given.train_questions)["train"], *weak_questions(taken)]
    taken |= {fingerprint(question.question) for question in learnt}
    for name, questions in draw(taken).items():
        write_split(given.work / f"{name}.jsonl", name, questions)
        print(f"{name}: {len(questions)} questions", flush=True)


def _record(given: argparse.Namespace) -> None:
    from karui.core.engine import CheckpointPolicy
    from karui.recording import store
    from recipes.shorter.record import NONE, join, make_recording, part_of, task_of

    begun = time.perf_counter()
    task = task_of(given.questions, given.name, given.limit)
    model = FOLDERS.get(given.model, Path(given.model))
    parts = [given.out.with_name(f"{given.out.name}.{n:02d}") for n in range(given.processes)]
    if given.part is not None:
        make_recording(
            model,
            given.model,
            part_of(task, given.part, given.processes),
            parts[given.part],
            samples=given.samples,
            rule=CheckpointPolicy() if given.trials else NONE,
            slots=given.slots,
            seconds=given.seconds,
        )
        return
    command = [sys.executable, "-m", "recipes.micro.pair", *sys.argv[1:]]
    running = [subprocess.Popen([*command, "--part", str(n)]) for n in range(given.processes)]
    if failed := [n for n, process in enumerate(running) if process.wait()]:
        raise SystemExit(f"parts {failed} failed")
    whole = complete(task, parts, given.samples)
    recording = join(parts, whole, given.out)
    if given.compact:
        store.compact(given.out)
    right = [q.correct(t.answer) for q in recording.questions for t in q.traces]
    share, seconds = sum(right) / max(1, len(right)), time.perf_counter() - begun
    of = f"{len(recording.questions)} of {len(task.questions)} questions"
    print(f"{given.out.name}: {of}, {len(right)} traces, {share:.2%} right, {seconds:.0f} s", flush=True)


def main() -> None:
    """Draw or record."""
    parser = argparse.ArgumentParser(prog="recipes.micro.pair", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    drawing = verbs.add_parser("draw", help="write the questions of the new splits")
    drawing.add_argument("--work", type=Path, default=Path("runs/pair"), help="folder of the splits")
    drawing.add_argument("--train-questions", type=int, default=300_000, help="as the models were trained on")
    drawing.set_defaults(run=_draw)
    recording = verbs.add_parser("record", help="record a model on a split")
    recording.add_argument("--model", required=True, help=f"a folder, or one of {', '.join(FOLDERS)}")
    recording.add_argument("--questions", type=Path, required=True, help="JSONL file")
    recording.add_argument("--name", default="mini:fresh", help="name of the task")
    recording.add_argument("--limit", type=int, help="take the first so many")
    recording.add_argument("--out", type=Path, required=True, help="folder of the recording")
    recording.add_argument("--samples", type=int, default=2, help="traces of each question")
    recording.add_argument("--trials", action=argparse.BooleanOptionalAction, default=True)
    recording.add_argument("--compact", action="store_true", help="as small as it gets, which takes a while")
    recording.add_argument("--processes", type=int, default=8, help="side by side")
    recording.add_argument("--slots", type=int, default=256, help="streams side by side in one process")
    recording.add_argument("--seconds", type=float, default=600.0, help="limit; what is missing is left out")
    recording.add_argument("--part", type=int, help="one part; processes are started with it")
    recording.set_defaults(run=_record)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
