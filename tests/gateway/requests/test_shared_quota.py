"""Limits of teams that several processes share: never more than the limit, whoever is asked or killed."""

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karui.gateway.arms.contest import Contest
from karui.gateway.database.postgresql import PostgreSql
from karui.gateway.database.sqlite import SqliteFile
from karui.gateway.database.team_ledger import PLACE_SECONDS, TeamLedger
from karui.gateway.named_keys import Team
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.requests.quotas import Quotas
from karui.gateway.rollout_builders import begin_shared
from tests.helpers import gateways
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, opened

KEY = "sk-search-0123456789"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Broken(SqliteFile):
    """A database that is gone for as long as a test wants."""

    gone = False

    def session(self):
        if type(self).gone:
            raise OSError("gone")
        return super().session()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return SqliteFile(tmp_path / "h.sqlite3")
    return PostgreSql(request.getfixturevalue("postgresql").empty())


def several(database, count=2, clock=None):
    """Returns the quotas of so many processes, and their clock."""
    clock = clock or Clock()
    return [Quotas(count, clock, TeamLedger(database, f"p{n}")) for n in range(count)], clock


async def let_in(quotas, team, tokens=0):
    """Returns None, or the seconds that the client is told to wait."""
    quota = quotas.of(team)
    try:
        async with quota.slot():
            pass
    except ApiError as error:
        return error.retry_after
    quota.spend(tokens)
    return None


async def ended(*quotas):
    for each in quotas:
        await each.close()


@settings(max_examples=15)
@given(st.lists(st.tuples(st.floats(0.0, 20.0), st.booleans()), max_size=30), st.integers(1, 9))
def test_in_no_60_seconds_are_more_let_in_than_the_limit(asked, limit):
    team = Team("search", requests_per_minute=limit)
    entered = []

    async def run(folder):
        clock = Clock()
        pair, _ = several(SqliteFile(Path(folder) / "h.sqlite3", clock=clock), 2, clock)
        for gap, which in asked:
            clock.now += gap
            if await let_in(pair[which], team) is None:
                entered.append(clock.now)
        await ended(*pair)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(folder))
    assert all(b - a >= 59.999 for a, b in zip(entered, entered[limit:], strict=False))


def test_all_of_a_limit_may_be_used_by_whoever_is_asked(database):
    team = Team("search", requests_per_minute=12)

    async def run():
        pair, clock = several(database)
        answers = [await let_in(pair[n % 2], team) for n in range(20)]
        assert answers.count(None) == 12
        assert all(0.0 < wait <= 62.0 for wait in answers if wait is not None)
        clock.now += 1.0  # what was refused a moment ago is asked for again
        assert [await let_in(one, team) for one in pair].count(None) == 0
        assert pair[0].of(team).headers()["x-ratelimit-remaining-requests"] == "0"
        await ended(*pair)

    asyncio.run(run())


def test_many_requests_at_once_ask_once_and_are_not_more_than_the_limit(database):
    team = Team("search", requests_per_minute=30)

    async def run():
        pair, _ = several(database)
        calls = []
        for one in pair:
            asked = one._ledger.exchange
            one._ledger.exchange = lambda wishes, asked=asked: calls.append(1) or asked(wishes)
        answers = await asyncio.gather(*(let_in(pair[n % 2], team) for n in range(50)))
        assert answers.count(None) == 30
        assert len(calls) < 25
        await ended(*pair)

    asyncio.run(run())


def test_what_a_process_does_not_use_is_there_again(tmp_path):
    team, clock = Team("search", requests_per_minute=8), Clock()

    async def run():
        (one, other), _ = several(SqliteFile(tmp_path / "h.sqlite3", clock=clock), 2, clock)
        assert await let_in(one, team) is None  # it has a portion of two
        assert [await let_in(other, team) for _ in range(8)].count(None) == 6
        clock.now += 3.0
        await one.exchange()
        clock.now += 1.0
        assert [await let_in(other, team) for _ in range(3)].count(None) == 1
        await ended(one, other)

    asyncio.run(run())


def test_tokens_of_all_processes_count(database):
    team = Team("search", tokens_per_minute=100)

    async def run():
        (one, other), clock = several(database)
        assert await let_in(one, team, 90) is None
        assert await let_in(other, team, 50) is None  # 90 of 100 were used; this reply takes it over
        for each in (one, other):
            await each.exchange()
        clock.now += 1.1  # what was known before is not relied on any more
        for each in (one, other):
            assert 0.0 < await let_in(each, team) <= 60.0
        assert other.of(team).headers()["x-ratelimit-remaining-tokens"] == "0"
        await ended(one, other)

    asyncio.run(run())


