"""A hard while: two workers and PostgreSQL under mixed clients, while everything around them is killed.

    python bench/soak.py [--quick] [--seconds 600] [--out bench/results/soak.json]

Everything runs on this machine and stops by itself: a PostgreSQL server of its own (`apt install
postgresql`), the paced upstream, `karui serve --workers 2 --state postgresql://…`, and a load generator.
Clients stream, ask for whole replies, with and without the plan, send what is malformed or huge, and vanish.
A third of the time all is well, then the upstream is killed and comes back, each worker is killed (one of
them owns the roll-out), and the database is stopped and comes back; in the last third all is well again.

Each request is to have one well-formed reply; only those that a killed worker was answering may break off.
Nothing is counted twice or forgotten: what the roll-out counts is what the history holds. Nothing grows.
"""

import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from _choices import made_up
from _faults import PLAN, WELL, asking
from _figures import ROOT, Figures, arguments
from _malformed import malformed
from _servers import Gateway, Paced, gateway, load, upstream

sys.path.append(str(ROOT))
from karui.gateway.database.postgresql import PostgreSql
from tests.helpers.postgresql import Cluster, cluster

CLIENTS = 24
SETTINGS = """
state = "{state}"
[limits]
at_once = 64
queue = 256
silence_seconds = 5.0
connect_seconds = 2.0
request_seconds = 30.0
[breaker]
rest_seconds = 0.5
[rollout]
by_itself = false
[guard]
caller_seconds = 0.0
question_seconds = 0.0
"""
SHARES = {"stream": 0.4, "whole": 0.3, "vanishes": 0.1, "malformed": 0.15, "huge": 0.05}


def mixed(count: int, seed: int) -> list[dict[str, Any]]:
    """Returns requests of every kind, in an order that is the same every time."""
    draw = random.Random(seed)
    broken = malformed(count)
    made = []
    for n in range(count):
        kind = draw.choices(list(SHARES), list(SHARES.values()))[0]
        script = {"first": round(draw.uniform(0.01, 0.2), 3), "gap": 0.005, "tokens": draw.randint(4, 60)}
        model = draw.choice(("karui/plan", "karui/full"))
        request = asking(model, stream=kind != "whole", **script)
        if kind == "malformed":
            request = broken[n]
        elif kind == "vanishes":
            request["vanish"] = round(draw.uniform(0.001, 0.4), 3)
        elif kind == "huge":
            request["body"]["messages"].insert(0, {"role": "system", "content": "long " * 100_000})
        made.append(request)
    return made


@dataclass
class Part:
    """One third of the time.

    Attributes:
        name: For the figures.
        found: What the load generator says.
        megabytes: That the workers hold in the end.
        files: Likewise files and sockets of the one that has most.
    """

    name: str
    found: dict[str, Any]
    megabytes: float
    files: int

    @property
    def bad(self) -> list[dict[str, Any]]:
        """The replies that are not well-formed."""
        return [r for r in self.found["results"] if r["form"] not in WELL | {"gone"}]

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return len(self.found["results"]) / self.found["wall"]

    def show(self, figures: Figures) -> None:
        """Prints it."""
        told = Counter(r["form"] for r in self.found["results"])
        figures.note(f"{self.name}: " + ", ".join(f"{n} {form}" for form, n in sorted(told.items())))
        figures.shown(f"{self.name}: requests a second", self.rate, "/s", 1)
        first = [r["first"] for r in self.found["results"] if r["first"] is not None]
        for quantile, word in ((0.5, "median"), (0.99, "p99")):
            figures.shown(
                f"{self.name}: first token, {word}", 1000 * float(np.quantile(first, quantile)), "ms", 0
            )
        figures.shown(f"{self.name}: memory of the workers", self.megabytes, "MB", 0)


