"""Cells of live runs are what a study's confirmation found, each with the study's digest."""

from dataclasses import replace

import pytest

import karui
from karui.benchmarking.live import LiveCells
from karui.benchmarking.results import Missing
from karui.benchmarking.results_file import load_results, save_results
from karui.benchmarking.run import FILE
from karui.benchmarking.sources import file_sha256
from karui.codec.files import load_study, save
from karui.core.errors import UnknownName
from karui.core.study import LiveRun
from karui.core.study.measurement import Comparison
from karui.recording import store
from tests.benchmarking.suites import SUITE, made, recorded

LIVE = """
[[live]]
name = "ran"
set = "made-live"
model = "model-one"
study = "{here}/study"
questions = "QUESTIONS"
make = "karui poc --out {here}/study"

[[sets]]
name = "made-live"
title = { en = "Made up, live", ja = "作り物（実測）" }
licence = "Apache-2.0"
source = "karui.testing"
"""


@pytest.fixture
def suite(tmp_path):
    """A suite with a study whose replayed measurements stand for those of a live run, and its questions."""
    recorded(tmp_path / "rec", "model-one", questions=16, samples=2)
    study = karui.choose(tmp_path / "rec", max_drop=60.0, accept_truncation=True)
    data = study.data
    assert data.plan is not None
    ran = LiveRun(
        baseline=replace(data.baseline, live=True),
        plan=replace(data.plan.measurement, live=True),
        comparison=data.plan.comparison,
        at_once=8,
    )
    (tmp_path / "study").mkdir()
    save(replace(data, live=ran), tmp_path / "study" / "study.json")
    asked = store.load(tmp_path / "rec").questions[: ran.baseline.questions]
    rows = [f'{{"id": "{q.id}", "question": "{q.id}?", "answer": "1"}}\n' for q in asked]
    (tmp_path / "asked.jsonl").write_text("".join(rows), encoding="utf-8")
    return made(tmp_path, SUITE + LIVE.replace("QUESTIONS", str(tmp_path / "asked.jsonl")))


def cells(results):
    return {c.method: c for c in results.cells if c.measured == "live"}


def test_full_thinking_and_the_plan_are_cells_of_the_study(suite, tmp_path):
    results = karui.benchmark(suite, tmp_path / "out", only=["ran"])
    ran = load_study(tmp_path / "study" / "study.json").live
    found = cells(results)
    assert list(found) == ["full-thinking", "chosen-plan"]
    full, plan = found["full-thinking"].points[0], found["chosen-plan"].points[0]
    assert full.accuracy.value == pytest.approx(ran.baseline.accuracy.value, rel=1e-3)
    assert plan.tokens.value == pytest.approx(ran.plan.tokens.value, rel=1e-3)
    assert (full.gain, full.token_ratio) == (None, None)
    assert isinstance(ran.comparison, Comparison)
    assert plan.gain.value == pytest.approx(-ran.comparison.loss.value, abs=1e-3)
    assert plan.gain.low == pytest.approx(-ran.comparison.loss.high, abs=1e-3)
    assert plan.token_ratio.value == pytest.approx(ran.comparison.token_ratio.value, rel=1e-3)
    assert plan.latency == Missing(missing="medians-only")
    for cell in found.values():
        assert cell.evidence.kind == "study"
        assert cell.evidence.digest == file_sha256(tmp_path / "study" / "study.json")
        assert (cell.set, cell.questions) == ("made-live", ran.baseline.questions)
    assert load_results(tmp_path / "out" / FILE) == results


def test_what_is_known_is_not_read_again_until_its_questions_change(suite, tmp_path, monkeypatch):
    before, measured, measure = karui.benchmark(suite, tmp_path / "out"), [], LiveCells.measured

    def counted(found, asked):
        measured.append(found.live.name)
        return measure(found, asked)

    monkeypatch.setattr(LiveCells, "measured", counted)
    assert karui.benchmark(suite, tmp_path / "out") == before
    assert not measured
    asked = tmp_path / "asked.jsonl"
    asked.write_text(asked.read_text("utf-8").replace('"answer": "1"', '"answer": "2"'), "utf-8")
    after = karui.benchmark(suite, tmp_path / "out")
    assert measured == ["ran"]
    changed = [a.method for a, b in zip(after.cells, before.cells, strict=True) if a != b]
    assert changed == list(cells(before))


def test_the_same_questions_are_the_same_set_and_others_are_not(suite, tmp_path):
    first = karui.benchmark(suite, tmp_path / "out", only=["ran"]).sets
    asked = tmp_path / "asked.jsonl"
    asked.write_text(asked.read_text("utf-8").replace('"answer": "1"', '"answer": "2"'), "utf-8")
    other = karui.benchmark(suite, tmp_path / "other", only=["ran"]).sets
    assert [s.name for s in first] == [s.name for s in other] == ["made-live"]
    assert first[0].digest != other[0].digest


def test_a_study_that_is_not_there_is_listed_and_its_cells_stay(suite, tmp_path):
    before = karui.benchmark(suite, tmp_path / "out", only=["ran"])
    (tmp_path / "study" / "study.json").unlink()
    save_results(before, tmp_path / "kept" / FILE)
    assert cells(karui.benchmark(suite, tmp_path / "kept")) == cells(before)
    after = karui.benchmark(suite, tmp_path / "new", only=["ran"])
    assert not cells(after)
    assert {m.method for m in after.missing} == {"full-thinking", "chosen-plan"}
    assert after.missing[0].make == f"karui poc --out {tmp_path}/study"


def test_a_study_that_ran_on_other_questions_or_not_at_all_is_missing_with_the_reason(suite, tmp_path):
    with (tmp_path / "asked.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "more", "question": "more?", "answer": "1"}\n')
    found = karui.benchmark(suite, tmp_path / "out", only=["ran"])
    assert "ran live on" in found.missing[0].why
    study = load_study(tmp_path / "study" / "study.json")
    save(replace(study, live=None), tmp_path / "study" / "study.json")
    found = karui.benchmark(suite, tmp_path / "out", only=["ran"])
    assert "did not run live" in found.missing[0].why


def test_a_live_run_names_a_set_that_is_there(suite, tmp_path):
    suite.write_text(suite.read_text("utf-8").replace('set = "made-live"', 'set = "maid-live"'), "utf-8")
    with pytest.raises(UnknownName, match="made-live"):
        karui.benchmark(suite, tmp_path / "out")
