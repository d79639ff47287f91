"""Shares of replay on a Ray cluster: tasks, done again elsewhere where a node dies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from karui.core.errors import EngineError, KaruiError
from karui.recording.workers.ray_cluster import Cluster
from karui.runners.spread import Result, Shares

_AHEAD = 2
"""Shares under way for each processor: one is computed, the next is on its way."""
_AGAIN = 10
"""How often a share is begun again because its node has died."""


@dataclass(frozen=True)
class OnRay:
    """Spreads shares over a cluster, each on one processor."""

    cluster: Cluster

    @property
    def width(self) -> int:
        """How many are done at a time."""
        return max(1, int(self.cluster.cpus))

    def each(self, shares: Shares[Result], count: int) -> Iterator[tuple[int, Result]]:
        """Yields every share's number and result.

        Raises:
            KaruiError: What a share raised.
            EngineError: A share ended its process again and again.
        """
        ray = self.cluster.ray
        do = ray.remote(_done).options(num_cpus=1, max_retries=_AGAIN)
        waiting: dict[Any, int] = {}
        numbers = iter(range(count))
        for number in numbers:
            waiting[do.remote(shares(number))] = number
            if len(waiting) >= _AHEAD * self.width:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: dict[Any, int]) -> tuple[int, Any]:
        ray = self.cluster.ray
        [ready], _ = ray.wait(list(waiting), num_returns=1)
        number = waiting.pop(ready)
        try:
            found = ray.get(ready)
        except ray.exceptions.RayError as error:
            raise EngineError(
                "A share of the replay cannot be done on the Ray cluster.",
                why=str(error).strip().partition("\n")[0],
                remedy="Its nodes need the same karui, and the recording's folder under the same path.",
            ) from error
        if isinstance(found, KaruiError):
            raise found
        return number, found


def _done(share: Callable[[], Any]) -> Any:
    try:
        return share()
    except KaruiError as error:
        return error
