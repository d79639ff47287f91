"""Who gets in, what is turned away, who leaves, and how the gateway ends."""

import asyncio
import gc
import json
import socket
import threading
from dataclasses import replace

import openai
import pytest

from karui.codec.files import encoded
from karui.core.engine import ModelInfo
from karui.core.errors import InputError, ModelError, PlanError
from karui.gateway.deployment import Deployment
from karui.gateway.limits import Limits
from karui.gateway.server import server
from karui.gateway.server.server import check, connect, listen
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, chosen, opened, settings, until

CHAT = "/v1/chat/completions"
GOOD = {"model": "karui/plan", "messages": [{"role": "user", "content": QUESTION}]}


@pytest.fixture(scope="module")
def house():
    with serving() as fake, opened(fake, limits=Limits(body_bytes=20_000, silence_seconds=15)) as found:
        found.fake = fake
        yield found


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"nothing", None),
        (b'{"model": NaN}', None),
        (b"[" * 10_000, None),
        ({}, "model"),
        ({**GOOD, "model": 3}, "model"),
        ({**GOOD, "model": "karui/other"}, "model"),
        ({"model": "karui/plan"}, "messages"),
        ({**GOOD, "messages": []}, "messages"),
        ({**GOOD, "messages": ["hi"]}, "messages"),
        ({**GOOD, "messages": [{"role": "x", "content": ""}]}, "messages"),
        ({**GOOD, "messages": [{"role": ["user"], "content": ""}]}, "messages"),
        ({**GOOD, "messages": [{"role": "user", "content": 3}]}, "messages"),
        ({**GOOD, "stream": "yes"}, "stream"),
        ({**GOOD, "n": 0}, "n"),
        ({**GOOD, "n": True}, "n"),
        ({**GOOD, "max_tokens": -1}, "max_tokens"),
        ({**GOOD, "max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({**GOOD, "temperature": 3}, "temperature"),
        ({**GOOD, "temperature": "hot"}, "temperature"),
        ({**GOOD, "seed": "x"}, "seed"),
        ({**GOOD, "stream_options": {"include_usage": True}}, "stream_options"),
    ],
    ids=str,
)
def test_malformed_requests(house, body, param):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with house.recorded():
        reply = house.http.post(CHAT, content=data)
    assert reply.status_code in {400, 404}
    told = reply.json()["error"]
    assert told["message"]
    assert told["param"] == param
    assert house.records[-1].status == reply.status_code


def test_surrogates_and_odd_values_do_no_harm(house):
    for more in ({"user": "\ud800"}, {"user": 5}, {"stop": "\ud800"}, {"metadata": {"a": 1}}):
        data = json.dumps({**GOOD, **more}).encode()
        assert house.http.post(CHAT, content=data).status_code in {200, 400}
    data = json.dumps({**GOOD, "messages": [{"role": "user", "content": "\ud800"}]}).encode()
    assert house.http.post(CHAT, content=data).status_code == 400


def test_what_is_too_large_is_turned_away(house):
    with house.recorded():
        reply = house.http.post(CHAT, content=json.dumps({**GOOD, "user": "x" * 30_000}))
    assert reply.status_code == 413

    def pieces():
        for _ in range(40):
            yield b"x" * 1000

    with house.recorded():
        assert house.http.post(CHAT, content=pieces()).status_code == 413


def test_paths_and_methods_that_are_not_there(house):
    for path in ("/v1/nothing", "/api/state/"):
        assert house.http.get(path, follow_redirects=False).status_code == 404
    assert house.http.get(CHAT).status_code == 405
    assert house.http.get("/v1/nothing").json()["error"]["message"]


def test_models_by_every_name(house):
    listed = [m.id for m in house.client.models.list()]
    assert listed == ["karui/plan", "karui/full", f"karui/{house.gateway.deployment.plan.id}", "toy"]
    for name in listed:
        house.ask(model=name)
    assert [s.ran for s in house.records[-4:]] == ["plan", "full", "plan", "full"]


def test_completions_of_raw_text_go_through(house):
    reply = house.client.completions.create(model="karui/plan", prompt="<|user|>1 and 2<|end|><|assistant|>")
    assert "step 1" in reply.choices[0].text
    parts = house.client.completions.create(model="toy", prompt="<|user|>1<|end|><|assistant|>", stream=True)
    assert "step 1" in "".join(p.choices[0].text for p in parts)


