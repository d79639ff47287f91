"""What is written for other tools is what was recorded, in the layout that those tools write themselves.

Two kinds of check. Those that always run compare with logs that lm-eval and inspect-ai wrote themselves (kept
in tests/comparison/logs) and read tables with pandas. Those of `read_back.py` have each project's own code
read the export; they need `make peers`.
"""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import karui
from karui.cli.main import app
from karui.comparison.paired import Change
from karui.comparison.side import Figure
from karui.core.errors import InputError, UnknownName
from karui.core.prompt import Prompt
from karui.exporting.formats.lm_eval import shown_to
from karui.exporting.formats.mlflow import runs_of
from karui.exporting.run import ExportedRun
from karui.recording import store
from karui.recording.importing.formats.inspect_ai import _member
from karui.recording.store import save
from tests.helpers.peers import ROOT, read_peers

READ_BACK = Path(__file__).with_name("read_back.py")
LOGS = ROOT / "tests" / "comparison" / "logs"
QUESTIONS, SAMPLES = 30, 3


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """Some questions of karui-mini, as it was recorded."""
    found = store.load(ROOT / "bench" / "data" / "mini-16")
    few = tuple(replace(q, traces=tuple(q.traces[:SAMPLES])) for q in found.questions[::5][:QUESTIONS])
    folder = tmp_path_factory.mktemp("export") / "recording"
    save(replace(found, manifest=replace(found.manifest, samples=SAMPLES), questions=few, path=None), folder)
    return folder


@pytest.fixture(scope="module")
def single(recording) -> Path:
    """The same with one trace a question: then a log's own verdicts are known."""
    found = store.load(recording)
    few = tuple(replace(q, traces=tuple(q.traces[:1])) for q in found.questions)
    folder = recording.parent / "single"
    save(replace(found, manifest=replace(found.manifest, samples=1), questions=few, path=None), folder)
    return folder


def exported(run: object, out: Path, *words: object) -> list[Path]:
    done = CliRunner().invoke(app, ["export", str(run), "--out", str(out), *map(str, words)])
    assert done.exit_code == 0, done.output
    return [Path(line) for line in done.stdout.splitlines()]


# --- read again by karui, and laid out as the tools lay out their own ------------------------------------


@pytest.mark.parametrize("form", ["lm-eval", "inspect"])
@pytest.mark.parametrize("plan", ["", "#token-budget:tokens=64"])
def test_an_export_that_is_imported_is_the_same_run(form, plan, single, tmp_path):
    log = exported(f"{single}{plan}", tmp_path, "--format", form)[-1]
    found = karui.compare(f"{single}{plan}", log)
    assert found.questions == QUESTIONS
    assert found.only == (0, 0)
    assert found.figures[Figure.ACCURACY].change is Change.SAME
    if form == "inspect":  # lm-eval counts no tokens
        spent = found.figures[Figure.TOKENS]
        assert spent.a == pytest.approx(spent.b)


def test_samples_have_the_fields_of_lm_evals_own(recording, tmp_path):
    theirs_results = json.loads(next(LOGS.glob("lm-eval/old/*/results_*.json")).read_text())
    theirs = json.loads(next(LOGS.glob("lm-eval/old/*/samples_*.jsonl")).read_text().partition("\n")[0])
    results, samples = exported(recording, tmp_path, "--format", "lm-eval")
    rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == QUESTIONS
    for row in rows:
        assert row.keys() == theirs.keys()
        assert {k: type(v) for k, v in row.items()} == {k: type(v) for k, v in theirs.items()}
        assert len(row["resps"][0]) == len(row["filtered_resps"]) == SAMPLES
    ours = json.loads(results.read_text(encoding="utf-8"))
    assert ours.keys() <= theirs_results.keys()
    assert {"results", "configs", "n-samples", "model_name", "chat_template", "task_hashes"} <= ours.keys()
    found = store.load(recording)
    right = [q.correct(t.answer) for q in found.questions for t in q.traces]
    told = ours["results"]["mini__test"]
    assert told["exact_match,karui"] == pytest.approx(sum(right) / len(right))
    assert samples.name.startswith("samples_mini__test_")


def test_samples_have_the_fields_of_inspects_own(recording, tmp_path):
    import zipfile

    archive = zipfile.ZipFile(next(LOGS.glob("inspect/old/*.eval")))
    header = json.loads(_member(archive, "header.json"))
    theirs = json.loads(_member(archive, "samples/1_epoch_1.json"))
    (log,) = exported(recording, tmp_path, "--format", "inspect")
    ours = json.loads(log.read_text(encoding="utf-8"))
    assert ours.keys() - {"samples"} <= header.keys()
    assert ours["eval"].keys() <= header["eval"].keys() | {"metadata"}
    assert len(ours["samples"]) == QUESTIONS * SAMPLES
    for sample in ours["samples"]:
        assert sample.keys() <= theirs.keys()
        assert {type(m["role"]) for m in sample["messages"]} == {str}
    found = store.load(recording)
    spent = sum(t.usage.generated for t in found.traces())
    usage = ours["stats"]["model_usage"]["karui-mini"]
    assert usage.keys() >= theirs["output"]["usage"].keys()
    assert usage["output_tokens"] == spent
    assert {s["epoch"] for s in ours["samples"]} == set(range(1, SAMPLES + 1))


# --- tables ----------------------------------------------------------------------------------------------


