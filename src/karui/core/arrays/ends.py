"""Traces as they ended, and what looks at them had cost, as arrays."""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from karui.core.arrays.checkpoint_columns import Bools, Floats, Ints, at


@dataclass(frozen=True, slots=True)
class Ends:
    """Traces as they ended, as arrays of one shape.

    Attributes:
        answer: As in `TraceTable`.
        confidence: As in `TraceTable`.
        thinking: Tokens thought.
        answer_tokens: Tokens of the answer.
        usage: In the order of `TokenUsage`'s fields, on a last axis of its own.
        time: Token-time.
        chars: Characters thought.
        own: Whether the trace came to its own end.
        unread: Whether it was dropped or stopped.
    """

    answer: Ints
    confidence: Floats
    thinking: Ints
    answer_tokens: Ints
    usage: Ints
    time: Ints
    chars: Ints
    own: Bools
    unread: Bools

    def take(self, rows: Ints) -> "Ends":
        """Returns those of these rows, in the shape of `rows`."""
        return Ends(*(getattr(self, f.name)[rows] for f in fields(Ends)))

    def changed(self, where: Bools, other: "Ends") -> "Ends":
        """Returns these with those of `where` taken from `other`, whose shape is that of their number."""
        changed = []
        for f in fields(Ends):
            values = getattr(self, f.name).copy()
            values[where] = getattr(other, f.name)
            changed.append(values)
        return Ends(*changed)

    @property
    def positions(self) -> Ints:
        """What each held in its model's KV cache in the end."""
        return self.usage[..., 0] + self.thinking + self.answer_tokens

    @property
    def generated(self) -> Ints:
        """Everything generated for each."""
        return self.usage[..., 2:6].sum(axis=-1)  # type: ignore[no-any-return]


class Spent(NamedTuple):
    """What looks have cost by some moment: trial and prompt tokens, cached ones, positions attended to."""

    trial: Ints
    forced: Ints
    reread: Ints
    attended: Ints

    def at(self, places: Ints) -> "Spent":
        """Returns that of some places."""
        return Spent(*(at(column, places) for column in self))

    def plus(self, other: "Spent", where: Bools) -> "Spent":
        """Returns this and, where that holds, the other besides."""
        return Spent(*(a + np.where(where, b, 0) for a, b in zip(self, other, strict=True)))