def test_earlier_turns_are_shown_to_the_plan(house):
    turns = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    before = len(house.fake.requests)
    raw = house.client.chat.completions.with_raw_response.create(model="karui/plan", messages=turns)
    assert raw.headers["x-karui-ran"] == "plan"
    shown = house.fake.text(house.fake.requests[before]["prompt"])
    order = [shown.find(text) for text in ("Be short.", "Hello", "Yes?", QUESTION)]
    assert order == sorted(order)
    assert min(order) >= 0


def test_a_limit_and_a_seed_do_what_they_say(house):
    with house.recorded():
        reply, _ = house.ask(max_completion_tokens=5)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 5
    assert house.records[-1].truncated
    assert len({house.ask("1 and 2 and 4", seed=7)[0].choices[0].message.reasoning for _ in range(2)}) == 1


def test_keys(monkeypatch):
    monkeypatch.setenv("KARUI_SERVE_KEY", "sk-client")
    monkeypatch.setenv("KARUI_OPERATOR_KEY", "sk-operator")
    with serving() as fake, opened(fake) as house:
        with pytest.raises(openai.AuthenticationError), house.recorded():
            house.client.chat.completions.create(**GOOD)
        with pytest.raises(openai.AuthenticationError):
            house.client.models.list()
        house.client.api_key = "sk-client"
        assert house.ask()[1]["x-karui-ran"] == "plan"
        for given in ("bearer sk-client", "Bearer sk-client"):
            assert house.http.get("/v1/models", headers={"authorization": given}).status_code == 200
        for given in ("sk-client", "Bearer", "Basic OnNrLWNsaWVudA==", "Bearer sk-clienT"):
            assert house.http.get("/v1/models", headers={"authorization": given}).status_code == 401
        command = {"what": "trip", "who": "me", "why": "x"}
        for key, status in (("none", 401), ("sk-client", 401), ("sk-operator", 200)):
            told = {"authorization": f"Bearer {key}"}
            assert house.http.post("/api/command", json=command, headers=told).status_code == status
        assert house.http.get("/explain/x").status_code == 401
        operator = {"authorization": "Bearer sk-operator"}
        assert house.http.get("/explain/x", headers=operator).status_code == 404
        state = house.http.get("/api/state", headers=operator).text
        shown = repr(house.gateway) + str(house.gateway.settings.rows()) + state
        assert "sk-client" not in shown
        assert "sk-operator" not in shown


def test_commands_from_elsewhere_need_a_key(house):
    told = {"what": "trip", "who": "me", "why": "x"}
    through = {"x-forwarded-for": "10.0.0.9"}
    assert house.http.post("/api/command", json=told, headers=through).status_code == 401
    assert house.http.post("/api/command", json={"what": "trip"}).status_code == 409  # no reason
    assert house.http.post("/api/command", json=[]).status_code == 400


def test_a_full_house_says_when_to_come_back():
    limits = Limits(at_once=1, queue=1, silence_seconds=15)
    with serving() as fake, opened(fake, limits=limits) as house:
        fake.behaviour.delay = 0.02
        held = [threading.Thread(target=house.ask) for _ in range(2)]
        room = house.gateway.handler.admission
        for n, thread in enumerate(held):
            thread.start()
            until(lambda n=n: room.in_flight + room.queued == n + 1)
        with pytest.raises(openai.RateLimitError) as raised:
            house.client.chat.completions.create(**GOOD)
        assert float(raised.value.response.headers["retry-after"]) >= 1
        fake.behaviour.delay = 0.0
        for thread in held:
            thread.join()
        house.records.wait(3)
        assert sorted(s.status for s in house.records) == [200, 200, 429]
        assert (room.in_flight, room.queued) == (0, 0)


