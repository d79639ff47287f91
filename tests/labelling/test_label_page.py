"""The labelling page in a real browser: by keyboard alone, blind, kept at once, and closed to other sites."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import httpx
import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from karui.core.errors import InputError
from karui.i18n.labelling import LabelTranslator
from karui.i18n.languages import LANGUAGES
from karui.labelling.server import Desk, app
from karui.recording.judging.labels import FILE, Labels, Pair, Sheet, truth
from karui.tasks.verifiers.judge import Mode

EVIL = "<img src=x onerror=\"document.title='hit'\">\nAnd one more line."
SHOTS = os.environ.get("KARUI_SHOTS", "")
"""A folder for pictures of the page, to be looked at."""


def sheet(mode: str = "pairwise", count: int = 4) -> Sheet:
    """Returns pairs of replies to customers, one of which is the same text twice."""
    pairs = [
        Pair(
            f"u{n}",
            f"Where is my order {n}? I have been waiting for two weeks, and nobody answers the telephone.",
            "It says when the parcel comes." if mode == "rubric" else "",
            f"Full {n}: Dear customer,\n\nwe are sorry. Your parcel left our warehouse on Monday, and should "
            "be with you by Friday. If it is not, we will send it once more, free of charge.\n\nKind regards",
            EVIL if n == 0 else f"Plan {n}: Sorry! It comes on Friday.",
        )
        for n in range(count)
    ]
    pairs.append(Pair("alike", "Same?", "", "One text.", "One text."))
    return Sheet(mode, "plan", "chain-of-draft", 4, tuple(pairs))


class Site:
    """A labelling server in a thread."""

    def __init__(self, folder: Path) -> None:
        taken = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app(Desk(folder)), log_level="error", lifespan="off"))
        self._thread = Thread(target=lambda: self._server.run(sockets=[taken]), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def close(self) -> None:
        """Stops it."""
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def site(tmp_path):
    """The page of four pairs."""
    sheet().save(tmp_path)
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser(chromium):
    """A browser."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield made
        made.close()


