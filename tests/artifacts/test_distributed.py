"""`karui make` under a launcher: several processes make one artifact, and the first one writes it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch import distributed as torch_distributed
from torch.distributed import FileStore

from karui.artifacts import distributed
from karui.artifacts.artifact import Artifact
from karui.engines.transformers.load import load_model
from karui.recording.store import save
from tests.helpers import rl_trainings, trainings

SUPERVISED = "shortest-correct:lora=4,steps=6,batch_tokens=300,learning_rate=0.01"
REINFORCED = "reinforce-shorter:steps=4,questions=4,group=4,learning_rate=0.01,held=4,margin=0.99"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tiny model and two recordings: to learn by heart from, and to practise on."""
    place = tmp_path_factory.mktemp("place")
    parent = trainings.save_parent(place / "model")
    save(trainings.recording_of(parent), place / SUPERVISED.partition(":")[0])
    practised = rl_trainings.make_recording(parent, rl_trainings.make_task(place / "task"), tokens=16)
    save(practised, place / REINFORCED.partition(":")[0])
    return place


def words(place, plan, out):
    return [
        "make",
        plan,
        "--model",
        place / "model",
        "--recording",
        place / plan.partition(":")[0],
        "--out",
        out,
    ]


def surroundings():
    source = str(Path(__file__).parents[2] / "src")
    return {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.parametrize("plan", [SUPERVISED, REINFORCED])
def test_two_processes_make_one_artifact(place, tmp_path, plan):
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        "--standalone",
        "-m",
        "karui",
    ]
    asked = [*launch, *map(str, words(place, plan, tmp_path / "out"))]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=400, env=surroundings())
    assert done.returncode == 0, done.stderr[-3000:]
    (folder,) = (tmp_path / "out").iterdir()  # nothing else is left, hidden or not
    made = Artifact.of(folder)
    assert done.stdout.count(str(folder)) == 1  # one process speaks
    assert made.notes["curve"]["points"][-1]["step"] == int(plan.partition("steps=")[2].partition(",")[0])
    load_model(folder, "cpu", "float32")


def test_processes_part(monkeypatch, tmp_path):
    there = {"backend": "gloo", "rank": 0, "world_size": 1, "store": FileStore(str(tmp_path / "store"), 1)}
    torch_distributed.init_process_group(**there)
    distributed.shutdown()  # a single process has parted from nobody
    assert torch_distributed.is_initialized()
    monkeypatch.setenv("WORLD_SIZE", "2")
    distributed.shutdown()
    assert not torch_distributed.is_initialized()
    distributed.shutdown()  # what found its artifact made never met the others


@pytest.mark.parametrize(
    "plan", [SUPERVISED.replace("steps=6", "steps=4000"), REINFORCED.replace("steps=4", "steps=400")]
)
def test_a_killed_training_leaves_nothing_and_goes_on(place, tmp_path, plan):
    out = tmp_path / "out"
    asked = [sys.executable, "-m", "karui", *map(str, words(place, plan, out)), "--minutes", "0.15"]
    job = subprocess.Popen(
        asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings()
    )
    until = time.monotonic() + 200
    while not list(out.glob(".*/scratch/checkpoint-*/karui-course.json")):
        assert job.poll() is None, job.communicate()[1][-3000:]
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(job.pid, signal.SIGKILL)
    job.communicate()
    assert not [p for p in out.iterdir() if not p.name.startswith(".")]
    done = subprocess.run([*asked, "--json"], check=False, capture_output=True, text=True, env=surroundings())
    assert done.returncode == 0, done.stderr[-3000:]
    (made,) = json.loads(done.stdout)
    curve = made["notes"]["curve"]
    assert made["notes"]["resumed"] is True
    assert 0 < curve["resumed"] <= curve["points"][-1]["step"]
    assert [p["step"] for p in curve["points"]] == sorted({p["step"] for p in curve["points"]})
    assert [p.name for p in out.iterdir()] == [Path(made["folder"]).name]