@pytest.mark.parametrize("model", ["karui/plan", "karui/full"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_the_upstream(house, model, stream):
    house.fake.behaviour.delay = 0.02
    body = json.dumps({**GOOD, "model": model, "stream": stream}).encode()
    before = len(house.records)
    with socket.create_connection(house.http.base_url.host and ("127.0.0.1", house.http.base_url.port)) as s:
        kind = "content-type: application/json"
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\n{kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        s.sendall(head.encode() + body)
        if stream or model == "karui/plan":
            until(lambda: house.fake.running > 0)
        else:
            until(lambda: house.gateway.handler.admission.in_flight > 0)
    house.records.wait(before + 1)
    until(lambda: house.fake.running == 0)
    house.fake.behaviour.delay = 0.0
    assert house.records[-1].status == 499
    assert house.gateway.handler.admission.in_flight == 0
    assert house.gateway.servers.upstream.breaker.circuit == "closed"


def test_requests_under_way_finish_when_it_is_told_to_stop():
    with serving() as fake, opened(fake) as house:
        fake.behaviour.delay = 0.01
        said = []
        asking = threading.Thread(target=lambda: said.append(house.stream()))
        asking.start()
        until(lambda: fake.running > 0)
        house.server.should_exit = True
        asking.join(15)
        assert said
        assert said[0][1] == "\\boxed{8}"
    assert [s.status for s in house.records] == [200]


def test_a_token_is_sent_when_it_comes():
    class Accepting(asyncio.Protocol):
        def connection_made(self, transport):
            accepted = transport.get_extra_info("socket")
            told.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def accept():
        nonlocal told
        loop = asyncio.get_running_loop()
        told = loop.create_future()
        with listen("127.0.0.1", 0) as taken:
            async with await loop.create_server(Accepting, sock=taken):
                with socket.create_connection(taken.getsockname()):
                    return await told

    told = None
    assert asyncio.run(accept())


def test_a_port_in_use():
    with listen("127.0.0.1", 0) as taken, pytest.raises(InputError, match="cannot listen"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_another_model_is_refused_unless_it_is_the_same():
    with serving(served=("Org/other",)) as fake:
        wanted, choice = settings(fake), chosen(model="my/toy")
        engines = connect(wanted, choice)
        with pytest.raises(ModelError, match="'my/toy', not for 'Org/other'"):
            check(wanted, choice, engines)
        check(settings(fake, same_model=True), choice, engines)
        check(wanted, chosen(model="http://elsewhere/v1#other"), engines)


def test_an_ability_that_lacks_is_named_with_a_plan_that_would_work():
    with serving(top=0) as fake:
        choice = chosen("trial-confidence:threshold=0.9", others=("token-budget:tokens=80",))
        engines = connect(settings(fake), choice)
        with pytest.raises(PlanError) as raised:
            check(settings(fake), choice, engines)
        assert "confidence" in raised.value.why
        assert "token-budget(tokens=80) (certified) would run here" in raised.value.remedy


def test_a_further_model_that_is_not_named():
    with serving() as fake:
        choice = chosen("cascade:model=small", beside=("small",))
        engines = connect(settings(fake), choice)
        with pytest.raises(PlanError, match="'small', which has no engine"):
            check(settings(fake), choice, engines)


def test_a_choice_from_its_files(tmp_path):
    made = chosen()
    (tmp_path / "choice.json").write_text(json.dumps(encoded(made.choice)))
    with pytest.raises(InputError, match="does not say what to expect"):
        Deployment.load(tmp_path)
    made.expectation.save(tmp_path / "expectation.json")
    found = Deployment.load(tmp_path / "choice.json")
    assert (found.plan.id, found.expectation) == (made.plan.id, made.expectation)
    assert found.expectation.terms == made.expectation.terms
    chosen("token-budget:tokens=80").expectation.save(tmp_path / "expectation.json")
    with pytest.raises(InputError, match="belongs to another choice"):
        Deployment.load(tmp_path)
    values = encoded(made.choice)
    lost = {"questions": 9, "loss": 0.2, "low": 0.1, "high": 0.3, "token_ratio": 0.5, "accuracy": 0.5}
    values["confirmation"] = {**lost, "baseline_accuracy": 0.7, "withdrawn": True}
    (tmp_path / "choice.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="withdrawn"):
        Deployment.load(tmp_path)
    (tmp_path / "choice.json").write_text(json.dumps({**encoded(made.choice), "spec": []}))
    with pytest.raises(InputError, match="names no plan to serve"):
        Deployment.load(tmp_path)
    (tmp_path / "choice.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        Deployment.load(tmp_path)


def test_weights_of_ones_own_are_known_by_what_they_were_made_from():
    made = chosen("int8-weights + trial-stability:k=2")
    choice = replace(made, choice=replace(made.choice, model=ModelInfo("toy", digest="parent")))
    made = ModelInfo("toy, int8", digest="child")
    choice.check_model(made, "", same=False, origin="parent")
    for origin in ("", "another"):
        with pytest.raises(ModelError, match="not for 'toy, int8'"):
            choice.check_model(made, "", same=False, origin=origin)
    with pytest.raises(ModelError, match="not for 'toy, int8'"):
        choice.check_model(replace(made, digest="parent"), "", same=False)  # the parent itself is not it


def test_what_is_there_at_the_start_is_not_looked_at_again(monkeypatch):
    class Serving:
        def __init__(self, ready):
            self.ready = ready

        def run(self, sockets):
            self.ready()

    monkeypatch.setattr(server, "_server", lambda _, ready: Serving(ready))
    before, frozen = gc.get_freeze_count(), []
    try:
        server.run(None, None, lambda: frozen.append(gc.get_freeze_count()))
    finally:
        gc.unfreeze()
    assert frozen[0] > before
