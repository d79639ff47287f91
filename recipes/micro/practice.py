"""What karui-micro is trained on once more: new questions of the kind it did not learn, some others."""

from __future__ import annotations

from collections import Counter

from recipes.mini.kinds import KINDS
from recipes.mini.questions import fingerprint
from recipes.mini.thought import Question

WEAK = "relations"
SEED, WEAK_QUESTIONS, OTHERS = 31_337, 60_000, 8_000


def weak_questions(held: set[str]) -> list[Question]:
    """Return new questions of the weak kind, distinct and none of them held out."""
    found: dict[str, Question] = {}
    for question in KINDS[WEAK].draw(SEED, WEAK_QUESTIONS):
        mark = fingerprint(question.question)
        if mark not in held:
            found.setdefault(mark, question)
    return list(found.values())


def practice(train: list[Question], held: set[str]) -> list[Question]:
    """Return the new questions of the weak kind, and the first `OTHERS` known ones of each other kind."""
    counts: Counter[str] = Counter()
    kept = []
    for question in train:
        counts[question.kind] += 1
        if question.kind != WEAK and counts[question.kind] <= OTHERS:
            kept.append(question)
    return [*weak_questions(held), *kept]
