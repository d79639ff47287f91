"""Examples in the order and the batches they are learned in, and the part of them that is held back."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from karui.training.data.examples import TrainingExample

HELD_AT_MOST = 64
"""Examples held back at most: they are gone through several times in a training."""

_GROUP = 32
"""Batches among which examples are sorted by length."""

_MICRO_TOKENS = {"cpu": 4096, "mps": 4096}
_MICRO_TOKENS_GPU = 16384


@dataclass(frozen=True, slots=True)
class Batches:
    """How examples are put through the model.

    Attributes:
        rows: Examples side by side in one forward pass on one device.
        passes: Forward passes of one device that make one optimizer step.
        order: Positions of examples, as they are learned, whole epochs one after the other.
        steps: Optimizer steps.
        padding: Share of padding in what is put through the model.
        tokens: Mean tokens of one optimizer step, padding left out.
    """

    rows: int
    passes: int
    order: tuple[int, ...]
    steps: int
    padding: float
    tokens: int


def split(
    examples: Sequence[TrainingExample], share: float, seed: int
) -> tuple[tuple[TrainingExample, ...], tuple[TrainingExample, ...]]:
    """Returns the examples to learn from and those held back, without a question in common.

    Args:
        examples: All of them.
        share: Of the questions, how many are held back; at least one where it is above 0 and there are two.
        seed: Decides which.
    """
    draw = np.random.default_rng([seed, 1])
    questions = sorted({example.question for example in examples})
    draw.shuffle(questions)
    count = min(len(questions) - 1, max(1, round(share * len(questions)))) if share > 0 else 0
    held = set(questions[:count])
    learned = tuple(x for x in examples if x.question not in held)
    kept = [x for x in examples if x.question in held]
    chosen = draw.permutation(len(kept))[:HELD_AT_MOST].tolist()
    return learned, tuple(kept[i] for i in sorted(chosen))


def plan_batches(
    lengths: Sequence[int],
    *,
    batch_tokens: int,
    epochs: float,
    steps: int | None,
    device: str,
    processes: int,
    seed: int,
) -> Batches:
    """Lays out a training so that hardly any padding is computed and every step weighs about the same.

    Examples are drawn epoch after epoch; within groups of a few batches they are sorted by length into
    forward passes, and these drawn again. So a step sees short and long examples: from those of one length
    it would learn that all have to be so long. The order depends on nothing but the arguments: a training
    that was interrupted finds it again.

    Args:
        lengths: Tokens of every example.
        batch_tokens: Wanted in one optimizer step, on all devices together.
        epochs: How often every example is seen; left aside where `steps` is given.
        steps: Optimizer steps.
        device: Its kind bounds the tokens of one forward pass.
        processes: Devices that learn side by side.
        seed: Decides the order.
    """
    mean = sum(lengths) / len(lengths)
    micro = min(_MICRO_TOKENS.get(device.partition(":")[0], _MICRO_TOKENS_GPU), batch_tokens)
    rows = max(1, min(micro // max(lengths), round(batch_tokens / mean / processes)))
    passes = max(1, round(batch_tokens / (rows * mean * processes)))
    batch = rows * passes * processes
    total = steps * batch if steps is not None else max(1, ceil(epochs * len(lengths)))
    draw = np.random.default_rng([seed, 2])
    order: list[int] = []
    while len(order) < total:
        order += draw.permutation(len(lengths)).tolist()
    order = _in_passes(order[:total], lengths, rows, batch, draw)
    real = padded = 0
    for i in range(0, total, rows):
        row = [lengths[k] for k in order[i : i + rows]]
        real, padded = real + sum(row), padded + max(row) * len(row)
    made = ceil(total / batch)
    return Batches(rows, passes, tuple(order), made, 1 - real / padded, round(real / made))


def _in_passes(
    order: list[int], lengths: Sequence[int], rows: int, batch: int, draw: np.random.Generator
) -> list[int]:
    """Sorts by length into forward passes, within groups of batches; a pass that is not full comes last."""
    passes: list[int] = []
    for i in range(0, len(order), batch * _GROUP):
        group = sorted(order[i : i + batch * _GROUP], key=lambda k: lengths[k], reverse=True)
        whole = len(group) // rows
        passes += [k for n in draw.permutation(whole).tolist() for k in group[n * rows : (n + 1) * rows]]
        passes += group[whole * rows :]
    return passes


def dataset(examples: Sequence[TrainingExample], order: Sequence[int]) -> Any:
    """Returns the examples as a dataset of input_ids and labels, in this order."""
    from datasets import Dataset

    columns = {"input_ids": [x.ids for x in examples], "labels": [x.labels for x in examples]}
    return Dataset.from_dict(columns).select(list(order))
