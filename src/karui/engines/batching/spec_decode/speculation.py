"""Speculative decoding inside the slot loop: tokens are proposed cheaply and checked together in one forward.

A row draws each token by its own uniform through the inverse of the model's distribution function. What is
drawn at a place is therefore a function of the tokens before it, and a proposal stands if it is what the
model itself draws there, greedy or sampled. So the text is the one that comes without speculation, token for
token (to the rounding of a forward over several tokens), and with it seeds, checkpoints, trials and replay.

Leviathan et al. (arXiv 2211.17192) and Chen et al. (arXiv 2302.01318) accept by rejection sampling, which
keeps the distribution and not the text. For a proposal that is sure of itself, as one that was looked up,
both accept equally often; a draft model that draws by the same uniforms agrees a little less often than the
most that is possible.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from karui.engines.batching.runner import DraftVerifier, SamplingBatch

Tokens = NDArray[np.int64]


@dataclass(slots=True)
class Speculated:
    """What speculation came to, counted since the engine was loaded.

    Attributes:
        forwards: Forwards of the model, counted once for every row in them.
        tokens: Tokens that rows wrote in them; without speculation as many as forwards.
        positions: Positions that were computed for rows, padding included.
        proposed: Tokens proposed.
        accepted: Of these, those that the model drew itself.
        drafted: Positions that a draft model computed.
    """

    forwards: int = 0
    tokens: int = 0
    positions: int = 0
    proposed: int = 0
    accepted: int = 0
    drafted: int = 0

    def since(self, before: "Speculated") -> "Speculated":
        """Returns what was added since an earlier state."""
        return Speculated(*(getattr(self, n) - getattr(before, n) for n in self.__slots__))

    @property
    def acceptance(self) -> float:
        """Share of the proposed tokens that stood; 0 where none was proposed."""
        return self.accepted / self.proposed if self.proposed else 0.0

    @property
    def shares(self) -> dict[str, float]:
        """The figures that tell whether it pays, by name."""
        tokens = max(1, self.tokens)
        return {
            "acceptance": self.acceptance,
            "tokens_per_forward": self.tokens_per_forward,
            "positions_per_token": self.positions / tokens,
            "drafted_per_token": self.drafted / tokens,
        }

    @property
    def tokens_per_forward(self) -> float:
        """Tokens that a row wrote in a forward, on the average; 1 without speculation."""
        return self.tokens / self.forwards if self.forwards else 1.0


class Proposer(Protocol):
    """Guesses how rows go on."""

    @property
    def most(self) -> int:
        """Tokens it proposes at most."""

    @property
    def drafted(self) -> int:
        """Positions computed for proposals so far."""

    def allocate(self, slot: int) -> None:
        """A new row begins."""

    def free(self, slot: int) -> None:
        """A row is given up."""

    def forget(self, slot: int, length: int) -> None:
        """Of what a row was known to hold, only the first `length` tokens are left."""

    def propose(
        self, slots: Tokens, past: Tokens, lengths: Tokens, draws: SamplingBatch
    ) -> tuple[Tokens, Tokens]:
        """Returns proposals [rows, tokens] and how many of them count, [rows].

        Args:
            slots: The rows.
            past: Their tokens by position, [rows, positions]; those after `lengths` mean nothing.
            lengths: Position of the last token of each.
            draws: How the model draws; its uniforms are [rows, tokens], by token from the next one on.
        """

    def close(self) -> None:
        """Lets go of whatever it holds."""


class Speculation:
    """A machine that knows the tokens in its cache, and proposes how rows go on.

    Attributes:
        found: What it came to.
    """

    def __init__(self, runner: DraftVerifier, proposer: Proposer, *, rows: int) -> None:
        """Takes the machine that checks.

        Args:
            runner: The model.
            proposer: Makes the proposals.
            rows: Rows in a step up to which it speculates. Beyond, a machine is busy with what is sure.
        """
        self._runner, self._proposer, self._rows = runner, proposer, rows
        self._past = np.zeros((0, 0), np.int64)
        self.found = Speculated()

    @property
    def most(self) -> int:
        """Tokens it proposes at most."""
        return self._proposer.most

    @property
    def vocabulary(self) -> int:
        """Width of the model's output."""
        return self._runner.vocabulary

    @property
    def context(self) -> int:
        """Positions that the model knows, less what a proposal may reach past a row's end."""
        return self._runner.context - self.most

    @property
    def prompt_budget(self) -> int:
        """Tokens, padding included, that prompts read together should come to at most."""
        return self._runner.prompt_budget

    @property
    def loaded_bytes(self) -> int:
        """Bytes of the weights as they lie in memory, the draft model's not included."""
        return self._runner.loaded_bytes

    @property
    def kv_value_bytes(self) -> float:
        """Bytes of one value in the cache."""
        return self._runner.kv_value_bytes

    def allocate(self, slot: int) -> None:
        """Makes room for a new row."""
        self._runner.allocate(slot)
        self._room(slot + 1, 1)
        self._proposer.allocate(slot)

    def prefill(self, slots: list[int], prompts: list[list[int]]) -> None:
        """Reads prompts into placed, empty rows."""
        self._runner.prefill(slots, prompts)
        for slot, prompt in zip(slots, prompts, strict=True):
            self._write(slot, 0, prompt)

    def copy(self, sources: list[int], targets: list[int], length: int) -> None:
        """Copies the first `length` tokens of rows onto placed, empty ones."""
        self._runner.copy(sources, targets, length)
        self._past[targets, :length] = self._past[sources, :length]

    def extend(self, slots: list[int], lengths: list[int], texts: list[list[int]]) -> None:
        """Appends texts, all as long as each other, to rows of these lengths."""
        self._runner.extend(slots, lengths, texts)
        for slot, length, text in zip(slots, lengths, texts, strict=True):
            self._write(slot, length, text)

    def step(
        self, slots: Tokens, tokens: Tokens, lengths: Tokens, draws: SamplingBatch
    ) -> tuple[Tokens, NDArray[np.float32]]:
        """Appends a token to each row, and draws the next; nothing is proposed."""
        return self._runner.step(slots, tokens, lengths, draws)

    def propose(
        self, slots: Tokens, tokens: Tokens, lengths: Tokens, room: Tokens, draws: SamplingBatch
    ) -> tuple[Tokens, Tokens]:
        """Returns what may follow the tokens that are about to be appended; as `Proposer.propose`.

        Args:
            slots: The rows.
            tokens: What each is given in the coming step.
            lengths: Where.
            room: Tokens that may follow the next one at most.
            draws: How the model draws; its uniforms are [rows, tokens].
        """
        self._room(0, int(lengths.max()) + self.most + 1)
        changed = self._past[slots, lengths] != tokens
        for slot, length in zip(slots[changed].tolist(), lengths[changed].tolist(), strict=True):
            self._proposer.forget(slot, length)
        self._past[slots, lengths] = tokens
        none = np.zeros((len(slots), 0), np.int64), np.zeros(len(slots), np.int64)
        if len(slots) > self._rows or not (room > 0).any():
            return none
        past = self._past[slots, : int(lengths.max()) + 1]
        guesses, counts = self._proposer.propose(slots, past, lengths, draws)
        # Standing or not, they are what a draft model has read; what comes otherwise is forgotten above.
        self._past[slots[:, None], lengths[:, None] + 1 + np.arange(guesses.shape[1])] = guesses
        # What the model has no such token for is no guess: a draft's vocabulary may be padded further.
        known = np.minimum.accumulate(guesses < self.vocabulary, 1).sum(1)
        counts = np.minimum(np.minimum(counts, known), room)
        width = int(counts.max(initial=0))
        guesses = np.minimum(guesses[:, :width], self.vocabulary - 1)
        return guesses, counts

    def verify(
        self, slots: Tokens, tokens: Tokens, lengths: Tokens, counts: Tokens, draws: SamplingBatch
    ) -> tuple[Tokens, NDArray[np.float32], Tokens]:
        """Appends a token and its proposals to each row, and draws at every place.

        Args:
            slots: The rows.
            tokens: [rows, 1 + proposals]; where a row has fewer, whatever stands there is computed in vain.
            lengths: Where the first of them goes.
            counts: Proposals of each row.
            draws: [rows × (1 + proposals)], row by row.

        Returns:
            The tokens drawn [rows, places], signals [3, rows, places], and how many of each row stand.
        """
        rows, places = tokens.shape
        flat, signals = self._runner.verify(slots, tokens, lengths, draws)
        drawn = flat.reshape(rows, places)
        right = (drawn[:, :-1] == tokens[:, 1:]) & (np.arange(places - 1) < counts[:, None])
        accepted = np.minimum.accumulate(right, 1).sum(1)
        self.found.proposed += int(counts.sum())
        self.found.accepted += int(accepted.sum())
        return drawn, signals.reshape(3, rows, places), accepted + 1

    def count(self, rows: int, places: int, tokens: int) -> None:
        """Notes a forward: of so many rows, with so many places each, which came to so many tokens."""
        self.found.forwards += rows
        self.found.positions += rows * places
        self.found.tokens += tokens
        self.found.drafted = self._proposer.drafted

    def free(self, slot: int) -> None:
        """Gives up a row."""
        self._runner.free(slot)
        self._proposer.free(slot)

    def warm_up(self) -> None:
        """Takes a step, so that it can be timed."""
        self._runner.warm_up()

    def close(self) -> None:
        """Lets go of the models and their caches."""
        self._runner.close()
        self._proposer.close()

    def _write(self, slot: int, start: int, tokens: list[int]) -> None:
        stop = start + len(tokens)
        self._room(slot + 1, stop)
        changed = np.flatnonzero(self._past[slot, start:stop] != tokens)
        if len(changed):
            self._proposer.forget(slot, start + int(changed[0]))
        self._past[slot, start:stop] = tokens

    def _room(self, rows: int, length: int) -> None:
        have_rows, have_length = self._past.shape
        if rows <= have_rows and length <= have_length:
            return
        more_rows = max(rows - have_rows, have_rows if rows > have_rows else 0, 0)
        more_length = max(length - have_length, have_length if length > have_length else 0, 0)
        self._past = np.pad(self._past, ((0, more_rows), (0, more_length)), constant_values=-1)
