"""The section on thinking that goes wrong, and what stands beside truncation everywhere."""

import json
from dataclasses import replace

import pytest

from karui.cli.summary import row, say_misbehaviour
from karui.i18n.report import LANGUAGES, TABLE
from karui.measure.misbehaviour import misbehaviours
from karui.report import write
from karui.testing.synthetic import synthetic


@pytest.fixture(scope="module")
def rows():
    """The model as it came, and a version of it that was recorded on the same questions."""
    first, other = synthetic(30, 4, seed=3), synthetic(30, 4, seed=4)
    return tuple(misbehaviours([("", first), ("int4-weights", other)], lambda _, o: o))


@pytest.fixture
def told(study, rows):
    loops = replace(study.baseline, looped=0.0734, answered=0.8123)
    return replace(study, misbehaviour=rows, baseline=loops)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_model_has_its_row_in_every_form(told, tmp_path, lang, rows):
    html, md, as_json = write(told, tmp_path, lang)
    column = LANGUAGES.index(lang)
    for path in (html, md):
        text = path.read_text(encoding="utf-8")
        for key in ("misbehaviour", "lost", "lost_rise", "lost_of_wrong", "looped"):
            assert TABLE[key][column].format(wrong=("wrong", "不正解")[column]) in text, (key, path)
        assert "int4-weights" in text
        assert f"{100 * rows[1].lost.value:.1f}%" in text
        assert f"{100 * rows[1].lost_of_wrong:.1f}%" in text
    kept = json.loads(as_json.read_text(encoding="utf-8"))["misbehaviour"]
    assert [r["label"] for r in kept] == ["", "int4-weights"]
    assert kept[1]["lost_rise"]["questions"] == 30


@pytest.mark.parametrize("lang", LANGUAGES)
def test_loops_stand_beside_truncation_and_abstentions_beside_accuracy(told, tmp_path, lang):
    html, md, _ = write(told, tmp_path, lang)
    page, column = html.read_text(encoding="utf-8"), LANGUAGES.index(lang)
    assert TABLE["looped_note"][column].format(share="7.3%") in page
    assert TABLE["abstains"][column].format(share="18.8%") in page
    assert TABLE["abstains"][column].format(share="18.8%") in md.read_text(encoding="utf-8")
    assert "7.3%" in md.read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_was_not_recorded_is_not_there(told, tmp_path, rows, lang):
    none = {"looped": None, "loop_tokens": None, "lost": None, "lost_of_wrong": None, "lost_rise": None}
    bare = tuple(replace(row, **none) for row in rows)
    html, md, _ = write(replace(told, misbehaviour=bare), tmp_path, lang)
    for path in (html, md):
        text = path.read_text(encoding="utf-8")
        assert TABLE["lost_unknown"][LANGUAGES.index(lang)] in text
        assert TABLE["loops_unknown"][LANGUAGES.index(lang)] in text


def test_a_study_of_before_says_nothing_of_it(study, tmp_path):
    html, md, _ = write(replace(study, misbehaviour=()), tmp_path)
    for path in (html, md):
        assert TABLE["misbehaviour"][0] not in path.read_text(encoding="utf-8")


def test_the_terminal_says_it_too(rows, told, capsys):
    say_misbehaviour(rows)
    said = "".join(capsys.readouterr())
    assert "int4-weights" in said
    assert f"{100 * rows[0].lost_of_wrong:.0f}%" in said
    say_misbehaviour([replace(r, lost=None, lost_of_wrong=None, lost_rise=None) for r in rows])
    assert "n/a, no trials were recorded" in "".join(capsys.readouterr())
    assert row("full", told.baseline, None)[-3:] == ("0.6%", "7.3%", "18.8%")
    assert row("full", replace(told.baseline, looped=None), None)[-2] == "n/a"
