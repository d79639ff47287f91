"""The fallback table: what is usual, and what an operator may make of it."""

import pytest

from karui.core.errors import InputError
from karui.gateway.records.record import FallbackReason
from karui.gateway.routing.fallback_policy import Action, FallbackPolicy


def test_the_usual_tables():
    alone, both = FallbackPolicy.of({}, server=False).actions, FallbackPolicy.of({}, server=True).actions
    assert (alone[FallbackReason.BREAKER], alone[FallbackReason.GUARD]) == (
        Action.REFUSE,
        Action.FULL,
    )
    assert (both[FallbackReason.BREAKER], both[FallbackReason.UNSURE]) == (
        Action.SERVER,
        Action.FULL,
    )


@pytest.mark.parametrize(
    ("table", "server", "wrong"),
    [
        ({"nothing": "full"}, True, "is not a line of the fallback table"),
        ({"guard_tripped": "else"}, True, "is not a line of the fallback table"),
        ({"guard_tripped": "plan"}, True, "is not a line of the fallback table"),
        ({"guard_tripped": "server"}, False, "no fallback server is set"),
        ({"circuit_open": "full"}, True, "cannot go to full thinking"),
    ],
    ids=str,
)
def test_tables_that_cannot_be(table, server, wrong):
    with pytest.raises(InputError, match=wrong):
        FallbackPolicy.of(table, server=server)
