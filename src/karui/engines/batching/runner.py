"""What the slot loop asks of an engine: a model, and a cache with a row for every slot."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SamplingBatch:
    """How the next token of each of some rows is drawn. Arrays [rows].

    Attributes:
        uniforms: In [0, 1): each row goes by its own through the inverse of its distribution function in the
            order of the vocabulary, so that what is drawn depends on nothing else in the batch.
        temperature: 0 is greedy.
        top_p: 1 keeps all.
        top_k: 0 keeps all.
        banned: Rows, and the tokens that none of them may draw.
        penalized: Rows, tokens, and what is taken off the logit of each of these tokens there.
    """

    uniforms: NDArray[np.float64]
    temperature: NDArray[np.float64]
    top_p: NDArray[np.float64]
    top_k: NDArray[np.float64]
    banned: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...] = ()
    penalized: tuple[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]], ...] = ()

    def at(self, place: int) -> "SamplingBatch":
        """Returns one place of several: where `uniforms` are [rows, places]."""
        return replace(self, uniforms=self.uniforms[:, place])

    def flat(self, places: int) -> "SamplingBatch":
        """Returns the first of several places for [rows × places]: where `uniforms` are [rows, places]."""
        return SamplingBatch(
            self.uniforms[:, :places].ravel(),
            np.repeat(self.temperature, places),
            np.repeat(self.top_p, places),
            np.repeat(self.top_k, places),
        )


class ModelRunner(Protocol):
    """A model with its cache. Slots are numbered from 0; a slot's tokens lie at positions from 0.

    What lies past the length that the caller names is left over from earlier, and never seen.
    """

    @property
    def vocabulary(self) -> int:
        """Width of the model's output."""

    @property
    def context(self) -> int:
        """Positions that the model knows."""

    @property
    def prompt_budget(self) -> int:
        """Tokens, padding included, that prompts read together should come to at most."""

    @property
    def loaded_bytes(self) -> int:
        """Bytes of the weights as they lie in memory."""

    @property
    def kv_value_bytes(self) -> float:
        """Bytes of one value in the cache."""

    def allocate(self, slot: int) -> None:
        """Makes room for a new row."""

    def prefill(self, slots: list[int], prompts: list[list[int]]) -> None:
        """Reads prompts into placed, empty rows."""

    def copy(self, sources: list[int], targets: list[int], length: int) -> None:
        """Copies the first `length` tokens of rows onto placed, empty ones."""

    def extend(self, slots: list[int], lengths: list[int], texts: list[list[int]]) -> None:
        """Appends texts, all as long as each other, to rows of these lengths."""

    def step(
        self,
        slots: NDArray[np.int64],
        tokens: NDArray[np.int64],
        lengths: NDArray[np.int64],
        draws: SamplingBatch,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Appends a token to each row, and draws the next.

        Returns:
            The tokens [rows], and [3, rows]: log-probability of the token, entropy, and confidence (minus the
            mean log-probability of the likeliest 20), all of the distribution before temperature.
        """

    def free(self, slot: int) -> None:
        """Gives up a row."""

    def warm_up(self) -> None:
        """Does what will be done most, so that it can be timed."""

    def close(self) -> None:
        """Lets go of the model and its cache."""


class DraftVerifier(ModelRunner, Protocol):
    """A machine that can also look several tokens ahead, for speculative decoding."""

    def verify(
        self,
        slots: NDArray[np.int64],
        tokens: NDArray[np.int64],
        lengths: NDArray[np.int64],
        draws: SamplingBatch,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Appends several tokens to each row, and draws what follows each of them.

        Args:
            slots: The rows.
            tokens: [rows, places].
            lengths: Where the first token of each row goes.
            draws: For [rows × places], row by row.

        Returns:
            As `step`, for [rows × places].
        """
