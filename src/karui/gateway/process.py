"""What a process has once, however many routes it serves: its places, keys, counters and spans."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

from karui.gateway.backends.known_servers import KnownServers
from karui.gateway.database.database import Database
from karui.gateway.database.opening import open_database
from karui.gateway.database.team_ledger import TeamLedger
from karui.gateway.keys import KeyRing
from karui.gateway.monitor.metrics import Metrics
from karui.gateway.monitor.tracing import Telemetry
from karui.gateway.records.events import Sink
from karui.gateway.requests.admission import AdmissionQueue
from karui.gateway.requests.quotas import Quotas
from karui.gateway.settings import Settings


@dataclass(frozen=True)
class Process:
    """The parts that all routes of a process share.

    Attributes:
        admission: Holds a bounded number of requests.
        keys: That clients and operators have to give.
        quotas: What each team may use.
        metrics: Counts requests.
        telemetry: Sends spans; None where OpenTelemetry is not installed.
        database: Where the history is; None keeps it in memory.
        servers: Connects to models' servers.
    """

    admission: AdmissionQueue
    keys: KeyRing = field(repr=False)
    quotas: Quotas
    metrics: Metrics
    telemetry: Telemetry | None
    database: Database | None = None
    servers: KnownServers = field(default_factory=KnownServers.inherited)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """What takes each record, whichever route it is of."""
        return (self.metrics, *([self.telemetry] if self.telemetry is not None else []))

    async def close(self) -> None:
        """Gives back what teams could have used, and sends what waits; may wait for a collector."""
        await self.quotas.close()
        if self.telemetry is not None:
            await asyncio.to_thread(self.telemetry.close)

    @staticmethod
    def of(settings: Settings, *, routed: bool = False) -> "Process":
        """Returns the parts of a process.

        Args:
            settings: What the operator decided.
            routed: Whether it serves several routes.

        Raises:
            InputError: A key or the address of a database cannot be used.
        """
        keys = KeyRing(file=settings.keys)
        metrics, telemetry = Metrics((), routed=routed), Telemetry.found()
        database = open_database(settings.state, settings.history)
        shared = database if settings.shared else None
        ledger = TeamLedger(shared, uuid4().hex) if shared is not None else None
        quotas = Quotas(settings.workers, ledger=ledger)
        return Process(AdmissionQueue(settings.limits), keys, quotas, metrics, telemetry, database)
