"""After an update: what has to be measured again is named, and what has not is not measured."""

from dataclasses import replace
from importlib import import_module

import pytest
from typer.testing import CliRunner

from karui.cli.main import app
from karui.passport.diff import Effort, Part, diff, of_findings
from karui.passport.verify import Finding, Problem
from karui.passport.words import PassportWords


@pytest.fixture(autouse=True, scope="module")
def few_worlds():
    """Simulated acceptances in a few worlds: how many questions they take matters to no test here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("karui.passport.acceptance.chances"), "WORLDS", 50)
        yield


def changed(passport, part):
    """The passport with one part another one."""
    model, conditions = passport.model, passport.conditions
    files = {**model.files}
    return {
        Part.WEIGHTS: lambda: replace(
            passport, model=replace(model, files={**files, "model.safetensors": "0" * 64})
        ),
        Part.TEMPLATE: lambda: replace(
            passport, model=replace(model, files={**files, "chat_template.jinja": "0" * 64})
        ),
        Part.FORMAT: lambda: replace(
            passport, model=replace(model, dtype="int8 weights, bfloat16", files={})
        ),
        Part.STYLE: lambda: replace(passport, model=replace(model, style=({"technique": "no-thinking"},))),
        Part.SERVER: lambda: replace(passport, conditions=replace(conditions, server={"version": "2"})),
        Part.ENGINE: lambda: replace(passport, conditions=replace(conditions, engine="vllm")),
        Part.SAMPLING: lambda: replace(
            passport, conditions=replace(conditions, sampling={**conditions.sampling, "temperature": 1.0})
        ),
        Part.MARGIN: lambda: replace(passport, promise=replace(passport.promise, margin=0.1)),
        Part.VERSIONS: lambda: replace(passport, conditions=replace(conditions, versions={"karui": "9"})),
        Part.EXPIRY: lambda: replace(passport, expires="2030-01-01T00:00:00Z"),
        Part.QUESTIONS: lambda: replace(passport, questions=replace(passport.questions, digest="another")),
    }[part]()


@pytest.mark.parametrize(
    ("part", "effort"),
    [
        (Part.EXPIRY, Effort.SIGN),
        (Part.MARGIN, Effort.REPLAY),
        (Part.SERVER, Effort.ACCEPT),
        (Part.VERSIONS, Effort.ACCEPT),
        (Part.ENGINE, Effort.ACCEPT),
        (Part.FORMAT, Effort.ACCEPT),
        (Part.WEIGHTS, Effort.RECORD),
        (Part.TEMPLATE, Effort.RECORD),
        (Part.STYLE, Effort.RECORD),
        (Part.SAMPLING, Effort.RECORD),
        (Part.QUESTIONS, Effort.RECORD),
    ],
)
def test_every_update_asks_for_what_it_needs(made, part, effort):
    found = diff(made.passport, changed(made.passport, part))
    assert found.changed == {part: effort}
    assert found.effort is effort
    assert (found.tokens == 0) is (effort in {Effort.SIGN, Effort.REPLAY})


def test_a_quantization_that_karui_made_is_another_format_and_no_other_prompt(made):
    p = made.passport
    int8 = replace(p.model, dtype="int8 weights, bfloat16", style=({"technique": "int8-weights"},), files={})
    assert diff(p, replace(p, model=int8)).changed == {Part.FORMAT: Effort.ACCEPT}
    prompted = replace(int8, style=(*int8.style, {"technique": "no-thinking"}, {"technique": "of-others"}))
    assert diff(p, replace(p, model=prompted)).effort is Effort.RECORD
    # A smaller model in another format is another model, and a template beside the weights is compared.
    smaller = replace(p, model=replace(int8, parameters=p.model.parameters // 4))
    assert diff(p, smaller).changed == {Part.WEIGHTS: Effort.RECORD}
    asked = replace(p, model=replace(int8, files={**p.model.files, "chat_template.jinja": "0" * 64}))
    assert diff(p, asked).changed == {Part.TEMPLATE: Effort.RECORD, Part.FORMAT: Effort.ACCEPT}


def test_an_acceptance_is_cheaper_than_measuring_everything_or_it_is_said(made):
    found = diff(made.passport, changed(made.passport, Part.SERVER))
    p = made.passport
    full = p.consumption.tokens.value / p.consumption.token_ratio.value
    assert found.full_tokens == pytest.approx(p.questions.tested * full)
    assert found.tokens == pytest.approx(found.questions * (full + p.consumption.tokens.value))


def test_the_most_that_any_change_asks_for_is_done(made):
    new = changed(changed(made.passport, Part.MARGIN), Part.WEIGHTS)
    found = diff(made.passport, new)
    assert set(found.changed) == {Part.MARGIN, Part.WEIGHTS}
    assert found.effort is Effort.RECORD


def test_nothing_changed_asks_for_nothing(made):
    found = diff(made.passport, made.passport)
    assert (found.changed, found.effort) == ({}, None)
    assert list(PassportWords("ja").diff(found)) == ["保証の前提に変更はありません。"]


def test_what_a_check_finds_asks_for_the_same(made):
    findings = (Finding(Problem.SERVER), Finding(Problem.NOT_SEEN), Finding(Problem.VERSIONS))
    found = of_findings(made.passport, findings)
    assert found.changed == {Part.SERVER: Effort.ACCEPT, Part.VERSIONS: Effort.ACCEPT}


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_part_and_effort_can_be_said(made, lang):
    for part in (Part.EXPIRY, Part.MARGIN, Part.SERVER, Part.WEIGHTS, Part.STYLE, Part.FORMAT):
        lines = list(PassportWords(lang).diff(diff(made.passport, changed(made.passport, part))))
        assert len(lines) == 2


def test_the_command_compares_with_a_model_that_was_updated(made, pair, tmp_path):
    from shutil import copytree

    from karui.study.passports.issue import Writing, write_passport

    passport = write_passport(made.study, pair[0], tmp_path / "p", Writing())[0]
    words = ["passport", "diff", str(passport), "--key", str(pair[1])]
    same = CliRunner().invoke(app, [*words, "--model", str(made.model)])
    assert same.exit_code in {0, 1}, same.output
    assert "record and choose" not in same.output
    model = copytree(made.model, tmp_path / "model")
    (model / "model.safetensors").write_bytes(b"other")
    done = CliRunner().invoke(app, [*words, "--model", str(model)])
    assert done.exit_code == 1
    assert "other weights: record and choose anew" in done.output
    assert CliRunner().invoke(app, [*words[:2], str(passport), *words[2:]]).exit_code == 0
