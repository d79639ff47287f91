"""When things go wrong: upstreams that fail in every way, clients that vanish, malformed requests.

Whatever happens, each request is answered exactly once: with a whole reply, with an error in OpenAI's
shape, or, where a stream has begun, with an error event that closes it. Afterwards the gateway holds no
more tasks, connections and files than before, and the upstream works on nothing any more.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from _choices import made_up
from _figures import Figures
from _malformed import malformed
from _servers import Died, Gateway, Paced, gateway, load, upstream
from _upstream import FAULTS

PLAN = "token-cap:tokens=4000"
MALFORMED = 10_000
SETTINGS = """
[limits]
at_once = 64
queue = 256
silence_seconds = 1.0
connect_seconds = 2.0
request_seconds = 20.0
[breaker]
rest_seconds = 0.5
[rollout]
by_itself = false
"""
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance"
)
WELL = {"reply", "stream", "error", "failed stream", "page"}


def asking(model: str, *, stream: bool, **script: Any) -> dict[str, Any]:
    """Returns one request."""
    messages = [{"role": "user", "content": f"bench {json.dumps(script)}"}]
    return {"path": "/v1/chat/completions", "body": {"model": model, "stream": stream, "messages": messages}}


def faults(figures: Figures, folder: Path) -> None:
    """Prints the figures."""
    choice = made_up(PLAN, folder / "capped")
    options = ("--stage", "100", "--same-model")
    with upstream() as paced, gateway(choice, f"{paced.url}/v1", folder, *options, settings=SETTINGS) as ours:
        _upstream_faults(figures, ours)
        _killed(figures, ours, paced)
    with upstream() as paced, gateway(choice, f"{paced.url}/v1", folder, *options, settings=SETTINGS) as ours:
        # The gateway keeps connections to the upstream that it needed at once: as many as it ever will, now.
        load(ours.url, [asking("karui/full", stream=True, first=0.5, tokens=2) for _ in range(64)], 32)
        _touch(ours)
        before = ours.held()
        _vanishing(figures, ours, paced)
        _malformed(figures, ours)
        _fuzzed(figures, ours, folder)
        _leaks(figures, ours, paced, before)


def _upstream_faults(figures: Figures, ours: Gateway) -> None:
    """Every fault, streaming and not, passed through and under a plan, among requests that have none."""
    each = 1 if figures.quick else 8
    for fault in FAULTS:
        first = {"slow": 2.0, "freezes": 0.3}.get(fault, 0.01)
        asked = [
            asking(model, stream=stream, first=first, gap=0.005, tokens=16, fault=fault)
            for _ in range(each)
            for model in ("karui/full", "karui/plan")
            for stream in (True, False)
        ]
        found = load(ours.url, asked, 16, seconds=60)
        _judge(figures, f"upstream {fault}", found, len(asked))
        _recover(ours)


def _recover(ours: Gateway) -> None:
    """Waits until the breaker has closed: each fault is to meet a gateway that trusts its upstream."""
    for _ in range(20):
        load(ours.url, [asking("karui/plan", stream=False, tokens=2) for _ in range(4)], 1)
        if ours.now()["breaker"] == "closed":
            return
        time.sleep(0.2)


def _killed(figures: Figures, ours: Gateway, paced: Paced) -> None:
    """The upstream is killed under way, stays away, and comes back at the same address."""
    port = int(paced.url.rpartition(":")[2])
    long = [
        asking(m, stream=True, gap=0.02, tokens=150) for m in ("karui/full", "karui/plan") for _ in range(8)
    ]
    killer = threading.Timer(1.0, paced.process.kill)
    killer.start()
    found = load(ours.url, long, 16, seconds=60)
    killer.join()
    _judge(figures, "upstream killed in mid-stream", found, len(long))
    short = [asking(m, stream=s, tokens=4) for m in ("karui/full", "karui/plan") for s in (True, False)] * 4
    _judge(figures, "upstream away", load(ours.url, short, 8, seconds=60), len(short))
    with upstream(port):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            back = load(ours.url, short, 8)
            if back["forms"].keys() <= {"reply", "stream"}:
                break
            time.sleep(0.5)
        well = sum(back["forms"].get(f, 0) for f in ("reply", "stream"))
    figures.at_least("upstream back: whole replies among 16", well, len(short), digits=0)


def _vanishing(figures: Figures, ours: Gateway, paced: Paced) -> None:
    """Clients that close their connection at every point of a request."""
    count = 40 if figures.quick else 400
    asked = [
        {
            **asking(m, stream=s, first=0.1, gap=0.02, tokens=100),
            "vanish": 0.001 + 1.2 * n / count,
        }
        for n in range(count // 4)
        for m in ("karui/full", "karui/plan")
        for s in (True, False)
    ]
    found = load(ours.url, asked, 32, seconds=120)
    figures.shown("clients that vanished", found["forms"].get("gone", 0), digits=0)
    began = time.monotonic()
    while paced.open() and time.monotonic() - began < 10:
        time.sleep(0.02)
    seconds = time.monotonic() - began
    figures.at_most("vanished clients: requests the upstream still works on", paced.open(), 0, digits=0)
    figures.shown("vanished clients: seconds until the upstream was free", seconds, "s", 2)


def _malformed(figures: Figures, ours: Gateway) -> None:
    asked = malformed(400 if figures.quick else MALFORMED)
    found = load(ours.url, asked, 16, seconds=240)
    _judge(figures, "malformed requests", found, len(asked))
    statuses = Counter(r["status"] for r in found["results"])
    figures.note("their statuses: " + ", ".join(f"{s}: {n}" for s, n in sorted(statuses.items())))
    own = sum(n for s, n in statuses.items() if s == 500)
    figures.at_most("malformed requests that the gateway itself failed on", own, 0, digits=0)


def _fuzzed(figures: Figures, ours: Gateway, folder: Path) -> None:
    """Schemathesis asks what the gateway's own description allows and what it forbids.

    Each reply has to be one that the description names, in the shape it says, and no status of 500 or more.
    """
    phases, examples = ("fuzzing", 10) if figures.quick else ("coverage,fuzzing", 100)
    report = folder / "schemathesis.json"
    command = [
        Path(sys.executable).with_name("schemathesis"),
        "run",
        f"{ours.url}/openapi.json",
        "--checks",
        CHECKS,
    ]
    command += [
        "--phases",
        phases,
        "--max-examples",
        str(examples),
        "--seed",
        "1",
        "--generation-database",
        "none",
    ]
    command += ["--continue-on-failure", "--no-shrink", "--no-color", "--report-json-path", report]
    if not command[0].exists():
        figures.note("schemathesis: left out, it is not installed (`make environment` installs it)")
        return
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500, cwd=folder)
    if not report.exists():
        raise Died(f"schemathesis failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    told = json.loads(report.read_text(encoding="utf-8"))
    cases = told["test_cases"]
    figures.at_least("schemathesis: requests", cases["generated"], 20, digits=0)
    failed = cases["with_failures"] + cases["errored"] + len(told["errors"])
    figures.at_most("schemathesis: failures", failed, 0, digits=0)
    for failure in told["failures"][:5]:
        figures.note(f"schemathesis: {json.dumps(failure)[:300]}")


def _judge(figures: Figures, name: str, found: dict[str, Any], asked: int) -> None:
    """Every request has one reply, and each is well-formed."""
    forms = found["forms"]
    bad = [r for r in found["results"] if r["form"] not in WELL]
    told = ", ".join(f"{n} {form}" for form, n in sorted(forms.items()))
    figures.at_most(
        f"{name}: not answered well, of {asked}", len(bad) + asked - len(found["results"]), 0, digits=0
    )
    figures.note(f"{name}: {told}")
    for reply in bad[:3]:
        figures.note(f"  {reply['number']}: {reply['status']} {reply['end']} {reply.get('said', '')!r}")


def _settle(ours: Gateway, paced: Paced) -> None:
    """Waits until nothing is under way."""
    deadline = time.monotonic() + 15
    while (paced.open() or ours.held()["requests"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    # The plan's engine keeps idle connections for 5 s, and lets them go when the next request comes.
    time.sleep(5.2)
    _touch(ours)


def _touch(ours: Gateway) -> None:
    """Sends one request each way, and lets it be written down."""
    load(ours.url, [asking(model, stream=False, tokens=2) for model in ("karui/full", "karui/plan")], 1)
    time.sleep(0.5)


def _leaks(figures: Figures, ours: Gateway, paced: Paced, before: dict[str, int]) -> None:
    for _ in range(3):
        _settle(ours, paced)
        after = ours.held()
        # What a pool lets go a moment too late for one look is gone at the next; a leak is not.
        if after["connections"] <= before["connections"] and after["tasks"] <= before["tasks"]:
            break
    figures.at_most("afterwards: requests the upstream still works on", paced.open(), 0, digits=0)
    figures.at_most("afterwards: requests under way", after["requests"], 0, digits=0)
    for what in ("tasks", "connections", "files"):
        figures.at_most(f"afterwards: {what} more than before", after[what] - before[what], 0, digits=0)
    figures.shown("afterwards: memory more than before", after["megabytes"] - before["megabytes"], "MB", 0)
