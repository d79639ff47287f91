"""A hard while: routes, two workers and PostgreSQL under mixed clients, while everything else is killed.

    python bench/soak.py [--quick] [--seconds 600] [--out bench/results/soak.json]

Everything runs on this machine and stops by itself: a PostgreSQL server of its own (`apt install
postgresql`), the paced upstream, llama.cpp's server with karui-mini (`pip install xllamacpp`), `karui serve`
with a route for each of the two and two workers, and a load generator. Clients stream, ask for whole replies,
in three APIs, with and without the plan, send what is malformed or huge, and vanish. A third of the time all
is well, then the upstream is killed and comes back, the gateway's clock is moved an hour ahead and back, each
worker is killed (so each route's owner is), and the database is stopped for a while; in the last third all is
well again. All the time the file of routes is changed and read anew, by signal and by request.

Each request is to have one well-formed reply; only those that a killed worker was answering may break off.
Nothing is counted twice or forgotten: what each roll-out counts is what the history holds. Nothing grows.
"""

import json
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _choices import MINI, made_up
from _faults import PLAN, WELL
from _figures import ROOT, Figures, arguments
from _llama import llama_server
from _servers import load, upstream
from _soaked import WORKERS, Routes, Soak, mixed, routed, set_clock

from karui import catalog
from karui.artifacts.build import make
from karui.recording.store import load as recorded

sys.path.append(str(ROOT))
from karui.gateway.database.postgresql import PostgreSql
from tests.helpers.postgresql import cluster

CLIENTS = 24
SHORT = "token-cap:tokens=600"
RELOAD_SECONDS = 60.0
QUICK_SECONDS = 45.0


@dataclass
class Part:
    """One third of the time.

    Attributes:
        name: For the figures.
        found: What the load generator says.
        seconds: For which requests were sent.
        slowest: The request that took longest, in words, and how long.
        megabytes: That the workers hold in the end.
        files: Likewise files and sockets of the one that has most.
        tasks: Likewise tasks.
    """

    name: str
    found: dict[str, Any]
    seconds: float
    slowest: tuple[str, float]
    megabytes: float
    files: int
    tasks: int

    @property
    def bad(self) -> list[dict[str, Any]]:
        """The replies that are not well-formed."""
        return [r for r in self.found["results"] if r["form"] not in WELL | {"gone"}]

    @property
    def rate(self) -> float:
        """Requests answered a second, while new ones came; what came later is in the slowest."""
        return self.found["in_time"] / self.seconds

    def show(self, figures: Figures) -> None:
        """Prints it."""
        told = Counter(r["form"] for r in self.found["results"])
        figures.note(f"{self.name}: " + ", ".join(f"{n} {form}" for form, n in sorted(told.items())))
        statuses = Counter(r["status"] for r in self.found["results"])
        figures.note("  statuses: " + ", ".join(f"{s}: {n}" for s, n in sorted(statuses.items())))
        for reply in self.bad[:3]:
            figures.note(f"  {reply['number']}: {reply['status']} {reply['end']} {reply.get('said', '')!r}")
        figures.shown(f"{self.name}: requests a second", self.rate, "/s", 1)
        first = [r["first"] for r in self.found["results"] if r["first"] is not None]
        for quantile, word in ((0.5, "median"), (0.99, "p99")):
            figures.shown(
                f"{self.name}: first token, {word}", 1000 * float(np.quantile(first, quantile)), "ms", 0
            )
        figures.note(f"  slowest: {self.slowest[0]}, {self.slowest[1]:.1f} s")
        figures.shown(f"{self.name}: memory of the workers", self.megabytes, "MB", 0)
        figures.shown(f"{self.name}: tasks of a worker", self.tasks, digits=0)
        figures.shown(f"{self.name}: files and sockets of a worker", self.files, digits=0)


def part(run: Soak, name: str, seconds: float, seed: int) -> Part:
    """Sends requests for so long."""
    requests = mixed(round(200 * seconds), seed, run.recorded)
    found = load(run.ours.url, requests, CLIENTS, seconds=seconds)
    slow = max(found["results"], key=lambda r: r["seconds"] or 0.0)
    asked = requests[slow["number"]]
    what = f"{asked['path']} {str(asked.get('body') or asked.get('raw'))[:80]}"
    time.sleep(3.0)
    workers = run.workers()
    held = sum(worker.memory_info().rss for worker in workers) / 2**20
    print(f"  {name}: {len(found['results'])} requests", flush=True)
    slowest = what, slow["seconds"] or 0.0
    return Part(name, found, seconds, slowest, held, max(worker.num_fds() for worker in workers), run.tasks())


