"""Several routes behind one door: each with its own guard, history and light, and the file read anew."""

import json
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from karui.core.errors import KaruiError
from karui.gateway.process import Process
from karui.gateway.records.request_store import RequestStore
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.route_file import RouteFile
from karui.gateway.routes import RouteTable
from karui.study.api.serve_routes import build
from tests.helpers.fake_server import serving
from tests.helpers.gateways import until
from tests.helpers.routes import opened, save_choice, write


@pytest.fixture
def two(tmp_path):
    """Two fake servers, two choices, and the tables of their routes."""
    save_choice(tmp_path / "short", "trial-stability:k=2")
    save_choice(tmp_path / "long", "trial-stability:k=3")
    with serving() as one, serving() as other:
        tables = {
            "support": {"choice": str(tmp_path / "short"), "upstream": one.url, "stage": "100"},
            "search": {"choice": str(tmp_path / "long"), "upstream": other.url, "stage": "shadow"},
        }
        yield tmp_path / "gateway.toml", tables, one, other


def test_a_request_goes_to_the_route_that_its_model_names(two):
    file, tables, one, other = two
    write(file, tables)
    with opened(file) as house:
        listed = [m["id"] for m in house.http.get("/v1/models").json()["data"]]
        assert listed[:4] == ["support", "support/full", one.behaviour.served[0], "search"]
        assert "search/full" in listed
        support = house.ask("support")
        assert (support.status_code, support.headers["x-karui-ran"]) == (200, "plan")
        assert one.requests
        before = len(other.requests)
        search = house.ask("search")
        assert (search.headers["x-karui-ran"], search.headers["x-karui-fallback"]) == ("full", "stage shadow")
        assert len(other.requests) > before
        assert house.ask("support/full").headers["x-karui-ran"] == "full"
        wrong = house.ask("karui/plan")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "model_not_found")
        assert "support, support/full" in wrong.json()["error"]["message"]
        assert house.ask("support", stream=True).text.rstrip().endswith("[DONE]")


def test_each_has_its_own_guard_stage_metrics_and_history_in_one_file(two):
    file, tables, *_ = two
    write(file, tables)
    with opened(file) as house:
        for _ in range(3):
            house.ask("support")
        house.ask("search")
        trip = {"what": "trip", "who": "me", "why": "a try"}
        assert house.http.post("/api/command", json=trip).status_code == 404  # of which?
        assert house.http.post("/api/command?route=support", json=trip).status_code == 200
        support, search = house.table.get("support"), house.table.get("search")
        assert (support.rollout.guard.phase, support.rollout.stage) == (Phase.TRIPPED, Stage.FIVE)
        assert (search.rollout.guard.phase, search.rollout.stage) == (Phase.WATCHING, Stage.SHADOW)
        assert house.ask("support").headers["x-karui-fallback"].startswith("guard tripped")
        until(lambda: support.stores.requests.totals(0.0).window.requests == 4)
        found = {}
        for family in text_string_to_metric_families(house.http.get("/metrics").text):
            for sample in family.samples:
                found[sample.name, sample.labels.get("route"), sample.labels.get("state")] = sample.value
        assert found["karui:guard", "support", "tripped"] == 1
        assert found["karui:guard", "search", "tripped"] == 0
        assert found["karui:stage_percent", "support", None] == 5
        assert ("karui:requests_total", "search", None) in found
        told = house.http.get("/api/state").json()
        assert [(r["route"], r["light"]["colour"]) for r in told["routes"]] == [
            ("support", "red"),
            ("search", "green"),
        ]
        health = house.http.get("/health").json()
        assert {name: one["guard"] for name, one in health["routes"].items()} == {
            "support": "tripped",
            "search": "watching",
        }
    with opened(file) as house:  # after a restart each goes on where it stood
        support, search = house.table.get("support"), house.table.get("search")
        assert support.rollout.guard.phase is Phase.TRIPPED
        assert search.rollout.guard.phase is Phase.WATCHING
        totals = [g.stores.requests.totals(0.0) for g in (support, search)]
        assert [t.ever.requests for t in totals] == [4, 1]
        assert [sum(not r.shadow for r in t.latest) for t in totals] == [4, 1]
        assert "guard_tripped" not in {e.kind for e in search.stores.requests.events()}
    store = RequestStore(file.with_name("h.sqlite3"))
    assert {record.route for record in store.since(0.0)} == {"support", "search"}
    store.close()


