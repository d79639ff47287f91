"""The command line as a user meets it: verbs on files, and one clear error for every bad input."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import karui.cli as karui_cli
from karui.cli.main import app
from karui.recording.store import save
from karui.testing.synthetic import synthetic


def karui(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "recording"
    save(synthetic(60, 4), folder)
    return folder


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    code = (
        "import karui.cli.main, sys; print(sorted({'torch', 'numpy', 'pyarrow', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
    shown = karui("--help").output
    for verb in ("poc", "record", "replay", "choose", "report", "import", "techniques", "tasks"):
        assert verb in shown


def test_techniques_for_programs() -> None:
    found = {t["name"]: t for t in json.loads(karui("techniques", "--json").stdout)}
    assert found["token-budget"]["family"] == "faster"
    assert found["chain-of-draft"]["own_recording"]
    assert found["adaptive-consistency"]["parameters"]["threshold"]["default"] == 0.95


def test_one_technique_shows_its_paper() -> None:
    assert "2305.11860" in karui("techniques", "adaptive-consistency").stdout


def test_tasks() -> None:
    assert "gsm8k" in karui("tasks").stdout


def test_replay_of_named_plans(recording: Path) -> None:
    plan = "self-consistency:k=4"
    found = json.loads(karui("replay", recording, "--plan", plan, "--json").stdout)
    assert found["baseline"]["label"] == "full thinking"
    [only] = found["plans"]
    assert only["measurement"]["traces"] == 4
    assert only["comparison"]["token_ratio"]["value"] == pytest.approx(4, rel=0.01)


def test_replay_lists_the_plans_it_cannot_replay_and_shows_the_others(recording: Path) -> None:
    words = ("--plan", "self-consistency:k=40", "--plan", "self-consistency:k=2")
    done = karui("replay", recording, *words, "--json")
    found = json.loads(done.stdout)
    assert [p["measurement"]["label"] for p in found["plans"]] == ["self-consistency(k=2)"]
    [refused] = found["refused"]
    assert refused["label"] == "self-consistency(k=40)"
    assert "may ask for 40 traces" in refused["reason"]
    shown = karui("replay", recording, *words)
    assert "1 plans cannot be replayed" not in shown.output
    assert "1 plan cannot be replayed" in shown.output


def test_choose_writes_choice_study_and_report(recording: Path, tmp_path: Path) -> None:
    recording = Path(shutil.copytree(recording, tmp_path / "recording"))
    words = ("--out", tmp_path, "--lang", "ja", "--confidence", "0.999")
    done = karui("choose", recording, *words)
    assert done.exit_code == 0, done.output
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert choice["decision"] == "collect"  # so few test questions certify nothing at this level
    assert choice["questions"] + choice["pilot_questions"] == 60
    assert choice["looks"]["look"] == 1
    assert "First look at these questions" in done.output  # the report alone is in Japanese
    assert f"fewer than {choice['fewest']} test questions" in done.output
    assert choice["tested"]
    assert not (recording / "looks.jsonl").exists()  # a glance at too few questions is none
    assert (tmp_path / "report.html").stat().st_size > 10_000
    again = karui("report", tmp_path, "--out", tmp_path / "en")
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["replay", "nowhere"], "nowhere"),
        (["replay", "RECORDING", "--plan", "adaptive-consistensy"], "Did you mean 'adaptive-consistency'"),
        (["replay", "RECORDING", "--plan", "token-budget:token=5"], "Did you mean 'tokens'"),
        (["replay", "RECORDING", "--plan", "token-budget:tokens=many"], "cannot be read as int"),
        (["replay", "RECORDING", "--plan", "self-consistency:k=40"], "may ask for 40 traces"),
        (["replay", "RECORDING", "--plan", "chain-of-draft"], "cannot be replayed"),
        (["replay", "RECORDING", "--plan", "self-consistency + first-of"], "cannot be in one plan"),
        (["choose", "RECORDING", "--minimize", "money"], "money"),
        (["choose", "RECORDING", "--priority", "egde"], "Did you mean 'edge'"),
        (["choose", "RECORDING", "--max-drop", "0"], "--max-drop"),
        (["choose", "RECORDING", "--assume", "price_promt=1"], "Did you mean 'price_prompt'"),
        (["choose", "RECORDING", "--assume", "one_off=much"], "not a number"),
        (["choose", "RECORDING", "--assume", "one_off"], "name=value"),
        (["poc", "--model", "no/such/folder", "--questions", "mini"], "no/such/folder"),
        (["poc", "--questions", "nothing.jsonl"], "nothing.jsonl"),
        (["poc", "--questions", "gsm9k"], "Did you mean 'gsm8k'"),
        (["poc", "--variant", "token-cap"], "needs no recording of its own"),
        (["poc", "--technique", "nowhere.py:Mine"], "nowhere.py"),
        (["poc", "--variant", "chain-of-drafts"], "Did you mean 'chain-of-draft'"),
        (["poc", "--reference", "sefl"], "--reference"),
        (["poc", "--lang", "fr"], "--lang"),
        (["poc", "--samples", "-1"], "--samples is out of range (got -1)"),
        (["record", "--samples", "0"], "--samples is out of range (got 0)"),
        (["record", "--max-tokens", "-5"], "--max-tokens is out of range (got -5)"),
        (["record", "--temperature", "-1"], "--temperature is out of range (got -1.0)"),
        (["record", "--top-p", "2"], "--top-p is out of range (got 2.0)"),
        (["record", "--concurrency", "-1"], "--concurrency is out of range (got -1)"),
        (["record", "--model", "."], "is not a model folder"),
        (["record", "--engine", "no/such/engine"], "no/such/engine"),
        (["replay", "RECORDING", "--runs", "0"], "--runs"),
        (["choose", "RECORDING", "--lang", "fr"], "--lang"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_gets_one_clear_error(
    words: list[str], told: str, recording: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    done = karui(*(recording if w == "RECORDING" else w for w in words))
    shown = done.output + capfd.readouterr().err
    assert done.exit_code == 2, shown
    assert told in shown
    assert "Traceback" not in shown


def test_a_broken_row_is_named_by_its_line(tmp_path: Path) -> None:
    questions = tmp_path / "orders.jsonl"
    questions.write_text('{"question": "1+1?", "answer": "2"}\n{"question": "2+2?", "answer": }\n')
    done = karui("poc", "--questions", questions, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "line 2" in done.output
    assert not (tmp_path / "out").exists()


def test_where_length_is_needed_there_is_nothing_to_gain(tmp_path: Path) -> None:
    mini = Path(karui_cli.__file__).parent.parent / "models" / "mini" / "pilot"
    done = karui("choose", mini, "--kind", "long_sum", "--kind", "swaps", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert (choice["decision"], choice["spec"]) == ("nothing", [])
    assert "Did you mean 'swaps'" in karui("choose", mini, "--kind", "swap", "--out", tmp_path).output


def test_stated_prices_reach_the_report(recording: Path, tmp_path: Path) -> None:
    stated = ["--assume", "price_prompt=1", "--assume", "price_output=8", "--assume", "currency=JPY"]
    done = karui("choose", recording, "--out", tmp_path, "--minimize", "cost", *stated)
    assert done.exit_code == 0, done.output
    study = json.loads((tmp_path / "study.json").read_text())
    assert study["assumptions"]["currency"] == "JPY"
    bill = study["baseline"]["bill"]
    cost = (bill["prompt"] + 8 * (bill["thinking"] + bill["answer"])) / 1000
    assert study["baseline"]["cost"] == pytest.approx(cost)


def test_import_of_ones_own_traces(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    sample = {"tokens": 200, "answer": "4", "trials": [[64, "5", 0.4], [128, "4", 0.9]]}
    lines = [{"id": f"q{n}", "question": "2+2?", "reference": "4", "samples": [sample] * 2} for n in range(3)]
    traces.write_text("\n".join(map(json.dumps, lines)))
    done = karui("import", traces, "--out", tmp_path / "recording")
    assert done.exit_code == 0, done.output
    found = json.loads(
        karui("replay", tmp_path / "recording", "--plan", "token-budget:tokens=128", "--json").stdout
    )
    [plan] = found["plans"]
    assert plan["measurement"]["accuracy"]["value"] == 1
    assert plan["measurement"]["bill"]["thinking"] == 128


def test_help_of_import_shows_the_format_line_by_line() -> None:
    shown = karui("import", "--help").output
    assert '"trials": [[64, "41", 0.55], [128, "42", null]]}]}\n' in shown
    assert '{"id": "q1"' in shown
