"""Suites: what a file may say, and the one that ships."""

from pathlib import Path

import pytest

from karui import catalog
from karui.benchmarking.suite import Method, Places, load_suite
from karui.core.errors import InputError, UnknownName
from karui.measure.flops import Shape
from tests.benchmarking.suites import SUITE

SHIPPED = Path(__file__).parents[2] / "bench" / "benchmark.toml"


def suite(tmp_path, text=SUITE):
    file = tmp_path / "suite.toml"
    file.write_text(text, encoding="utf-8")
    return load_suite(file)


def test_shares_of_the_thinking_length_become_tokens():
    method = Method(name="x", plans=("token-budget:tokens={0.25}", "length-vote:budget={4},scale={1.0}"))
    assert method.settings(200.4) == ("token-budget:tokens=50", "length-vote:budget=802,scale=200")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "trial-stability"', 'name = "plain-control"', "there twice"),
        ('recording = "{here}/one"', 'recording = "{here}/one"\nlog = "x"', "name one of"),
        ("runs = 3", "runs = 0", "runs"),
        ("runs = 3", "rums = 3", "rums"),
        ("format = 1", "format = 2", "format"),
        ("format = 1", "format = ", "cannot be read as TOML"),
    ],
)
def test_a_suite_that_does_not_hold_together_is_refused_with_the_place(tmp_path, old, new, says):
    with pytest.raises(InputError, match=says):
        suite(tmp_path, SUITE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [('set = "made"', 'set = "mode"'), ('model = "model-one"', 'model = "model-one"\nmethods = ["trial"]')],
)
def test_a_run_that_names_what_is_not_there_is_refused(tmp_path, old, new):
    with pytest.raises(UnknownName):
        list(suite(tmp_path, SUITE.replace(old, new, 1)).runs_of())


def test_folders_of_the_command_line_win_and_have_to_be_the_suites(tmp_path):
    found = suite(tmp_path)
    assert Places(found, tmp_path / "suite.toml", {"here": "/else"})("{here}/one") == "/else/one"
    with pytest.raises(UnknownName):
        Places(found, tmp_path / "suite.toml", {"there": "/else"})


def test_the_shipped_suite_holds_25_methods_whose_plans_can_be_read():
    shipped = load_suite(SHIPPED)
    runs = list(shipped.runs_of())
    for method in (*shipped.methods, *shipped.controls):
        for plan in method.settings(1000):
            catalog.parse(plan)
    names = {m.name for r in runs for m in shipped.methods_of(r)} | {
        v.method for r in runs for v in r.variants
    }
    assert len(names) >= 25


@pytest.mark.parametrize(("run", "billions"), [("0.6b", 0.596), ("1.7b", 1.72), ("4b", 4.02), ("8b", 8.19)])
def test_the_shapes_of_qwen3_have_the_parameters_that_its_cards_state(run, billions):
    config = next(r for r in load_suite(SHIPPED).models if r.name == f"qwen3-{run}-aime24").config
    assert Shape.from_config(config).parameters / 1e9 == pytest.approx(billions, rel=0.005)
