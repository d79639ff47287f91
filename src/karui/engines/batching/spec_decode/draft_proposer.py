"""Proposals of a draft model: a smaller one writes ahead, in a cache of its own."""

from dataclasses import replace

import numpy as np

from karui.engines.batching.runner import DraftVerifier, SamplingBatch
from karui.engines.batching.spec_decode.speculation import Tokens


class DraftProposer:
    """A draft model.

    It draws by the uniforms that the model itself will draw by, so the two agree as often as their
    distribution functions do. Of bans and penalties it knows nothing: what it proposes against one does not
    stand where the model, which knows them, draws something else.

    Attributes:
        most: Tokens it proposes at most.
        drafted: Positions computed so far.
    """

    def __init__(self, runner: DraftVerifier, most: int) -> None:
        """Takes the model, whose tokens are those of the model that checks."""
        self.most, self.drafted = most, 0
        self._runner = runner
        self._known = np.zeros(0, np.int64)

    def allocate(self, slot: int) -> None:
        """Makes room for a new row."""
        if slot >= len(self._known):
            self._known = np.pad(self._known, (0, slot + 1 - len(self._known)))
        self._known[slot] = 0
        self._runner.allocate(slot)

    def free(self, slot: int) -> None:
        """Gives up a row."""
        self._runner.free(slot)

    def forget(self, slot: int, length: int) -> None:
        """Reads a row from `length` on anew."""
        self._known[slot] = min(self._known[slot], length)

    def propose(
        self, slots: Tokens, past: Tokens, lengths: Tokens, draws: SamplingBatch
    ) -> tuple[Tokens, Tokens]:
        """Returns what it would write; as `Proposer.propose`."""
        self._catch_up(slots, past, lengths)
        rows = np.arange(len(slots))
        # Where all was accepted, the last proposal was never read: every row reads its last two tokens.
        before = np.maximum(lengths - 1, 0)
        tokens = np.stack((past[rows, before], past[rows, lengths]), 1)
        first = replace(draws, uniforms=np.repeat(draws.uniforms[:, :1], 2, 1)).flat(2)
        drawn = self._runner.verify(slots, tokens, before, first)[0].reshape(-1, 2)
        self.drafted += tokens.size
        guesses = np.empty((len(slots), self.most), np.int64)
        # A row of one token has nothing before it: it was read first, and what stands second is not its.
        guesses[:, 0] = np.where(lengths > 0, drawn[:, 1], drawn[:, 0])
        for ahead in range(1, self.most):
            written = guesses[:, ahead - 1]
            guesses[:, ahead], _ = self._runner.step(slots, written, lengths + ahead, draws.at(ahead))
            self.drafted += len(slots)
        self._known[slots] = lengths + self.most
        return guesses, np.full(len(slots), self.most)

    def close(self) -> None:
        """Lets go of the model and its cache."""
        self._runner.close()

    def _catch_up(self, slots: Tokens, past: Tokens, lengths: Tokens) -> None:
        """Reads what rows hold and the draft has not seen, but for their last two tokens."""
        known = self._known[slots]
        missing = lengths - 1 - known
        new = np.flatnonzero((known == 0) & (missing > 0))
        if len(new):
            self._runner.prefill(slots[new].tolist(), [past[r, : lengths[r] - 1].tolist() for r in new])
            self.drafted += int(missing[new].sum())
        for size in np.unique(missing[(known > 0) & (missing > 0)]).tolist():
            behind = np.flatnonzero((known > 0) & (missing == size))
            texts = [past[r, known[r] : known[r] + size].tolist() for r in behind]
            self._runner.extend(slots[behind].tolist(), known[behind].tolist(), texts)
            self.drafted += size * len(behind)
