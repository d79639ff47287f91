"""What a server says of its model, at the start and since."""

import asyncio

from karui.gateway.backends.upstream_identity import UpstreamIdentity
from karui.gateway.records.cause import Because, Cause
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened


def test_what_a_server_says_it_is():
    listing = {"data": [{"id": "a", "root": "x"}, {"id": "b", "root": "y"}]}
    identity = UpstreamIdentity("a")
    assert identity.listed(listing) is None
    assert identity.listed(None) is None  # it said nothing
    changed = identity.listed({"data": [{"id": "a", "root": "z"}]})
    assert changed == Because.of(Cause.MODEL_CHANGED, field="root", before="x", now="z")
    assert identity.listed({"data": [{"id": "b"}]}) == Because.of(Cause.MODEL_GONE, model="a")
    assert identity.listed(listing) is None
    assert [identity.replied(f) for f in ("f1", "", "f1")] == [None] * 3
    assert str(identity.replied("f2")) == "system_fingerprint was f1 and is f2"
    assert identity.replied("f1") is None


def test_an_upstream_that_changes_its_model_is_found_and_forgiven():
    with serving() as fake, opened(fake) as house:
        portal = asyncio.new_event_loop()
        watch = house.gateway.upkeep.watch

        def looked():
            house.gateway.servers.upstream.close()  # its connections belong to the gateway's own loop
            portal.run_until_complete(watch.look())

        looked()
        fake.behaviour.served = ("other",)
        looked()
        assert house.gateway.rollout.status(0).stale == Because.of(Cause.MODEL_GONE, model="toy")
        fake.behaviour.served = ("toy",)
        looked()
        assert house.gateway.rollout.status(0).stale is None
        house.gateway.servers.upstream.close()
        portal.close()
