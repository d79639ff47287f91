"""The questions to learn from: drawn anew by karui-mini's recipe, none of them held out."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from recipes.mini.kinds import KINDS
from recipes.mini.questions import fingerprint

SEED = 40417

UNSEEN = ("stories", "weekday")
"""Kinds left out of the training, to see what a model does on a kind that it was not shortened on. The two
that need length, long_sum and swaps, are in: without them a model learns that answers always come early."""


def draw(count: int, held: set[str]) -> list[dict[str, str]]:
    """Return `count` distinct questions, as many of each kind but the unseen ones, in a drawn order.

    Kinds have equal shares, so that those that need length, rare in karui-mini's splits, are learned as well.

    Raises:
        ValueError: A kind has too few questions that are not held out.
    """
    kinds = [name for name in KINDS if name not in UNSEEN]
    rows = []
    for number, kind in enumerate(kinds):
        wanted = (count + number) // len(kinds)
        found: dict[str, dict[str, str]] = {}
        for question in KINDS[kind].draw(SEED, 8 * wanted):
            mark = fingerprint(question.question)
            if mark not in held and len(found) < wanted:
                found.setdefault(
                    mark, {"question": question.question, "answer": question.answer, "kind": kind}
                )
        if len(found) < wanted:
            raise ValueError(f"kind {kind} has only {len(found)} questions that are not held out")
        rows += found.values()
    Random(SEED).shuffle(rows)
    return [{"id": f"shorter-{n:05d}", **row} for n, row in enumerate(rows, start=1)]


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Write the questions as the JSONL that karui's tasks read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
