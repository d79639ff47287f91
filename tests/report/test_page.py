"""The page in a real browser: it draws, calculates, fits its paper, and talks to nobody."""

import json
import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from karui.core.study import Assumptions
from karui.i18n.report import LANGUAGES, TABLE
from karui.report import write
from karui.report.context import Context
from karui.report.savings import save_per_machine, save_per_token
from karui.report.sections.savings_panel import results

A4 = {"width": 703, "height": 1039}  # pixels of 1/96 inch between the margins of print.css
DECISIONS = ("fix", "adopt", "pilot", "collect", "nothing", "withdrawn")


@contextmanager
def opened(browser, study, folder, lang="en", width=1280, **options):
    """Opens a report, and sees to it that it neither complains nor asks for anything."""
    (path,) = write(study, folder, lang, ["html"])
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    page.set_default_timeout(5000)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert said == []
    assert asked == [path.as_uri()]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("decision", DECISIONS)
def test_it_fits_screen_phone_and_paper(browser, study_of, tmp_path, decision, lang):
    study = study_of(decision, agreement=decision == "pilot")
    if decision == "adopt":  # with as much as there can be to ask for
        study = replace(study, assumptions=replace(study.assumptions, making_hours=0.42))
    with opened(browser, study, tmp_path, lang) as page:
        assert page.locator("#decision").is_visible()
        for name, width in (("desktop", 1280), ("tablet", 800), ("phone", 390)):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            page.locator("#first").screenshot(path=str(tmp_path / f"{name}.png"))
        page.emulate_media(media="print")
        page.set_viewport_size(A4)
        box = page.locator("#first").bounding_box()
        page.locator("#first").screenshot(path=str(tmp_path / "a4.png"))
        assert box["y"] + box["height"] <= A4["height"]
        assert page.evaluate("document.documentElement.scrollWidth") <= A4["width"]
        page.evaluate("document.getElementById('evidence').remove()")
        printed = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_whole_page_draws(browser, study, tmp_path, scheme):
    with opened(browser, study, tmp_path, color_scheme=scheme) as page:
        paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        # Every plan, the reference and the baseline; the marked plan is one of them.
        assert page.locator("#picture .point").count() == len(study.plans) + 2
        assert page.locator("#picture .frontier").count() == 1
        assert page.locator("#picture-shipped .source").inner_text() == TABLE["from_shipped"][0]
        page.screenshot(path=str(tmp_path / f"{scheme}.png"), full_page=True)


CASES = (
    {},
    {"price_output": 9.5, "one_off": 0.0},
    {"questions_per_month": 123456.0, "price_prompt": 3.0, "price_cached": 0.0},
    {"peak_questions_per_second": 250.5, "machine_price_per_hour": 11.25, "hours": 200.0},
    {"machine_tokens_per_second": 31.0, "one_off": 1e7},
    {"currency": "JPY", "price_output": 180.0, "one_off": 500000.0},
    {"price_output": None, "machine_tokens_per_second": None},
)


MADE = (
    {},
    {"making_hours": 0.0, "one_off": 0.0},
    {"making_hours": 12.5, "machine_price_per_hour": 3.0, "one_off": 0.0, "price_output": 9.5},
    {"making_hours": 0.021, "questions_per_month": 1234.0, "one_off": 0.0},
    {"making_hours": None},
    {"machine_tokens_per_second": 31.0, "peak_questions_per_second": 0.1},
)
"""The same where new weights were made, which cost something too."""


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("made", [False, True])
def test_the_page_calculates_as_python_does(browser, study, tmp_path, lang, made):
    if made:
        study = replace(study, assumptions=replace(study.assumptions, making_hours=0.42))
    context = Context.of(study, lang)
    with opened(browser, study, tmp_path, lang) as page:
        page.locator('input[name="mode"][value="machine"]').check(force=True)
        for case in MADE if made else CASES:
            assumed = replace(study.assumptions, **case)
            expected = replace(context, assumed=assumed)
            fields = {**assumed.numbers, "currency": assumed.currency}
            if not made:
                assert fields.pop("making_hours") is None
                assert page.locator("#a-making_hours").count() == 0
            elif assumed.making_hours is None:
                # The field is there and empty, which asks for it; without new weights it would not be there.
                page.fill("#a-making_hours", "")
                assert page.locator('.result[data-mode="token"] .hint').is_visible() is False
                assert page.locator('.result[data-mode="token"] [data-out="monthly"]').text_content() == "–"
                continue
            for name, value in fields.items():
                page.eval_on_selector(
                    f"#a-{name}",
                    "(i, v) => { i.value = v; i.dispatchEvent(new Event('input', {bubbles: true})); }",
                    "" if value is None else str(value),
                )
            for mode, save in (("token", save_per_token), ("machine", save_per_machine)):
                box = page.locator(f'.result[data-mode="{mode}"]')
                texts = results(expected, mode)
                for key, text in texts.items():
                    assert box.locator(f'[data-out="{key}"]').text_content() == text, (case, mode, key)
                found = save(expected.usage, assumed)
                if found is None:
                    assert box.get_attribute("data-monthly") is None
                    continue
                shown = json.loads(box.get_attribute("data-monthly"))
                assert shown == pytest.approx(list(found.monthly), rel=1e-12)
                year = json.loads(box.get_attribute("data-year"))
                assert year == pytest.approx(list(found.first_year), rel=1e-12)


