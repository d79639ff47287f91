"""Several processes with one history: one decides, all follow, each record counts once, whoever is killed."""

import asyncio
import time
from contextlib import contextmanager
from functools import partial

import pytest

from karui.core.errors import InputError
from karui.gateway.database.postgresql import PostgreSql
from karui.gateway.database.sqlite import SqliteFile
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from karui.gateway.rollout.shared import Noted, SharedRollout
from karui.gateway.rollout.shared_state import LEASE_SECONDS, SharedState
from karui.gateway.rollout.stages import Rollout, StageRule
from karui.gateway.rollout.standing import past
from tests.helpers.gateways import chosen

LABEL = chosen().expectation.label
CHOICE = "one"
STAYS = StageRule(10**6, 0.0, by_itself=False)


class Clock:
    """The machine's clock, in the tests' hands."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Process:
    """One process of a gateway; `kill` ends it without a word."""

    def __init__(self, database, name, rule=STAYS):
        self.store = RequestStore(database, shared=True)
        self.controller = controller(Noted(self.store.note), rule)
        self.state = SharedState(database, CHOICE, name)
        self.shared = SharedRollout(self.controller, self.state, self.store)
        self.name, self.count = name, 0

    def answer(self, number, **more):
        """Answers requests, and waits until their records are written."""
        for _ in range(number):
            self.count += 1
            record = RequestRecord(
                **{
                    "id": f"{self.name}{self.count}",
                    "at": time.time(),
                    "plan": LABEL,
                    "model": "m",
                    "ran": "plan",
                    "choice": CHOICE,
                    "thinking_tokens": 40 + 37 * self.count % 100,
                    **more,
                }
            )
            self.shared.see(record)
            self.store.see(record)
        assert self.store.flush()

    @property
    def seen(self):
        """How many requests the stage counts."""
        return self.controller.rollout.standing()["seen"]

    @property
    def stage(self):
        return self.controller.stage

    def kill(self):
        self.store.close()


def controller(journal, rule=STAYS):
    return RolloutController(
        Guard(chosen().expectation, GuardConfig()),
        Rollout(Stage.FIVE, 1.0, rule, 0.9),
        journal,
        choice=CHOICE,
    )


def in_file(path, clock):
    return SqliteFile(path, clock=clock)


def in_postgresql(url, clock):
    class Jumping(PostgreSql):
        """A server whose clock is in the tests' hands."""

        def now(self, connection):
            return clock()

    return Jumping(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """A function that opens the history anew, as another process does; its clock is `clock`."""
    clock = Clock()
    if request.param == "sqlite":
        opened = partial(in_file, tmp_path / "h.sqlite3", clock)
    else:
        opened = partial(in_postgresql, request.getfixturevalue("postgresql").empty(), clock)
    opened.clock = clock
    return opened


@pytest.fixture
def shared(database):
    """A function that starts a process; all are ended in the end."""
    made = []
    SharedState(database(), CHOICE, "").begin(controller(None).shared())

    def process(name, **more):
        made.append(Process(database(), name, **more))
        return made[-1]

    process.database, process.clock = database, database.clock
    yield process
    for one in made:
        one.kill()


class Lost:
    """A database that cannot be used."""

    def __init__(self, database):
        self.errors = database.errors

    @contextmanager
    def session(self):
        raise self.errors[0]("it is gone")
        yield


def turn(*processes):
    """Each looks once, one after the other."""

    async def looks():
        for one in processes:
            one.shared._turn = asyncio.Lock()
            await one.shared.turn()

    asyncio.run(looks())


def command(process, what, why="why"):
    async def tell():
        process.shared._turn = asyncio.Lock()
        await process.shared.command(what, "me", why, time.time())

    asyncio.run(tell())


def test_one_decides_and_all_count_the_same_once(shared):
    a, b = shared("a"), shared("b")
    turn(a, b)
    assert (a.shared.owner, b.shared.owner) == (True, False)
    a.answer(3)
    b.answer(4)
    turn(a, b)
    assert (a.seen, b.seen) == (7, 7)
    turn(a, b, a, b)
    assert (a.seen, b.seen) == (7, 7)
    assert a.controller.guard.standing() == b.controller.guard.standing()


def test_a_killed_owner_is_followed_by_another_that_counts_on(shared):
    a, b, c = shared("a"), shared("b"), shared("c")
    turn(a, b, c)
    a.answer(3)
    turn(a)
    a.answer(2)  # written, and not yet decided on
    a.kill()
    b.answer(1)
    turn(b, c)
    assert not b.shared.owner  # the lease has not run out
    shared.clock.now += LEASE_SECONDS + 0.01
    turn(b, c)
    assert (b.shared.owner, c.shared.owner) == (True, False)
    assert (b.seen, c.seen) == (6, 6)


def test_an_owner_that_was_held_up_decides_nothing_more(shared):
    a, b = shared("a"), shared("b")
    turn(a, b)
    a.answer(5)
    shared.clock.now += 10  # a stands still: a debugger, a full disk, a suspended machine
    turn(b)
    assert (b.shared.owner, b.seen) == (True, 5)
    a.controller.see(RequestRecord("x", time.time(), LABEL, "m", "plan", choice=CHOICE))
    a.controller.command("trip", "me", "why", time.time())
    assert asyncio.run(a.shared._keep()) is False  # it still takes itself for the owner
    turn(a)
    assert (a.shared.owner, a.seen, a.controller.guard.phase) == (False, 5, Phase.WATCHING)
    assert not a.shared.noted.events
    found = past(b.store, CHOICE)
    assert found.guard is None  # nor did it write of it


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, -1e9])
def test_a_clock_that_jumps_ends_no_owner_for_long_and_counts_nothing_twice(shared, jump):
    a, b = shared("a"), shared("b")
    turn(a, b)
    a.answer(2)
    turn(a, b)
    shared.clock.now += jump
    b.answer(2)
    turn(b, a, b, a)
    assert [a.shared.owner, b.shared.owner].count(True) == 1
    a.kill()
    b.answer(1)
    shared.clock.now += LEASE_SECONDS + 0.01
    turn(b)
    assert (b.shared.owner, b.seen) == (True, 5)


