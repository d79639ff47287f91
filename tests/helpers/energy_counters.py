"""Energy counters of a machine that does not exist: a tree as /sys/class/powercap, a module as pynvml."""

from pathlib import Path
from types import ModuleType


class Powercap:
    """A tree of RAPL zones as the kernel shows them: packages, what is part of them, and the whole platform.

    The counter of each package wraps at `RANGE` microjoules.
    """

    RANGE = 10_000_000

    def __init__(self, folder: Path, packages: int = 2) -> None:
        self.folder = folder
        self.at = [8_000_000 + n * 1000 for n in range(packages)]
        self.add(0.0)

    def add(self, joules: float) -> None:
        """Lets every package use so much more."""
        for n, at in enumerate(self.at):
            self.at[n] = (at + round(joules * 1e6)) % self.RANGE
            self._zone(f"intel-rapl:{n}", f"package-{n}", self.at[n])
            self._zone(f"intel-rapl:{n}:0", "core", self.at[n] // 2)
        self._zone(f"intel-rapl:{len(self.at)}", "psys", sum(self.at))

    def _zone(self, name: str, label: str, microjoules: int) -> None:
        zone = self.folder / name
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "name").write_text(f"{label}\n")
        (zone / "energy_uj").write_text(f"{microjoules}\n")
        (zone / "max_energy_range_uj").write_text(f"{self.RANGE}\n")


class Boards(ModuleType):
    """What nvidia-ml-py's module offers, of boards with these millijoules; None is one without a counter."""

    class NVMLError(Exception):
        """As pynvml raises it."""

    def __init__(self, *millijoules: int | None) -> None:
        super().__init__("pynvml")
        self.millijoules = list(millijoules)
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's names
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.millijoules)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        found = self.millijoules[handle]
        if found is None:
            raise self.NVMLError("Not Supported")
        return found