def test_assumptions_can_be_changed_and_put_back(browser, study, tmp_path):
    with opened(browser, study, tmp_path) as page:
        amount = page.locator('.result[data-mode="token"] [data-out="monthly"]')
        first = amount.inner_text()
        origin = page.locator(".field:has(#a-price_output) .origin")
        assert origin.inner_text() == "stated"
        page.fill("#a-price_output", "12")
        assert amount.inner_text() != first
        assert origin.inner_text() == "edited"
        page.fill("#a-price_output", "many")
        assert page.locator('.result[data-mode="token"] .hint').inner_text() == TABLE["impossible"][0]
        page.fill("#a-price_output", "１,２００")
        assert page.locator('.result[data-mode="token"] .hint').is_hidden()
        page.click(".reset")
        assert amount.inner_text() == first
        assert not page.locator("#a-machine_price_per_hour").is_visible()
        page.locator('label:has(input[name="mode"][value="machine"])').click()
        assert page.locator("#a-machine_price_per_hour").is_visible()
        assert not page.locator("#a-price_output").is_visible()
        measured = page.locator(".field:has(#a-machine_tokens_per_second) .origin")
        assert measured.inner_text() == "measured"


def test_the_picture_answers(browser, study, tmp_path):
    with opened(browser, study, tmp_path) as page:
        picture = page.locator("#picture")
        points, title = picture.locator(".point"), picture.locator(".canvas .title").nth(1)
        everything, at = points.count(), points.first.get_attribute("transform")
        for axis in ("flops", "latency", "memory", "cost"):
            before = title.text_content()
            picture.locator(f'.switch label:has(input[value="{axis}"])').click()
            assert title.text_content() != before
        assert points.first.get_attribute("transform") != at
        button = picture.locator('button[data-group="control"]')
        controls = picture.locator('.point[data-group="control"]')
        count = controls.count()
        assert count > 0
        button.click()
        assert controls.count() == 0
        assert points.count() == everything - count
        assert button.get_attribute("aria-pressed") == "false"
        button.click()
        assert points.count() == everything
        picture.locator(".zoom").click()
        assert 2 < points.count() < everything
        detail = picture.locator(".detail")
        selected = detail.get_attribute("data-plan")
        assert selected == "c0ffee123456"
        picture.locator(".canvas").focus()
        page.keyboard.press("ArrowRight")
        assert detail.get_attribute("data-plan") != selected
        picture.locator(f'.point[data-plan="{selected}"]').hover()
        assert detail.get_attribute("data-plan") == selected


def test_text_cannot_become_markup(browser, evil, tmp_path):
    with opened(browser, evil, tmp_path) as page:
        for group in page.locator("details").all():
            group.evaluate("d => { d.open = true; }")
        for point in page.locator("#picture .point").all()[:5]:
            point.hover(force=True)
        assert page.evaluate("window.pwned") is None
        assert page.locator("img").count() == 0


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_missing_breaks_nothing(browser, bare, study, tmp_path, lang):
    with opened(browser, bare, tmp_path / "bare", lang) as page:
        assert page.locator("#picture .switch input").count() == 2
    nothing = replace(bare, plans=(), assumptions=Assumptions())
    with opened(browser, nothing, tmp_path / "nothing", lang) as page:
        assert page.locator(".picture").count() == 0
    first = study.examples[0]
    unpriced = replace(
        study,
        assumptions=Assumptions(),
        examples=(replace(first, full=replace(first.full, thinking="")),),
    )
    with opened(browser, unpriced, tmp_path / "unpriced", lang) as page:
        column = LANGUAGES.index(lang)
        assert page.locator('.result[data-mode="token"] .hint').inner_text() == TABLE["enter_missing"][column]
        assert TABLE["no_text"][column] in page.locator("#s-traces").inner_text()


def test_no_english_is_left_in_japanese(browser, study, tmp_path):
    """Words of the page itself; names, labels and texts of the study are data."""
    with opened(browser, study, tmp_path, "ja") as page:
        for group in page.locator("details").all():
            group.evaluate("d => { d.open = true; }")
        page.evaluate("for (const e of document.querySelectorAll('code, pre')) e.remove()")
        text = page.locator("body").inner_text()
    for example in study.examples:
        text = text.replace(example.question, "")
    known = {
        *"karui mini orders refunds shipping dates discounts stock counts tax traces test pilot".split(),
        *"torch transformers API FLOPs KV AES ECE MiB KiB GiB EUR ms JSON".split(),
    }
    text = text.replace("The recording holds no such sampling.", "").replace(study.shipped.title, "")
    text = re.sub(r"[a-z]+(-[a-z]+)+\([^)]*\)|top-[pk]", "", text)
    assert set(re.findall(r"[A-Za-z]{2,}", text)) - known == set()
