"""Running a suite: every cell once, what is missing with its command, and nothing across question sets."""

import json

import pytest

import karui
from karui.benchmarking.cells import RunCells
from karui.benchmarking.measuring import Bench
from karui.benchmarking.results import Missing
from karui.benchmarking.results_file import load_results, save_results
from karui.benchmarking.run import FILE, makes
from karui.core.errors import InputError
from karui.measure.intervals import mean_interval
from karui.runners.replay import Replay
from tests.benchmarking.suites import METHODS, SUITE, made, recorded


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run of the small suite."""
    folder = tmp_path_factory.mktemp("finished")
    karui.benchmark(made(folder), folder / "out")
    return folder


def cell(results, method):
    return next(c for c in results.cells if c.method == method)


def test_every_method_that_can_be_replayed_has_a_cell(finished):
    results = load_results(finished / "out" / FILE)
    assert [c.method for c in results.cells] == list(METHODS)
    assert {c.questions for c in results.cells} == {24}
    assert cell(results, "self-consistency").refused  # k=64: four traces are recorded


def test_figures_are_those_of_replay(finished):
    results = load_results(finished / "out" / FILE)
    recording = karui.load_recording(finished / "one")
    point = cell(results, "trial-stability").points[0]
    outcomes = Replay({"main": recording}, 3).outcomes(karui.Plan(()))
    assert cell(results, "full-thinking").points[0].accuracy.value == pytest.approx(
        outcomes.accuracy.mean(), rel=1e-3
    )
    played = karui.replay(recording, ["trial-stability:k=2"]).plans[0].measurement
    assert point.tokens.value == pytest.approx(played.tokens.value, rel=1e-3)
    assert point.accuracy.low == pytest.approx(mean_interval([played.accuracy.low] * 2).value, rel=1e-3)
    assert point.truncated == pytest.approx(played.truncated, abs=1e-3)


def test_a_trace_that_a_method_drops_is_not_cut_and_has_no_answer(finished):
    recording = karui.load_recording(finished / "one")
    bench = Bench(recording, Replay({"main": recording}, 3))
    (capped,), _ = bench.measured(["token-cap:tokens=1"])
    point, full = bench.point(capped), bench.point(bench.full)
    assert (point.truncated, point.unanswered) == (0, 1)
    assert full.truncated > 0
    assert full.unanswered == pytest.approx(full.truncated, abs=1e-3)


def test_a_method_is_matched_with_controls_at_its_own_cost(finished):
    results = load_results(finished / "out" / FILE)
    # A fixed cut that is a setting of the control gains nothing over it.
    plain = cell(results, "plain-control")
    assert [m.control for m in plain.points[0].matched] == ["random-exit"]
    exits = cell(results, "trial-stability").points[0]
    assert [m.control for m in exits.matched] == ["plain-control", "random-exit"]
    assert not isinstance(exits.matched[0].tokens, Missing)
    vote = cell(results, "self-consistency").points[0]
    assert vote.matched[0].tokens.value == 0  # three votes against three votes
    assert vote.matched[1].tokens == Missing(missing="control-cheaper")
    assert cell(results, "full-thinking").points[0].matched == ()


def test_what_is_missing_comes_with_the_command_that_makes_it(finished):
    results = load_results(finished / "out" / FILE)
    lacking = {(m.model, m.method): m for m in results.missing}
    assert lacking["model-one", "best-of-n"].make == f"karui record --samples 64 --out {finished / 'one'}"
    assert lacking["model-two", "trial-stability"].make.endswith(f"--out {finished / 'two'}")
    assert "cascade" not in {m.method for m in results.missing}  # no run has a further model
    assert len(list(makes(results))) == 2


def test_a_run_that_is_killed_goes_on_with_the_next_cell(tmp_path, monkeypatch, finished):
    file, measured = made(tmp_path), []
    measure = RunCells.measure

    def counted(cells, job):
        measured.append(job.method)
        if len(measured) == 3:
            raise KeyboardInterrupt
        return measure(cells, job)

    monkeypatch.setattr(RunCells, "measure", counted)
    with pytest.raises(KeyboardInterrupt):
        karui.benchmark(file, tmp_path / "out")
    assert [c.method for c in load_results(tmp_path / "out" / FILE).cells] == list(METHODS[:2])
    karui.benchmark(file, tmp_path / "out")
    assert measured[3:] == [*METHODS[2:], "best-of-n"]
    done = len(measured)
    again = karui.benchmark(file, tmp_path / "out")
    assert measured[done:] == ["best-of-n"]  # which cannot be measured
    whole = load_results(finished / "out" / FILE)
    assert [c.model_dump() for c in again.cells] == [c.model_dump() for c in whole.cells]


def test_a_changed_setting_or_recording_is_measured_anew(tmp_path):
    file = made(tmp_path)
    before = karui.benchmark(file, tmp_path / "out")
    file.write_text(SUITE.replace("trial-stability:k=3", "trial-stability:k=4"), encoding="utf-8")
    after = karui.benchmark(file, tmp_path / "out")
    changed = [a.method for a, b in zip(after.cells, before.cells, strict=True) if a != b]
    assert changed == ["trial-stability"]


def test_cells_of_others_stay_and_those_that_left_the_suite_go(tmp_path, finished):
    file, path = made(tmp_path), tmp_path / "out" / FILE
    results = load_results(finished / "out" / FILE)
    theirs = cell(results, "trial-stability").model_copy(update={"by": "somebody", "key": ""})
    save_results(results.model_copy(update={"cells": (*results.cells, theirs)}), path)
    shorter = SUITE.replace('[[methods]]\nname = "self-consistency"', '[[methods]]\nname = "gone"')
    file.write_text(shorter, encoding="utf-8")
    after = karui.benchmark(file, tmp_path / "out")
    assert {(c.method, c.by) for c in after.cells} >= {("trial-stability", "somebody"), ("gone", "karui")}
    assert not any(c.method == "self-consistency" for c in after.cells)


def test_a_cell_whose_recording_is_gone_stays(tmp_path, finished):
    file = tmp_path / "suite.toml"
    file.write_text(SUITE, encoding="utf-8")
    before = load_results(finished / "out" / FILE)
    save_results(before, tmp_path / "out" / FILE)
    after = karui.benchmark(file, tmp_path / "out")
    assert after.cells == before.cells
    assert {m.method for m in after.missing if m.model == "model-one"} == {"best-of-n"}


def test_two_models_with_other_questions_are_not_one_set(tmp_path):
    file = made(tmp_path)
    recorded(tmp_path / "two", "model-two", seed=5, habits=("steady",))
    questions = tmp_path / "two" / "questions.jsonl"
    rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines()]
    rows[0]["prompt"]["user"] = "Something else?"
    questions.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="other questions"):
        karui.benchmark(file, tmp_path / "out")


def test_a_variant_about_other_questions_is_missing_with_the_reason(tmp_path):
    variant = """