def test_what_one_sees_go_wrong_stops_the_plan_everywhere(shared):
    a, b = shared("a"), shared("b")
    turn(a, b)
    b.answer(400, thinking_tokens=4000)  # b is no owner, and sees it
    turn(a, b)
    assert a.controller.guard.phase is Phase.TRIPPED
    assert b.controller.guard.phase is Phase.TRIPPED
    assert b.controller.status(time.time()).tripped == a.controller.status(time.time()).tripped is not None
    events = [e for e in b.store.events() if e.kind is EventKind.GUARD_TRIPPED]
    assert [e.choice for e in events] == [CHOICE]  # told once, and everybody's monitor has it
    c = shared("c")  # started anew later
    turn(c)
    assert c.controller.guard.phase is Phase.TRIPPED


def test_a_command_is_done_whoever_is_asked(shared):
    a, b = shared("a"), shared("b")
    turn(a, b)
    a.answer(2)
    command(b, "shadow")
    assert (b.shared.owner, b.stage) == (True, Stage.SHADOW)
    turn(a)
    assert (a.shared.owner, a.stage) == (False, Stage.SHADOW)
    with pytest.raises(InputError):
        command(a, "100")
    turn(b, a)
    assert (a.stage, b.stage) == (Stage.SHADOW, Stage.SHADOW)
    (told,) = [e for e in a.store.events() if e.kind is EventKind.STAGE_SET]
    assert (told.by, told.name, told.stage) == (Actor.OPERATOR, "me", Stage.SHADOW)


def test_the_stage_goes_on_by_the_requests_of_all(shared):
    rule = StageRule(6, 0.0)
    a, b = shared("a", rule=rule), shared("b", rule=rule)
    turn(a, b)
    a.answer(3)
    b.answer(3)
    turn(a, b)
    assert (a.stage, b.stage) == (Stage.QUARTER, Stage.QUARTER)


def test_a_lost_history_leaves_each_to_what_it_sees(shared):
    a, b = shared("a"), shared("b")
    turn(a, b)
    work = a.state.database
    a.state.database = Lost(work)

    async def looks():
        a.shared._turn = asyncio.Lock()
        await a.shared._look()

    asyncio.run(looks())
    assert (a.shared.lost, a.shared.owner) == (True, False)
    with pytest.raises(InputError):
        command(a, "trip")
    assert a.controller.guard.phase is Phase.WATCHING
    a.answer(400, thinking_tokens=4000)
    assert a.controller.guard.phase is Phase.TRIPPED  # by what it saw alone
    shared.clock.now += 10
    turn(b)  # the others have its records too
    assert b.controller.guard.phase is Phase.TRIPPED
    counts = b.controller.guard.standing()
    a.state.database = work
    asyncio.run(looks())
    assert (a.shared.lost, a.controller.guard.standing()) == (False, counts)


def test_a_history_that_was_taken_away_begins_with_what_is_known(shared):
    a, b = shared("a"), shared("b")
    turn(a, b)
    command(a, "trip")
    turn(b)
    database = shared.database()
    with database.session() as connection:
        for table in ("served", "standings"):
            connection.execute(f"DROP TABLE {table}")
    with pytest.raises(database.errors):
        turn(a)
    turn(a, b)
    assert (a.shared.owner, a.controller.guard.phase) == (True, Phase.TRIPPED)
    assert b.controller.guard.phase is Phase.TRIPPED


def test_one_that_serves_alone_afterwards_goes_on_there(shared):
    a = shared("a")
    turn(a)
    a.answer(4)
    turn(a)
    a.kill()
    store = RequestStore(shared.database())
    alone = controller(store)
    store.note(
        Event(
            EventKind.STAGE_SET,
            1.0,
            Actor.OPTION,
            Because.of(Cause.SET_AT_START),
            stage=Stage.FIVE,
            choice=CHOICE,
        )
    )
    alone.resume(past(store, CHOICE), stage=None)
    assert alone.rollout.standing()["seen"] == 4
    assert alone.guard.standing() == a.controller.guard.standing()
    store.close()


def test_another_choice_has_another_owner(shared):
    a = shared("a")
    other = SharedState(shared.database(), "another", "b")
    assert other.look() is None
    other.begin({})
    turn(a)
    assert other.look().mine
    turn(a)
    assert a.shared.owner