def test_places_are_shared_and_come_back(database):
    team = Team("search", concurrent=3)

    async def run():
        (one, other), clock = several(database)
        async with Several(one.of(team), 2), Several(other.of(team), 1):
            assert await let_in(one, team) == await let_in(other, team) == 1.0
        await one.exchange()
        await one.exchange()  # at the second look nothing was under way since the first
        clock.now += 0.5
        async with Several(other.of(team), 3):
            pass
        await ended(one, other)

    asyncio.run(run())


def test_a_killed_process_takes_no_place_with_it_for_long(tmp_path):
    team, clock = Team("search", concurrent=2), Clock()

    async def run():
        (one, other), _ = several(SqliteFile(tmp_path / "h.sqlite3", clock=clock), 2, clock)
        async with Several(one.of(team), 2):
            one._telling.cancel()  # it says nothing more
            assert await let_in(other, team) is not None
            clock.now += PLACE_SECONDS + 0.1
            assert await let_in(other, team) is None
        await ended(other)

    asyncio.run(run())


def test_without_the_database_each_process_has_its_part(tmp_path):
    team = Team("search", requests_per_minute=8, concurrent=9)

    async def run():
        (one, other), clock = several(Broken(tmp_path / "h.sqlite3"))
        assert await let_in(one, team) is None
        Broken.gone = True
        try:
            clock.now += 5.0
            assert [await let_in(one, team) for _ in range(8)].count(None) == 3  # four, with the one before
            assert [await let_in(other, team) for _ in range(8)].count(None) == 4
            assert one.lost
        finally:
            Broken.gone = False
        for each in (one, other):
            await each.exchange()
            assert not each.lost
        for each in (one, other):  # what was let in meanwhile counts
            assert await let_in(each, team) is not None
        await ended(one, other)

    asyncio.run(run())


def test_other_limits_forget_nothing_that_was_used(database):
    async def run():
        (one, other), _ = several(database)
        for each in (one, other):
            assert await let_in(each, Team("a", requests_per_minute=2)) is None
        for each in (one, other):
            assert await let_in(each, Team("a", requests_per_minute=2)) is not None
        more = [await let_in(one, Team("a", requests_per_minute=3)) for _ in range(2)]
        assert more.count(None) == 1
        await ended(one, other)

    asyncio.run(run())


def test_a_team_without_limits_asks_nobody(tmp_path):
    async def run():
        (one, _), _ = several(SqliteFile(tmp_path / "h.sqlite3"))
        assert await let_in(one, Team("a")) is None

    asyncio.run(run())
    assert not (tmp_path / "h.sqlite3").exists()


class Several:
    """Several requests of a team under way."""

    def __init__(self, quota, count):
        self._quota, self._count, self._slots = quota, count, []

    async def __aenter__(self):
        for _ in range(self._count):
            self._slots.append(self._quota.slot())
            await self._slots[-1].__aenter__()

    async def __aexit__(self, *_):
        for slot in self._slots:
            await slot.__aexit__(None, None, None)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_gateways_let_a_team_in_as_one(kind, request, tmp_path, monkeypatch):
    monkeypatch.delenv("KARUI_KEYS", raising=False)
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[teams.search]\nkey = "{KEY}"\nrequests_per_minute = 6\n')
    place = {"workers": 2, "history": str(tmp_path / "h.sqlite3")}
    if kind == "postgresql":
        place = {"state": request.getfixturevalue("postgresql").empty()}
    with serving() as fake, ExitStack() as stack:
        begin_shared(gateways.settings(fake, **place), Contest.of([chosen()]))
        pair = [stack.enter_context(opened(fake, keys=str(keys), **place)) for _ in range(2)]
        body = {"model": "karui/plan", "messages": [{"role": "user", "content": QUESTION}]}
        headers = {"authorization": f"Bearer {KEY}"}
        found = [pair[n % 2].http.post("/v1/chat/completions", json=body, headers=headers) for n in range(10)]
    assert [reply.status_code for reply in found].count(200) == 6
    refused = [reply for reply in found if reply.status_code == 429]
    assert {reply.json()["error"]["code"] for reply in refused} == {"rate_limit_exceeded"}
    assert all(1 <= int(reply.headers["retry-after"]) <= 62 for reply in refused)
