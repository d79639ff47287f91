"""Capital that bets against "all is well": large only if it is not, whenever one looks.

Bets whose factor has mean 1 or less while all is well, given everything seen before, multiply into a
nonnegative supermartingale. By Ville's inequality it ever reaches 1/alpha with probability alpha at most,
over a stream without end and however often it is looked at (Ramdas et al., "Game-theoretic statistics and
safe anytime-valid inference", 2210.01948).

Drift may begin at any request, and a bet that has lost for a thousand healthy ones comes back too late. So
the first capital is held in reserve and staked bit by bit: what is left after request t is
1 / (1 + log2(1 + t / 32)), and every bit staked is a bet of its own that begins there. The sum of them and of
the reserve is a supermartingale again; the price is a factor of some 100 to 3,000, which a real drift earns
in a hundred requests or so (the weighted restarts of e-detectors, Shin, Ramdas and Rinaldo, 2203.03532, with
weights that sum to 1, so that the whole stream keeps one false-alarm rate).
"""

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any, Self

_SLOW = 32.0  # requests until half of the capital is staked


class EProcess:
    """The capital of a handful of bets, shared equally, that begin at every request anew.

    Attributes:
        capital: Now; it begins at 1.
        best: The largest it has been.
        seen: How many requests it was bet on.
    """

    __slots__ = ("_kept", "_reserve", "_staked", "best", "capital", "seen")

    def __init__(self, bets: int, *, at_once: float = 0.0) -> None:
        """Begins with everything in reserve but what is staked at once.

        Args:
            bets: How many there are.
            at_once: Share of the capital that is staked before the first request: for what may be wrong from
                the beginning.
        """
        self._kept = 1.0 - at_once
        self._staked = [at_once / bets] * bets
        self._reserve = self._kept
        self.capital = self.best = 1.0
        self.seen = 0

    def grow(self, factors: Sequence[float]) -> float:
        """Multiplies each bet's stake by its factor and returns the capital."""
        self.seen += 1
        left = self._kept / (1.0 + log2(1.0 + self.seen / _SLOW)) if self._kept else 0.0
        fresh = (self._reserve - left) / len(self._staked)
        self._reserve = left
        # Bounded, for a stream that has drifted and runs on would overflow.
        self._staked = [min((s + fresh) * f, 1e200) for s, f in zip(self._staked, factors, strict=True)]
        self.capital = left + sum(self._staked)
        self.best = max(self.best, self.capital)
        return self.capital

    def standing(self) -> dict[str, Any]:
        """Returns everything it has come to, JSON-able."""
        return {"staked": self._staked, "reserve": self._reserve, "best": self.best, "seen": self.seen}

    @classmethod
    def resumed(cls, standing: Mapping[str, Any], bets: int, *, at_once: float = 0.0) -> Self:
        """Returns one that goes on from what `standing` returned; the others as for a new one.

        Raises:
            KeyError, TypeError, ValueError: It is something else, or has another number of bets.
        """
        made = cls(bets, at_once=at_once)
        staked = [float(s) for s in standing["staked"]]
        if len(staked) != bets:
            raise ValueError(f"{len(staked)} bets, not {bets}")
        made._staked, made._reserve = staked, float(standing["reserve"])
        made.best, made.seen = float(standing["best"]), int(standing["seen"])
        made.capital = made._reserve + sum(staked)
        return made
