"""Energy from the machine's own counters. Where none can be read there is no figure: nothing is estimated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

POWERCAP = Path("/sys/class/powercap")


@dataclass(slots=True)
class EnergyMeter:
    """Reads energy counters on entering and leaving a `with` block.

    The counters are those of whole devices: other work on the machine counts too, so measure an idle one.
    RAPL covers processor packages (memory only where the package counter includes it) and is readable by
    root alone on many systems; its counters wrap, and one wrap between two readings is undone, so call `lap`
    at least every ten minutes. NVML covers each visible NVIDIA board, from Volta on.

    Example:
        with EnergyMeter() as meter: ...
        meter.joules   # {"rapl": 812.4, "nvml": None}

    Attributes:
        powercap: Folder of the RAPL counters.
        here: Whether what is measured runs on this machine; else its counters say nothing of it, and there
            is no figure.
        joules: Of all laps: by source, None where there is no readable counter.
        seconds: Set on leaving: how long the block took.
    """

    powercap: Path = POWERCAP
    here: bool = True
    joules: Mapping[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0
    _rapl: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _nvml: list[int] = field(default_factory=list, init=False, repr=False)
    _start: float = field(default=0.0, init=False, repr=False)

    def __enter__(self) -> Self:
        self._rapl, self._nvml = self._read()
        self._start = monotonic()
        self.joules = {"rapl": 0.0, "nvml": 0.0}
        return self

    def lap(self) -> None:
        """Adds what was used since the last reading. A source that could not be read once has no figure."""
        rapl, nvml = self._read()
        used = {
            "rapl": _rapl_joules(self.powercap, self._rapl, rapl),
            "nvml": _nvml_joules(self._nvml, nvml),
        }
        self._rapl, self._nvml = rapl, nvml
        self.joules = {name: _sum(self.joules[name], joules) for name, joules in used.items()}

    def _read(self) -> tuple[dict[str, int], list[int]]:
        return (_read_rapl(self.powercap), _read_nvml()) if self.here else ({}, [])

    def per(self, count: float) -> dict[str, float]:
        """Returns joules for each of so many tokens, by source; a source without a figure is left out."""
        known = {name: joules for name, joules in self.joules.items() if joules is not None}
        return {name: joules / count for name, joules in known.items()} if count else {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = monotonic() - self._start
        self.lap()


def _sum(before: float | None, used: float | None) -> float | None:
    return None if before is None or used is None else before + used


def _read_rapl(powercap: Path) -> dict[str, int]:
    """Returns microjoules by package. Subzones (`intel-rapl:0:1`) are parts of their package and left out."""
    found = {}
    for zone in sorted(powercap.glob("intel-rapl:*")):
        if zone.name.count(":") != 1:
            continue
        try:
            if not (zone / "name").read_text().startswith("package"):
                continue
            found[zone.name] = int((zone / "energy_uj").read_text())
        except (OSError, ValueError):
            continue
    return found


def _rapl_joules(powercap: Path, before: Mapping[str, int], after: Mapping[str, int]) -> float | None:
    if not before or before.keys() != after.keys():
        return None
    total = 0
    for name, start in before.items():
        used = after[name] - start
        if used < 0:
            try:
                used += int((powercap / name / "max_energy_range_uj").read_text())
            except (OSError, ValueError):
                return None
        total += used
    return total / 1e6


def _read_nvml() -> list[int]:
    """Returns millijoules of every board; empty if one cannot be read."""
    try:
        nvml: Any = import_module("pynvml")
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
        try:
            boards = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
            return [int(nvml.nvmlDeviceGetTotalEnergyConsumption(board)) for board in boards]
        finally:
            nvml.nvmlShutdown()
    except nvml.NVMLError:
        return []


def _nvml_joules(before: list[int], after: list[int]) -> float | None:
    if not before or len(before) != len(after):
        return None
    return sum(b - a for a, b in zip(before, after, strict=True)) / 1e3
