"""Energy of the machine while a gateway answers: by its own counters, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time

from karui.gateway.records.record import RequestRecord
from karui.measure.energy import EnergyMeter


@dataclass(frozen=True, slots=True)
class EnergyStatus:
    """What the machine took since the gateway came up, as of the last reading.

    Attributes:
        joules: By counter: "rapl" (processor packages), "nvml" (NVIDIA boards); {} where none can be read, or
            where the model runs on another machine.
        requests: Of clients that were answered meanwhile by this process.
        since: When it came up, seconds since the epoch.
    """

    joules: Mapping[str, float] = field(default_factory=dict)
    requests: int = 0
    since: float = 0.0

    @property
    def per_request(self) -> dict[str, float]:
        """Joules of one request by counter; {} before the first. Idle time and silent runs are in it."""
        return {name: each / self.requests for name, each in self.joules.items()} if self.requests else {}


@dataclass
class EnergyWatch:
    """Reads the machine's counters now and then. A sink.

    Attributes:
        meter: Reads them; one that was not begun.
        status: As of the last reading.
    """

    meter: EnergyMeter
    status: EnergyStatus = field(init=False)
    _answered: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Begins."""
        self.meter.__enter__()
        self.status = EnergyStatus(since=time())

    def see(self, served: RequestRecord) -> None:
        """Counts a request of a client that was answered."""
        if not (served.shadow or served.canary) and served.status < 400:
            self._answered += 1

    def read(self) -> None:
        """Reads the counters; it may take some milliseconds. Call it at least every ten minutes."""
        answered = self._answered
        self.meter.lap()
        known = {name: joules for name, joules in self.meter.joules.items() if joules is not None}
        self.status = EnergyStatus(known, answered, self.status.since)
