"""Routes that several processes serve: each route's state is shared, and nothing of it with other routes."""

import pytest

from karui.gateway.records.stage import Stage
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.routes import Start
from tests.helpers.fake_server import serving
from tests.helpers.gateways import until
from tests.helpers.routes import opened, save_choice, write

TRIP = {"what": "trip", "who": "me", "why": "a try"}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A fake server for each of two routes, their file and its tables; two processes share the history."""
    folder = tmp_path_factory.mktemp("routes")
    save_choice(folder / "short", "trial-stability:k=2")
    save_choice(folder / "long", "trial-stability:k=3")
    with serving() as one, serving() as other:
        yield (
            folder / "gateway.toml",
            {
                "support": {"choice": str(folder / "short"), "upstream": one.url, "stage": "100"},
                "search": {"choice": str(folder / "long"), "upstream": other.url, "stage": "100"},
            },
        )


@pytest.fixture(scope="module")
def pair(two):
    """Two processes, the second opened as a worker is."""
    file, tables = two
    write(file, tables, workers=2, history=str(file.with_name("pair.sqlite3")))
    with opened(file) as one, opened(file, Start.WORKER) as other:
        yield one, other


def rewrite(two, changes):
    """Writes the file of the pair with other tables."""
    file, tables = two
    write(file, {**tables, **changes}, workers=2, history=str(file.with_name("pair.sqlite3")))


def stages(house):
    return {gateway.name: gateway.rollout.stage for gateway in house.table}


def seen(house):
    """Returns how many requests of each route the monitor has, and how many the roll-out counts."""
    return {
        gateway.name: (
            gateway.stores.requests.totals(0.0).ever.requests,
            gateway.rollout.rollout.standing()["seen"],
        )
        for gateway in house.table
    }


def test_each_route_is_shared_and_its_requests_are_no_other_routes(pair):
    one, other = pair
    assert stages(other) == {"support": Stage.ALL, "search": Stage.ALL}
    for house in pair:
        assert house.ask("support").headers["x-karui-ran"] == "plan"
    other.ask("search")
    for house in pair:
        until(lambda house=house: seen(house) == {"support": (2, 2), "search": (1, 1)})
    owners = [[g.standing.owner for g in house.table] for house in pair]
    assert [sum(held) for held in zip(*owners, strict=True)] == [1, 1]
    assert other.http.post("/api/command?route=search", json=TRIP).status_code == 200
    until(lambda: one.table.get("search").rollout.guard.phase is Phase.TRIPPED)
    assert one.table.get("support").rollout.guard.phase is Phase.WATCHING
    for house in pair:  # the worst first, whoever answers
        told = house.http.get("/api/state").json()["routes"]
        lights = [(r["route"], r["light"]["colour"]) for r in told]
        assert lights == [("search", "red"), ("support", "green")]


def test_a_stage_that_is_new_in_the_file_begins_once(two, pair):
    one, other = pair
    support = two[1]["support"]
    rewrite(two, {"support": {**support, "stage": "25"}})
    assert one.reload().json()["changed"] == ["support"]
    until(lambda: stages(other)["support"] is Stage.QUARTER)
    back = {"what": "5", "who": "me", "why": "complaints"}
    assert one.http.post("/api/command?route=support", json=back).status_code == 200
    assert other.reload().json()["changed"] == ["support"]  # later than the operator's word
    until(lambda: stages(one)["support"] is stages(other)["support"] is Stage.FIVE)
    rewrite(two, {"support": {**support, "stage": "25", "any_sampling": True}})
    for house in pair:
        assert house.reload().json()["changed"] == ["support"]
        assert stages(house)["support"] is Stage.FIVE  # it goes on where it stood


def test_a_new_route_begins_at_its_stage_in_all(two, pair):
    rewrite(two, {"chat": {**two[1]["search"], "stage": "25"}})
    for house in pair:
        assert "chat" in house.reload().json()["changed"]
        assert stages(house)["chat"] is Stage.QUARTER


def test_whoever_is_replaced_decides_no_more(two):
    file, tables = two
    write(file, tables, workers=2)
    with opened(file) as house:
        old = house.table.get("support")
        until(lambda: old.standing.owner)
        with old.handler.under_way:  # it still answers something
            write(file, {**tables, "support": {**tables["support"], "any_sampling": True}}, workers=2)
            assert house.reload().json()["changed"] == ["support"]
            new = house.table.get("support")
            until(lambda: new.standing.owner)
            assert not old.standing.owner
            house.ask("support")
            until(lambda: new.rollout.rollout.standing()["seen"] == 1)


def test_a_worker_that_is_started_anew_serves_what_it_can_and_tries_the_rest_again(two, monkeypatch):
    file, tables = two
    monkeypatch.setattr("karui.gateway.routes._FIRST_PAUSE", 0.05)
    late, history = file.parent / "late", str(file.with_name("again.sqlite3"))
    chat = {**tables["search"], "choice": str(late), "names": ["talk"]}
    write(file, {**tables, "chat": chat}, workers=2, history=history)
    with opened(file, Start.WORKER_AGAIN) as house:
        assert list(house.http.get("/health").json()["routes"]) == ["support", "search"]
        for name in ("chat", "chat/full", "talk"):
            away = house.ask(name)
            assert (away.status_code, away.json()["error"]["code"]) == (503, "route_unavailable")
            assert int(away.headers["retry-after"]) >= 1
        assert "chat" in house.http.get("/api/state").json()["faults"]
        assert house.ask("support").status_code == 200
        save_choice(late, "trial-stability:k=4")
        until(lambda: house.table.get("chat") is not None)
        assert house.ask("talk").status_code == 200
        until(lambda: not house.http.get("/api/state").json()["faults"])
