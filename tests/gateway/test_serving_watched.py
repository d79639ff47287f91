"""A gateway with karui-mini in its own process: real requests, and everything that watches them."""

import json
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from karui import engines, tasks
from karui.cli.main import app as cli
from karui.core.prompt import Sampling
from karui.gateway.assemble import assemble
from karui.gateway.client import explanation
from karui.gateway.records.conversation_store import kept_in
from karui.gateway.records.request_store import RequestStore
from karui.gateway.server.app import app
from karui.gateway.settings import Settings
from karui.gateway.status import Price
from karui.i18n.monitor import LANGUAGES, MonitorTranslator
from karui.models import place
from karui.serving_profile import CheckpointSettings, ServingContract
from tests.helpers.gateways import Records, chosen

PLAN = "trial-confidence:threshold=0.9"


@contextmanager
def up(gateway):
    """Serves on a real socket, in a thread."""
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app(gateway), log_level="critical", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        taken.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def task():
    return tasks.load("mini", limit=3)


@pytest.fixture(scope="module")
def url(folder, task):
    """The gateway's address, after three requests to the plan and one to full thinking."""
    engine = engines.load(place("karui-mini"), name="karui-mini", device="cpu", threads=1, slots=8, seed=0)
    terms = ServingContract(
        task.questions[0].verifier.spec,
        "",
        Sampling(0.0, 1.0, max_tokens=400),
        {"main": CheckpointSettings(engine.rule, engine.suffix)},
    )
    settings = Settings(
        stage="100",
        history=str(folder / "history.sqlite3"),
        keep_hours=24.0,
        keep=str(folder / "kept.sqlite3"),
        redact={"heron": "heron"},
        price=Price(per_million=2.0, currency="EUR"),
    )
    choice = chosen(PLAN, model="karui-mini", terms=terms, full_tokens=290.0)
    records = Records()
    gateway = assemble(settings, choice, {"main": engine}, [records])
    with up(gateway) as address:
        for question in task.questions:
            ask(address, question.text)
        ask(address, task.questions[0].text, model="karui/full")
        records.wait(4)
        assert gateway.stores.requests.flush()
        yield address


def ask(url, text, model="karui/plan"):
    body = {"model": model, "messages": [{"role": "user", "content": text}], "metadata": {"bird": "heron"}}
    reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120)
    assert reply.status_code == 200, reply.text
    return reply


def test_figures_metrics_and_history_agree(url, folder):
    told = httpx.get(f"{url}/api/state").json()
    window = told["totals"]["window"]
    assert (window["requests"], window["planned"], told["totals"]["full"]) == (4, 3, 1)
    assert told["light"]["colour"] == "green"
    assert told["costs"]["saved_ever"] == pytest.approx(2e-6 * window["saved_tokens"])
    samples = {}
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
        for sample in family.samples:
            samples[(sample.name, sample.labels.get("model_name"), sample.labels.get("ran"))] = sample.value
    planned = ("karui/plan", "plan")
    assert samples["karui:e2e_request_latency_seconds_count", *planned] == 3
    generated = samples["karui:generation_tokens_total", *planned]
    assert (
        generated + samples["karui:generation_tokens_total", "karui/full", "full"]
        == window["generated_tokens"]
    )
    assert 0 < generated < 3 * 290
    records = RequestStore(folder / "history.sqlite3").since(0.0)
    assert sum(r.generated for r in records) == window["generated_tokens"]
    assert records[0].moves


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_there_in_the_readers_language(url, lang):
    reply = httpx.get(url, headers={"accept-language": lang})
    assert reply.status_code == 200
    assert f'<html lang="{lang}">' in reply.text
    assert MonitorTranslator(lang)("well") in reply.text
    assert reply.headers["cache-control"] == "no-store"
    assert MonitorTranslator("ja")("well") in httpx.get(f"{url}/?lang=ja").text


def test_a_short_answer_is_explained(url, folder, task):
    reply = ask(url, task.questions[1].text)
    name = reply.headers["x-karui-request-id"]
    page = httpx.get(f"{url}/explain/{name}?lang=ja")
    assert MonitorTranslator("ja")("explain_thinking") in page.text
    found = explanation(url, name)
    message = reply.json()["choices"][0]["message"]
    assert found["kept"]["thinking"] == message["reasoning"]
    assert found["kept"]["answer"] == message["content"]
    assert found["kept"]["params"]["metadata"] == {"bird": "[heron]"}
    assert found["full"]["thinking_tokens"] > found["kept"]["thinking_tokens"] > 0
    # Greedy on one engine: the same thought, and the mark is exactly where the plan ended it.
    assert found["same"]
    assert found["full"]["thinking"][: found["cut_chars"]] == message["reasoning"]
    assert {k.id for k in kept_in(folder / "kept.sqlite3", time.time())} >= {name}
    run = CliRunner().invoke(cli, ["explain", name, "--url", url, "--lang", "ja"])
    assert run.exit_code == 0, run.output
    assert MonitorTranslator("ja")("explain_agree" if found["agree"] else "explain_differ") in run.output
    told = CliRunner().invoke(cli, ["explain", f"chatcmpl-{name}", "--url", url, "--json"])
    assert json.loads(told.output) == found
    assert httpx.get(f"{url}/explain/none").status_code == 404
    assert httpx.post(f"{url}/explain/none").json()["error"]["code"] == "not_kept"


def test_the_page_lives_in_a_browser(url, chromium, task, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        said = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{url}/?lang=ja")
        before = page.locator("#tile-requests strong").inner_text()
        ask(url, task.questions[2].text)
        page.wait_for_function(
            "before => document.querySelector('#tile-requests strong').textContent !== before", arg=before
        )
        page.screenshot(path=str(tmp_path / "monitor.png"), full_page=True)
        page.locator("#live-latest a").first.click()
        page.wait_for_function("() => document.querySelector('#full mark')")
        page.screenshot(path=str(tmp_path / "explain.png"), full_page=True)
        assert said == []
        browser.close()
