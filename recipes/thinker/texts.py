"""What is learned from, and what is asked: others' traces, and questions that none of them was about."""

from __future__ import annotations

import gzip
import json
import lzma
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from recipes.thinker.vocabulary import Vocabulary

OPEN, CLOSE = "<think>\n", "\n</think>\n\n"
SUFFIX = CLOSE + r"\boxed{"
"""What forces an answer: karui's own trial suffix for a model with these markers."""
INSTRUCTION = r"Put your final answer in \boxed{}."
"""karui's own; what is recorded is asked with it."""
ASKING = (
    INSTRUCTION,
    r"Please reason step by step, and put your final answer within \boxed{}.",
    r"Give the final answer in \boxed{}.",
)
ASKED = 0.6
"""Share of the examples, among those whose answer is in a box, whose prompt asks for one."""
LONGEST = 4096
"""Tokens of the longest trace that is learned from. Longer ones are left out whole, never cut."""
ARTIFICIAL = "This is a complex or challenging"
"""An opening that some traces were given by those who made them."""


@dataclass(frozen=True)
class Example:
    """One trace to learn from.

    Attributes:
        prompt: Its tokens.
        thinking: Tokens of the reply with its thinking.
        answer: Tokens of the reply without: what the control learns.
        source: Whose trace it is.
    """

    prompt: list[int]
    thinking: list[int]
    answer: list[int]
    source: str


def traces(file: Path) -> list[dict[str, str]]:
    """Read the traces (JSON lines, packed with xz): `question`, `text`, `model`, `benchmark`, `split`."""
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def turn(user: str, tokenizer: Any) -> str:
    """Return a prompt as the model's own template has it."""
    asked = [{"role": "user", "content": user}]
    return str(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))


def written(row: dict[str, str]) -> tuple[str, str]:
    """Return a trace's thinking and answer, blanks around them aside."""
    thinking, _, answer = row["text"].partition("</think>")
    return thinking.replace("<think>", "", 1).strip(), answer.strip()


def examples(
    rows: Sequence[dict[str, str]], vocabulary: Vocabulary, tokenizer: Any, seed: int
) -> tuple[list[Example], Counter[str]]:
    """Return what is learned from, in a random order, and how many traces were left out for what."""
    draw, made, left = random.Random(seed), [], Counter[str]()
    end = [vocabulary.turn_ends[0]]
    for row in rows:
        thinking, answer = written(row)
        if thinking.startswith(ARTIFICIAL):
            left["artificial opening"] += 1
            continue
        boxed = r"\boxed" in answer
        asking = f"\n\n{draw.choice(ASKING)}" if boxed and draw.random() < ASKED else ""
        prompt = vocabulary.encode(tokenizer, turn(row["question"] + asking, tokenizer))
        whole = vocabulary.encode(tokenizer, OPEN + thinking + CLOSE + answer) + end
        if len(whole) > LONGEST:
            left[f"over {LONGEST:,} tokens"] += 1
            continue
        alone = vocabulary.encode(tokenizer, answer) + end
        made.append(Example(prompt, whole, alone, row["model"]))
    draw.shuffle(made)
    return made, left


def save_examples(file: Path, made: Sequence[Example]) -> None:
    """Write examples as flat arrays of 16-bit numbers."""
    parts = {
        "prompt": [e.prompt for e in made],
        "thinking": [e.thinking for e in made],
        "answer": [e.answer for e in made],
    }
    arrays: dict[str, Any] = {}
    for name, lists in parts.items():
        arrays[name] = np.array([token for tokens in lists for token in tokens], np.uint16)
        arrays[f"{name}_lengths"] = np.array([len(tokens) for tokens in lists], np.int32)
    np.savez_compressed(file, **arrays)


def load_examples(file: Path, reply: str) -> list[tuple[list[int], list[int]]]:
    """Read prompts and replies (`thinking` or `answer`)."""
    with np.load(file) as arrays:
        cut = {
            name: np.split(arrays[name].astype(int), np.cumsum(arrays[f"{name}_lengths"])[:-1])
            for name in ("prompt", reply)
        }
    return [(p.tolist(), r.tolist()) for p, r in zip(cut["prompt"], cut[reply], strict=True)]


def gsm8k(file: Path) -> Iterator[dict[str, str]]:
    """Yield the questions of GSM8K's own file with their answers."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        reference = row["answer"].rsplit("####", 1)[1].strip().replace(",", "")
        yield {"id": f"gsm8k-{number:04}", "question": row["question"], "reference": reference, "kind": ""}


def competition(file: Path) -> Iterator[dict[str, str]]:
    """Yield the problems of a file of Hendrycks' MATH with what their solutions box last."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            reference = last_box(row["solution"])
            if reference is not None:
                kind = f"{row['type']}, {row['level']}"
                yield {
                    "id": f"math-{number:04}",
                    "question": row["problem"],
                    "reference": reference,
                    "kind": kind,
                }


def last_box(text: str) -> str | None:
    r"""Return what stands in the last `\boxed{…}` of a text, None without a whole one."""
    begin = text.rfind(r"\boxed{")
    return None if begin < 0 else inside(text[begin + len(r"\boxed{") :])


def inside(text: str) -> str | None:
    """Return the text up to the brace that closes one opened before it, None where none does."""
    depth = 1
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return text[:at]
    return None


def unseen(
    questions: Iterator[dict[str, str]], rows: Sequence[dict[str, str]], seed: int
) -> list[dict[str, str]]:
    """Return the questions that no trace was about, in a random order, each text once."""
    seen = {plain(row["question"]) for row in rows}
    kept = []
    for question in questions:
        if (key := plain(question["question"])) not in seen:
            seen.add(key)
            kept.append(question)
    random.Random(seed).shuffle(kept)
    return kept


def plain(text: str) -> str:
    """Return a text without case and without what is neither letter nor digit, to be compared by."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
