"""The sets that papers report on, by name: from the Hub through `datasets`, or from a local copy."""

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.core.errors import InputError, QuestionsError
from karui.core.question import Question
from karui.models.hub import CHECK, offline, unreachable
from karui.tasks.sources.files import read_rows
from karui.tasks.verifiers import verifier

Record = Mapping[str, Any]


def _worked(record: Record) -> str:
    """Returns what follows the last `####` of GSM8K's worked answer."""
    answer = str(record["answer"])
    if "####" not in answer:
        raise ValueError("the answer has no '####'")
    return answer.rsplit("####", 1)[1].strip()


def _column(name: str) -> Callable[[Record], str]:
    return lambda record: str(record[name]).strip()


@dataclass(frozen=True, slots=True)
class HubSet:
    """Where a set lies and how its columns become questions.

    Attributes:
        line: What `karui tasks` says about it.
        repo: The data set's name on the Hub.
        config: Its configuration, None for the only one.
        split: Which split is asked.
        question: Column of the question.
        reference: Reads the right answer out of a record.
        verifier: Spec of the verifier.
        kind: Column to break results down by; empty for none.
        wrong: Columns of the wrong options of a multiple choice; the options are shuffled by question.
    """

    line: str
    repo: str
    config: str | None
    split: str
    question: str
    reference: Callable[[Record], str]
    verifier: str
    kind: str = ""
    wrong: tuple[str, ...] = ()


SETS: dict[str, HubSet] = {
    "gsm8k": HubSet(
        "1,319 word problems of primary school (Cobbe et al., 2110.14168)",
        "openai/gsm8k", "main", "test", "question", _worked, "numeric",
    ),
    "math500": HubSet(
        "500 competition problems of MATH (Lightman et al., 2305.20050)",
        "HuggingFaceH4/MATH-500", None, "test", "problem", _column("answer"), "math", "subject",
    ),
    "aime24": HubSet(
        "30 problems of AIME 2024",
        "HuggingFaceH4/aime_2024", None, "train", "problem", _column("answer"), "numeric",
    ),
    "aime25": HubSet(
        "30 problems of AIME 2025",
        "math-ai/aime25", None, "test", "problem", _column("answer"), "numeric",
    ),
    "gpqa": HubSet(
        "198 multiple-choice questions of graduate science, diamond (Rein et al., 2311.12022); gated",
        "Idavidrein/gpqa", "gpqa_diamond", "train", "Question", _column("Correct Answer"), "choice",
        "High-level domain", ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
    ),
}  # fmt: skip


def load_hub(name: str) -> tuple[Question, ...]:
    """Returns the questions of a set, fetched through `datasets` (or from its cache).

    Raises:
        InputError: `datasets` is not installed, or the set cannot be fetched (no network, no access).
        QuestionsError: The set has another shape than karui knows.
    """
    made = SETS[name]
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise InputError(
            f"{name} needs the package datasets, which is not installed.",
            remedy="pip install 'karui[tasks]'",
        ) from error
    local = f"or load a local file of the same shape with {name}:path/to/file.jsonl."
    why = unreachable()
    try:
        with offline() if why else nullcontext():
            records = load_dataset(made.repo, made.config, split=made.split)
    except Exception as error:
        if why:
            raise InputError(
                f"{name} is a data set of the Hugging Face Hub ({made.repo}), which cannot be reached.",
                why=why,
                remedy=f"{CHECK}; {local}",
            ) from error
        raise InputError(
            f"{name} cannot be fetched from the Hub ({made.repo}).",
            why=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}",
            remedy="Check the network"
            + (" and your access to the gated set" if "gated" in made.line else "")
            + f", {local}",
        ) from error
    return _questions(name, enumerate(records, start=1), made.repo)


def load_local(name: str, path: Path) -> tuple[Question, ...]:
    """Returns the questions of a local JSONL or CSV file that has the columns of the set `name`.

    Raises:
        UnknownName: There is no such file.
        QuestionsError: The file is empty, or a row is broken or lacks one of the set's columns.
    """
    rows: list[tuple[int, Record]] = []
    for line, row in read_rows(path):
        if isinstance(row, str):
            raise QuestionsError(f"Line {line} of {path.name} {row}.", remedy="Mend or remove it.")
        rows.append((line, row))
    return _questions(name, rows, path.name)


def _questions(name: str, rows: Iterable[tuple[int, Record]], source: str) -> tuple[Question, ...]:
    made = SETS[name]
    judge = verifier(made.verifier)
    questions = []
    for line, record in rows:
        try:
            text, reference = str(record[made.question]).strip(), made.reference(record)
            if made.wrong:
                text, reference = _shuffled(
                    text, reference, [str(record[column]).strip() for column in made.wrong]
                )
        except (KeyError, ValueError) as error:
            why = f"it has no column {error}" if isinstance(error, KeyError) else str(error)
            raise QuestionsError(
                f"Row {line} of {source} has not the shape of {name}.",
                why=f"{why}; its columns are {', '.join(map(str, record))}.",
                remedy=f"Give the set's own file, or load your own without '{name}:' before the path.",
            ) from error
        kind = str(record.get(made.kind) or "") if made.kind else ""
        questions.append(
            Question(f"{name}-{line}", text, reference, judge, kind, {"line": line, "source": source})
        )
    return tuple(questions)


def _shuffled(text: str, right: str, wrong: list[str]) -> tuple[str, str]:
    """Returns the question with its options below it, and the right letter; its own text fixes the order."""
    options = [right, *wrong]
    order = list(range(len(options)))
    random.Random(sha256(text.encode()).digest()).shuffle(order)  # noqa: S311 - an order, not a secret
    listed = [
        f"{letter}) {' '.join(options[at].split())}" for letter, at in zip("ABCDEFGH", order, strict=False)
    ]
    return "\n".join([text, "", *listed]), "ABCDEFGH"[order.index(0)]
