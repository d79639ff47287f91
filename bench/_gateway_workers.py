"""Two workers against one: what several processes at one port move.

The load generator and the upstream want processor time as well, here on the same cores: with two cores, two
workers can't have both. So two ratios are printed. The one with the target asks what the workers would move
with a core each: tokens divided by the processor time of the busiest worker. It counts what sharing costs
(the history, the lease, the supervisor's look) and how unevenly connections fall on workers. The other is by
the clock, and says what of the cores the rest took: with three cores or more they come close.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from _choices import made_up
from _figures import Figures
from _overhead import PLAN, WIDE, Pace
from _servers import Gateway, gateway, load, upstream


@dataclass
class Setup:
    """One number of workers.

    Attributes:
        name: For the figures.
        server: The gateway.
        rates: Tokens by the clock, a second, of each round.
        limited: Likewise tokens, by the processor time of the busiest worker.
        shares: Likewise the busiest worker's share of the workers' time.
        rest: Cores that everything else took.
    """

    name: str
    server: Gateway
    rates: list[float] = field(default_factory=list)
    limited: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    rest: list[float] = field(default_factory=list)
    broken: int = 0

    def run(self, pace: Pace, paced: psutil.Process) -> None:
        """Sends a round of requests."""
        before, between = self._used(), _seconds(paced)
        found = load(self.server.url, pace.requests("karui/full"), pace.clients)
        used = [now - then for now, then in zip(self._used(), before, strict=True)]
        tokens = sum(reply["tokens"] for reply in found["results"])
        self.broken += sum(reply["form"] != "stream" for reply in found["results"])
        self.rates.append(tokens / found["wall"])
        self.limited.append(tokens / max(used))
        self.shares.append(max(used) / sum(used))
        self.rest.append((found["processor"] + _seconds(paced) - between) / found["wall"])

    def _used(self) -> list[float]:
        first = psutil.Process(self.server.process.pid)
        workers = first.children() or [first]
        return [_seconds(worker) for worker in sorted(workers, key=lambda worker: worker.pid)]


def several(figures: Figures, folder: Path) -> None:
    """Prints the figures."""
    rounds, pace = (1, Pace(64, 0.0, 256)) if figures.quick else (5, Pace(64, 0.0, 1024))
    with upstream() as paced, ExitStack() as stack:
        capped = made_up(PLAN, folder / "capped-several")

        def started(workers: int) -> Setup:
            options = ("--stage", "100", "--same-model", "--workers", workers)
            server = stack.enter_context(gateway(capped, f"{paced.url}/v1", folder, *options, settings=WIDE))
            return Setup(f"{workers} worker{'s' * (workers > 1)}", server)

        one, two = started(1), started(2)
        behind = psutil.Process(paced.process.pid)
        for setup in (one, two):
            Setup(setup.name, setup.server).run(Pace(64, 0.0, 128), behind)
        for _ in range(rounds):
            for setup in (one, two):
                setup.run(pace, behind)
    figures.note(f"workers: load {os.getloadavg()[0]:.1f}")
    for setup in (one, two):
        name = f"flat out, {setup.name}"
        figures.shown(f"{name}: tokens a second", _middle(setup.rates), "/s", 0)
        figures.shown(f"{name}: tokens a second with a core for each", _middle(setup.limited), "/s", 0)
        figures.shown(f"{name}: cores that load and upstream took", _middle(setup.rest), "", 2)
    name = "flat out, 2 workers"
    figures.shown(f"{name}: the busiest one's share", 100 * _middle(two.shares), "%", 0)
    figures.shown(f"{name} against 1: by the clock", _ratio(two.rates, one.rates), "×", 2)
    apart = _ratio(two.limited, one.limited)
    figures.at_least(f"{name} against 1: with a core for each", apart, 1.8, "×", 2)
    figures.at_most("flat out, workers: replies not whole", one.broken + two.broken, 0, digits=0)


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """Returns the middle of the rounds' ratios: what else the machine does falls on both of a round."""
    return _middle([a / b for a, b in zip(ours, theirs, strict=True)])
