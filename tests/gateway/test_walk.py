"""The way of one request through the gateway, as docs/architecture.md draws it: nine modules at most."""

import asyncio
import sys

import httpx

from karui.gateway.assemble import assemble
from karui.gateway.server.app import app
from karui.gateway.server.server import connect
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, settings

ROOMS = "karui.gateway."
BEFORE = ["requests.handler", "openai_api.chat_request", "requests.admission", "requests.dispatch"]
DECIDED = ["routing.router", "routing.eligibility"]
LAST = "records.builder"
WALKS = {
    "karui/plan": [*BEFORE, *DECIDED, "backends.plan_runner", "openai_api.reply_writer", LAST],
    "karui/full": [*BEFORE, *DECIDED, "backends.proxy", "backends.upstream", LAST],
}
ASKED = {
    *("rollout.controller", "rollout.drift_guard", "arms.rule", "records.stage", "backends.circuit_breaker"),
    *("openai_api.chunks", "openai_api.replies", "backends.backend", "records.record"),
    "openai_api.reply_writer",
    "backends.usage_reader",
    "requests.parameter_check",
    *("server.door", "server.auth", "keys", "named_keys", "requests.quota", "requests.quotas"),
    "monitor.tracing",
    *("rollout.evidence", "clean"),
}
"""State that is asked on the way, the door, values that are passed on, the two ends of the connection."""


def walked(model):
    """Returns the modules that one request comes to until its record is closed, each once, in order."""
    found = []

    def note(frame, event, _):
        name = frame.f_globals.get("__name__", "")
        if event != "call" or not name.startswith(ROOMS):
            return
        if name == "karui.gateway.records.events":  # the record is handed on
            sys.setprofile(None)
        elif (room := name.removeprefix(ROOMS)) not in found:
            found.append(room)

    async def ask(fake):
        wanted, choice = settings(fake), chosen()
        gateway = assemble(wanted, choice, await asyncio.to_thread(connect, wanted, choice))
        transport = httpx.ASGITransport(app(gateway))
        body = {"model": model, "messages": [{"role": "user", "content": QUESTION}]}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            sys.setprofile(note)
            reply = await client.post("/v1/chat/completions", json=body)
        assert reply.status_code == 200
        await gateway.close()

    with serving() as fake:
        asyncio.run(ask(fake))
    return found


def test_a_request_walks_nine_modules():
    for model, walk in WALKS.items():
        found = walked(model)
        assert len(walk) <= 9
        assert set(found) - ASKED == set(walk) - ASKED
        # The reply's writer and the record are there from the beginning, and are used last.
        ordered = [room for room in walk if room not in {LAST, *ASKED}]
        assert [room for room in found if room in ordered] == ordered
