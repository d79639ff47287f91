"""A team's limits: exact in every 60 seconds, and what they tell a client that waits."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.gateway.named_keys import Team
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.requests.quota import Quota
from karui.gateway.requests.quotas import Quotas


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def quota(part=1.0, **limits):
    clock = Clock()
    return Quota(Team("search", **limits), part, clock), clock


def let_in(of, tokens=0):
    """Returns None, or the seconds that the client is told to wait."""
    try:
        of.enter()
    except ApiError as error:
        return error.retry_after
    of.leave()
    of.spend(tokens)
    return None


@given(st.lists(st.floats(0.0, 30.0), max_size=60), st.integers(1, 5))
def test_in_no_60_seconds_are_more_let_in(gaps, limit):
    of, clock = quota(requests_per_minute=limit)
    entered = []
    for gap in gaps:
        clock.now += gap
        wait = let_in(of)
        if wait is None:
            entered.append(clock.now)
        else:  # the wait is the least that helps
            earlier = [at for at in entered if at > clock.now - 60.0]
            assert len(earlier) == limit
            assert wait == pytest.approx(earlier[0] + 60.0 - clock.now)
    assert all(b - a >= 60.0 for a, b in zip(entered, entered[limit:], strict=False))


def test_tokens_count_once_a_reply_is_complete():
    of, clock = quota(tokens_per_minute=100)
    assert let_in(of, 90) is None
    clock.now = 10.0
    assert let_in(of, 50) is None  # 90 of 100 were used; this reply takes it over
    assert let_in(of) == 50.0
    clock.now = 59.0
    assert let_in(of) == 1.0
    clock.now = 60.0
    assert let_in(of, 10) is None  # the 90 have passed
    assert of.headers()["x-ratelimit-remaining-tokens"] == "40"


def test_only_so_many_are_under_way():
    of, _ = quota(concurrent=2)
    of.enter()
    of.enter()
    assert let_in(of) == 1.0
    of.leave()
    assert let_in(of) is None


def test_a_request_that_fails_gives_its_place_back():
    of, _ = quota(concurrent=1)

    async def fails():
        async with of.slot():
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(fails())
    assert let_in(of) is None


def test_what_is_refused_does_not_count():
    of, clock = quota(requests_per_minute=1)
    assert let_in(of) is None
    clock.now = 59.0
    assert let_in(of) is not None
    clock.now = 60.0
    assert let_in(of) is None


def test_headers_are_openais_and_name_only_what_is_limited():
    of, _ = quota(requests_per_minute=3)
    let_in(of)
    assert of.headers() == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "0s",
    }
    assert quota()[0].headers() == {}


def test_processes_share_a_limit_and_each_has_one_at_least():
    of, _ = quota(0.25, requests_per_minute=8, concurrent=2)
    assert (of.requests.limit, of.concurrent) == (2, 1)
    assert [let_in(of) for _ in range(2)] == [None, None]
    with pytest.raises(ApiError, match="8 requests a minute") as refused:
        of.enter()  # the message has the team's own limit
    assert (refused.value.status, refused.value.code) == (429, "rate_limit_exceeded")


def test_a_limit_that_changes_counts_anew():
    quotas = Quotas()
    small, large = Team("a", requests_per_minute=1), Team("a", requests_per_minute=9)
    assert let_in(quotas.of(small)) is None
    assert let_in(quotas.of(small)) is not None
    assert let_in(quotas.of(large)) is None
    assert quotas.of(large) is quotas.of(large)
    assert list(quotas.used()) == ["a"]
