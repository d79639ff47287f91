"""The contract sheet: filled from the passport, honest about what karui does not answer, in two languages."""

import re
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from karui.cli.main import app
from karui.core.errors import UnknownName
from karui.i18n.contract import CONTRACT
from karui.i18n.contract_clauses import CLAUSES
from karui.passport import contract
from karui.passport.contract import sheet
from karui.passport.sheet_files import html, markdown, write_sheet


@pytest.fixture(autouse=True, scope="module")
def few_worlds():
    """Simulated acceptances in a few worlds: how many questions they take matters to no test here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("karui.passport.acceptance.chances"), "WORLDS", 50)
        yield


@pytest.fixture(scope="module", params=["en", "ja"])
def form(made, request):
    return sheet(made.passport, request.param)


def test_it_is_filled_from_the_passport(made):
    found = {item: value for section in sheet(made.passport).sections for item, value in section.rows}
    assert found["Plan"] == made.passport.plan.label
    assert "at most 20.0 points" in found["Promised"]
    assert found["Valid"] == "1 December 2026 to 1 March 2027"
    assert "J (rapl; from the joules per token" in found["Energy per question"]
    assert "other weights" in found["Ended by"]
    assert found["Cost of 1,000 questions"] == "not known"
    assert found["Supplier answers for"].startswith("To be agreed")


def test_a_plan_that_is_not_certified_promises_nothing(made):
    promise = replace(made.passport.promise, verdict="promising")
    found = dict(sheet(replace(made.passport, promise=promise)).sections[0].rows)
    assert found["Promised"] == "nothing: the study certified no plan"


@pytest.fixture
def at_once(monkeypatch):
    """A sheet without simulated acceptances."""
    simulated = SimpleNamespace(paired=True, needed=lambda: (100, None))
    monkeypatch.setattr(contract, "outlooks", lambda passport, plan: [simulated])


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("verdict", ["promising", "not supported", "baseline"])
def test_no_clause_names_a_bound_that_nothing_certifies(made, at_once, verdict, lang):
    p = replace(made.passport, promise=replace(made.passport.promise, verdict=verdict, bound=0.1234))
    assert not any("12.3" in row.answer for row in sheet(p, lang).clauses)
    certified = replace(p, promise=replace(p.promise, verdict="certified"))
    assert any("12.3" in row.answer for row in sheet(certified, lang).clauses)


def test_what_is_not_known_of_the_guidelines_is_said(made, at_once):
    said = {"en": ("not at hand", "was not checked"), "ja": ("参照しておらず", "確認していません")}
    for lang, parts in said.items():
        made_of = sheet(made.passport, lang)
        assert all(part in made_of.note for part in parts)
        assert sum("1.2" in row.topic for row in made_of.clauses) == 2


def test_an_issuer_may_write_what_a_spreadsheet_cannot_hold(made, at_once, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    strange = sheet(replace(made.passport, issuer="A\x07supplier\x1b[2J"))
    for name in ("s.xlsx", "s.html", "s.md"):
        write_sheet(strange, tmp_path / name)
    form = openpyxl.load_workbook(tmp_path / "s.xlsx").worksheets[0]
    assert "Asupplier[2J" in form["A2"].value


def test_energy_that_was_not_measured_is_not_made_up(made):
    none = replace(made.passport.consumption, joules={})
    found = dict(sheet(replace(made.passport, consumption=none)).sections[0].rows)
    assert found["Energy per question"].startswith("not measured")


def test_every_clause_says_what_answers_it_or_that_karui_does_not(form):
    assert len(form.clauses) == len(CLAUSES)
    assert {row.answered for row in form.clauses} == {True, False}
    for row in form.clauses:
        assert "{" not in row.answer
        nothing = row.answer in {CONTRACT["not_karui"][0], CONTRACT["not_karui"][1]}
        assert row.answered is not nothing
    assert len({row.standard for row in form.clauses}) == 4


def test_markdown_and_html_hold_every_value_and_no_markup_of_others(made):
    strange = replace(made.passport, issuer="<script>alert(1)</script> | *x*")
    for text in (markdown(sheet(strange)), html(sheet(strange))):
        assert "<script>alert" not in text
        assert strange.id in text
    page = html(sheet(strange, "ja"))
    assert 'lang="ja"' in page
    assert "Content-Security-Policy" in page
    assert "src=" not in page.partition("</head>")[2]


def test_the_spreadsheet_is_read_back_and_runs_no_formula(made, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    strange = replace(made.passport, fallback="=1+1")
    write_sheet(sheet(strange, "ja"), tmp_path / "sheet.xlsx")
    book = openpyxl.load_workbook(tmp_path / "sheet.xlsx")
    form, clauses = book.worksheets
    cells = [cell for row in form.iter_rows() for cell in row if cell.value is not None]
    assert "=1+1" in {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} == {"s"}
    assert clauses.max_row == len(CLAUSES) + 3
    assert form["A1"].value.startswith("契約シート")


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_row_is_as_high_as_its_wrapped_text(made, tmp_path, lang):
    openpyxl = pytest.importorskip("openpyxl")
    long = "長い説明" * 60 if lang == "ja" else "a long word " * 30
    write_sheet(sheet(replace(made.passport, fallback=long), lang), tmp_path / "sheet.xlsx")
    form = openpyxl.load_workbook(tmp_path / "sheet.xlsx").worksheets[0]
    heights = {row[1].value: form.row_dimensions[row[1].row].height for row in form.iter_rows()}
    line = min(heights.values())
    columns = len(long) * (2 if lang == "ja" else 1)
    assert heights[long] >= line * columns / form.column_dimensions["B"].width


def test_another_format_is_refused(made, tmp_path):
    with pytest.raises(UnknownName, match="format of a sheet"):
        write_sheet(sheet(made.passport), tmp_path / "sheet.pdf")


def test_both_languages_have_the_same_placeholders():
    pairs = [*CONTRACT.values(), *(c.answer for c in CLAUSES if c.answer)]
    for english, japanese in pairs:
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", japanese)), english


def test_the_command_writes_it_of_a_passport_that_holds(made, pair, tmp_path):
    from karui.study.passports.issue import Writing, write_passport

    passport = write_passport(made.study, pair[0], tmp_path / "p", Writing())[0]
    words = ["passport", "sheet", str(passport), "--out", str(tmp_path / "s.md"), "--lang", "ja"]
    done = CliRunner().invoke(app, [*words, "--key", str(pair[1])])
    assert done.exit_code == 0, done.output
    assert "責任分担" in (tmp_path / "s.md").read_text(encoding="utf-8")
    passport.write_text(passport.read_text().replace('"payload": "', '"payload": "ICAg'))
    assert CliRunner().invoke(app, [*words, "--key", str(pair[1])]).exit_code == 1
