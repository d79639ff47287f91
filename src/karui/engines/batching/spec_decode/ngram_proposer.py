"""Proposals that are looked up: a row goes on as it did the last time it wrote what it wrote just now."""

import numpy as np

from karui.engines.batching.runner import SamplingBatch
from karui.engines.batching.spec_decode.speculation import Tokens

_LONGEST = 8
"""Tokens that two places are compared by at most: where several are alike, the longer likeness counts."""


class NgramProposer:
    """Prompt lookup: the row's prompt and what it wrote are all that it looks at.

    Attributes:
        most: Tokens it proposes at most.
        drafted: 0: nothing is computed.
    """

    drafted = 0

    def __init__(self, most: int, match: int) -> None:
        """Takes its measures.

        Args:
            most: Tokens it proposes at most.
            match: Tokens that have to be alike before anything is proposed.
        """
        self.most, self._match = most, match

    def allocate(self, slot: int) -> None:
        """Holds nothing."""

    def free(self, slot: int) -> None:
        """Holds nothing."""

    def forget(self, slot: int, length: int) -> None:
        """Holds nothing."""

    def propose(
        self, slots: Tokens, past: Tokens, lengths: Tokens, draws: SamplingBatch
    ) -> tuple[Tokens, Tokens]:
        """Returns what followed the last place that ends as each row does; as `Proposer.propose`."""
        rows = np.arange(len(slots))
        places = np.arange(past.shape[1])
        # Whether the tokens up to each place are, so many of them, those at the end; by number of tokens.
        alike = np.broadcast_to(places < lengths[:, None], past.shape)
        found = np.full(len(slots), -1)
        for size in range(max(self._match, _LONGEST)):
            last = past[rows, np.maximum(lengths - size, 0)]
            same = np.zeros(past.shape, bool)
            same[:, size:] = past[:, : past.shape[1] - size] == last[:, None]
            alike = alike & same & (lengths >= size)[:, None]
            any_left = alike.any(1)
            if not any_left.any():
                break
            if size + 1 >= self._match:
                latest = past.shape[1] - 1 - alike[:, ::-1].argmax(1)
                found = np.where(any_left, latest, found)
        # What was written since then may be shorter than the proposal: then it is said again.
        period = np.maximum(lengths - found, 1)
        ahead = np.arange(self.most)
        guesses = past[rows[:, None], found[:, None] + 1 + ahead % period[:, None]]
        return guesses, np.where(found >= 0, self.most, 0)

    def close(self) -> None:
        """Holds nothing."""
