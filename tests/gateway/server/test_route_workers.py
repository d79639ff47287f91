"""Routes of a file, served by two processes with one database: all reaches both, nothing counts twice."""

import json
import signal
import threading

import httpx
import psutil
import pytest

from karui.gateway.database.postgresql import PostgreSql
from tests.helpers.fake_server import serving
from tests.helpers.gateway_process import served
from tests.helpers.gateways import QUESTION, until
from tests.helpers.routes import save_choice, write


def ask(url, model):
    """Asks over a connection of its own; returns the reply."""
    body = {"model": model, "messages": [{"role": "user", "content": QUESTION}]}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)


def routes(url):
    """Returns which routes a process has: whichever takes the connection."""
    return set(httpx.get(f"{url}/health", timeout=60).json()["routes"])


def all_have(url, wanted):
    """Returns whether a row of processes has the routes: too many to be one of two by chance."""
    return all(routes(url) == wanted for _ in range(12))


def kept(database):
    """Returns how many requests of clients each route's plan answered, and how many of them count."""
    found = {}
    with database.session() as connection:
        standings = connection.execute("SELECT choice, standing FROM standings WHERE term IS NOT NULL")
        for choice, standing in standings.fetchall():
            rows = "SELECT count(*), count(DISTINCT id) FROM served WHERE choice = ? AND shadow = 0"
            counts = connection.execute(f"{rows} AND ran = 'plan'", (choice,)).fetchone()
            found[choice.partition("@")[2]] = (*counts, json.loads(standing)["rollout"]["seen"])
    return found


class Stream(threading.Thread):
    """Reads a stream, as slowly as the fake server sends it."""

    def __init__(self, url):
        super().__init__()
        self.url, self.lines, self.begun = url, [], threading.Event()
        self.start()

    def run(self):
        body = {"model": "support/full", "stream": True, "messages": [{"role": "user", "content": "7"}]}
        with httpx.stream("POST", f"{self.url}/v1/chat/completions", json=body, timeout=60) as reply:
            for line in reply.iter_lines():
                self.lines += [line] if line else []
                self.begun.set()


@pytest.mark.slow
def test_two_processes_serve_the_routes_of_a_file(tmp_path, postgresql):
    save_choice(tmp_path / "short", "trial-stability:k=2")
    save_choice(tmp_path / "long", "trial-stability:k=3")
    file, state = tmp_path / "gateway.toml", postgresql.empty()
    with serving() as one, serving() as other:
        support = {"choice": str(tmp_path / "short"), "upstream": one.url, "stage": "100"}
        search = {"choice": str(tmp_path / "long"), "upstream": other.url, "stage": "100"}
        write(file, {"support": support, "search": search}, workers=2, state=state)
        with served("--config", file) as (process, url):
            for model in ("support", "support", "search"):
                assert ask(url, model).headers["x-karui-ran"] == "plan"
            until(lambda: kept(PostgreSql(state)) == {"support": (2, 2, 2), "search": (1, 1, 1)}, 120)
            one.behaviour.delay = 0.5  # between tokens, until everything was looked at
            stream = Stream(url)
            assert stream.begun.wait(60)
            write(file, {"chat": search, "search": search}, workers=2, state=state)
            process.send_signal(signal.SIGHUP)
            until(lambda: all_have(url, {"chat", "search"}), 120)
            assert ask(url, "support").status_code == 404
            assert {ask(url, "chat").headers["x-karui-ran"] for _ in range(4)} == {"plan"}
            one.behaviour.delay = 0.0
            stream.join(60)
            assert stream.lines[-1] == "data: [DONE]"
            until(lambda: kept(PostgreSql(state))["chat"] == (4, 4, 4), 120)
            (killed, _) = psutil.Process(process.pid).children()
            killed.kill()
            assert {ask(url, "search").status_code for _ in range(3)} == {200}
            write(file, {"search": search}, workers=2, state=state)
            process.send_signal(signal.SIGHUP)  # the new one may just be starting
            until(lambda: len(psutil.Process(process.pid).children()) == 2, 120)
            until(lambda: all_have(url, {"search"}), 120)
            write(file, {"support": support, "search": search}, workers=2, state=state)
            assert httpx.post(f"{url}/api/reload", json={}, timeout=60).json()["changed"] == ["support"]
            until(lambda: all_have(url, {"support", "search"}), 120)
            assert killed.pid not in {child.pid for child in psutil.Process(process.pid).children()}
            until(lambda: kept(PostgreSql(state))["search"] == (4, 4, 4), 120)
            assert kept(PostgreSql(state))["support"] == (2, 2, 2)
