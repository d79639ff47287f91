"""Admission: a bounded number of requests at once, and a bounded queue before them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

from karui.gateway.limits import Limits
from karui.gateway.openai_api.chat_request import ApiError


class AdmissionQueue:
    """Places for requests, and a queue of bounded length before them.

    Attributes:
        in_flight: Requests that have a place.
        queued: Requests that wait for one.
        held_bytes: What the bodies of requests under way hold.
    """

    def __init__(self, bounds: Limits) -> None:
        """Takes the limits."""
        self._bounds = bounds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._seconds = 1.0  # that a request takes, a moving mean
        self.in_flight = self.held_bytes = 0

    def hold(self, size: int) -> None:
        """Takes in that a body holds so much; `let_go` has to follow.

        Raises:
            ApiError: All bodies together would hold too much.
        """
        if self.held_bytes + size > self._bounds.bodies_bytes:
            raise ApiError(
                503, "The gateway is busy: too much of requests is under way.", code="busy", retry_after=1.0
            )
        self.held_bytes += size

    def let_go(self, size: int) -> None:
        """Takes in that a body is no longer held."""
        self.held_bytes -= size

    @property
    def queued(self) -> int:
        """Requests that wait for a place."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Holds a place, once there is one.

        Raises:
            ApiError: The queue is full, or the wait too long; it says when to ask again.
        """
        await self._enter()
        began = monotonic()
        try:
            yield
        finally:
            self._seconds += 0.1 * (monotonic() - began - self._seconds)
            self._leave()

    async def _enter(self) -> None:
        if self.in_flight < self._bounds.at_once:
            self.in_flight += 1
            return
        if len(self._waiting) >= self._bounds.queue:
            raise self._full("too many requests are waiting")
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._bounds.queue_seconds):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self._leave()  # it was given a place just as it gave up
            else:
                with suppress(ValueError):  # whoever left meanwhile has passed over it
                    self._waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise self._full("no slot became free in time") from None
            raise

    def _leave(self) -> None:
        """Hands the place to whoever has waited longest; else it is free."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.in_flight -= 1

    def _full(self, why: str) -> ApiError:
        ahead = len(self._waiting) + 1
        return ApiError(
            429,
            f"The gateway is busy: {why}.",
            code="busy",
            retry_after=ahead * self._seconds / self._bounds.at_once,
        )
