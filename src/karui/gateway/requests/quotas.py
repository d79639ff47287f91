"""What each team may use: in one process, or in several that share a history.

Where several share it, the ledger in the history is told and asked: when a request needs it to be let in, and
several times a second as long as there is something to tell. While the history cannot be used, each process
has its part of every limit, at least one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from karui.gateway.database.team_ledger import Grant, TeamLedger
from karui.gateway.named_keys import Team
from karui.gateway.requests.quota import Quota
from karui.gateway.requests.shared_quota import SharedQuota

_log = logging.getLogger(__name__)
_TOLD_SECONDS = 0.5
"""How often the ledger is told what there is to tell."""
_DATABASE_SECONDS = 1.0
"""For how long a request waits for the ledger."""


class Quotas:
    """What each team uses.

    Attributes:
        lost: Whether the ledger cannot be used at present.
    """

    def __init__(
        self,
        processes: int = 1,
        clock: Callable[[], float] = monotonic,
        ledger: TeamLedger | None = None,
    ) -> None:
        """Takes who shares the limits.

        Args:
            processes: How many share them, as far as this one knows.
            clock: Seconds.
            ledger: What they share them by; None where this process is the only one.
        """
        self._part, self._clock, self._ledger = 1 / max(1, processes), clock, ledger
        self._quotas: dict[str, Quota | SharedQuota] = {}
        self.lost = False
        self._exchanging: asyncio.Task[None] | None = None
        self._working: asyncio.Future[list[Grant]] | None = None
        self._telling: asyncio.Task[None] | None = None

    def of(self, team: Team) -> Quota | SharedQuota:
        """Returns what a team uses; in one process it begins anew where its limits have changed."""
        found = self._quotas.get(team.name)
        if found is not None and found.team == team:
            return found
        if isinstance(found, SharedQuota):
            found.change(team)
            return found
        alone = Quota(team, self._part, self._clock)
        unlimited = team == Team(team.name)
        made: Quota | SharedQuota = alone
        if self._ledger is not None and not unlimited:
            made = SharedQuota(team, alone, self.exchange, lambda: self.lost)
        self._quotas[team.name] = made
        return made

    def used(self) -> Mapping[str, Quota | SharedQuota]:
        """Returns the teams that have asked for something, by name."""
        return {name: quota for name, quota in self._quotas.items() if name}

    async def close(self) -> None:
        """Gives back what this process holds."""
        if self._telling is None:
            return
        self._telling.cancel()
        with suppress(asyncio.CancelledError):
            await self._telling
        if self._exchanging is not None:
            await self._exchanging
        if not self.lost:
            await self._exchange(last=True)

    @property
    def _shared(self) -> list[SharedQuota]:
        return [quota for quota in self._quotas.values() if isinstance(quota, SharedQuota)]

    async def exchange(self) -> None:
        """Waits for an exchange with the ledger: one that is under way, or a new one."""
        if self._telling is None:
            self._telling = asyncio.ensure_future(self._tell())
        if self._exchanging is None or self._exchanging.done():
            self._exchanging = asyncio.ensure_future(self._exchange())
        await asyncio.shield(self._exchanging)  # whoever gives up takes nothing from the others

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TOLD_SECONDS)
            if self.lost or any(quota.has_news() for quota in self._shared):
                await self.exchange()

    async def _exchange(self, *, last: bool = False) -> None:
        """Tells the ledger everything, and takes what it grants."""
        if self._working is not None and not self._working.done():
            return  # what was asked before is still stuck
        assert self._ledger is not None
        told = [quota for quota in self._shared if last or quota.has_news()]
        wishes, sent = [quota.wish(last=last) for quota in told], self._clock()
        working = asyncio.ensure_future(asyncio.to_thread(self._ledger.exchange, wishes))
        self._working = working
        working.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                granted = await asyncio.shield(working)
        except Exception as error:  # noqa: BLE001 - whatever a database does, each process goes on by itself
            if not self.lost:
                _log.warning("the limits of teams cannot be shared: %s", error or type(error).__name__)
            self.lost = True
            return
        if self.lost:
            _log.warning("the limits of teams are shared again")
        self.lost = False
        for quota, wish, grant in zip(told, wishes, granted, strict=True):
            quota.take(wish, grant, sent)
