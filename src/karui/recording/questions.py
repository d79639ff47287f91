"""The questions of a recording, `questions.jsonl`: one a line, in the order they are recorded in."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from sys import intern
from typing import Any

from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion
from karui.recording.files import reading

QUESTIONS = "questions.jsonl"
_LATER = frozenset({"penalties", "effort", "budget", "told_budget", "before", "thoughts", "parameters"})
"""Fields of prompts that came after the first recordings, as files name them."""
_ON_DISK = {"history": "before"}
"""Fields of prompts that files name otherwise."""

_ALIKE = ("system", "parameters")
"""Texts of prompts that are mostly the same for all questions: kept once."""


def questions_text(questions: Iterable[RecordedQuestion]) -> str:
    """Returns what `questions.jsonl` holds of these questions."""
    lines = []
    for q in questions:
        fields = {"id": q.id, "kind": q.kind, "reference": q.reference, "prompt": _prompt_fields(q.prompt)}
        fields |= {name: value for name in ("group", "batch") if (value := getattr(q, name))}
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    return "".join(lines)


def _prompt_fields(prompt: Prompt) -> dict[str, Any]:
    """Returns a prompt's fields; those that came later only where set, so that older recordings go on."""
    fields = {_ON_DISK.get(name, name): value for name, value in asdict(prompt).items()}
    return {k: v for k, v in fields.items() if v or k not in _LATER}


def read_text(file: Path) -> str:
    """Returns a file's text.

    Raises:
        RecordingError: It is missing or damaged.
    """
    with reading(file):
        return file.read_text(encoding="utf-8")


def read_questions(path: Path) -> list[RecordedQuestion]:
    """Returns a recording's questions without their traces.

    Raises:
        RecordingError: The file is missing or damaged.
    """
    questions = []
    # A question may hold any of the other characters that Python takes for line ends.
    with reading(path / QUESTIONS), (path / QUESTIONS).open(encoding="utf-8", newline="\n") as lines:
        for line in filter(str.strip, lines):
            values = json.loads(line)
            prompt = values["prompt"]
            prompt |= {name: intern(prompt[name]) for name in _ALIKE if name in prompt}
            prompt["banned"] = tuple(prompt["banned"])
            prompt["penalties"] = tuple((word, float(n)) for word, n in prompt.get("penalties", ()))
            prompt["history"] = tuple(map(tuple, prompt.pop("before", ())))
            prompt["thoughts"] = tuple(prompt.get("thoughts", ()))
            questions.append(
                RecordedQuestion(
                    values["id"],
                    intern(values["kind"]),
                    values["reference"],
                    Prompt(**prompt),
                    (),
                    {},
                    values.get("group", ""),
                    values.get("batch", 0),
                )
            )
    return questions
