"""What bench/soak.py runs and what it does to it: routes, their clients, and everything that goes wrong."""

import json
import os
import random
import signal
import struct
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from _faults import asking
from _figures import ROOT
from _malformed import malformed
from _servers import HERE, Died, Gateway, Paced, free_port, server, upstream

from karui.core.recording import Recording

sys.path.append(str(ROOT))
from tests.helpers.postgresql import Cluster

WORKERS = 2
GAP = 0.004
HOUR = 3600.0
SETTINGS = """
[limits]
at_once = 64
queue = 256
silence_seconds = 30.0
connect_seconds = 2.0
request_seconds = 60.0
[breaker]
rest_seconds = 0.5
[rollout]
by_itself = false
[guard]
alpha = 1e-30
caller_seconds = 0.0
question_seconds = 0.0
"""
SHARES = {
    "stream": 0.32,
    "whole": 0.25,
    "other API": 0.12,
    "real model": 0.02,
    "vanishes": 0.09,
    "malformed": 0.15,
    "huge": 0.05,
}


def mixed(count: int, seed: int, recorded: Recording) -> list[dict[str, Any]]:
    """Returns requests of every kind, in an order that is the same every time.

    Args:
        count: How many.
        seed: Of the draw.
        recorded: Whose questions are asked, and whose replies the made-up ones are as long as: a guard would
            find out others.
    """
    lengths = [trace.thinking_tokens for question in recorded.questions for trace in question.traces]
    draw = random.Random(seed)
    broken = malformed(count, seed)
    made = []
    for n in range(count):
        kind = draw.choices(list(SHARES), list(SHARES.values()))[0]
        script = {"first": round(draw.uniform(0.01, 0.2), 3), "gap": GAP, "tokens": draw.choice(lengths)}
        request = asking(draw.choice(("paced", "paced/full")), stream=kind != "whole", **script)
        if kind == "malformed":
            request = broken[n]
        elif kind == "vanishes":
            request["vanish"] = round(draw.uniform(0.001, 0.4), 3)
        elif kind == "huge":
            request["body"]["messages"].insert(0, {"role": "system", "content": "long " * 100_000})
        elif kind == "real model":
            said = draw.choice(recorded.questions).prompt.user
            request["body"]["model"] = draw.choice(("mini", "mini/full"))
            if request["body"]["model"] == "mini/full":
                request["body"]["max_tokens"] = 48
            request["body"]["messages"] = [{"role": "user", "content": said}]
        elif kind == "other API":
            request = _translated(request, draw)
        made.append(request)
    return made


