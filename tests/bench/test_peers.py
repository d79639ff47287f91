"""Replies and rates of several engines, compared."""

import importlib
import os
from pathlib import Path

import httpx
import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def sides(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("_peer_sides")


@pytest.fixture
def peers(sides):
    return importlib.import_module("peers")


@pytest.fixture
def ran(sides):
    return lambda *replies, seconds=1.0: sides.Ran(list(replies), seconds, seconds / 2)


def test_the_same_replies_are_told_from_others_and_where_they_part(peers, ran):
    ours = ran([5, 6, 7], [8, 9], [1])
    assert peers._likeness(ours, ours) == "3 of 3 replies are the same, token for token"
    said = peers._likeness(ran([5, 6, 4], [8, 9, 3], [1]), ours)
    assert said == "1 of 3 replies are the same, token for token; the others part at token 2, 2"


def test_a_ratio_is_the_median_of_rounds_and_not_that_of_medians(peers, ran):
    reply = [0] * 100
    # A busy moment that hits both sides of a round leaves its ratio.
    ours = [ran(reply, seconds=s) for s in (1, 10, 2)]
    theirs = [ran(reply, seconds=s) for s in (2, 20, 5)]
    assert peers._ratio(ours, theirs) == pytest.approx(2.0)


def test_the_token_that_ends_a_turn_counts_for_nobody(sides):
    assert sides._without_end([[7, 2], [7], [2], []]) == [[7], [7], [], []]


def test_a_server_that_fails_is_no_slow_server(sides):
    nobody = sides.Served("server", "http://127.0.0.1:9/completion", os.getpid(), {}, whole=True)
    with pytest.raises(httpx.HTTPError):
        nobody.run(sides.Job(["?"], [[5]], 1, 4))