def test_tables_hold_every_reply_and_are_alike(recording, tmp_path):
    (parquet,) = exported(recording, tmp_path)
    (csv,) = exported(recording, tmp_path, "--format", "csv")
    rows = pq.read_table(parquet).to_pylist()
    found = store.load(recording)
    traces = [(q, t) for q in found.questions for t in q.traces]
    assert len(rows) == len(traces)
    for row, (question, trace) in zip(rows, traces, strict=True):
        assert (row["question"], row["sample"], row["answer"]) == (question.id, trace.sample, trace.answer)
        assert (row["thinking"], row["text"]) == (trace.thinking, trace.text)
        assert row["correct"] == question.correct(trace.answer)
        assert row["tokens"] == trace.usage.generated
        assert row["seconds"] is None  # trials ran beside these traces
    assert pq.read_schema(parquet).metadata[b"karui.model"] == b"karui-mini"
    whole, plain = pd.read_parquet(parquet), pd.read_csv(csv, keep_default_na=False, na_values=[""])
    assert list(whole.columns) == list(plain.columns)
    for column in ("correct", "tokens", "sample", "truncated"):
        assert whole[column].tolist() == plain[column].tolist()
    assert plain["thinking"].fillna("").tolist() == [row["thinking"] for row in rows]


def test_a_study_brings_a_row_for_every_plan(recording, tmp_path):
    folder = tmp_path / "study"
    karui.choose(recording, max_drop=40.0, out=folder).save(folder)
    save(store.load(recording), folder / "recording")
    study = karui.load_study(folder)
    replies, plans = exported(folder, tmp_path / "out", "--format", "parquet")
    rows = pq.read_table(plans).to_pylist()
    assert [row["plan"] for row in rows] == [row["plan"] for row in study.rows()]
    assert study.best is not None
    assert pq.read_schema(replies).metadata[b"karui.plan"].decode() == study.choice.label
    assert len(pd.read_csv(exported(folder, tmp_path / "out", "--format", "csv")[1])) == len(rows)


def test_a_vote_is_one_reply_with_all_that_it_cost(recording, tmp_path):
    (path,) = exported(f"{recording}#self-consistency:k=3", tmp_path)
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == QUESTIONS
    assert {row["traces"] for row in rows} == {3}
    found = store.load(recording)
    assert sum(row["tokens"] for row in rows) == sum(t.usage.generated for t in found.traces())


# --- what cannot be exported -----------------------------------------------------------------------------


def test_what_is_missing_is_said(recording, tmp_path, monkeypatch):
    with pytest.raises(UnknownName, match="export format"):
        karui.export(recording, tmp_path, format="excel")
    found = store.load(recording)
    with pytest.raises(InputError, match="without a reply"):
        ExportedRun(replace(found, questions=(replace(found.questions[0], traces=()),)), karui.Plan(), "half")
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(InputError, match="MLflow's own client"):
        karui.export(recording, format="mlflow", to=str(tmp_path))


def test_a_prompt_of_several_messages_is_kept_as_messages():
    assert shown_to(Prompt("Why?")) == "Why?"
    assert json.loads(shown_to(Prompt("Why?", system="Be short."))) == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Why?"},
    ]


def test_figures_of_a_run_go_to_mlflow(recording):
    found = store.load(recording)
    kinds = {q.kind for q in found.questions}
    told = runs_of(ExportedRun(found, karui.Plan(), "full"))
    right = [q.correct(t.answer) for q in found.questions for t in q.traces]
    assert told.metrics["accuracy"] == pytest.approx(sum(right) / len(right))
    assert told.metrics["accuracy_low"] < told.metrics["accuracy"] < told.metrics["accuracy_high"]
    assert {name for name in told.metrics if name.startswith("accuracy/")} == {f"accuracy/{k}" for k in kinds}
    assert told.params["model"] == "karui-mini"
    assert all(isinstance(value, str) for value in {**told.params, **told.tags}.values())


# --- read by the other projects' own code (`make peers`) -------------------------------------------------


def test_lm_eval_reads_it(recording, tmp_path):
    exported(recording, tmp_path / "log", "--format", "lm-eval")
    found = read_peers(READ_BACK, "lm-eval", tmp_path / "log")
    questions = store.load(recording).questions
    right = [q.correct(t.answer) for q in questions for t in q.traces]
    assert found["rows"] == QUESTIONS
    assert found["accuracy"] == pytest.approx(found["mean"]) == pytest.approx(sum(right) / len(right))
    assert "exact_match" in found["table"]
    assert questions[0].traces[0].thinking in found["first"]


def test_inspect_reads_it(recording, tmp_path):
    (log,) = exported(recording, tmp_path, "--format", "inspect")
    found = read_peers(READ_BACK, "inspect", log)
    there = store.load(recording)
    right = sum(q.correct(t.answer) for q in there.questions for t in q.traces)
    spent = sum(t.usage.generated for t in there.traces())
    assert (found["status"], found["model"], found["samples"]) == (
        "success",
        "karui-mini",
        QUESTIONS * SAMPLES,
    )
    assert found["right"] == right
    assert found["accuracy"] == pytest.approx(right / (QUESTIONS * SAMPLES))
    assert found["tokens"] == found["used"] == spent
    first = there.questions[0].traces[0]
    assert (found["thinking"], found["completion"]) == (first.thinking, first.text)


def test_mlflow_reads_it(recording, tmp_path):
    found = read_peers(READ_BACK, "mlflow", recording, f"sqlite:///{tmp_path}/mlflow.db")
    there = store.load(recording)
    right = [q.correct(t.answer) for q in there.questions for t in q.traces]
    assert (found["runs"], found["ids"], found["status"]) == (1, 1, "FINISHED")
    assert found["metrics"]["accuracy"] == pytest.approx(sum(right) / len(right))
    assert found["params"]["task"] == there.manifest.task
