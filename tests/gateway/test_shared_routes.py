"""Routes that several processes serve: each route's state is shared, and nothing of it with other routes."""

import pytest

from karui.gateway.records.stage import Stage
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.routes import Start
from tests.helpers.fake_server import serving
from tests.helpers.gateways import until
from tests.helpers.routes import opened, save_choice, write

TRIP = {"what": "trip", "who": "me", "why": "a try"}


@pytest.fixture
def two(tmp_path):
    """Two fake servers, the file of two routes, and its tables; two processes share the history."""
    save_choice(tmp_path / "short", "trial-stability:k=2")
    save_choice(tmp_path / "long", "trial-stability:k=3")
    with serving() as one, serving() as other:
        tables = {
            "support": {"choice": str(tmp_path / "short"), "upstream": one.url, "stage": "100"},
            "search": {"choice": str(tmp_path / "long"), "upstream": other.url, "stage": "100"},
        }
        write(tmp_path / "gateway.toml", tables, workers=2)
        yield tmp_path / "gateway.toml", tables, other


def stages(house):
    return {gateway.name: gateway.rollout.stage for gateway in house.table}


def requests(house):
    return {gateway.name: gateway.stores.requests.totals(0.0).ever.requests for gateway in house.table}


def test_each_route_is_shared_and_its_requests_are_no_other_routes(two):
    file, _, _ = two
    with opened(file) as one, opened(file, Start.WORKER) as other:
        assert stages(other) == {"support": Stage.ALL, "search": Stage.ALL}
        for house in (one, other):
            assert house.ask("support").headers["x-karui-ran"] == "plan"
        other.ask("search")
        for house in (one, other):
            until(lambda house=house: requests(house) == {"support": 2, "search": 1})
            counts = {g.name: g.rollout.rollout for g in house.table}
            until(lambda counts=counts: [c.standing()["seen"] for c in counts.values()] == [2, 1])
        owners = [[g.standing.owner for g in house.table] for house in (one, other)]
        assert [sum(held) for held in zip(*owners, strict=True)] == [1, 1]
        assert other.http.post("/api/command?route=search", json=TRIP).status_code == 200
        until(lambda: one.table.get("search").rollout.guard.phase is Phase.TRIPPED)
        assert one.table.get("support").rollout.guard.phase is Phase.WATCHING
        for house in (one, other):  # the worst first, whoever answers
            told = house.http.get("/api/state").json()["routes"]
            assert [(r["route"], r["light"]["colour"]) for r in told] == [
                ("search", "red"),
                ("support", "green"),
            ]


def test_a_stage_that_is_new_in_the_file_begins_once(two):
    file, tables, _ = two
    with opened(file) as one, opened(file, Start.WORKER) as other:
        write(file, {**tables, "support": {**tables["support"], "stage": "25"}}, workers=2)
        assert one.reload().json()["changed"] == ["support"]
        until(lambda: stages(other)["support"] is Stage.QUARTER)
        back = {"what": "5", "who": "me", "why": "complaints"}
        assert one.http.post("/api/command?route=support", json=back).status_code == 200
        assert other.reload().json()["changed"] == ["support"]  # later than the operator's word
        until(lambda: stages(one)["support"] is stages(other)["support"] is Stage.FIVE)
        table = {**tables["support"], "stage": "25", "any_sampling": True}
        write(file, {**tables, "support": table}, workers=2)
        for house in (one, other):
            assert house.reload().json()["changed"] == ["support"]
            assert stages(house)["support"] is Stage.FIVE  # it goes on where it stood


def test_a_new_route_begins_at_its_stage_in_all(two):
    file, tables, _ = two
    with opened(file) as one, opened(file, Start.WORKER) as other:
        write(file, {**tables, "chat": {**tables["search"], "stage": "25"}}, workers=2)
        for house in (one, other):
            assert house.reload().json()["changed"] == ["chat"]
            assert stages(house)["chat"] is Stage.QUARTER


def test_whoever_is_replaced_decides_no_more(two):
    file, tables, _ = two
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
    file, tables, _ = two
    monkeypatch.setattr("karui.gateway.routes._FIRST_PAUSE", 0.05)
    late = file.parent / "late"
    write(file, {**tables, "chat": {**tables["search"], "choice": str(late), "names": ["talk"]}}, workers=2)
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
