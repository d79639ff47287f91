"""Two tests on a stream of requests: do values still rank as recorded, and is a rate still allowed?"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from karui.gateway.arms.e_process import EProcess

_TILTS = (0.5, 0.9)
"""How hard the bets on ranks lean. The smaller one gains only where the mean rank has moved by more than
about 4 points of 100: what is smaller is no drift that anyone should be woken for."""
_RISES = (0.05, 0.15, 0.35)
"""How far above what is allowed the rates are that the bets on a rate are best at."""
_BLOCK = 64


class DriftTest(StrEnum):
    """What the guard tests."""

    THINKING = "thinking"
    CONFIDENCE = "confidence"
    AGREEMENT = "agreement"
    TRUNCATED = "truncated"
    ERRORS = "errors"
    UNSURE = "unsure"
    CANARIES = "canaries"
    UNLIKE = "unlike"
    FIRST_ANSWER = "first_answer"
    COST = "cost"


class Ranks:
    """Whether values of live requests rank like those of the recording: a conformal test martingale.

    Each value is given its rank among the recording's and all live ones before it, ties broken at random. As
    long as the live questions are like the recorded ones (exchangeable), these ranks are independent and
    uniform, whatever the distribution and however few were recorded (Vovk, Gammerman and Shafer, "Algorithmic
    Learning in a Random World", ch. 8; Vovk et al., "Retrain or not retrain", 2102.10439). Bets on "higher",
    "lower", "further out" and "further in" then gain only by drift.

    What it gives up: values are put in fine bins, so that memory stays the same for any number of requests;
    and a drift that lasts becomes the new normal of the ranks in time, so it is found soon or not at all.

    Attributes:
        wealth: The capital of the bets.
    """

    __slots__ = ("_blocks", "_counts", "_edges", "_total", "wealth")

    def __init__(self, recorded: Iterable[float], edges: Iterable[float]) -> None:
        """Takes one value a question: traces of one question are alike, and would not be exchangeable.

        Args:
            recorded: The values.
            edges: Upper edges of the bins, rising.
        """
        self._edges = list(edges)
        self._counts = [0] * (len(self._edges) + 1)
        self._blocks = [0] * (len(self._counts) // _BLOCK + 1)
        self._total = 0
        self.wealth = EProcess(4 * len(_TILTS))
        for value in recorded:
            self._add(bisect_right(self._edges, value))

    def see(self, value: float, luck: float) -> float:
        """Bets on one live value and returns the capital.

        Args:
            value: The value.
            luck: What breaks ties, uniform in [0, 1) and independent of the value.
        """
        place = bisect_right(self._edges, value)
        block = place // _BLOCK
        below = sum(self._blocks[:block]) + sum(self._counts[block * _BLOCK : place])
        rank = (below + luck * (self._counts[place] + 1)) / (self._total + 1)
        self._add(place)
        up = 2.0 * rank - 1.0
        out = 4.0 * abs(rank - 0.5) - 1.0
        a, b = _TILTS
        return self.wealth.grow(
            (
                1 + a * up,
                1 + b * up,
                1 - a * up,
                1 - b * up,
                1 + a * out,
                1 + b * out,
                1 - a * out,
                1 - b * out,
            )
        )

    def standing(self) -> dict[str, Any]:
        """Returns everything it has come to, JSON-able."""
        counts = {str(place): n for place, n in enumerate(self._counts) if n}
        return {"bins": len(self._counts), "counts": counts, "wealth": self.wealth.standing()}

    def resume(self, standing: Mapping[str, Any]) -> None:
        """Goes on from what `standing` returned.

        Raises:
            KeyError, TypeError, ValueError, IndexError: It is something else, or has other bins.
        """
        if standing["bins"] != len(self._counts):
            raise ValueError(f"{standing['bins']} bins, not {len(self._counts)}")
        wealth = EProcess.resumed(standing["wealth"], 4 * len(_TILTS))
        counts, blocks, total = [0] * len(self._counts), [0] * len(self._blocks), 0
        for place, n in standing["counts"].items():
            counts[int(place)] += n
            blocks[int(place) // _BLOCK] += n
            total += n
        self._counts, self._blocks, self._total, self.wealth = counts, blocks, total, wealth

    def _add(self, place: int) -> None:
        self._counts[place] += 1
        self._blocks[place // _BLOCK] += 1
        self._total += 1


class Rate:
    """Whether something happens more often than allowed: a one-sided betting test of a mean.

    The capital of a bet is multiplied by 1 + stake * (happened - allowed), which has mean 1 or less while the
    rate is at most `allowed` (Waudby-Smith and Ramdas, 2010.09686, as in `karui.selection.betting`; that one
    aims its stakes at a known number of questions, which a stream does not have, so here they are fixed: a
    mixture of the best ones against three larger rates).

    Attributes:
        allowed: The largest rate that is still well.
        happened: How often it did.
        wealth: The capital of the bets.
    """

    __slots__ = ("_stakes", "allowed", "happened", "wealth")

    def __init__(self, allowed: float) -> None:
        """Takes the largest rate that is still well, kept within 0.001 and 0.95."""
        m = self.allowed = min(max(allowed, 0.001), 0.95)
        self._stakes = stakes(m)
        self.happened = 0.0
        self.wealth = EProcess(len(_RISES))

    def see(self, happened: float) -> float:
        """Bets on one request and returns the capital.

        Args:
            happened: Whether it did; or any figure from 0 to 1, whose mean is then what is tested.
        """
        self.happened += happened
        off = float(happened) - self.allowed
        return self.wealth.grow([1.0 + stake * off for stake in self._stakes])

    def standing(self) -> dict[str, Any]:
        """Returns everything it has come to, JSON-able."""
        return {"happened": self.happened, "wealth": self.wealth.standing()}

    def resume(self, standing: Mapping[str, Any]) -> None:
        """Goes on from what `standing` returned.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        self.wealth = EProcess.resumed(standing["wealth"], len(_RISES))
        self.happened = float(standing["happened"])


def stakes(allowed: float) -> list[float]:
    """Returns the stakes of the bets that a mean in [0, 1] is above `allowed`."""
    m = allowed
    return [(min(m + rise, (1 + m) / 2) - m) / (m * (1 - m)) for rise in _RISES]


def luck(request: str, signal: str) -> float:
    """Returns a number in [0, 1) that is always the same for this request and signal, and looks uniform."""
    digest = blake2b(f"{signal}\0{request}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2.0**56
