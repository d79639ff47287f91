"""Which units are labelled: drawn by a digest that no judge and no label can move.

The units of a batch are put in the order of a digest of their key and a seed; the seed is a digest of all
that the judge has said of the batch. So the draw is settled before the first label, anyone can make it
again, and a judge cannot know while it judges which of its verdicts will be checked. The order is cut into
blocks, and the first unit of each block is labelled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

import numpy as np

from karui.selection.betting import Floats
from karui.selection.labelled.prediction_powered import Blocks, labels_for_power

SHARES = (16, 8, 4, 2, 1)
"""Units to one label, the thriftiest first."""
_AGREEING = 0.85
"""What is believed of a judge before anything is labelled: how often its verdict on a pair is right."""


@dataclass(frozen=True)
class Draw:
    """Units in blocks.

    Attributes:
        blocks: Keys of the units of each block, in order; the first one's is labelled.
        planned: How many blocks each batch has.
        share: Units to one label, as they were asked for.
    """

    blocks: tuple[tuple[str, ...], ...]
    planned: tuple[int, ...]
    share: int
    _block: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Notes the block of every unit that is labelled."""
        object.__setattr__(self, "_block", {keys[0]: n for n, keys in enumerate(self.blocks)})

    @staticmethod
    def of(keys: Sequence[str], batches: Sequence[int], judged: Mapping[str, float], share: int) -> "Draw":
        """Draws.

        Args:
            keys: Of the units, batch after batch.
            batches: How many units each batch has.
            judged: What the judge says that each unit loses.
            share: Units to one label, 1 or more.

        Raises:
            ValueError: The batches are not as long as the keys, or the share is below 1.
        """
        if sum(batches) != len(keys) or share < 1:
            raise ValueError(f"{len(keys)} units do not make batches of {list(batches)}, share {share}")
        blocks: list[tuple[str, ...]] = []
        planned, began = [], 0
        for count in batches:
            own = keys[began : began + count]
            began += count
            if not own:
                continue
            seed = sha256(repr([(key, round(judged[key], 9)) for key in sorted(own)]).encode()).hexdigest()
            order = sorted(own, key=lambda key, seed=seed: sha256(f"{seed}\0{key}".encode()).digest())  # type: ignore[misc]
            many = max(1, len(own) // share)
            edges = np.linspace(0, len(own), many + 1).astype(int)
            blocks += [tuple(order[a:b]) for a, b in pairwise(edges)]
            planned.append(many)
        return Draw(tuple(blocks), tuple(planned), share)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Keys of the units to be labelled, in the order of labelling."""
        return tuple(keys[0] for keys in self.blocks)

    def labelled(self, truth: Mapping[str, float], judged: Mapping[str, float]) -> Blocks:
        """Returns the blocks up to the first one that has no label yet.

        Args:
            truth: What the labelled units lose, by key.
            judged: What the judge says that each unit loses, by key.
        """
        done = next((n for n, key in enumerate(self.wanted) if key not in truth), len(self.blocks))
        kept = self.blocks[:done]
        return Blocks.of(
            [truth[keys[0]] for keys in kept],
            [judged[keys[0]] for keys in kept],
            [np.mean([judged[key] for key in keys]) for keys in kept],
            [len(keys) for keys in kept],
        )


def share_for(judged: Floats, margin: float, level: float, *, agreeing: float = _AGREEING) -> int:
    """Returns how many units to give to one label: as many as still leave enough labels.

    It imagines what people would say to a judge of usual quality, so it is a guess; a bad one costs labels
    or power, never validity.

    Args:
        judged: What the judge says that each unit loses, shape (units,).
        margin: The loss to rule out.
        level: Of the test.
        agreeing: How often the judge is imagined to be right.
    """
    rng = np.random.default_rng(0)
    values = np.asarray(judged, dtype=np.float64)
    centred = np.clip(values - values.mean(), -1.0, 1.0)  # a harmless plan: what a certificate is for
    others = rng.choice([-1.0, 0.0, 1.0], size=centred.size)
    truth = np.where(rng.random(centred.size) < agreeing, centred, others - others.mean())
    for share in SHARES[:-1]:
        many = centred.size // share
        if many < 2:
            continue
        rows = rng.permutation(centred.size)[: many * share].reshape(many, share)
        first = rows[:, 0]
        blocks = Blocks.of(
            np.clip(truth[first], -1, 1), centred[first], centred[rows].mean(axis=1), np.full(many, share)
        )
        wanted = labels_for_power(_level(blocks), margin, level, worlds=60)
        if wanted is not None and wanted <= many:
            return share
    return 1


def _level(blocks: Blocks) -> Blocks:
    """Returns blocks whose truth is 0 on average, so that luck in a guess does not decide about it."""
    return Blocks(np.clip(blocks.d - blocks.d.mean(), -1.0, 1.0), blocks.f, blocks.mean, blocks.sizes)
