"""Who may do what: no other site's page commands a gateway, no client's key opens the operator's rooms."""

import pytest

from karui.core.errors import InputError
from karui.gateway.keys import Keys
from karui.gateway.server.auth import COOKIE
from karui.gateway.server.server import ensure_guarded
from karui.gateway.settings import Settings
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened

CHAT = "/v1/chat/completions"
GOOD = {"model": "karui/plan", "messages": [{"role": "user", "content": QUESTION}]}
TRIP = {"what": "trip", "who": "me", "why": "x"}
OPERATORS = ("/", "/api/state", "/metrics", "/explain/x")


@pytest.fixture(scope="module")
def keyless():
    with serving() as fake, opened(fake) as found:
        yield found


@pytest.fixture(scope="module")
def keyed():
    patch = pytest.MonkeyPatch()
    for name in ("SERVE", "OPERATOR", "METRICS"):
        patch.setenv(f"KARUI_{name}_KEY", f" sk-{name.lower()}\n")  # as files have them
    with serving() as fake, opened(fake) as found:
        patch.undo()
        yield found


def key(name):
    return {"authorization": f"Bearer sk-{name}"}


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/plain; a=json", "multipart/form-data; boundary=json", "application/jsonp", ""],
)
@pytest.mark.parametrize("path", ["/api/command", CHAT])
def test_only_json_is_taken(keyless, path, kind):
    reply = keyless.http.post(path, content=b"{}", headers={"content-type": kind})
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "media_type")


def test_json_may_name_its_encoding(keyless):
    told = {"content-type": "Application/JSON; charset=utf-8"}
    assert keyless.http.post(CHAT, json=GOOD, headers=told).status_code == 200


ELSEWHERE = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},  # a form of another site
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
]


@pytest.mark.parametrize("told", ELSEWHERE, ids=str)
@pytest.mark.parametrize("path", ["/api/command", "/api/login", "/explain/x", CHAT])
def test_pages_of_other_sites_are_turned_away(keyless, path, told):
    reply = keyless.http.post(path, json=TRIP, headers=told)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "cross_site")


@pytest.mark.parametrize("told", ELSEWHERE[:2], ids=str)
def test_they_read_nothing_either(keyless, told):
    for path in ("/api/state", "/metrics", "/v1/models"):
        assert keyless.http.get(path, headers=told).status_code == 403


def test_a_link_from_elsewhere_opens_a_page(keyless):
    told = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert keyless.http.get("/", headers=told).status_code == 200


def test_the_gateways_own_pages_are_let_in(keyless):
    address = str(keyless.http.base_url)
    told = {"sec-fetch-site": "same-origin", "origin": address}
    assert keyless.http.post("/api/command", json={**TRIP, "why": ""}, headers=told).status_code == 409