def counted(state: str) -> dict[str, dict[str, int]]:
    """Returns what the history holds, and what each route's roll-out counts of it."""
    found: dict[str, dict[str, int]] = {}
    with PostgreSql(state).session() as connection:
        (rows, ids) = connection.execute("SELECT count(*), count(DISTINCT id) FROM served").fetchone()
        standings = connection.execute("SELECT choice, standing FROM standings WHERE term IS NOT NULL")
        for choice, standing in standings.fetchall():
            stood = json.loads(standing)["rollout"]
            (plans,) = connection.execute(
                "SELECT count(*) FROM served WHERE ran = 'plan' AND shadow = 0 AND canary = 0"
                " AND comparable = 1 AND status < 400 AND choice = ? AND at >= ?",
                (choice, stood["since"]),
            ).fetchone()
            found[choice.partition("@")[2]] = {"plans": plans, "seen": stood["seen"]}
    found[""] = {"rows": rows, "ids": ids}
    return found


def settled(state: str) -> dict[str, dict[str, int]]:
    """Waits until the roll-outs have counted what came."""
    deadline = time.monotonic() + 30
    while True:
        found = counted(state)
        if all(f["plans"] == f["seen"] for name, f in found.items() if name) or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def soak(figures: Figures, folder: Path, seconds: float) -> None:
    """Prints the figures."""
    third = seconds / 3
    made = make(catalog.parse("gguf:type=q8_0"), MINI, folder / "artifacts", name="mini")
    inside = folder / "inside"
    inside.mkdir()
    set_clock(inside, 0.0)
    with ExitStack() as stack:
        database, paced = stack.enter_context(cluster()), stack.enter_context(upstream())
        file = next(made.folder.glob("*.gguf"))
        real = stack.enter_context(llama_server(file, folder / "llama.log", slots=4))
        state = database.empty()
        alike = {"stage": "100", "same_model": True}
        tables = {
            "paced": {"choice": str(made_up(PLAN, folder / "capped")), "upstream": f"{paced.url}/v1"},
            "mini": {"choice": str(made_up(SHORT, folder / "short")), "upstream": f"{real}#mini"},
        }
        routes = Routes(
            folder / "routes.toml",
            {"state": state, "workers": WORKERS},
            {name: table | alike for name, table in tables.items()},
        )
        routes.write()
        ours = stack.enter_context(routed(routes, folder, inside))
        run = Soak(ours, paced, database, inside, recorded(MINI / "recording"))
        every = min(RELOAD_SECONDS, third / 3)
        part(run, "warm", 2.0, 0)
        with routes.reloading(every):
            parts = [part(run, "before", third, 1)]
            thread = threading.Thread(target=run.disturb, args=(third,), daemon=True)
            thread.start()
            stressed = time.monotonic()
            parts.append(part(run, "during", third, 2))
            run.back.wait(60)
            part(run, "back", 4.0, 4)
            well = time.monotonic()
            parts.append(part(run, "after", third, 3))
        deadline = time.monotonic() + 60
        while not (known := routes.known()) and time.monotonic() < deadline:
            time.sleep(0.5)
        found = settled(state)
        run.over.set()
        thread.join()
    for line in run.log:
        figures.note(line)
    _judge(figures, run, parts, found)
    calm = [status for at, status in routes.told if at < stressed or at > well]
    figures.note(f"what reloads came to (0: by signal): {[status for _, status in routes.told]}")
    figures.shown("times that the file was read anew", len(routes.told), digits=0)
    figures.at_most("refused while all was well", sum(s not in {0, 200} for s in calm), 0, digits=0)
    figures.at_least("every process knows the last file", float(known), 1, digits=0)


def _judge(figures: Figures, run: Soak, parts: list[Part], found: dict[str, dict[str, int]]) -> None:
    for each in parts:
        each.show(figures)
    before, during, after = parts
    for each in (before, after):
        figures.at_most(f"{each.name}: replies not well-formed", len(each.bad), 0, digits=0)
    name = "during: replies broken off, of those that killed workers were giving"
    figures.at_most(name, len(during.bad), run.killed * CLIENTS, digits=0)
    own = sum(r["status"] == 500 for each in parts for r in each.found["results"])
    figures.at_most("replies of the gateway's own failure", own, 0, digits=0)
    rows = found.pop("")
    figures.at_most("requests in the history twice", rows["rows"] - rows["ids"], 0, digits=0)
    for route, counts in sorted(found.items()):
        figures.at_least(f"{route}: requests of the plan that count", counts["plans"], 1, digits=0)
        off = abs(counts["plans"] - counts["seen"])
        figures.at_most(f"{route}: requests counted twice or not", off, 0, digits=0)
    figures.at_least("requests a second after, against before", after.rate / before.rate, 0.8, "×", 2)
    figures.at_most("memory after, against before", after.megabytes / before.megabytes, 1.3, "×", 2)
    figures.at_most("tasks of a worker after, more than before", after.tasks - before.tasks, 4, digits=0)
    more = after.files - before.files
    figures.at_most("files and sockets of a worker after, more than before", more, 16, digits=0)


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long clients ask")
    options = parser.parse_args()
    # Whoever stops the bench stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures = Figures("soak", options)
    with tempfile.TemporaryDirectory(prefix="karui-soak-") as folder:
        soak(figures, Path(folder), QUICK_SECONDS if options.quick else options.seconds)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
