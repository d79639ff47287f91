"""The monitor in a real browser: it draws, stays live, says when it is cut off, and fits a phone."""

import asyncio
import socket
import time
from dataclasses import replace
from threading import Event, Thread

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from karui.gateway.backends.explain import Explanation, Thought
from karui.gateway.monitor import explained
from karui.gateway.monitor.page import figures, page
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Kept
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.request_store import RequestStore
from karui.gateway.rollout.guard_status import Phase
from karui.gateway.routing.fallback_policy import Action
from karui.i18n.monitor import LANGUAGES, MonitorTranslator
from tests.helpers.gateway_records import guard, now, served

KEPT = Kept(
    id="r1",
    at=1000.0,
    plan="trial-confidence",
    model="karui/plan",
    messages=({"role": "user", "content": "6 × 7? <b>bold</b>"},),
    thinking="First, 6 × 7 is 42.",
    answer="42",
    cut=9,
    thinking_tokens=9,
    moves="answer@9",
)

DRIFT = Because.of(Cause.TEST, test="thinking")


class Site:
    """A server of the pages, whose state the test sets."""

    def __init__(self):
        self.at = now(at=time.time(), started_at=time.time() - 600)
        self.history = RequestStore(None)
        self.broken = False
        self.refused = 0
        self.thought = Event()
        self.thought.set()
        routes = [
            Route("/", self.monitor),
            Route("/api/state", self.state),
            Route("/explain/{id}", self.explain, methods=["GET", "POST"]),
        ]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    async def monitor(self, request):
        return HTMLResponse(page(*self._now(), request.query_params.get("lang", "en"), poll_seconds=0.4))

    async def state(self, request):
        if self.broken:
            return JSONResponse({}, status_code=500)
        return JSONResponse(figures(*self._now(), request.query_params.get("lang")))

    async def explain(self, request):
        lang = request.query_params.get("lang", "en")
        kept = KEPT if request.path_params["id"] == KEPT.id else None
        if request.method == "GET":
            return HTMLResponse(explained.page(request.path_params["id"], kept, lang))
        await asyncio.to_thread(self.thought.wait, 20)
        if self.refused:
            self.refused -= 1
            return JSONResponse({"error": {"message": "the server is <i>down</i>"}}, status_code=502)
        full = Thought(KEPT.thinking + " Check: 7 × 6 is 42 too.", "43", 20)
        return JSONResponse(explained.shown(Explanation.of(KEPT, full), lang))

    def _now(self):
        return replace(self.at, at=time.time()), self.history.totals(time.time() - 3600), ()

    def serve(self, count, **given):
        for n in range(count):
            self.history.see(served(n, at=time.time(), **given))

    def close(self):
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture(scope="module")
def browser(chromium):
    """As in tests/report: while playwright is open, no later test could run an event loop in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(chromium), args=switches)
        yield made
        made.close()


@pytest.fixture
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture
def opened(browser, site):
    """Opens an address and sees to it that the page neither complains nor asks anyone else."""
    pages, said, asked = [], [], []

    def open_(path, *, width=1280, frozen=False, **options):
        made = browser.new_page(viewport={"width": width, "height": 900}, **options)
        made.set_default_timeout(15_000)
        if frozen:  # the page's clock goes on only where the test says so
            made.clock.install()
        made.on("console", lambda message: said.append(message.text))
        made.on("pageerror", lambda error: said.append(str(error)))
        made.on("request", lambda request: asked.append(request.url))
        made.goto(site.address + path)
        pages.append(made)
        return made

    yield open_
    for made in pages:
        made.close()
    expected = "Failed to load resource: the server responded with a status of 50"
    assert [line for line in said if not line.startswith(expected)] == []
    assert [url for url in asked if not url.startswith(site.address)] == []


def says(made, selector, text):
    """Waits until an element holds a text."""
    made.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)",
        arg=[selector, text],
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_live_numbers_change(opened, site, tmp_path, lang):
    site.serve(7)
    made = opened(f"/?lang={lang}")
    says(made, "#tile-requests strong", "7")
    assert made.locator("html").get_attribute("lang") == lang
    assert made.locator(".signal.green").is_visible()
    made.screenshot(path=str(tmp_path / f"{lang}-before.png"), full_page=True)
    before = made.locator("#tile-saved strong").inner_text()
    site.serve(30, thinking_tokens=300)
    site.at = replace(site.at, in_flight=9)
    says(made, "#tile-requests strong", "37")
    says(made, "#tile-requests", "9")
    assert made.locator("#tile-saved strong").inner_text() != before
    assert made.locator("#live-latest tbody tr").count() == 12
    site.at = replace(site.at, guard=guard(Phase.TRIPPED, DRIFT, evidence=900.0, probe_at=time.time()))
    made.locator(".signal.red").wait_for()
    says(made, ".signal h1", MonitorTranslator(lang)("tripped"))
    made.wait_for_function("() => document.title.startsWith('✕')")
    made.screenshot(path=str(tmp_path / f"{lang}-after.png"), full_page=True)


def test_lost_contact_is_said_and_made_up_for(opened, site):
    made = opened("/")
    site.broken = True
    made.locator("#contact").wait_for()
    assert "No contact with the gateway since" in made.locator("#contact").inner_text()
    site.broken = False
    made.locator("#contact").wait_for(state="hidden")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_desktop_tablet_and_phone(opened, site, tmp_path, lang, scheme):
    site.serve(40)
    site.serve(1, id="a-very-long-identifier-without-any-place-to-break-" * 3)
    site.at = replace(
        site.at, keep_hours=24.0, upstream="http://a.very.long.name.of.a.model.server.example:8000/v1"
    )
    made = opened(f"/?lang={lang}", color_scheme=scheme)
    paper = made.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (paper == "rgb(244, 246, 248)") == (scheme == "light")
    for width in (1280, 800, 390, 320):
        made.set_viewport_size({"width": width, "height": 900})
        assert made.evaluate("document.documentElement.scrollWidth") <= width
        made.screenshot(path=str(tmp_path / f"{lang}-{scheme}-{width}.png"), full_page=True)
        if width == 390:  # the light and all four tiles are seen without scrolling
            tiles = made.locator("#live-tiles").bounding_box()
            assert tiles["y"] + tiles["height"] <= 900


def test_folds_that_were_opened_stay_open(opened, site):
    site.at = replace(site.at, table=((FallbackReason.TIMEOUT, Action.FULL),))
    made = opened("/")
    made.locator("#live-answered summary").click()
    site.serve(5)
    says(made, "#tile-requests strong", "5")
    assert made.locator("#live-answered details").get_attribute("open") is not None


def test_it_asks_only_while_it_is_looked_at(opened, site):
    made = opened("/", frozen=True)
    counted = []
    made.on("request", lambda request: counted.append(request.url))
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s})"
    with made.expect_request("**/api/state*"):  # looked at, it asks as its clock goes on
        made.clock.run_for(500)
    made.evaluate(hide % "true")
    quiet = len(counted)
    made.clock.run_for(60_000)
    assert len(counted) == quiet
    made.evaluate(hide % "false")
    with made.expect_request("**/api/state*"):
        made.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_answer_is_explained(opened, site, tmp_path, lang):
    w = MonitorTranslator(lang)
    site.thought.clear()
    made = opened(f"/explain/r1?lang={lang}")
    assert w("explain_thinking") in made.locator("#full").inner_text()
    assert "<b>bold</b>" in made.locator(".asked").inner_text()
    site.thought.set()
    says(made, "#full mark", w("explain_same_cut"))
    says(made, "#verdict", w("explain_differ"))
    assert made.locator("#full s").inner_text().strip() == "Check: 7 × 6 is 42 too."
    for width in (1280, 390):
        made.set_viewport_size({"width": width, "height": 900})
        assert made.evaluate("document.documentElement.scrollWidth") <= width
        made.screenshot(path=str(tmp_path / f"explain-{lang}-{width}.png"), full_page=True)


def test_what_cannot_be_explained_says_so_and_can_be_tried_again(opened, site):
    site.refused = 1
    made = opened("/explain/r1")
    says(made, "#full", "the server is <i>down</i>")
    made.get_by_role("button").click()
    says(made, "#full mark", "what follows was saved")
    assert "Nothing is kept under gone." in opened("/explain/gone").locator("main").inner_text()
