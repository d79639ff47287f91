"""What a gateway does from time to time: canaries when they are due, and a look at the upstream's model."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import time

from karui.gateway.backends.upstream import Upstream
from karui.gateway.backends.upstream_identity import UpstreamIdentity
from karui.gateway.energy import EnergyWatch
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.record import RequestRecord
from karui.gateway.rollout.canaries import Canaries
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.rollout.shadow import ShadowRunner

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UpstreamWatch:
    """Watches whether the upstream's model is still the one that was chosen for. A sink.

    Attributes:
        rollout: Is told of another model.
        upstream: The model's server; None where the model runs in this process.
        identity: What it said of its model; None likewise.
    """

    rollout: RolloutController
    upstream: Upstream | None = None
    identity: UpstreamIdentity | None = None

    def see(self, served: RequestRecord) -> None:
        """Looks whether the upstream's last reply was still the same model's."""
        if self.upstream is not None and self.identity is not None:
            stale = self.identity.replied(self.upstream.fingerprint)
            self.rollout.mark_stale(stale, served.at, request=served.id)

    async def look(self) -> None:
        """Looks whether the upstream still lists the model that was chosen for."""
        if self.upstream is not None and self.identity is not None:
            self.rollout.mark_stale(self.identity.listed(await self.upstream.get("models")), time())


@dataclass
class Upkeep:
    """Sends canaries and looks at the upstream, in the background.

    Attributes:
        watch: Looks at the upstream.
        shadow: Runs the canaries.
        canaries: The operator's own questions; None without.
        tick_seconds: How often it is looked whether a canary is due.
        look_seconds: How often the upstream's list of models is read.
        energy: Reads the machine's energy counters as often, on a thread; None where nothing does.
        tidy: What else is done as often, on a thread.
        decides: Whether this process is the one that sends canaries.
        degraded: Why it does not work at present; None while it does.
    """

    watch: UpstreamWatch
    shadow: ShadowRunner
    canaries: Canaries | None = None
    tick_seconds: float = 1.0
    look_seconds: float = 30.0
    energy: EnergyWatch | None = None
    tidy: Callable[[], None] = lambda: None
    decides: Callable[[], bool] = lambda: True
    degraded: Because | None = field(default=None, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Begins, on the running event loop."""
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task

    async def _run(self) -> None:
        asked = looked = time()
        while True:
            await asyncio.sleep(self.tick_seconds)
            at = time()
            try:
                self._send_canaries(asked, at)
                if at - looked >= self.look_seconds:
                    looked = at
                    await self.watch.look()
                    await asyncio.to_thread(self.tidy)
                    if self.energy is not None:
                        await asyncio.to_thread(self.energy.read)
                self.degraded = None
            except Exception as error:  # noqa: BLE001 - what is done from time to time must not end at one fault
                if self.degraded is None:
                    _log.exception("the gateway's upkeep failed; it is tried again")
                self.degraded = Because.of(Cause.UPKEEP, error=type(error).__name__)
            asked = at

    def _send_canaries(self, since: float, at: float) -> None:
        if self.canaries is None or not self.decides():
            return
        guard = self.watch.rollout.guard
        may = guard.phase is Phase.WATCHING or guard.wants_probe(at)
        for question in self.canaries.due(since, at) if may else ():
            self.shadow.canary(question)
