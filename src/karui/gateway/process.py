"""What a process has once, however many routes it serves: its places, keys, counters and spans."""

from dataclasses import dataclass, field

from karui.gateway.database.database import Database
from karui.gateway.database.opening import open_database
from karui.gateway.keys import KeyRing
from karui.gateway.monitor.metrics import Metrics
from karui.gateway.monitor.tracing import Telemetry
from karui.gateway.records.events import Sink
from karui.gateway.requests.admission import AdmissionQueue
from karui.gateway.requests.quota import Quotas
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
    """

    admission: AdmissionQueue
    keys: KeyRing = field(repr=False)
    quotas: Quotas
    metrics: Metrics
    telemetry: Telemetry | None
    database: Database | None = None

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """What takes each record, whichever route it is of."""
        return (self.metrics, *([self.telemetry] if self.telemetry is not None else []))

    def close(self) -> None:
        """Sends what waits; may wait for a collector."""
        if self.telemetry is not None:
            self.telemetry.close()

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
        return Process(
            AdmissionQueue(settings.limits), keys, Quotas(settings.workers), metrics, telemetry, database
        )
