"""Studies and choices on disk: what is written is read again, older files too, and newer ones are refused."""

import json
from pathlib import Path

import pytest

from karui.codec.files import FORMAT, load_choice, load_study, save
from karui.codec.legacy import actions, because
from karui.codec.values import Misfit, decode, encode
from karui.core.errors import InputError
from karui.core.study import ActionTaken, Interval, ModelProfile
from karui.core.study.choice import Axis, Decision, Verdict
from karui.core.study.reasons import Because, Reason
from karui.core.trace import End
from karui.i18n.formats import Format
from karui.i18n.languages import LANGUAGES
from karui.i18n.report import TABLE
from karui.report import write

DATA = Path(__file__).with_name("data")
# Written by the code of commit 5682b79: by `decide`, `study_of` and `publish` on four kinds of the questions
# of karui-mini's recording, and by the maker of studies of its tests, with every section there was.
OLD = ("5682b79-choose.json", "5682b79-everything.json")


def figures(value, path=""):
    """Yields every number of parsed JSON with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from figures(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from figures(inner, f"{path}[{n}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


@pytest.mark.parametrize("name", OLD)
def test_a_study_of_5682b79_loses_no_figure(name):
    before = json.loads((DATA / name).read_text(encoding="utf-8"))
    after = dict(figures(encode(load_study(DATA / name))))
    lost = [(p, n) for p, n in figures(before) if p != ".format" and after.get(p) != n]
    assert lost == []


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", OLD)
def test_a_study_of_5682b79_reports_in_every_language(name, lang, tmp_path):
    study = load_study(DATA / name)
    html, md, as_json = write(study, tmp_path, lang)
    page, text = html.read_text(encoding="utf-8"), md.read_text(encoding="utf-8")
    column, form = LANGUAGES.index(lang), Format(lang)
    for plan in (study.baseline, study.plan.measurement):
        for shown in (form.percent(plan.accuracy.value), form.integer(plan.tokens.value)):
            assert shown in page
            assert shown in text
    assert {r.reason.reason for r in study.choice.rejected} >= {Reason.SAVES_NOTHING, Reason.PILOT_LOSS}
    for key in ("reason_saves_nothing", "reason_pilot_loss"):
        assert TABLE[key][column] in page
    assert TABLE["action_answered"][column] in page
    assert json.loads(as_json.read_text(encoding="utf-8"))["format"] == FORMAT


@pytest.mark.parametrize("name", OLD)
def test_what_was_upgraded_is_written_and_read_again(name, tmp_path):
    study = load_study(DATA / name)
    save(study, tmp_path / "study.json")
    assert load_study(tmp_path / "study.json") == study


def test_a_choice_of_5682b79_is_read():
    choice = load_choice(DATA / "5682b79-choice.json")
    assert (choice.decision, choice.verdict) == (Decision.ADOPT, Verdict.CERTIFIED)
    assert choice.rule.minimize is Axis.TOKENS
    assert choice.rejected[-1].reason == Because(
        Reason.OTHER, text="best-of-n(n=16) may ask for 16 traces a question; 8 are recorded."
    )
    served = Path(__file__).parents[2] / "bench" / "data" / "mini-choice" / "choice.json"
    assert load_choice(served).spec


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": FORMAT + 1, "karui": "9.1"}, "Use karui 9.1 or later"),
        ({"mood": "good", "karui": "9.1"}, "unknown field 'mood'"),
        ({"decision": "dance", "karui": "9.1"}, "none of fix, adopt"),
        ({"questions": "many"}, "questions is str instead of int"),
    ],
)
def test_a_choice_of_another_version_is_refused_with_the_version_needed(tmp_path, change, said):
    path = tmp_path / "choice.json"
    save(load_choice(DATA / "5682b79-choice.json"), path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError) as error:
        load_choice(path)
    told = f"{error.value.what} {error.value.why} {error.value.remedy}"
    assert said in told
    assert ("Use karui 9.1 or later" in told) == ("karui" in change)


def test_what_is_missing_is_named(tmp_path):
    values = json.loads((DATA / OLD[0]).read_text(encoding="utf-8"))
    del values["baseline"]["accuracy"]["level"]
    (tmp_path / "study.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"study\.json is not a study") as error:
        load_study(tmp_path / "study.json")
    assert error.value.why == "baseline.accuracy.level is missing."


def test_sentences_become_reasons_and_actions():
    assert because("its test did not pass") == Because(Reason.TEST_NOT_PASSED)
    risky = because("wrong with confidence 3.4 points more often than full thinking")
    assert (risky.reason, round(risky.values["points"], 9)) == (Reason.CONFIDENTLY_WRONG, 0.034)
    assert because("It was a Tuesday.") == Because(Reason.OTHER, text="It was a Tuesday.")
    first = "trace 1 of small: cut by the token limit after 9 thinking tokens"
    assert actions(f"{first}; trace 2: answered after 12 thinking tokens") == (
        ActionTaken(End.TRUNCATED, 9, "small"),
        ActionTaken(End.ANSWERED, 12),
    )
    assert actions("") == ()
    with pytest.raises(Misfit, match="no karui wrote"):
        actions("trace 1: danced")


def test_a_number_that_no_float_holds_does_not_fit():
    values = {**encode(Interval(0.5, 0.4, 0.6, 0.95, "t", 9)), "value": 10**400}
    with pytest.raises(Misfit, match="value is larger than any number"):
        decode(Interval, values)


def test_infinite_ends_and_keys_that_are_numbers_survive():
    unbounded = Interval(0.5, float("-inf"), float("inf"), 0.95, "t", 1)
    assert encode(unbounded)["high"] is None
    assert decode(Interval, encode(unbounded)) == unbounded
    profile = ModelProfile("m", "transformers", "int8", 1, 2, None, 3, None, None, {8: 1.5}, 0.1, "cpu", {})
    assert encode(profile)["speed"] == {"8": 1.5}
    assert decode(ModelProfile, encode(profile)) == profile


def test_every_reason_has_its_text_in_every_language():
    for reason in Reason:
        if reason is Reason.OTHER:
            continue  # it carries an older file's sentence
        assert f"reason_{reason.value}" in TABLE
    for end in End:
        assert f"action_{end.value}" in TABLE
