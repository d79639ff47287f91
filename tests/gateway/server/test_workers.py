"""Several processes at one port: killed ones are started anew, requests go on, and nothing counts twice."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest

from karui.codec.files import save
from karui.core.errors import InputError
from karui.gateway.server.server import listen
from karui.gateway.server.workers import Workers
from karui.study.api.serve import supervised
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, settings, until

ANSWERING = """
import os
from karui.gateway.server.workers import inherited, tell_ready
taken = inherited()
taken.setblocking(True)
tell_ready()
while True:
    made, _ = taken.accept()
    made.sendall(str(os.getpid()).encode())
    made.close()
"""
SUPERVISING = f"""
import sys
from karui.gateway.server.server import listen
from karui.gateway.server.workers import Workers
workers = Workers(listen("127.0.0.1", 0), 2, [sys.executable, "-c", {ANSWERING!r}], 5.0)
workers.run(lambda: print(*workers.pids, flush=True))
"""


@contextmanager
def working(command, count=2):
    """Runs workers until the block ends; gives them and their address."""
    listening = listen("127.0.0.1", 0)
    workers, up = Workers(listening, count, command, 5.0), threading.Event()
    thread = threading.Thread(target=workers.supervise, args=(up.set,))
    thread.start()
    try:
        assert up.wait(60)
        yield workers, listening.getsockname()
    finally:
        workers.stop()
        thread.join(30)
        listening.close()
    assert not thread.is_alive()


def answered(address):
    """Returns the number of the process that answers; 0 where that was just being killed."""
    with socket.create_connection(address, timeout=20) as made:
        return int(made.recv(20) or 0)


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_killed_worker_is_started_anew_and_the_others_answer():
    with working([sys.executable, "-c", ANSWERING]) as (workers, address):
        first = set(workers.pids)
        assert answered(address) in first
        killed = workers.pids[0]
        os.kill(killed, signal.SIGKILL)
        assert all(answered(address) != killed for _ in range(20))
        until(lambda: workers.restarts == 1 and killed not in workers.pids)
        os.kill(workers.pids[1], signal.SIGKILL)  # the one that is new answers alone
        until(lambda: answered(address) in set(workers.pids) - first)
        last = workers.pids
    assert all(map(gone, last))


def test_workers_that_do_not_come_up_are_not_tried_for_ever():
    with closing(listen("127.0.0.1", 0)) as listening:
        workers = Workers(listening, 2, [sys.executable, "-c", "raise SystemExit(3)"])
        assert workers.supervise(lambda: pytest.fail("they are not up")) is False
        assert workers.restarts == 0
        assert all(map(gone, workers.pids))


def test_a_worker_ends_with_its_supervisor():
    process = subprocess.Popen([sys.executable, "-c", SUPERVISING], stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in process.stdout.readline().split()]
    process.kill()
    process.wait()
    process.stdout.close()
    assert len(pids) == 2
    until(lambda: all(map(gone, pids)))


@pytest.fixture
def choice(tmp_path):
    made = chosen()
    save(made.choice, tmp_path / "choice.json")
    made.expectation.save(tmp_path / "expectation.json")
    return tmp_path / "choice.json"


def test_what_several_processes_cannot_share_is_refused(choice, tmp_path):
    with serving() as fake:
        for changes in ({"history": ""}, {"upstream": ""}, {"history": str(tmp_path / "choice.json" / "h")}):
            wanted = settings(fake, workers=2, **{"history": str(tmp_path / "h.sqlite3"), **changes})
            with pytest.raises(InputError), supervised(choice, wanted):
                pass


@contextmanager
def gateway(choice, fake, folder):
    """Runs `karui serve` with two workers; gives its process and address."""
    config = folder / "karui.toml"
    history = folder / "h.sqlite3"
    config.write_text(f'history = "{history}"\n[guard]\ncaller_seconds = 0.0\nquestion_seconds = 0.0\n')
    words = ["serve", choice, "--config", config, "--upstream", fake.url, "--port", "0", "--stage", "100"]
    process = subprocess.Popen(
        [sys.executable, "-m", "karui", *map(str, words), "--workers", "2"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = iter(process.stderr.readline, "")
        found = next(m for m in (re.search(r"Serving at (\S+)/v1", line) for line in lines) if m)
        yield process, found[1]
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()
    assert process.returncode == 0


def ask(url):
    """Asks over a connection of its own; returns what ran."""
    body = {"model": "karui/plan", "messages": [{"role": "user", "content": QUESTION}]}
    reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.headers["x-karui-ran"]


def kept(folder):
    """Returns how many records there are, and how many of them count."""
    with closing(sqlite3.connect(folder / "h.sqlite3")) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM served").fetchone()
        (state,) = connection.execute("SELECT standing FROM standings WHERE owner <> ''").fetchone()
    return rows, json.loads(state)["rollout"]["seen"]


def test_two_processes_serve_one_roll_out(choice, tmp_path):
    with serving() as fake, gateway(choice, fake, tmp_path) as (process, url):
        assert [ask(url) for _ in range(6)] == ["plan"] * 6
        until(lambda: kept(tmp_path) == (6, 6))
        for killed in psutil.Process(process.pid).children():  # the owner is one of them
            killed.kill()
            assert [ask(url) for _ in range(3)] == ["plan"] * 3
            until(lambda: len(psutil.Process(process.pid).children()) == 2)
        until(lambda: kept(tmp_path) == (12, 12))
        told = {"what": "trip", "who": "me", "why": "a drill"}
        assert httpx.post(f"{url}/api/command", json=told).json()["guard"] == "tripped"
        until(lambda: {ask(url) for _ in range(8)} == {"full"})
        told["what"] = "reset"
        assert httpx.post(f"{url}/api/command", json=told).json()["guard"] == "watching"
        workers = [child.pid for child in psutil.Process(process.pid).children()]
    assert all(map(gone, workers))
