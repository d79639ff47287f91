"""The results file: a schema that any validator checks, and cells that others add without karui."""

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import karui
from karui.benchmarking.results_file import load_results, merged, save_results, schema_text, shipped_schema
from karui.benchmarking.run import FILE
from karui.cli.main import app
from karui.core.errors import InputError
from tests.benchmarking.suites import made

VALIDATOR = Draft202012Validator(json.loads(shipped_schema()))
SHIPPED = Path(__file__).parents[2] / "bench" / "results" / "benchmark" / FILE


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Results of the small suite."""
    folder = tmp_path_factory.mktemp("results")
    karui.benchmark(made(folder), folder / "out")
    return folder / "out" / FILE


def theirs(file):
    """A cell as somebody writes it who has no karui: what is not known is said."""
    values = json.loads(file.read_text(encoding="utf-8"))
    info = values["sets"][0]
    missing = {"missing": "no-timings"}
    values["cells"] = [
        {
            "set": info["name"],
            "set_digest": info["digest"],
            "model": "model-one",
            "engine": "their engine",
            "method": "their method",
            "family": "faster",
            "measured": "live",
            "questions": info["questions"],
            "evidence": {"kind": "external", "digest": "sha256:" + "0" * 64, "samples": 4},
            "points": [
                {
                    "settings": "threshold 0.9",
                    "accuracy": {"value": 0.8, "low": 0.7, "high": 0.9},
                    "tokens": {"value": 99.5, "low": 90, "high": 110, "how": "counted"},
                    "flops": {"missing": "we do not know"},
                    "latency": missing,
                    "steps": missing,
                    "truncated": 0.01,
                    "looped": {"missing": "no-text"},
                    "aes": 0.3,
                    "ock_score": 79.9,
                }
            ],
            "by": "somebody",
        }
    ]
    values["missing"] = []
    return values


def test_the_shipped_schema_is_that_of_the_code():
    Draft202012Validator.check_schema(json.loads(shipped_schema()))
    assert shipped_schema() == schema_text()


def test_what_karui_writes_fits_the_schema(file):
    VALIDATOR.validate(json.loads(file.read_text(encoding="utf-8")))


def test_the_results_in_the_repository_fit_the_schema_and_hold_what_was_promised():
    VALIDATOR.validate(json.loads(SHIPPED.read_text(encoding="utf-8")))
    results = load_results(SHIPPED)
    assert len({c.method for c in results.cells}) >= 25
    models = {c.model for c in results.cells}
    assert models >= {"karui-mini", "karui-micro", "Qwen2.5-Coder-1.5B", "Gemma-4-12B-it"}
    assert models >= {f"Qwen3-{size}" for size in ("0.6B", "1.7B", "4B", "8B")}


def test_a_cell_of_somebody_else_fits_and_joins_karuis(file, tmp_path):
    values = theirs(file)
    VALIDATOR.validate(values)
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    ours = load_results(file)
    both = merged([ours, load_results(path)])
    assert len(both.cells) == len(ours.cells) + 1
    save_results(both, tmp_path / "both.json")
    assert load_results(tmp_path / "both.json") == both
    assert CliRunner().invoke(app, ["benchmark", "check", str(path)]).exit_code == 0


@pytest.mark.parametrize(
    "broken",
    [
        lambda c: c.pop("evidence"),
        lambda c: c["evidence"].update(digest="md5:1"),
        lambda c: c["points"][0].pop("flops"),
        lambda c: c["points"][0].update(flops=None),
        lambda c: c["points"][0]["accuracy"].update(value="high"),
        lambda c: c["points"][0].update(speed=3),
        lambda c: c.update(measured="guessed"),
        lambda c: c.update(points=[]),
        lambda c: c["points"][0].update(truncated=1.5),
    ],
)
def test_a_cell_that_leaves_something_unsaid_is_refused_by_both(file, tmp_path, broken):
    values = theirs(file)
    broken(values["cells"][0])
    assert list(VALIDATOR.iter_errors(values))
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError, match=r"cells\.0"):
        load_results(path)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda c: c.update(set_digest="sha256:" + "1" * 64), "digest that no set has"),
        (lambda c: c.update(questions=7), "number of questions"),
        (lambda c: c["points"][0]["accuracy"].update(low=0.85), "ascend"),
    ],
)
def test_what_a_schema_cannot_say_karui_checks(file, tmp_path, broken, says):
    values = theirs(file)
    broken(values["cells"][0])
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError, match=says):
        load_results(path)


def test_sets_with_other_questions_and_other_versions_do_not_go_together(file, tmp_path):
    ours = load_results(file)
    values = theirs(file)
    for place in (values["sets"][0], values["cells"][0]):
        place["digest" if "digest" in place else "set_digest"] = "sha256:" + "2" * 64
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError, match="other questions"):
        merged([ours, load_results(path)])
    later = copy.deepcopy(theirs(file))
    later["suite"]["version"] = "9"
    path.write_text(json.dumps(later), encoding="utf-8")
    with pytest.raises(InputError, match="do not go together"):
        merged([ours, load_results(path)])