def test_each_page_shows_its_route_and_the_first_page_all(two):
    file, tables, *_ = two
    write(file, tables)
    with opened(file) as house:
        house.ask("support")
        for lang, words in (("en", "All 2 routes are well"), ("ja", "2件のルートはすべて正常です")):
            page = house.http.get(f"/?lang={lang}").text
            assert words in page
            assert f'href="/routes/search?lang={lang}"' in page
        page = house.http.get("/routes/support?lang=en").text
        assert '"/api/state?lang=en\\u0026route=support"' in page or "lang=en&route=support" in page
        told = house.http.get("/api/state?route=support&lang=en").json()
        assert (told["now"]["route"], told["totals"]["window"]["requests"]) == ("support", 1)
        assert house.http.get("/routes/none").status_code == 404


def test_feedback_reaches_the_route_that_answered(two):
    file, tables, *_ = two
    write(file, tables)
    with opened(file) as house:
        for model in ("support", "search"):
            name = house.ask(model).headers["x-karui-request-id"]
            reply = house.http.post("/v1/feedback", json={"request_id": name, "value": 1.0})
            assert reply.status_code == 200, reply.text
        assert [g.feedback.given for g in house.table] == [1, 1]


def test_reading_anew_changes_adds_and_removes_and_touches_nothing_else(two, tmp_path):
    file, tables, *_ = two
    write(file, tables)
    with opened(file) as house:
        support, search = house.table.get("support"), house.table.get("search")
        assert house.reload().json()["changed"] == []
        assert (house.table.get("support"), house.table.get("search")) == (support, search)
        write(
            file, {"support": tables["support"] | {"any_sampling": True}, "chat": tables["search"]}, workers=1
        )
        told = house.reload().json()
        assert (told["changed"], told["removed"], told["faults"]) == (["support", "chat"], ["search"], {})
        assert house.table.get("support") is not support
        assert [house.ask(m).status_code for m in ("support", "chat", "search")] == [200, 200, 404]
        save_choice(tmp_path / "short", "trial-stability:k=4")  # another choice in the same folder
        assert house.reload().json()["changed"] == ["support"]
        plan = house.table.get("support").deployment.expectation.label
        assert "k=4" in plan
        assert house.table.get("support").rollout.stage is Stage.ALL  # the file says so
        kinds = [e["kind"] for e in map(json.loads, house.http.get("/api/audit").text.splitlines())]
        assert kinds.count("reloaded") == 3


def test_a_stream_goes_on_while_its_route_is_replaced(two):
    file, tables, one, _ = two
    write(file, tables)
    with opened(file) as house:
        one.behaviour.delay = 0.5  # between tokens, until everything was looked at
        lines, begun = [], threading.Event()

        def read():
            body = {"model": "support/full", "stream": True, "messages": [{"role": "user", "content": "7"}]}
            with house.http.stream("POST", "/v1/chat/completions", json=body) as reply:
                for line in reply.iter_lines():
                    lines.append(line)
                    begun.set()

        reading = threading.Thread(target=read)
        reading.start()
        assert begun.wait(20)
        old = house.table.get("support")
        write(file, {"search": tables["search"]})
        assert house.reload().json()["removed"] == ["support"]
        assert house.table.get("support") is None
        assert old.handler.under_way.count == 1
        one.behaviour.delay = 0.0
        reading.join(30)
        assert [line for line in lines if line][-1] == "data: [DONE]"
        until(lambda: not house.table._leaving)


