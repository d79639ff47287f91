"""The questions to learn from: drawn anew by karui-mini's recipe, none of them held out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from recipes.mini.kinds import KINDS
from recipes.mini.questions import fingerprint

if TYPE_CHECKING:
    from karui.core.recording import Recording

SEED = 40417
_FLOOR = 0.02
"""Weight of a kind that is never wrong: it must not be forgotten."""

UNSEEN = ("stories", "weekday")
"""Kinds left out of the training, to see what a model does on a kind that it was not shortened on. The two
that need length, long_sum and swaps, are in: without them a model learns that answers always come early."""


def draw(
    count: int,
    held: set[str],
    *,
    shares: Mapping[str, float] | None = None,
    name: str = "shorter",
    seed: int = SEED,
) -> list[dict[str, str]]:
    """Return `count` distinct questions of all kinds but the unseen ones, in a drawn order.

    Kinds have equal shares if none are given, so that those that need length, rare in karui-mini's splits,
    are learned as well.

    Args:
        count: How many.
        held: Fingerprints of questions that must not be among them.
        shares: Weight of each kind.
        name: Of the set; ids begin with it.
        seed: Another one draws other questions.

    Raises:
        ValueError: A kind has too few questions that are not held out.
    """
    kinds = [kind for kind in KINDS if kind not in UNSEEN]
    weights = [shares[kind] if shares else 1.0 for kind in kinds]
    ends = [round(count * end / sum(weights)) for end in accumulate(weights)]
    rows = []
    for kind, wanted in zip(kinds, map(int.__sub__, ends, [0, *ends]), strict=True):
        found: dict[str, dict[str, str]] = {}
        for question in KINDS[kind].draw(seed, 8 * wanted):
            mark = fingerprint(question.question)
            if mark not in held and len(found) < wanted:
                found.setdefault(
                    mark, {"question": question.question, "answer": question.answer, "kind": kind}
                )
        if len(found) < wanted:
            raise ValueError(f"kind {kind} has only {len(found)} questions that are not held out")
        rows += found.values()
    Random(seed).shuffle(rows)
    return [{"id": f"{name}-{n:05d}", **row} for n, row in enumerate(rows, start=1)]


def by_errors(recording: Recording) -> dict[str, float]:
    """Return for each kind the share of its recorded answers that are wrong, plus a little."""
    tried = Counter(q.kind for q in recording.questions for _ in q.traces)
    wrong = Counter(q.kind for q in recording.questions for t in q.traces if not q.correct(t.answer))
    return {kind: _FLOOR + wrong[kind] / count for kind, count in tried.items()}


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Write the questions as the JSONL that karui's tasks read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
