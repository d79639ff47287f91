"""Teams and operators by name, on a real socket: limits, the log-in page, and who is written down."""

import json

import openai
import pytest

from karui.gateway.records.request_store import RequestStore
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened

SEARCH, HELP, AOI = "sk-search-0123456789", "sk-help-01234567890", "sk-aoi-012345678901"
KEYS = f"""
[teams.search]
key = "{SEARCH}"
requests_per_minute = 2
[teams.help]
key = "{HELP}"
tokens_per_minute = 100000
[operators.aoi]
key = "{AOI}"
"""
OPERATORS = ("/", "/api/state", "/metrics", "/api/audit", "/explain/x")


def bearer(key):
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teams")
    (folder / "keys.toml").write_text(KEYS)
    patch = pytest.MonkeyPatch()
    patch.delenv("KARUI_KEYS", raising=False)
    with (
        serving() as fake,
        opened(fake, keys=str(folder / "keys.toml"), history=str(folder / "h.sqlite3")) as found,
    ):
        found.folder = folder
        yield found
    patch.undo()


def asking(house, key, **more):
    client = house.client.with_options(api_key=key)
    with house.recorded():
        return client.chat.completions.with_raw_response.create(
            model="karui/plan", messages=[{"role": "user", "content": QUESTION}], **more
        )


def test_a_team_has_its_limits_and_is_told_by_openais_headers(house):
    first = asking(house, SEARCH)
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    asking(house, SEARCH)
    with pytest.raises(openai.RateLimitError) as refused:
        asking(house, SEARCH)
    assert refused.value.code == "rate_limit_exceeded"
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 60
    assert "search is reached: 2 requests a minute" in str(refused.value)
    assert asking(house, HELP).headers["x-ratelimit-limit-tokens"] == "100000"  # another team goes on
    with pytest.raises(openai.AuthenticationError):
        asking(house, "sk-nobody-0123456789")
    with pytest.raises(openai.AuthenticationError):
        asking(house, AOI)  # an operator's key is no client's


def test_a_teams_tokens_are_what_its_replies_said(house):
    before = house.gateway.handler.quotas.used()["help"].tokens.used
    usage = asking(house, HELP).parse().usage
    assert house.gateway.handler.quotas.used()["help"].tokens.used - before == usage.total_tokens


def test_metrics_and_history_know_the_team(house):
    asking(house, HELP)
    text = house.http.get("/metrics", headers=bearer(AOI)).text
    assert 'karui:team_requests_total{status="200",team="help"}' in text
    assert 'karui:team_tokens_total{kind="completion",team="help"}' in text
    assert house.gateway.stores.requests.flush()
    found = RequestStore(house.folder / "h.sqlite3").since(0.0)
    assert "help" in {record.team for record in found}
    assert SEARCH.encode() not in (house.folder / "h.sqlite3").read_bytes()


def test_no_teams_key_opens_the_operators_rooms(house):
    for path in OPERATORS:
        assert house.http.get(path).status_code == 401
        assert house.http.get(path, headers=bearer(HELP)).status_code == 401
        assert house.http.get(path, headers=bearer(AOI)).status_code in {200, 404}


def test_the_page_asks_for_an_operators_key_and_tells_a_team_what_its_own_is_for(house):
    page = house.http.get("/", headers={"accept": "text/html"})
    assert page.status_code == 401
    assert 'id="key"' in page.text
    wrong = house.http.post("/api/login", json={"key": HELP})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "client_key")
    assert house.http.post("/api/login", json={"key": "no"}).json()["error"]["code"] == "operator"
    right = house.http.post("/api/login", json={"key": AOI})
    cookie = {"cookie": right.headers["set-cookie"].partition(";")[0]}
    house.http.cookies.clear()
    assert house.http.get("/api/state", headers=cookie).status_code == 200
    assert house.http.post("/api/logout", headers=cookie).status_code == 200
    assert house.http.get("/api/state", headers=cookie).status_code == 401


def test_everything_that_an_operator_does_is_written_down(house, caplog):
    caplog.set_level("INFO", logger="karui.gateway")
    trip = {"what": "trip", "who": "Aoi", "why": "a new model tonight"}
    assert house.http.post("/api/command", json=trip, headers=bearer(AOI)).status_code == 200
    assert house.http.post("/api/command", json={**trip, "what": "9"}, headers=bearer(AOI)).status_code == 409
    house.http.get("/explain/some-id", headers=bearer(AOI))
    reset = {**trip, "what": "reset", "who": ""}
    assert house.http.post("/api/command", json=reset, headers=bearer(AOI)).status_code == 200
    reply = house.http.get("/api/audit", headers=bearer(AOI))
    assert reply.headers["content-type"] == "application/x-ndjson"
    noted = [json.loads(line) for line in reply.text.splitlines()]
    told = {(e["kind"], e["name"], e["key"], e["origin"]) for e in noted if e["by"] == "operator"}
    assert told >= {
        ("guard_tripped", "Aoi", "aoi", "127.0.0.1"),
        ("command_refused", "Aoi", "aoi", "127.0.0.1"),
        ("explained", "aoi", "aoi", "127.0.0.1"),
        ("guard_watching", "", "aoi", "127.0.0.1"),
    }
    assert noted[0]["kind"] == "stage_set"
    assert "started" in {e["kind"] for e in noted}
    # A change and what follows of it, and the line of the log, have one id.
    trips = [e for e in noted if e["why"] == trip["why"] and e["kind"] in {"guard_tripped", "stage_set"}]
    assert len(trips) == 2
    (request,) = {e["request"] for e in trips}
    assert request
    line = next(r for r in caplog.records if getattr(r, "request_id", "") == request)
    assert (line.event, line.key, line.origin) == ("guard_tripped", "aoi", "127.0.0.1")
    since = trips[0]["at"]
    later = house.http.get(f"/api/audit?since={since}", headers=bearer(AOI)).text.splitlines()
    assert 0 < len(later) < len(noted)
    assert house.http.get("/api/audit?since=x", headers=bearer(AOI)).status_code == 400


def test_what_changes_nothing_stays_out_of_the_monitors_log(house):
    house.http.get("/explain/another", headers=bearer(AOI))
    kinds = {e["kind"] for e in house.http.get("/api/state", headers=bearer(AOI)).json()["events"]}
    assert "explained" not in kinds
    assert "started" not in kinds
    again = RequestStore(house.folder / "h.sqlite3")
    assert {e.kind for e in again.events()} <= {"stage_set", "guard_tripped", "guard_watching"}
    again.close()


def test_a_flood_of_wrong_keys_is_noted_once_a_while(house):
    for _ in range(3):
        house.http.post("/api/login", json={"key": "wrong"})
    noted = [json.loads(x) for x in house.http.get("/api/audit", headers=bearer(AOI)).text.splitlines()]
    refused = [e for e in noted if e["kind"] == "login_refused"]
    assert 1 <= len(refused) <= 4
    assert {(e["by"], e["origin"]) for e in refused} == {("somebody", "127.0.0.1")}
