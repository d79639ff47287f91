"""The page: whole without its script, sorted and filtered by keyboard, one set at a time, nothing fetched."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright
from typer.testing import CliRunner

import karui
from karui.benchmarking.frontier import Dot, frontier_of
from karui.benchmarking.page import page, write_page
from karui.benchmarking.results_file import load_results
from karui.benchmarking.run import FILE
from karui.cli.main import app
from karui.i18n.benchmark import BENCHMARK
from karui.i18n.languages import LANGUAGES
from tests.benchmarking.suites import made

EVIL = "<img src=x onerror=\"document.title='hit'\">"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The small suite's results on two question sets, the second one under a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    one = karui.benchmark(made(folder), folder / "out")
    digest = "sha256:" + "3" * 64
    info = one.sets[0].model_copy(
        update={"name": "second", "digest": digest, "title": {"en": EVIL, "ja": EVIL}}
    )
    cells = [
        c.model_copy(update={"set": "second", "set_digest": digest, "model": EVIL, "key": ""})
        for c in one.cells[:3]
    ]
    return one.model_copy(update={"sets": (*one.sets, info), "cells": (*one.cells, *cells)})


@pytest.fixture(scope="module")
def opened(results, chromium, tmp_path_factory):
    """The English page, opened from a folder, with what it asked for and what went wrong."""
    folder = tmp_path_factory.mktemp("site")
    write_page(results, folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        asked, errors = [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        tab.goto((folder / "index.html").as_uri())
        yield tab, asked, errors
        browser.close()


@pytest.fixture
def tab(opened):
    """The page as it is when it is opened."""
    opened[0].goto(opened[0].url.partition("#")[0])
    opened[0].reload()
    return opened[0]


def rows(tab):
    return tab.locator(".set:not([hidden]) .cells tbody tr:not([hidden])")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_whole_without_its_script(results, lang):
    html = page(results, lang)
    assert html.count('<section class="set"') == 2
    assert html.count("<tr id=") == sum(len(c.points) for c in results.cells)
    assert html.count('<svg class="frontier"') >= 4
    assert f'<html lang="{lang}">' in html
    assert EVIL not in html
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    for missing in results.missing:
        assert not missing.make or missing.make in html


def test_every_sentence_exists_in_both_languages_with_the_same_placeholders():
    for key, (english, japanese) in BENCHMARK.items():
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", japanese)), key


def test_it_works_from_a_folder_and_asks_for_nothing(opened, tab):
    _, asked, errors = opened
    assert {url.partition("#")[0].rsplit("/", 1)[-1] for url in asked} == {"index.html"}
    assert errors == []
    assert tab.title() == "Small"


def test_one_set_is_shown_at_a_time_and_has_an_address(tab):
    expect(tab.locator(".set:not([hidden])")).to_have_count(1)
    tab.select_option("#set", "second")
    expect(tab.locator(".set:not([hidden])")).to_have_attribute("data-set", "second")
    assert tab.url.endswith("#set-second")
    assert tab.locator(".mast nav a").nth(1).get_attribute("href") == "ja.html#set-second"


def test_headings_sort_by_keyboard_and_say_so(tab):
    head = tab.locator(".set:not([hidden]) .cells th[data-column=accuracy]")
    head.locator("button").focus()
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    values = [
        float(v)
        for v in rows(tab).locator("td:nth-child(3)").evaluate_all("all => all.map(c => c.dataset.v)")
    ]
    assert values == sorted(values, reverse=True)
    expect(tab.locator("#status")).to_have_text("Sorted by Accuracy, descending")
    tab.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "ascending"
    assert tab.locator(".set:not([hidden]) .cells [aria-sort]").count() == 1


def test_missing_figures_come_last_either_way(tab):
    column = tab.locator(".set:not([hidden]) .cells th[data-column='random-exit']")
    column.locator("button").click()
    for _ in range(2):
        last = rows(tab).last.locator("td").nth(7)
        assert last.get_attribute("data-v-tokens") == ""
        column.locator("button").click()


def test_filters_hide_rows_and_their_dots(tab):
    everything = rows(tab).count()
    tab.uncheck("[name=family][value=control]")
    there = rows(tab).count()
    assert 0 < there < everything
    assert tab.locator(".set:not([hidden]) .ax.tokens .dot:not(.out)").count() == there
    expect(tab.locator("#status")).to_have_text(f"{there} of {everything} rows")
    tab.fill("#search", "stability")
    assert rows(tab).count() == 2
    tab.fill("#search", "")
    tab.check("#front")
    assert 0 < rows(tab).count() < there


def test_the_axis_changes_picture_and_comparison(tab):
    figure = tab.locator(".set:not([hidden]) figure:visible svg")
    assert "tokens" in figure.get_attribute("aria-label")
    tab.locator("[name=axis][value=latency]").check(force=True)
    assert "latency" in figure.get_attribute("aria-label")
    expect(
        tab.locator(".set:not([hidden]) .cells th[data-column='plain-control'] small:visible")
    ).to_have_text("at equal latency, points")


def test_models_that_a_set_lacks_are_not_offered(tab):
    tab.select_option("#model", "model-one")
    tab.select_option("#set", "second")
    assert tab.input_value("#model") == ""
    assert tab.locator("#model option:not([disabled])").count() == 2


def test_the_frontier_is_what_nothing_beats():
    def at(x, y):
        return Dot(f"{x}", x, y, y, y, "m", "faster", "")

    kept = frontier_of([at(3, 0.5), at(1, 0.4), at(2, 0.6), at(2, 0.3), at(4, 0.6), at(5, 0.7)])
    assert [(d.x, d.y) for d in kept] == [(1, 0.4), (2, 0.6), (5, 0.7)]


def test_the_command_writes_the_page_and_prints_a_set(results, tmp_path):
    from karui.benchmarking.results_file import save_results

    save_results(results, tmp_path / FILE)
    runner = CliRunner()
    done = runner.invoke(app, ["benchmark", "table", str(tmp_path / FILE), "--out", str(tmp_path / "site")])
    assert done.exit_code == 0, done.output
    assert load_results(tmp_path / "site" / FILE) == results
    names = {p.name for p in (tmp_path / "site").iterdir()}
    assert names == {"index.html", "ja.html", FILE, "benchmark.schema.json"}
    table = runner.invoke(
        app, ["benchmark", "table", str(tmp_path / FILE), "--out", str(tmp_path / "s"), "--set", "made"]
    )
    assert "trial-stability:k=2" in table.output
    assert runner.invoke(app, ["benchmark", "table", str(tmp_path / FILE), "--set", "nope"]).exit_code == 2
