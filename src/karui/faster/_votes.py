"""Counting votes: what the techniques that combine traces share.

Canonical answers are compared as strings. A trace without an answer casts no vote, but it was asked: it
counts in the denominator of every share. Ties go to the answer that was reached first.
"""

from collections.abc import Iterable, Sequence

from karui.core.arrays.checkpoint_columns import Floats
from karui.core.errors import PlanError
from karui.core.trace import Reply, Trace


class Votes:
    """A running count.

    Attributes:
        counts: Votes by answer, in the order in which the answers were reached.
        asked: Traces counted so far, those without an answer included.
    """

    __slots__ = ("asked", "counts")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.asked = 0

    def add(self, replies: Iterable[Reply]) -> None:
        """Counts some more replies."""
        counts = self.counts
        for reply in replies:
            self.asked += 1
            if reply.answer is not None:
                counts[reply.answer] = counts.get(reply.answer, 0) + 1

    def top_two(self) -> tuple[int, int]:
        """Returns the two highest counts, 0 where there are fewer answers."""
        first = second = 0
        for count in self.counts.values():
            if count > first:
                first, second = count, first
            elif count > second:
                second = count
        return first, second

    def reply(self, asked: int | None = None) -> Reply:
        """Returns the answer with most votes and its share of `asked` (of all that were counted if None)."""
        counts = self.counts
        if not counts:
            return Reply(None, 0.0)
        best = max(counts, key=counts.__getitem__)  # the first of equals: dictionaries keep their order
        return Reply(best, counts[best] / (asked or self.asked))


def vote(replies: Sequence[Reply], asked: int | None = None) -> Reply:
    """Returns the answer with most votes among `replies` and its share."""
    votes = Votes()
    votes.add(replies)
    return votes.reply(asked)


def weighted_vote(replies: Sequence[Reply], weights: Sequence[float]) -> Reply:
    """Returns the answer with most weight and its share; all count alike where no trace weighs anything."""
    whole = running_sum(weights)
    if whole <= 0:
        return vote(replies)
    sums: dict[str, float] = {}
    for reply, weight in zip(replies, weights, strict=True):
        if reply.answer is not None:
            sums[reply.answer] = sums.get(reply.answer, 0.0) + weight
    if not sums:
        return Reply(None, 0.0)
    best = max(sums, key=sums.__getitem__)
    return Reply(best, sums[best] / whole)


def running_sum(values: Iterable[float]) -> float:
    """Returns the sum taken in order: `sum` rounds otherwise from Python 3.12 on, and arrays as here."""
    total = 0.0
    for value in values:
        total += value
    return total


def leads(first: float, second: float) -> float:
    """Returns P(X > 1/2) for X ~ Beta(first + 1, second + 1): how likely a leader is to stay ahead."""
    from scipy.special import betainc  # slow to import

    return float(betainc(second + 1, first + 1, 0.5))


def all_leads(first: Floats, second: Floats) -> Floats:
    """Returns `leads` of many pairs."""
    from scipy.special import betainc  # slow to import

    found: Floats = betainc(second + 1, first + 1, 0.5)
    return found


def single(reply: Reply) -> Trace:
    """Returns the one trace behind a reply.

    Raises:
        PlanError: Several were combined; techniques that look into traces cannot stand outside a vote.
    """
    if reply.trace is None:
        raise PlanError(
            "A technique that looks into traces was sent a combined reply.",
            remedy="Put it after the technique that combines traces, or leave one of the two out.",
        )
    return reply.trace
