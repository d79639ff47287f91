"""`import karui`: what there is, what it takes, and that it says the same as the command line."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from inspect import iscoroutinefunction, signature
from pathlib import Path

import pytest
from typer.testing import CliRunner

import karui
from karui.cli.main import app
from karui.core.errors import InputError, UnknownName
from karui.core.recording import Recording
from karui.core.study.choice import Decision
from karui.recording.store import save
from karui.study.progress import ProgressUpdate
from karui.study.result import Study
from karui.testing.synthetic import synthetic

VERBS = ("choose", "confirm", "make", "poc", "portfolio", "profile", "record", "replay", "run", "serve")
QUICK = {"min_accuracy": 0, "accept_truncation": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "recording"
    save(synthetic(24, 1), path)
    return path


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return karui.choose(folder, **QUICK)


def test_importing_imports_nothing_and_shadows_nothing() -> None:
    code = (
        "import karui, sys; print(len([m for m in sys.modules if m.startswith('karui')]));"
        "import karui.cli.main, karui.selection.select, karui.study.api.choose;"
        "print(all(callable(getattr(karui, n)) for n in karui.__all__ if n != '__version__'))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["2", "True"]  # karui and karui.version


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_twin_that_takes_the_same(verb: str) -> None:
    plain, twin = getattr(karui, verb), getattr(karui, f"{verb}_async")
    assert iscoroutinefunction(twin)
    assert not iscoroutinefunction(plain)
    assert signature(plain) == signature(twin)
    assert plain.__doc__ == twin.__doc__
    for section in ("Args:", "Raises:"):
        assert section in plain.__doc__
    assert {verb, f"{verb}_async"} <= set(karui.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lighten'"):
        karui.lighten  # noqa: B018 - the attribute is what is tested
    assert set(karui.__all__) <= set(dir(karui))


def test_a_study_says_what_the_command_line_says(folder: Path, study: Study, tmp_path: Path) -> None:
    words = ["choose", str(folder), "--min-accuracy", "0", "--accept-truncation", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    written = karui.load_study(tmp_path)
    assert written.choice == study.choice
    assert replace(written.data, commands=()) == replace(study.data, commands=())
    assert written.rows() == study.rows()


def test_a_study_is_a_table_a_picture_and_a_report(study: Study, tmp_path: Path) -> None:
    assert study.decision is Decision.COLLECT  # so few questions certify nothing
    assert study.best is None
    rows = study.rows()
    assert (rows[0]["plan"], rows[0]["verdict"]) == ("full thinking", "baseline")
    assert len(rows) == 1 + len(study.data.plans)
    assert [row["tokens"] for row in rows[1:]] == sorted(row["tokens"] for row in rows[1:])
    certified = {t.label: t for t in study.choice.tested}
    for row in rows[1:]:
        assert row["loss"] == pytest.approx(rows[0]["accuracy"] - row["accuracy"])
        if row["p"] is not None:
            assert row["saving"] == pytest.approx(certified[row["plan"]].saving)
    columns = study.frame(dict)
    assert list(columns) == list(rows[0])
    assert columns["plan"][0] == "full thinking"
    shown = study._repr_html_()
    assert shown.count("<circle") == len(rows)
    assert "<script" not in shown
    assert "<h3>Collect " in shown
    assert study.report(tmp_path / "r.html", "ja").read_text().count("最後まで思考") > 0
    assert study.report(tmp_path / "deep" / "r.md").read_text().startswith("#")
    assert study.report(tmp_path / "folder").name == "report.html"
    with pytest.raises(UnknownName, match="language"):
        study.report(tmp_path / "r.html", "fr")
    assert "collect" in repr(study)


def test_a_frame_is_made_by_what_is_installed(study: Study) -> None:
    pandas = pytest.importorskip("pandas")
    assert isinstance(study.frame(pandas.DataFrame), pandas.DataFrame)


def test_a_study_comes_back(study: Study, tmp_path: Path) -> None:
    pages = study.save(tmp_path / "kept")
    assert {p.name for p in pages} == {"report.html", "report.md", "report.json"}
    again = karui.load_study(tmp_path / "kept", language="ja")
    assert again.data == study.data
    assert (again.path, again.details) == (tmp_path / "kept", None)
    assert "<svg" in again._repr_html_()


def test_the_report_names_the_call_that_makes_it_again(folder: Path, study: Study) -> None:
    assert study.data.commands == (f"karui.choose({str(folder)!r}, min_accuracy=0, accept_truncation=True)",)


def test_a_recording_in_memory_cannot_be_chosen_from(study: Study) -> None:
    with pytest.raises(InputError, match="in memory only"):
        karui.choose(synthetic(24, 1), **QUICK)


def test_progress_and_twins_and_recordings_as_such(folder: Path, study: Study) -> None:
    heard: list[ProgressUpdate] = []
    recording = karui.load_recording(folder)
    assert isinstance(recording, Recording)

    async def server() -> Study:
        return await karui.choose_async(recording, on_progress=heard.append, **QUICK)

    assert asyncio.run(server()).choice == study.choice
    assert heard[0].step == "Replaying every plan"
    assert heard[-1].done == heard[-1].total


def test_a_replay_is_what_the_command_line_prints(folder: Path) -> None:
    plan = "token-budget:tokens=64"
    found = karui.replay(folder, [plan, karui.Plan()])
    done = CliRunner().invoke(app, ["replay", str(folder), "--plan", plan, "--json"])
    told = json.loads(done.stdout)
    assert told["baseline"]["label"] == found.baseline.label == "full thinking"
    [other] = told["plans"]
    assert found.rows()[1]["accuracy"] == other["measurement"]["accuracy"]["value"]
    assert list(found.frame(dict)) == list(found.rows()[0])


def test_kinds_and_tasks_are_named(folder: Path) -> None:
    with pytest.raises(UnknownName, match="kind"):
        karui.load_recording(folder, kinds=["none-such"])
    assert len(karui.load_task("mini", limit=3).questions) == 3
    with pytest.raises(UnknownName, match="gsm9k"):
        karui.load_task("gsm9k")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda f: karui.choose(f, max_dorp=2), "max_drop"),
        (lambda f: karui.choose(f, aux_model={"main": f}), "taken"),
        (lambda f: karui.record(samplse=2), "samples"),
        (lambda f: karui.poc(train_on=f), "--variants shorter-training"),
        (lambda f: karui.poc(variants=["small"]), "Did you mean 'smaller'"),
        (lambda f: karui.make("no-thinking"), "makes no new weights"),
        (lambda f: karui.profile("karui-mini", concurrency=[0]), "--concurrency"),
        (lambda f: karui.profile("karui-mini", configure=["no-thinking"]), "--configure"),
        (lambda f: karui.run("selfconsistency", "karui-mini", "1+1?"), "self-consistency"),
        (karui.load_study, "study.json"),
    ],
)
def test_a_slip_is_one_clear_error(call, told: str, folder: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(karui.KaruiError) as error:
        call(folder)
    assert told in str(error.value)


def test_a_study_without_a_plan_is_neither_confirmed_nor_served(study: Study) -> None:
    with pytest.raises(InputError, match="no plan to confirm"):
        karui.confirm(study, "mini")
    with pytest.raises(InputError, match="full thinking"):
        karui.serve(study, port=0)


def test_one_question_is_answered_live() -> None:
    found = karui.run(
        "token-budget:tokens=48", "karui-mini", "What is 3 + 4?", reference="7", verifier="exact", threads=1
    )
    assert found.tokens > 0
    assert len(found.traces) == 1
    assert found.correct == (found.answer == "7")


def test_nothing_outside_the_command_line_needs_it() -> None:
    root = Path(karui.__file__).parents[2]
    for room in ("bench", "recipes", "deploy", "examples"):
        for file in (root / room).rglob("*.py"):
            # One side of bench/replay.py runs on an older build, whose application layer lay there.
            if file.name != "_replay_side.py":
                assert "karui.cli" not in file.read_text(encoding="utf-8"), file
