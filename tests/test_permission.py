"""Code that only data names is not run: no verifier, no technique, no scorer."""

import json
import os

import pytest
from typer.testing import CliRunner

from karui import catalog, tasks
from karui.core.errors import InputError
from karui.faster.best_of_scored import load
from karui.gateway.deployment import Deployment
from karui.permission import VARIABLE, allow_named
from tests.helpers.gateways import chosen

RAN = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
TECHNIQUE = "from karui.core.technique import Technique\nclass T(Technique):\n    pass\n"


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def code(tmp_path):
    file = tmp_path / "check.py"
    file.write_text(f"{RAN}def f(reference, answer):\n    return True\n")
    return file


def questions(folder):
    row = {"question": "What is 2+2?", "answer": "4", "verifier": "python:check.py:f"}
    file = folder / "q.jsonl"
    file.write_text(json.dumps(row) + "\n")
    return file


def test_a_questions_file_does_not_run_what_lies_beside_it(code, tmp_path):
    with pytest.raises(InputError) as refused:
        tasks.load(str(questions(tmp_path)))
    told = str(refused.value)
    assert all(word in told for word in ("check.py is code", "SHA-256", "--allow-code")), told
    assert not code.with_suffix(".ran").exists()


def test_a_choice_does_not_run_what_it_names(tmp_path):
    from karui.codec.files import save

    file = tmp_path / "t.py"
    file.write_text(RAN + TECHNIQUE)
    from dataclasses import replace

    made = chosen()
    spec = ({"technique": f"{file}:T", "version": 1, "parameters": {}},)
    save(replace(made.choice, spec=spec), tmp_path / "choice.json")
    made.expectation.save(tmp_path / "expectation.json")
    with pytest.raises(InputError, match="only data names it"):
        Deployment.load(tmp_path)
    assert not file.with_suffix(".ran").exists()


def test_a_scorer_is_not_run_either(code):
    with pytest.raises(InputError, match="only data names it"):
        load(f"{code}:f")
    assert not code.with_suffix(".ran").exists()


def test_what_somebody_has_named_is_run(code, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    allow_named("python:check.py:f")
    tasks.load(str(questions(tmp_path)))
    assert code.with_suffix(".ran").exists()
    file = tmp_path / "other.py"
    file.write_text(RAN + TECHNIQUE)
    with pytest.raises(InputError, match="only data names it"):
        catalog.technique(f"{file}:T")


def test_a_plan_in_words_names_its_files(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    file = tmp_path / "t.py"
    file.write_text(RAN + "from karui.core.technique import Technique\nclass T(Technique):\n    pass\n")
    with pytest.raises(InputError) as failed:
        catalog.parse("./t.py:Missing")
    assert "only data" not in failed.value.what  # it was run, and has no such class
    assert file.with_suffix(".ran").exists()


def test_the_command_line_takes_the_permission(code, tmp_path, monkeypatch):
    from karui.cli.main import app

    CliRunner().invoke(app, ["record", "--model", "none", "--questions", str(questions(tmp_path))])
    assert VARIABLE not in os.environ
    CliRunner().invoke(app, ["choose", "none", "--plan", f"{code.name}:f"])
    assert os.environ[VARIABLE] == str(code.resolve())
    monkeypatch.setenv(VARIABLE, "")
    found = CliRunner().invoke(app, ["tasks", "--allow-code"])
    assert found.exit_code == 0
    assert os.environ[VARIABLE] == "*"
