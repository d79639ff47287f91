"""Make karui-micro from karui-mini: ``python -m recipes.micro``.

Questions, training, more training on what was not learnt, evaluation, card; each stage reads what the one
before it wrote, so ``--stages`` can split the work between machines (only training and evaluation want a
GPU).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from recipes.micro.practice import practice
from recipes.mini.questions import SIZES, fingerprint, split, write_train
from recipes.mini.thought import Question

STAGES = ("questions", "train", "further", "evaluate", "card")
MODELS = Path("src/karui/models")


def held_out(teacher: Path) -> set[str]:
    """Return the fingerprints of all questions that the teacher was not trained on."""
    rows = (
        json.loads(line)
        for name in SIZES
        for line in (teacher / "questions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    )
    return {fingerprint(row["question"]) for row in rows}


def unseen(questions: Iterable[Question], held: set[str]) -> list[Question]:
    """Return the questions that are not among the held-out ones.

    None is where as many are drawn as for karui-mini; another number deals them differently.
    """
    return [question for question in questions if fingerprint(question.question) not in held]


def main() -> None:
    """Run the stages asked for."""
    parser = argparse.ArgumentParser(prog="recipes.micro", description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path("runs/micro"), help="folder for what is not shipped"
    )
    parser.add_argument("--out", type=Path, default=MODELS / "micro", help="folder of the finished model")
    parser.add_argument("--teacher", type=Path, default=MODELS / "mini", help="folder of the teacher")
    parser.add_argument("--stages", default=",".join(STAGES), help="comma-separated, from: %(default)s")
    parser.add_argument("--train-questions", type=int, default=300_000)
    parser.add_argument("--steps", type=int, help="training steps")
    parser.add_argument("--seconds", type=float, help="limit of the time of each training")
    parser.add_argument("--samples", type=int, default=8, help="traces per test question in the evaluation")
    parser.add_argument(
        "--tiny", action="store_true", help="rehearse everything on a CPU in a minute; learns nothing"
    )
    given = parser.parse_args()
    stages = given.stages.split(",")
    if wrong := set(stages) - set(STAGES):
        parser.error(f"unknown stages: {', '.join(sorted(wrong))}")
    if given.tiny and given.out == MODELS / "micro":
        parser.error("--tiny needs an --out of its own, or it would write over the shipped model")
    given.work.mkdir(parents=True, exist_ok=True)
    given.out.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        begun = time.perf_counter()
        _run(stage, given)
        print(f"[{stage}] {time.perf_counter() - begun:.0f} s", flush=True)


def _run(stage: str, given: argparse.Namespace) -> None:
    """Run one stage. Heavy imports wait until a stage needs them."""
    if stage == "questions":
        drawn, held = split(26_000 if given.tiny else given.train_questions)["train"], held_out(given.teacher)
        kept = unseen(drawn, held)
        print(f"{len(kept)} questions, {len(drawn) - len(kept)} held-out ones left out", flush=True)
        write_train(given.work / "train.jsonl.gz", kept)
        write_train(given.work / "further.jsonl.gz", practice(kept, held))
    elif stage in ("train", "further"):
        from recipes.micro.distil import FURTHER, STUDENT, TeacherModel
        from recipes.mini import train

        wanted = STUDENT if stage == "train" else FURTHER
        changes = {"steps": given.steps, "seconds": given.seconds}
        settings = replace(
            replace(train.TINY, more=wanted.more) if given.tiny else wanted,
            **{name: value for name, value in changes.items() if value is not None},
        )
        # The student reads and writes with its teacher's tokenizer and chat template.
        teacher = TeacherModel(given.teacher)
        begin = given.out if stage == "further" else None
        train.train(settings, given.work / f"{stage}.jsonl.gz", given.teacher, given.out, teacher, begin)
    elif stage == "evaluate":
        from recipes.mini.evaluate import evaluate

        tests = given.teacher / "questions" / "test.jsonl"
        result = evaluate(given.out, tests, given.work, given.samples, 26 if given.tiny else None)
        (given.out / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n")
    elif stage == "card":
        from recipes.micro.card import write_card

        write_card(given.out, given.teacher)


if __name__ == "__main__":
    main()