def _translated(request: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Returns a request in another API."""
    body = {**request["body"], "stream": draw.random() < 0.5}
    if draw.random() < 0.5:
        return {"path": "/v1/messages", "body": {**body, "max_tokens": 256}}
    said = body.pop("messages")[0]["content"]
    return {"path": "/v1/responses", "body": {**body, "input": said}}


@dataclass
class Routes:
    """The file of routes, and reading it anew.

    Attributes:
        file: The file.
        top: What stands above the routes.
        tables: What the file says of each route, by name.
        url: Of the gateway, once it is up.
        supervisor: Its process.
        told: What came of each reload: the status, or 0 for a signal.
    """

    file: Path
    top: dict[str, Any]
    tables: dict[str, dict[str, Any]]
    url: str = ""
    supervisor: int = 0
    told: list[tuple[float, int]] = field(default_factory=list)
    turns: int = 0

    def write(self) -> None:
        """Writes the file: with every turn the first route's plan has another name, with each fourth both.

        The second route's server is asked at each change of it what it can do, which takes some seconds.
        """
        tables = {name: dict(table) for name, table in self.tables.items()}
        first, second = tables
        tables[first]["names"] = [self.name]
        tables[second]["names"] = [f"fourth-{self.turns // 4}"]
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.top.items()]
        lines.append(SETTINGS)
        for name, table in tables.items():
            lines += [f"[routes.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def name(self) -> str:
        """The name that the file has last given to a plan."""
        return f"turn-{self.turns}"

    def reload(self) -> None:
        """Changes the file and has it read anew: by a signal, and the next time by a request."""
        self.turns += 1
        self.write()
        if self.turns % 2:
            os.kill(self.supervisor, signal.SIGHUP)
            self.told.append((time.monotonic(), 0))
            return
        asked = urllib.request.Request(
            f"{self.url}/api/reload", b"{}", {"content-type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as reply:
                status = reply.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = -1  # a worker that was killed while it read
        self.told.append((time.monotonic(), status))

    def known(self) -> bool:
        """Returns whether a row of processes knows the last name: too many to be one of two by chance."""
        for _ in range(12):
            with urllib.request.urlopen(f"{self.url}/v1/models", timeout=30) as reply:
                if self.name not in {model["id"] for model in json.load(reply)["data"]}:
                    return False
        return True

    @contextmanager
    def reloading(self, seconds: float) -> Iterator[None]:
        """Reads the file anew every so many seconds for as long as the block lasts."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(seconds):
                self.reload()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@dataclass
class Soak:
    """Everything that runs.

    Attributes:
        ours: The gateway.
        paced: The upstream that is killed.
        database: The server.
        inside: Folder of the gateway's processes: its clock, and what they count.
        recorded: What the plans were chosen on.
        log: What was done to them, and when.
    """

    ours: Gateway
    paced: Paced
    database: Cluster
    inside: Path
    recorded: Recording
    log: list[str] = field(default_factory=list)
    killed: int = 0
    back: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def workers(self) -> list[psutil.Process]:
        """Returns the workers, each of them up."""
        deadline = time.monotonic() + 60
        while True:
            found = psutil.Process(self.ours.process.pid).children()
            if len(found) == WORKERS or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def tasks(self) -> int:
        """Returns how many tasks the worker has that has most."""
        most = 0
        for worker in self.workers():
            file = self.inside / str(worker.pid)
            file.unlink(missing_ok=True)
            worker.send_signal(signal.SIGUSR1)
            deadline = time.monotonic() + 10
            while not file.exists():
                if time.monotonic() > deadline:
                    raise Died("A worker does not answer a signal.")
                time.sleep(0.05)
            most = max(most, int(file.read_text(encoding="utf-8")))
        return most

    def disturb(self, seconds: float) -> None:
        """Kills and stops everything once, within so many seconds."""
        began, port = time.monotonic(), int(self.paced.url.rpartition(":")[2])

        def at(share: float, what: str) -> None:
            time.sleep(max(0.0, began + share * seconds - time.monotonic()))
            self.log.append(f"{time.monotonic() - began:.0f} s: {what}")

        at(0.05, "upstream killed")
        self.paced.process.kill()
        at(0.1, "clock an hour ahead")
        set_clock(self.inside, HOUR)
        at(0.15, "upstream back")
        with upstream(port):
            for n, share in enumerate((0.2, 0.4)):
                at(share, f"worker {n + 1} killed")
                self.workers()[0].kill()  # the older one: so each of the first two is killed
                self.killed += 1
            at(0.5, "clock back")
            set_clock(self.inside, 0.0)
            at(0.6, "database stopped")
            self.database.stop()
            at(0.9, "database back")
            self.database.start()
            self.back.set()
            self.over.wait()


def set_clock(inside: Path, ahead: float) -> None:
    """Moves the clock of the gateway's processes."""
    with (inside / "clock").open("r+b" if (inside / "clock").exists() else "wb") as file:
        file.write(struct.pack("d", ahead))


@contextmanager
def routed(routes: Routes, folder: Path, inside: Path) -> Iterator[Gateway]:
    """Runs `karui serve` with the file of routes until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "karui", "serve", "--config", routes.file, "--port", port]
    url = f"http://127.0.0.1:{port}"
    places = os.pathsep.join(map(str, (HERE / "_inside", ROOT / "src")))
    env = {"PYTHONPATH": places, "KARUI_BENCH_INSIDE": str(inside)}
    with server(command, f"{url}/health", folder / "gateway.log", seconds=400, env=env) as process:
        routes.url, routes.supervisor = url, process.pid
        with suppress(KeyboardInterrupt):
            yield Gateway(url, process, inside / "unused")
