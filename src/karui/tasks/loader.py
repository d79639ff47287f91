r"""From a name or a path to a task: `load("gsm8k")`, `load("orders.jsonl")`, `load("gym:chain_sum")`."""

import os
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from karui.core.errors import InputError, QuestionsError, UnknownName
from karui.core.question import Question, Task

INSTRUCTION = r"Put your final answer in \boxed{}."
INSTRUCTION_CHOICE = r"Put the letter of your final choice in \boxed{}."
INSTRUCTION_JA = r"最後の答えを \boxed{} の中に書いてください。"
INSTRUCTION_CHOICE_JA = r"選んだ選択肢の記号を \boxed{} の中に書いてください。"

# Kana decide, not kanji: those are Chinese too.
_KANA = re.compile(r"[\u3040-\u30ff]")
_HUB = ("gsm8k", "math500", "aime24", "aime25", "gpqa")
_NAMES = (
    ("mini", "the questions karui-mini was made for; also mini:pilot, mini:test, mini:confirm"),
    ("ja-examples", "43 questions of Japanese business life, with answers"),
    ("gym:NAME", "any data set of reasoning-gym: gym:chain_sum?min_terms=3&size=200&seed=7"),
    ("FILE.jsonl", "your own, JSONL or CSV: question, answer; if wanted verifier, kind, id, system"),
)


def available() -> list[tuple[str, str]]:
    """Returns every source of questions: its name as `load` takes it, and one line about it."""
    from karui.tasks.sources.hub import SETS

    hub = [(name, f"{SETS[name].line}; {name}:FILE reads a local copy") for name in _HUB]
    return [*_NAMES[:2], *hub, *_NAMES[2:]]


def load(
    name: str,
    *,
    limit: int | None = None,
    seed: int = 0,
    need_reference: bool = True,
    verifier: str | None = None,
) -> Task:
    """Returns the task that a name or a path stands for.

    Args:
        name: A name of `available()`, or the path of a `.jsonl`, `.csv` or `.tsv` file.
        limit: At most this many questions: a random sample by `seed`, in the task's order. A larger limit
            with the same seed keeps the questions of a smaller one. For `gym:` the number generated, if the
            name gives no size.
        seed: Seed of the sample, and of what is generated.
        need_reference: False for a run that compares with the full model's own answers (`--reference self`):
            every reference is then empty and the task says `agreement`; `with_references` fills them in.
        verifier: Verifier of the file's rows that name none; None guesses it from all references. Files only.

    Raises:
        UnknownName: Nothing goes by that name, and no such file exists.
        QuestionsError: The questions cannot be used as they are; rows are named by line.
        InputError: A package or the network is missing, or a parameter is wrong.
    """
    if limit is not None and limit < 1:
        raise InputError(
            f"A limit of {limit} leaves no questions.", remedy="Give a limit of 1 or more, or none."
        )
    questions = _questions(name, limit, seed, need_reference=need_reference, verifier=verifier)
    if limit is not None and limit < len(questions):
        order = list(range(len(questions)))
        random.Random(seed).shuffle(order)  # noqa: S311 - a sample, not a secret
        questions = tuple(questions[at] for at in sorted(order[:limit]))
    if not need_reference:
        questions = tuple(replace(question, reference="") for question in questions)
    instruction = "" if name.partition(":")[0] == "mini" else instruction_for(questions)
    return Task(name, questions, instruction, not need_reference, private=_is_private(name))


def instruction_for(questions: tuple[Question, ...]) -> str:
    """Returns the sentence that asks for a box, in most questions' language; "" where a judge judges."""
    if any(question.verifier.spec.startswith("judge:") for question in questions):
        return ""
    japanese = 2 * sum(_KANA.search(question.text) is not None for question in questions) > len(questions)
    if all(question.verifier.spec == "choice" for question in questions):
        return INSTRUCTION_CHOICE_JA if japanese else INSTRUCTION_CHOICE
    return INSTRUCTION_JA if japanese else INSTRUCTION


def with_references(task: Task, references: Mapping[str, str]) -> Task:
    """Returns the task with the full model's own answers (question id to answer) as its references.

    Questions that have none (the model never answered) are left out: nothing can agree with them.

    Raises:
        QuestionsError: Nothing is left.
    """
    kept = tuple(replace(q, reference=references[q.id]) for q in task.questions if references.get(q.id))
    if not kept:
        raise QuestionsError(
            f"No question of {task.name} has an answer of the full model to compare with.",
            why="Its traces were cut, or ended without an answer that the verifier can read.",
            remedy="Raise the token limit, or ask for the answer in a form that the verifier reads.",
        )
    return replace(task, questions=kept, agreement=True)


def describe(task: Task) -> str:
    """Returns one line: how many questions, and which verifier judges them and whether it was guessed."""
    specs = Counter(
        (q.verifier.spec.split("#")[0], bool(q.meta.get("verifier_guessed"))) for q in task.questions
    )
    judges = ", ".join(
        f"{spec}{' (guessed from the references)' if guessed else ''}"
        + (f" for {count}" if len(specs) > 1 else "")
        for (spec, guessed), count in specs.most_common()
    )
    noun = "question" if len(task.questions) == 1 else "questions"
    return f"{task.name}: {len(task.questions)} {noun}; verifier: {judges}"


def _is_private(name: str) -> bool:
    """Returns whether a name stands for a file that only its owner may read."""
    try:
        return os.name == "posix" and Path(name).is_file() and not Path(name).stat().st_mode & 0o077
    except OSError:
        return False


def _questions(
    name: str,
    limit: int | None,
    seed: int,
    *,
    need_reference: bool,
    verifier: str | None,
) -> tuple[Question, ...]:
    from karui.tasks.sources.files import load_file

    source, colon, rest = name.partition(":")
    if source == "mini":
        from karui.tasks.sources.mini import load_mini

        return load_mini(rest if colon else "test")
    if source == "gym" and colon:
        from karui.tasks.gym_set import DEFAULT_SIZE, GymSet
        from karui.tasks.sources.gym import load_gym

        return load_gym(GymSet.parse(rest, seed=seed, size=limit or DEFAULT_SIZE))
    if source in _HUB:
        from karui.tasks.sources.hub import load_hub, load_local

        return load_local(source, Path(rest)) if colon else load_hub(source)
    if name == "ja-examples":
        with as_file(files("karui.tasks") / "data" / "ja_examples.jsonl") as path:
            return load_file(path)
    path = Path(name)
    if path.exists() or path.suffix in {".jsonl", ".csv", ".tsv"} or len(path.parts) > 1:
        return load_file(path, need_reference=need_reference, default=verifier)
    raise UnknownName("task", name, [known for known, _ in available()])