[[models.variants]]
method = "other"
family = "shorter"
sources = [{ recording = "{here}/other", make = "make other" }, ]
"""
    file = made(
        tmp_path, SUITE.replace('\n[[models]]\nname = "absent"', variant + '\n[[models]]\nname = "absent"')
    )
    recorded(tmp_path / "other", "variant")
    questions = tmp_path / "other" / "questions.jsonl"
    text = questions.read_text(encoding="utf-8")
    first = json.loads(text.splitlines()[0])
    reference = first["reference"]
    questions.write_text(
        text.replace(f'"reference": "{reference}"', '"reference": "-77"', 1), encoding="utf-8"
    )
    results = karui.benchmark(file, tmp_path / "out", only=["one"])
    lacking = next(m for m in results.missing if m.method == "other")
    assert "other questions" in lacking.why


def test_results_of_another_version_are_not_overwritten(tmp_path, finished):
    file = made(tmp_path, SUITE.replace('version = "1"', 'version = "2"'))
    with pytest.raises(InputError, match="small 1"):
        karui.benchmark(file, finished / "out")


def test_a_study_is_measured_with_the_plan_that_it_chose(tmp_path):
    recorded(tmp_path / "rec", "model-one", questions=16, samples=1)
    study = karui.choose(tmp_path / "rec", max_drop=60.0, accept_truncation=True)
    study.save(tmp_path / "study")
    recorded(tmp_path / "study" / "recording", "model-one", questions=16, samples=1)
    asked = SUITE.replace('recording = "{here}/one"', 'study = "{here}/study"')
    file = tmp_path / "suite.toml"
    file.write_text(asked, encoding="utf-8")
    results = karui.benchmark(file, tmp_path / "out", only=["one"])
    assert study.best is not None
    chosen = cell(results, "chosen-plan")
    assert chosen.points[0].settings == study.best.label
    assert chosen.evidence.kind == "study"
    assert chosen.caveats == ("plan chosen on these questions",)