def shot(page, name: str) -> None:
    """Keeps a picture, where somebody wants to look at it."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_done_by_keyboard_alone_and_kept(browser, site, tmp_path, lang) -> None:
    words, asked = LabelTranslator(lang), sheet()
    page = browser.new_page(locale=lang, viewport={"width": 1280, "height": 860})
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(site.address)
    page.wait_for_selector("#work:not([hidden])")
    assert page.locator("html").get_attribute("lang") == lang
    assert words("lead_pairwise") in page.inner_text("h1")
    assert "Full" not in page.inner_text("header") + page.inner_text("footer")
    shot(page, f"pair-{lang}")
    for n, pair in enumerate(asked.pairs[:-1]):
        page.locator("#question", has_text=f"order {n}?").wait_for()
        left = page.inner_text("#left")
        assert (left == pair.full) is not pair.tasks(Mode.PAIRWISE)[0].turned
        page.keyboard.press("1")  # whatever stands left
    page.wait_for_selector("#finished:not([hidden])")
    shot(page, f"finished-{lang}")
    kept = Labels.open(tmp_path).values
    for pair in asked.pairs[:-1]:
        expected = -1.0 if pair.tasks(Mode.PAIRWISE)[0].turned else 1.0
        assert truth(pair, Mode.PAIRWISE, kept) == expected
    assert truth(asked.pairs[-1], Mode.PAIRWISE, kept) == 0.0
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('#choices [aria-pressed="true"]')
    shot(page, f"back-{lang}")
    page.keyboard.press("2")
    page.wait_for_selector("#finished:not([hidden])")
    assert truth(asked.pairs[-2], Mode.PAIRWISE, Labels.open(tmp_path).values) == 0.0
    assert page.title() == words("title")
    assert not wrong
    page.close()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_rubric_shows_one_answer_and_its_criteria(browser, tmp_path, lang) -> None:
    sheet("rubric").save(tmp_path)
    made = Site(tmp_path)
    page = browser.new_page(locale=lang, viewport={"width": 390, "height": 844})
    page.goto(made.address)
    page.wait_for_selector("#work:not([hidden])")
    assert page.locator("#right").count() == 0
    assert "parcel comes" in page.inner_text("#criteria")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, f"rubric-phone-{lang}")
    page.click("#choices [data-value='2']")
    page.locator("#progress", has_text="1").wait_for()
    assert list(Labels.open(tmp_path).values.values()) == [0.5]
    page.close()
    made.close()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_narrow_page_names_answers_as_they_stand(browser, site, lang) -> None:
    words = LabelTranslator(lang)
    page = browser.new_page(locale=lang, viewport={"width": 390, "height": 844})
    page.goto(site.address)
    page.wait_for_selector("#work:not([hidden])")
    shot(page, f"pair-phone-{lang}")
    first, second = (page.locator(box).bounding_box() for box in ("#left", "#right"))
    assert first["x"] == second["x"]
    assert first["y"] < second["y"]
    assert [page.inner_text(f".sides article:nth-child({n}) h2") for n in (1, 2)] == [
        words("upper"),
        words("lower"),
    ]
    assert page.inner_text("#choices [data-value='3']") == words("stacked_3")
    page.set_viewport_size({"width": 1280, "height": 860})
    first, second = (page.locator(box).bounding_box() for box in ("#left", "#right"))
    assert first["y"] == second["y"]
    assert first["x"] < second["x"]
    assert words("pair_3") in page.inner_text("#choices [data-value='3']")
    page.close()


def test_markdown_is_shown_as_it_reads_and_as_it_is_written(browser, tmp_path) -> None:
    said = f"## Your order\n\n* it is **late**\n* it comes on Friday\n\n{EVIL}\n\n[Track it](http://127.0.0.1:9/x)"
    pair = Pair("u", "Where is it?", "", said, "Sorry.")
    Sheet("pairwise", "plan", "chain-of-draft", 4, (pair,)).save(tmp_path)
    made = Site(tmp_path)
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(made.address)
    page.wait_for_selector("#work:not([hidden])")
    shot(page, "markdown")
    side = page.locator("#left.rich, #right.rich", has_text="it is late")
    assert side.locator("li strong").inner_text() == "late"
    assert side.locator("h4").inner_text() == "Your order"
    assert side.locator("a, img, script").count() == 0
    assert "<img src=x" in side.inner_text()
    page.click("#written")
    assert said in [page.inner_text(box) for box in ("#left", "#right")]
    assert page.get_attribute("#written", "aria-pressed") == "true"
    page.keyboard.press("1")
    page.wait_for_selector("#finished:not([hidden])")
    assert all(url.startswith(made.address) for url in asked)
    assert page.title() != "hit"
    page.close()
    made.close()


def test_a_label_that_cannot_be_kept_says_so(browser, site) -> None:
    page = browser.new_page()
    page.goto(site.address)
    page.wait_for_selector("#work:not([hidden])")
    before = page.inner_text("#left")
    site.close()
    page.keyboard.press("1")
    page.wait_for_selector("#note:not(:empty)")
    assert page.inner_text("#left") == before
    page.close()


def test_other_sites_and_other_names_are_turned_away(site, tmp_path) -> None:
    task = httpx.get(f"{site.address}/api/task").json()
    body = {"id": task["task"]["id"], "at": 0, "value": 1}
    for headers in (
        {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
        {"x-forwarded-for": "10.0.0.9"},
    ):
        assert httpx.post(f"{site.address}/api/label", json=body, headers=headers).status_code in {401, 403}
    plain = {"content-type": "text/plain"}
    assert httpx.post(f"{site.address}/api/label", content=json.dumps(body), headers=plain).status_code == 415
    assert not (tmp_path / FILE).exists()
    reply = httpx.get(site.address)
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]


@pytest.mark.parametrize(
    "body", [{}, [], {"id": "x", "at": 0, "value": 1}, {"id": 7}, {"value": 9, "id": None, "at": 0}]
)
def test_what_is_no_label_is_refused(site, tmp_path, body) -> None:
    assert httpx.post(f"{site.address}/api/label", json=body).status_code == 400
    assert not (tmp_path / FILE).exists()


def test_nothing_to_label_is_said(tmp_path) -> None:
    with pytest.raises(InputError, match="karui choose"):
        Desk(tmp_path)


def test_killed_it_goes_on_where_it_was(tmp_path) -> None:
    sheet().save(tmp_path)
    command = [sys.executable, "-m", "karui", "label", str(tmp_path), "--port", "0", "--no-browser"]
    for done in range(2):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = process.stderr.readline()
        address = told.split("The page: ")[1].split(" ")[0].rstrip("/")
        task = _task(address)
        assert task["done"] == done
        body = {"id": task["task"]["id"], "at": task["at"], "value": 3}
        assert httpx.post(f"{address}/api/label", json=body).status_code == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert Desk(tmp_path).done == 2


def _task(address: str) -> dict:
    for _ in range(200):
        try:
            return httpx.get(f"{address}/api/task").json()
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("the page never came")
