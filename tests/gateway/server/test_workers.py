"""Several processes at one port: killed ones are started anew, requests go on, and nothing counts twice."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest

from karui.codec.files import save
from karui.core.errors import InputError
from karui.gateway.database.postgresql import PostgreSql
from karui.gateway.database.sqlite import SqliteFile
from karui.gateway.server.server import listen
from karui.gateway.server.workers import Workers
from karui.study.api.serve import supervised
from tests.helpers.fake_server import serving
from tests.helpers.gateway_process import served
from tests.helpers.gateways import QUESTION, chosen, settings, until
from tests.helpers.postgresql import PASSWORD

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
from karui.gateway.database.postgresql import PostgreSql
from karui.gateway.database.sqlite import SqliteFile
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
def gateway(choice, fake, folder, **settings):
    """Runs `karui serve` with two workers; gives its process and address."""
    config = folder / "karui.toml"
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    lines += ["[guard]", "caller_seconds = 0.0", "question_seconds = 0.0"]
    config.write_text("\n".join(lines))
    words = (choice, "--config", config, "--upstream", fake.url, "--port", "0", "--stage", "100")
    with served(*words, "--workers", "2") as found:
        yield found


def ask(url):
    """Asks over a connection of its own; returns what ran."""
    body = {"model": "karui/plan", "messages": [{"role": "user", "content": QUESTION}]}
    reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.headers["x-karui-ran"]


def kept(database):
    """Returns how many requests of clients there are, how many a plan answered, and how many count."""
    with database.session() as connection:
        of_clients = "FROM served WHERE shadow = 0"
        (rows,) = connection.execute(f"SELECT count(*) {of_clients}").fetchone()
        (plans,) = connection.execute(f"SELECT count(*) {of_clients} AND ran = 'plan'").fetchone()
        (state,) = connection.execute("SELECT standing FROM standings WHERE term IS NOT NULL").fetchone()
    return rows, plans, json.loads(state)["rollout"]["seen"]


def test_two_processes_serve_one_roll_out(choice, tmp_path):
    history = SqliteFile(tmp_path / "h.sqlite3")
    with serving() as fake, gateway(choice, fake, tmp_path, history=history.path) as (process, url):
        assert [ask(url) for _ in range(6)] == ["plan"] * 6
        until(lambda: kept(history) == (6, 6, 6), 120)
        for killed in psutil.Process(process.pid).children():  # the owner is one of them
            killed.kill()
            assert [ask(url) for _ in range(3)] == ["plan"] * 3
            until(lambda: len(psutil.Process(process.pid).children()) == 2, 120)
        until(lambda: kept(history) == (12, 12, 12), 120)
        counted = httpx.get(f"{url}/metrics").text
        requests = re.findall(r"karui:requests_total\{.*\} (.*)", counted)
        assert list(map(float, requests)) == [12.0]  # of all workers, killed ones as well
        told = {"what": "trip", "who": "me", "why": "a drill"}
        assert httpx.post(f"{url}/api/command", json=told).json()["guard"] == "tripped"
        until(lambda: {ask(url) for _ in range(8)} == {"full"}, 120)
        told["what"] = "reset"
        assert httpx.post(f"{url}/api/command", json=told).json()["guard"] == "watching"
        workers = [child.pid for child in psutil.Process(process.pid).children()]
    assert all(map(gone, workers))


def test_a_database_that_goes_away_for_a_while(choice, tmp_path, postgresql):
    """Requests are answered meanwhile, also by a worker that starts then, and all count in the end."""
    state = postgresql.empty()
    with serving() as fake, gateway(choice, fake, tmp_path, state=state) as (process, url):
        assert [ask(url) for _ in range(4)] == ["plan"] * 4
        until(lambda: kept(PostgreSql(state)) == (4, 4, 4), 120)
        postgresql.stop()
        try:
            refused = httpx.post(f"{url}/api/command", json={"what": "trip", "who": "me", "why": "a drill"})
            assert refused.status_code == 409
            assert "cannot be used" in refused.text
            assert PASSWORD not in refused.text
            psutil.Process(process.pid).children()[0].kill()  # nothing waits in it for the database
            ran = [ask(url) for _ in range(4)]
            until(lambda: len(psutil.Process(process.pid).children()) == 2, 120)
            ran += [ask(url) for _ in range(4)]
            assert httpx.get(f"{url}/health", timeout=60).status_code == 200
        finally:
            postgresql.start()
        until(lambda: kept(PostgreSql(state)) == (12, 4 + ran.count("plan"), 4 + ran.count("plan")), 120)
