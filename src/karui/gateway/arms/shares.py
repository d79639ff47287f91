"""Which arm a caller falls on: drawn at random with stated chances, and kept while the shares stay.

An arm is full thinking or a plan. What is drawn for is a *unit*: a caller for so many hours
(`caller_hours`), or each request where nobody is to keep an arm. The draw is a keyed hash, so that no caller
can choose a side and a restart changes none. A unit counts once: what one caller says twice under the same
draw is one piece of evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import log

FULL = "full"
"""The arm that is full thinking."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of the traffic each arm has.

    Attributes:
        step: Their number, by which requests that were drawn by them are known.
        of: By arm, positive; together 1.
    """

    step: int
    of: Mapping[str, float]

    def draw(self, unit: str) -> str:
        """Returns the arm of a unit.

        Weighted rendezvous hashing: each arm draws an exponential time by its share, and the first one has
        the unit. Where a share grows, units come to that arm only; where one shrinks, they leave that one
        only.
        """
        return min(self.of, key=lambda arm: -log(_uniform(unit, arm)) / self.of[arm])


def unit_of(salt: str, caller: str, at: float, hours: float, request: str) -> str:
    """Returns what an arm is drawn for, as a digest that tells nothing of the caller without the salt.

    Args:
        salt: Of this choice.
        caller: Who asks; else what they ask.
        at: When, seconds since the epoch.
        hours: For how long the draw is kept; 0 draws for each request.
        request: Id of the request.
    """
    text = f"{int(at // (3600.0 * hours))}\0{caller}" if hours else request
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12, key=salt.encode()).hexdigest()


def _uniform(unit: str, arm: str) -> float:
    """Returns a number in (0, 1) that is always the same for both, and looks uniform."""
    digest = blake2b(f"{arm}\0{unit}".encode(), digest_size=7).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2.0**56