def test_a_wrong_route_leaves_the_running_one_as_it_is_and_is_reported(two, tmp_path):
    file, tables, *_ = two
    write(file, tables)
    with opened(file) as house:
        before = list(house.table)
        wrong = [
            (tables["support"] | {"choice": str(tmp_path / "none")}, "none"),
            (tables["support"] | {"upstream": "http://127.0.0.1:9/v1#m", "folder": ""}, "127.0.0.1:9"),
            (tables["support"] | {"port": 1}, "port is the process's"),
        ]
        for table, message in wrong:
            write(file, {**tables, "support": table})
            reply = house.reload()
            assert reply.status_code == 409
            assert message in reply.json()["faults"]["support"]
            assert list(house.table) == before
            assert house.ask("support").status_code == 200
        assert message in house.http.get("/api/state").json()["faults"]["support"]
        assert "could not be read anew" in house.http.get("/?lang=en").text
        file.write_text("= not toml")
        assert "" in house.reload().json()["faults"]
        write(file, {})
        assert house.reload().json()["faults"][""] == "No route would be left."
        assert list(house.table) == before
        write(file, tables)
        assert house.reload().status_code == 200
        assert house.http.get("/api/state").json()["faults"] == {}


def test_a_trip_outlives_a_change_of_its_route(two):
    file, tables, *_ = two
    tables["support"].pop("stage")
    write(file, tables)
    with opened(file) as house:
        old = house.table.get("support")
        trip = {"what": "trip", "who": "me", "why": "new model tonight"}
        house.http.post("/api/command?route=support", json=trip)
        write(file, {**tables, "support": tables["support"] | {"any_sampling": True}})
        assert house.reload().json()["changed"] == ["support"]
        new = house.table.get("support")
        assert new is not old
        assert new.rollout.guard.phase is Phase.TRIPPED
        until(lambda: not house.table._leaving)
        old.standing.keep()  # whoever has left changes nothing any more
        assert new.stores.requests.flush()
    with opened(file) as house:
        assert house.table.get("support").rollout.guard.phase is Phase.TRIPPED


def test_a_start_names_the_route_that_cannot_be_served(two, tmp_path):
    file, tables, *_ = two
    write(file, {**tables, "search": tables["search"] | {"choice": str(tmp_path / "none")}})
    read = RouteFile.read(file, {})
    with pytest.raises(KaruiError, match="The route search cannot be served"):
        RouteTable(read, Process.of(read.settings, routed=True), build)


def test_a_route_may_be_an_experiment(two, tmp_path):
    file, tables, *_ = two
    for folder, plan in (("one", "trial-stability:k=2"), ("other", "trial-stability:k=5")):
        save_choice(tmp_path / folder, plan)
    both = [str(tmp_path / "one"), str(tmp_path / "other")]
    write(file, {**tables, "support": tables["support"] | {"choice": both}})
    with opened(file) as house:
        asked = [house.ask("support", user=f"user {n}").headers["x-karui-request-id"] for n in range(40)]
        support = house.table.get("support")
        assert support.name == "support"
        until(lambda: support.stores.requests.totals(0.0).window.requests == 40)
        store = RequestStore(file.with_name("h.sqlite3"))
        records = [record for record in store.since(0.0) if record.id in asked]
        store.close()
        assert {record.arm for record in records} == {"full", *support.handler.dispatcher.plans}
        drawn = next(record for record in records if record.arm != "full")
        said = house.http.post("/v1/feedback", json={"request_id": drawn.id, "value": 1.0})
        assert said.json()["counted"]
        before = support.deployment.digest
        write(file, {**tables, "support": tables["support"] | {"choice": both[:1]}})
        assert house.reload().json()["changed"] == ["support"]
        assert house.table.get("support").deployment.digest != before
