"""The rehearsal tells the truth: what works, and what would not have."""

import asyncio

import pytest

from karui.gateway.assemble import assemble
from karui.gateway.records.record import FallbackReason
from karui.gateway.requests.drill import drill
from karui.gateway.routing.fallback_policy import Action, FallbackPolicy
from karui.gateway.server.server import connect
from tests.helpers.fake_server import serving
from tests.helpers.gateways import chosen, settings


def rehearsed(fake, choice=None, **changes):
    choice, wanted = choice or chosen(), settings(fake, **changes)
    gateway = assemble(wanted, choice, connect(wanted, choice))

    async def both():
        try:
            return await drill(gateway.handler)
        finally:
            await gateway.close()

    return {r.why: r for r in asyncio.run(both())}


def test_every_reason_is_made_to_happen():
    with serving() as fake:
        found = rehearsed(fake)
    assert all(r.well for r in found.values()), found
    assert [r.why for r in found.values()] == list(FallbackPolicy.of({}, server=False).actions)
    assert {r.did for why, r in found.items() if why is not FallbackReason.BREAKER} == {Action.FULL}
    assert found[FallbackReason.BREAKER].status == 503
    assert found[FallbackReason.GUARD].told == "guard tripped: rehearsed"


def test_a_fallback_server_that_is_down_is_found_out():
    with serving() as fake, serving() as other:
        found = rehearsed(fake, fallback=f"{other.url}#toy")
        assert all(r.well for r in found.values())
        assert found[FallbackReason.BREAKER].did is Action.SERVER
        found = rehearsed(fake, fallback="http://127.0.0.1:9/v1#toy")
    lost = {why for why, r in found.items() if not r.well}
    assert lost == {
        FallbackReason.UPSTREAM,
        FallbackReason.TIMEOUT,
        FallbackReason.BREAKER,
        FallbackReason.GUARD,
        FallbackReason.STALE,
    }


@pytest.mark.parametrize(
    "table",
    [{"nothing": "full"}, {"guard_tripped": "else"}, {"guard_tripped": "server"}, {"circuit_open": "full"}],
    ids=str,
)
def test_tables_that_cannot_be(table):
    with serving() as fake, pytest.raises(Exception, match=r"fallback table|no fallback|none|cannot go"):
        rehearsed(fake, table=table)