@pytest.mark.parametrize("path", ["/", "/api/state", "/metrics", "/v1/models", "/explain/x"])
def test_a_name_that_was_pointed_here_is_not_trusted(keyless, path):
    reply = keyless.http.get(path, headers={"host": "rebound.example:8321"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "host")
    for host in ("localhost:8321", "127.0.0.1", "[::1]:8321", "10.1.2.3:8321"):
        assert keyless.http.get(path, headers={"host": host}).status_code in {200, 404}


def test_names_can_be_allowed():
    with serving() as fake, opened(fake, allowed_hosts=("karui.internal",)) as house:
        assert house.http.get("/", headers={"host": "Karui.internal:8321"}).status_code == 200
        assert house.http.get("/health", headers={"host": "any.example"}).status_code == 200


def test_once_a_key_is_set_the_operators_rooms_are_closed(keyed):
    for path in OPERATORS:
        assert keyed.http.get(path).status_code == 401
        assert keyed.http.get(path, headers=key("serve")).status_code == 401  # nor with the clients' key
        assert keyed.http.get(path, headers=key("operator")).status_code in {200, 404}
    assert keyed.http.get("/metrics", headers=key("metrics")).status_code == 200
    for path in ("/", "/api/state", "/explain/x"):
        assert keyed.http.get(path, headers=key("metrics")).status_code == 401
    assert keyed.http.get("/health").status_code == 200
    assert keyed.http.post("/api/command", json=TRIP, headers=key("serve")).status_code == 401
    assert keyed.http.post("/explain/x", headers=key("serve")).status_code == 401
    assert keyed.http.get("/v1/models", headers={**key("serve"), "host": "karui.example"}).status_code == 200


def test_a_clients_key_alone_leaves_the_monitor_to_this_machine(monkeypatch):
    monkeypatch.setenv("KARUI_SERVE_KEY", "sk-serve")
    with serving() as fake, opened(fake) as house:
        assert house.http.get("/").status_code == 200
        for told in ({"x-forwarded-for": "10.0.0.9"}, {"x-real-ip": "10.0.0.9"}):
            for path in OPERATORS:
                assert house.http.get(path, headers=told).status_code == 401
        assert house.http.get("/", headers={"host": "rebound.example"}).status_code == 403


def test_a_browser_is_asked_in_a_form_and_never_for_a_password(keyed):
    reply = keyed.http.get("/", headers={"accept": "text/html", "accept-language": "en"})
    assert reply.status_code == 401
    assert "Operator&#39;s key" in reply.text
    assert "basic" not in reply.headers.get("www-authenticate", "").lower()
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert "basic" not in keyed.http.get("/explain/x").headers["www-authenticate"].lower()


def test_a_session_is_a_cookie_that_other_sites_cannot_use(keyed):
    wrong = keyed.http.post("/api/login", json={"key": "sk-serve"})
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    reply = keyed.http.post("/api/login", json={"key": "sk-operator"})
    told = reply.headers["set-cookie"].lower()
    assert reply.status_code == 200
    assert all(word in told for word in ("httponly", "samesite=strict", "path=/"))
    assert "sk-operator" not in told
    cookie = {"cookie": f"{COOKIE}={reply.cookies[COOKIE]}"}
    keyed.http.cookies.clear()
    assert keyed.http.get("/api/state", headers=cookie).status_code == 200
    assert keyed.http.get("/api/state", headers={**cookie, "sec-fetch-site": "cross-site"}).status_code == 403
    assert keyed.http.post("/api/logout", headers=cookie).status_code == 200
    assert keyed.http.get("/api/state", headers=cookie).status_code == 401


def test_a_cookie_is_marked_secure_behind_tls(keyed):
    told = {"x-forwarded-proto": "https"}
    reply = keyed.http.post("/api/login", json={"key": "sk-operator"}, headers=told)
    keyed.http.cookies.clear()
    assert "secure" in reply.headers["set-cookie"].lower()


def test_every_reply_forbids_guessing_its_type(keyless):
    for path in ("/", "/health", "/api/state", "/v1/models", "/nothing", "/metrics"):
        assert keyless.http.get(path).headers.get_list("x-content-type-options") == ["nosniff"]
    assert keyless.http.post(CHAT, json=GOOD).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("value", "message"), [("", "empty"), (" \n", "empty"), ("schlüssel", "no header")])
def test_a_key_that_could_never_match_or_lets_all_in_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        Keys.read({"KARUI_SERVE_KEY": value})


def test_keys_are_stripped_and_not_shown():
    keys = Keys.read({"KARUI_SERVE_KEY": " sk-1\n", "KARUI_OPERATOR_KEY": "sk-2"})
    assert (keys.client, keys.operator, keys.metrics, keys.any) == ("sk-1", "sk-2", "", True)
    assert "sk-" not in repr(keys)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", ""])
def test_nobody_listens_for_all_without_a_key_unless_it_was_said(host, monkeypatch):
    monkeypatch.delenv("KARUI_SERVE_KEY", raising=False)
    with pytest.raises(InputError, match="no key is set"):
        ensure_guarded(Settings(host=host))
    ensure_guarded(Settings(host=host, open_to_all=True))
    ensure_guarded(Settings(host="127.0.0.1"))
    monkeypatch.setenv("KARUI_SERVE_KEY", "sk-1")
    ensure_guarded(Settings(host=host))
