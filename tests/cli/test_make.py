"""`karui make`, and recordings of what was made: once, with its lineage."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from karui.artifacts.artifact import Artifact
from karui.cli.main import app
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.models.weights import digest
from karui.recording import store
from karui.study.variants.plans import variant_plans
from karui.study.workspace import Workspace, task_of
from tests.helpers import tiny

OWN = Path(__file__).parents[1] / "helpers" / "hand_made_examples.py"
SCALE, LEARN, SLOW = (f"{OWN}:{name}" for name in ("Scale", "Learn", "Slow"))
QUICK = (
    "--samples",
    1,
    "--max-tokens",
    40,
    "--min-accuracy",
    0,
    "--concurrency",
    4,
    "--device",
    "cpu",
    "--dtype",
    "float32",
)


def karui(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, questions, and a recording of the model."""
    place = tmp_path_factory.mktemp("place")
    tiny.save(place / "model")
    rows = [{"id": str(n), "question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(4)]
    (place / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ran = record(place, "recording")
    assert ran.exit_code == 0, ran.output
    return place


def record(place: Path, out: str, *more: object, model: Path | None = None) -> Result:
    where = ("--model", model or place / "model", "--questions", place / "questions.jsonl")
    return karui("record", *where, *QUICK, "--out", place / out, *more)


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_make_shows_what_it_took_and_how_to_go_on(place: Path) -> None:
    out = place / "made"
    plan = f"{SCALE}:factor=0.25 + {LEARN}"
    ran = karui("make", plan, "--model", place / "model", "--recording", place / "recording", "--out", out)
    assert ran.exit_code == 0, ran.output
    *_, last = ran.stdout.strip().splitlines()
    made = Artifact.of(last)
    assert made is not None
    assert [t["technique"] for t in made.techniques] == [SCALE, LEARN]
    assert made.data == store.digest(place / "recording")
    assert made.lineage[0] == digest(place / "model")
    assert "weights before" in ran.stdout
    assert "×1.00" in ran.stdout
    assert "questions: 4" in ran.stderr
    assert f"karui record --model {last} --questions" in ran.stderr

    again = karui("make", plan, "--model", place / "model", "--recording", place / "recording", "--out", out)
    assert again.stdout.count("made before") == 2
    assert again.stdout.strip().splitlines()[-1] == last

    asked = ("--model", place / "model", "--recording", place / "recording", "--out", out, "--json")
    found = json.loads(karui("make", plan, *asked).stdout)
    assert [f["reused"] for f in found] == [True, True]
    assert found[1]["folder"] == last
    assert found[1]["digest"] == made.digest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((LEARN,), "needs a recording"),
        (("token-cap:tokens=5",), "makes no new weights"),
        ((SCALE, "--model", "/nowhere"), "The model folder"),
        ((SCALE, "--recording", "/nowhere"), "There is no recording"),
        (("halve",), "no technique called"),
    ],
)
def test_refusals_are_one_clear_error(place: Path, tmp_path: Path, words: tuple, said: str) -> None:
    ran = karui("make", "--model", place / "model", "--out", tmp_path / "out", *words)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.output
    assert not list(tmp_path.glob("out/*"))


def test_ctrl_c_and_the_same_command_goes_on(place: Path, tmp_path: Path) -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from karui.cli.main import app; app()"
    )
    where = ["--model", str(place / "model"), "--out", str(tmp_path / "out")]
    words = [sys.executable, "-c", code, "make", f"{SLOW}:steps=30,seconds=0.2", *where]
    job = subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in job.stderr:
        if " of 100 " in line:
            break
    os.kill(job.pid, signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 130
    assert "Stopped. What was reached is kept" in said
    assert "Traceback" not in said
    assert not [p for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")]


def test_a_style_that_makes_weights_is_made_below_out_and_recorded(place: Path) -> None:
    style = f"{SCALE}:factor=0.9 + {LEARN}"
    ran = record(place, "styled", "--variant", style, "--recording", place / "recording", "--compact")
    assert ran.exit_code == 0, ran.output
    kept = manifest(place / "styled")
    assert kept["style"] == [{"technique": SCALE, "factor": 0.9}, {"technique": LEARN}]
    folders = [p for p in (place / "styled" / "artifacts").iterdir() if not p.name.startswith(".")]
    made = next(m for m in map(Artifact.of, folders) if m is not None and len(m.techniques) == 2)
    assert kept["model"]["digest"] == made.digest
    assert kept["model"]["name"] == made.name == f"{place / 'model'} + {SCALE}(factor=0.9) + {LEARN}"

    # The same again finds the artifacts and the traces.
    stamp = (made.folder / "model.safetensors").stat().st_mtime_ns
    again = record(place, "styled", "--variant", style, "--recording", place / "recording")
    assert again.exit_code == 0, again.output
    assert "made before" in again.stderr
    assert (made.folder / "model.safetensors").stat().st_mtime_ns == stamp


def test_a_recording_of_an_artifact_carries_its_techniques(place: Path) -> None:
    out = place / "by-hand"
    ran = karui("make", f"{SCALE}:factor=0.8", "--model", place / "model", "--out", out)
    folder = Path(ran.stdout.strip().splitlines()[-1])
    ran = record(place, "of-artifact", "--variant", "chain-of-draft", model=folder)
    assert ran.exit_code == 0, ran.output
    kept = manifest(place / "of-artifact")
    assert [t["technique"] for t in kept["style"]] == [SCALE, "chain-of-draft"]
    assert kept["model"]["name"] == Artifact.of(folder).name
    # Plans over it are replayed like any others, and begin with what it was recorded with.
    plan = "token-cap:tokens=20"
    ran = karui("replay", place / "of-artifact", "--plan", plan, "--json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    label = f"{SCALE}(factor=0.8) + chain-of-draft"
    assert found["baseline"]["label"].startswith(label)
    assert found["plans"][0]["measurement"]["label"].endswith("token-cap(tokens=20)")


def test_one_engine_serves_all_plans_on_the_same_weights(place: Path, tmp_path: Path) -> None:
    session = Workspace(str(place / "model"), Sampling(max_tokens=20), 1, device="cpu", artifacts=tmp_path)
    (small,) = variant_plans([f"{SCALE}:factor=0.7"])
    (both,) = variant_plans([f"{SCALE}:factor=0.7 + chain-of-draft"])
    assert session.engine_of(Plan()) is session.engine
    assert session.engine_of(small) is session.engine_of(both)
    assert session.engine_of(small) is not session.engine
    assert session.engine_of(small).card.digest == session.artifact(small).digest
    engine = session.engine_of(small)
    asyncio.run(session.free(both))
    assert session.engine_of(small) is not engine

    # A session on the artifact itself: its own techniques may be named or left out.
    own = Workspace(str(session.artifact(small).folder), Sampling(max_tokens=20), 1, artifacts=tmp_path)
    assert own.whole(Plan()) == small
    assert own.whole(small) == small
    assert own.engine_of(small) is own.engine
    assert own.artifact(Plan()) is None


def test_what_a_technique_configures_reaches_the_engine(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "fewer.py"
    file.write_text(
        "from dataclasses import dataclass\n"
        "from karui.core.technique import Family, Technique\n"
        "@dataclass(frozen=True)\n"
        "class Fewer(Technique):\n"
        "    family = Family.FASTER\n"
        "    tokens: int = 9\n"
        "    def configure(self, options):\n"
        "        return {**options, 'trial_tokens': self.tokens}\n"
    )
    session = Workspace(str(place / "model"), Sampling(max_tokens=20), 1, device="cpu", artifacts=tmp_path)
    (plan,) = variant_plans([f"{file}:Fewer:tokens=3"])
    assert session.engine_of(plan)._loop.scheduler.trial_tokens == 3
    assert session.engine._loop.scheduler.trial_tokens == 24
    task = task_of(str(place / "questions.jsonl"))
    made = asyncio.run(session.record(task, tmp_path / "recorded", "Recording", plan))
    assert made.manifest.style == tuple(plan.spec)


def test_a_pick_of_questions_has_a_digest_of_its_own(place: Path) -> None:
    from karui.study.workspace import data_digest

    whole = store.load(place / "recording")
    assert data_digest(whole) == store.digest(place / "recording")
    part = whole.subset({"1", "2"})
    other = whole.subset({"1", "3"})
    assert len({data_digest(whole), data_digest(part), data_digest(other)}) == 3