@dataclass
class Soak:
    """Everything that runs.

    Attributes:
        ours: The gateway.
        paced: The upstream.
        database: The server.
        log: What was done to them, and when.
    """

    ours: Gateway
    paced: Paced
    database: Cluster
    log: list[str] = field(default_factory=list)
    killed: int = 0
    back: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def part(self, name: str, seconds: float, seed: int) -> Part:
        """Sends requests for so long."""
        found = load(self.ours.url, mixed(round(200 * seconds), seed), CLIENTS, seconds=seconds)
        time.sleep(1.0)
        workers = self.workers()
        held = sum(worker.memory_info().rss for worker in workers) / 2**20
        return Part(name, found, held, max(worker.num_fds() for worker in workers))

    def workers(self) -> list[psutil.Process]:
        """Returns the workers, each of them up."""
        deadline = time.monotonic() + 60
        while True:
            found = psutil.Process(self.ours.process.pid).children()
            if len(found) == 2 or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def disturb(self, seconds: float) -> None:
        """Kills and stops everything once, within so many seconds."""
        began, port = time.monotonic(), int(self.paced.url.rpartition(":")[2])

        def at(share: float, what: str) -> None:
            time.sleep(max(0.0, began + share * seconds - time.monotonic()))
            self.log.append(f"{time.monotonic() - began:.0f} s: {what}")

        at(0.05, "upstream killed")
        self.paced.process.kill()
        at(0.15, "upstream back")
        with upstream(port):
            for n, share in enumerate((0.2, 0.4)):
                at(share, f"worker {n + 1} killed")
                self.workers()[0].kill()  # the older one: so each of the first two is killed
                self.killed += 1
            at(0.6, "database stopped")
            self.database.stop()
            at(0.8, "database back")
            self.database.start()
            self.back.set()
            self.over.wait()


def counted(state: str) -> dict[str, float]:
    """Returns what the history holds, and what the roll-out counts of it."""
    with PostgreSql(state).session() as connection:
        (standing,) = connection.execute("SELECT standing FROM standings WHERE term IS NOT NULL").fetchone()
        stood = json.loads(standing)["rollout"]
        (rows, ids) = connection.execute("SELECT count(*), count(DISTINCT id) FROM served").fetchone()
        (plans,) = connection.execute(
            "SELECT count(*) FROM served WHERE ran = 'plan' AND shadow = 0 AND canary = 0"
            " AND comparable = 1 AND status < 400 AND at >= ?",
            (stood["since"],),
        ).fetchone()
    return {"rows": rows, "ids": ids, "plans": plans, "seen": stood["seen"]}


def settled(state: str) -> dict[str, float]:
    """Waits until the roll-out has counted what came."""
    deadline = time.monotonic() + 30
    while (found := counted(state))["plans"] != found["seen"] and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def soak(figures: Figures, folder: Path, seconds: float) -> None:
    """Prints the figures."""
    choice, third = made_up(PLAN, folder / "capped"), seconds / 3
    options = ("--stage", "100", "--same-model", "--workers", 2)
    with cluster() as database, upstream() as paced:
        state = database.empty()
        told = SETTINGS.format(state=state)
        with gateway(choice, f"{paced.url}/v1", folder, *options, settings=told) as ours:
            run = Soak(ours, paced, database)
            run.part("warm", 2.0, 0)
            parts = [run.part("before", third, 1)]
            thread = threading.Thread(target=run.disturb, args=(third,))
            thread.start()
            parts.append(run.part("during", third, 2))
            run.back.wait(60)
            run.part("back", 2.0, 4)
            parts.append(run.part("after", third, 3))
            found = settled(state)
            run.over.set()
            thread.join()
    for line in run.log:
        figures.note(line)
    for part in parts:
        part.show(figures)
    before, during, after = parts
    for part in (before, after):
        figures.at_most(f"{part.name}: replies not well-formed", len(part.bad), 0, digits=0)
    name = "during: replies broken off, of those that killed workers were giving"
    figures.at_most(name, len(during.bad), run.killed * CLIENTS, digits=0)
    own = sum(r["status"] == 500 for part in parts for r in part.found["results"])
    figures.at_most("replies of the gateway's own failure", own, 0, digits=0)
    figures.at_most("requests in the history twice", found["rows"] - found["ids"], 0, digits=0)
    figures.at_most("requests counted twice or not", abs(found["plans"] - found["seen"]), 0, digits=0)
    figures.at_least("requests a second after, against before", after.rate / before.rate, 0.8, "×", 2)
    figures.at_most("memory after, against before", after.megabytes / before.megabytes, 1.3, "×", 2)
    more = after.files - before.files
    figures.at_most("files and sockets of a worker after, more than before", more, 16, digits=0)


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long clients ask")
    options = parser.parse_args()
    figures = Figures("soak", options)
    with tempfile.TemporaryDirectory(prefix="karui-soak-") as folder:
        soak(figures, Path(folder), 36.0 if options.quick else options.seconds)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
