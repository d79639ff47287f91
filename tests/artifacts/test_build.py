"""Artifacts are made once, whole or not at all, and go on from where a try was interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM

from karui import catalog
from karui.artifacts import build, resources
from karui.artifacts.artifact import MANIFEST, Artifact
from karui.artifacts.build import make
from karui.core.engine import ModelInfo
from karui.core.errors import InputError, ModelError, PlanError, RecordingMismatch, StorageError
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.models.weights import digest
from tests.helpers import tiny

OWN = Path(__file__).parents[1] / "helpers" / "hand_made_examples.py"


def own(name, **values):
    return catalog.technique(f"{OWN}:{name}").from_spec(values)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "parent")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "artifacts"


def recording_of(card_digest, questions=3):
    """What the forge looks at of a recording."""
    manifest = SimpleNamespace(model=ModelInfo("parent", card_digest))
    return Recording(manifest, tuple(SimpleNamespace(id=str(n)) for n in range(questions)))


def visible(root):
    return sorted(p.name for p in root.iterdir() if not p.name.startswith("."))


def hidden(root):
    return sorted(p.name for p in root.iterdir() if p.name.startswith("."))


class Heard(list):
    def __call__(self, progress):
        self.append(progress)


def test_an_artifact_is_a_model_folder_with_a_manifest(model, root):
    made = make([own("Scale")], model, root, name="my-model", seed=7)
    assert visible(root) == [f"hand_made_examples-{made.key}"]
    assert hidden(root) == []
    scaled = AutoModelForCausalLM.from_pretrained(made.folder)
    whole = AutoModelForCausalLM.from_pretrained(model)
    assert torch.equal(scaled.lm_head.weight, whole.lm_head.weight * 0.5)
    assert (made.folder / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()
    assert (made.folder / "chat_template.jinja").exists()

    assert made.name == f"my-model + {OWN}:Scale(factor=0.5)"
    assert made.parent == "my-model"
    assert made.lineage == (digest(model),)
    assert made.digest == digest(made.folder) != digest(model)
    assert made.used == ()
    assert made.notes == {"factor": 0.5, "device": made.device}
    assert made.disk_bytes == sum(p.stat().st_size for p in made.folder.iterdir() if p.name != MANIFEST)
    assert made.seconds > 0
    assert made.peak_resident_bytes > 10 * 1024**2
    assert "torch" in made.versions


def test_the_manifest_comes_back_as_it_was_written(model, root):
    made = make([own("Learn")], model, root, recording=recording_of(digest(model)), data_digest="d" * 64)
    again = Artifact.of(made.folder)
    assert again == made
    assert json.dumps(again.as_dict()) == json.dumps(made.as_dict())
    assert again.techniques == made.techniques
    assert again.folder == made.folder
    assert again.data == "d" * 64
    assert again.used == ("recording", "seed")
    assert Artifact.of(model) is None


def test_a_damaged_manifest_and_one_of_another_format_are_refused(model, root):
    made = make([own("Scale")], model, root)
    values = json.loads((made.folder / MANIFEST).read_text())
    (made.folder / MANIFEST).write_text(json.dumps(values | {"format": 99}))
    with pytest.raises(ModelError, match="format 99"):
        Artifact.of(made.folder)
    (made.folder / MANIFEST).write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        Artifact.of(made.folder)


def test_it_is_made_once(model, root):
    first = make([own("Scale")], model, root)
    stamp = (first.folder / "model.safetensors").stat().st_mtime_ns
    heard = Heard()
    # It looked at no recording, no seed and no limit of time: other ones make no other artifact.
    again = make(
        Plan((own("Scale"),)),
        model,
        root,
        seed=9,
        minutes=1,
        recording=recording_of(digest(model)),
        data_digest="x",
        on_progress=heard,
    )
    assert [p.reused for p in heard] == [True]
    assert again == first
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == stamp
    other = make([own("Scale", factor=0.25)], model, root)
    assert other.folder != first.folder


def test_what_it_looked_at_decides_which_artifact_it_is(model, root):
    recording = recording_of(digest(model))
    learn = [own("Learn")]
    first = make(learn, model, root, recording=recording, data_digest="one", seed=1)
    assert make(learn, model, root, recording=recording, data_digest="one", seed=1, minutes=5) == first
    assert make(learn, model, root, recording=recording, data_digest="two", seed=1).key != first.key
    assert make(learn, model, root, recording=recording, data_digest="one", seed=2).key != first.key
    slow = [own("Slow", steps=1)]
    assert make(slow, model, root, minutes=1).key != make(slow, model, root, minutes=2).key


def test_each_technique_works_on_what_the_one_before_it_made(model, root):
    both = make([own("Scale"), own("Scale", factor=0.25)], model, root, name="m")
    first = make([own("Scale")], model, root)
    assert visible(root) == sorted(p.folder.name for p in (first, both))
    assert both.lineage == (digest(model), first.digest)
    assert [t["factor"] for t in both.techniques] == [0.5, 0.25]
    assert both.lineage[-1] == first.digest
    # An artifact is a parent like any other, and keeps its lineage.
    heard = Heard()
    again = make([own("Scale", factor=0.25)], first.folder, root, on_progress=heard)
    assert again == both
    assert heard[0].reused
    weights = AutoModelForCausalLM.from_pretrained(both.folder).lm_head.weight
    assert torch.equal(weights, AutoModelForCausalLM.from_pretrained(model).lm_head.weight * 0.125)


def test_what_is_in_an_artifacts_folder_counts_and_not_what_its_manifest_says(model, root):
    first = make([own("Scale")], model, root)
    child = make([own("Pack")], first.folder, root)
    config = json.loads((first.folder / "config.json").read_text())
    (first.folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    assert make([own("Pack")], first.folder, root).key != child.key


def test_ctrl_c_leaves_a_state_to_resume_from(model, root):
    with pytest.raises(KeyboardInterrupt):
        make([own("Fail", how="stopped")], model, root)
    assert visible(root) == []
    (home,) = (p for p in root.iterdir() if p.is_dir())
    assert (home / "scratch" / "reached").exists()
    assert not (home / "model").exists()
    assert not list(root.glob("*.lock"))


SCRIPT = """
import sys
from pathlib import Path
from karui import catalog
from karui.artifacts.build import make
own, model, root = sys.argv[1:]
slow = catalog.technique(own).from_spec({"steps": 40, "seconds": 0.1})
make([slow], Path(model), Path(root), seed=3, on_progress=lambda p: print(p.done, flush=True))
"""


def begin(model, root):
    words = [sys.executable, "-c", SCRIPT, f"{OWN}:Slow", str(model), str(root)]
    job = subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in job.stdout:
        if line.strip() == "3":
            return job
    raise AssertionError(job.wait())


def test_killed_in_the_middle_it_goes_on_and_two_never_make_the_same(model, root):
    job = begin(model, root)
    slow = own("Slow", steps=40, seconds=0.1)
    with pytest.raises(StorageError, match="being made already") as refused:
        make([slow], model, root, seed=3)
    assert f"process {job.pid}" in refused.value.why
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    assert visible(root) == []  # `model` was half-written
    heard = Heard()
    made = make([slow], model, root, seed=3, on_progress=heard)
    assert made.notes["first"] >= 3
    assert made.notes["resumed"]
    assert next(p.done for p in heard) == made.notes["first"]
    assert heard[-1].seconds_left == pytest.approx(0.1, abs=0.1)
    assert made.used == ("minutes", "seed")
    assert hidden(root) == []
    AutoModelForCausalLM.from_pretrained(made.folder)


def test_killed_after_it_was_whole_it_is_found_and_swept(model, root, monkeypatch):
    def killed(path, **_):
        if path.name != "model":
            raise SystemExit

    monkeypatch.setattr(build, "rmtree", killed)
    with pytest.raises(SystemExit):
        make([own("Scale")], model, root)
    monkeypatch.undo()
    assert len(visible(root)) == len(hidden(root)) == 1
    make([own("Scale")], model, root)
    assert hidden(root) == []
    assert len(visible(root)) == 1


def test_seconds_of_interrupted_tries_count(model, root, monkeypatch):
    slow = own("Slow", steps=6, seconds=0.1)
    calls = []

    def stop(progress):
        calls.append(progress)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make([slow], model, root, on_progress=stop)
    began = time.monotonic()
    made = make([slow], model, root)
    assert made.seconds > time.monotonic() - began + 0.15
    assert made.notes["first"] == 3


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("nothing", ModelError, "left no model"),
        ("cut", ModelError, "cut off"),
        ("full", StorageError, "The disk is full"),
        ("memory", ModelError, "ran out of memory"),
    ],
)
def test_what_went_wrong_is_said_and_leaves_nothing(model, root, how, kind, said):
    with pytest.raises(kind, match=said):
        make([own("Fail", how=how)], model, root)
    assert list(root.iterdir()) == []


class TestRefused:
    """Before any work: the techniques here would leave their traces in `root`."""

    def refused(self, kind, said, techniques, model, root, **options):
        with pytest.raises(kind, match=said):
            make(techniques, model, root, **options)
        assert not root.exists() or visible(root) == []

    def test_nothing_to_make(self, model, root):
        self.refused(InputError, "nothing to make", catalog.parse("token-cap").techniques, model, root)

    def test_no_model(self, root, tmp_path):
        self.refused(ModelError, "no config.json", [own("Scale")], tmp_path, root)

    def test_a_model_that_is_quantized_already(self, model, root):
        packed = make([own("Pack")], model, root / "packed")
        self.refused(ModelError, "quantized already", [own("Scale")], packed.folder, root / "other")
        make([own("Repack")], packed.folder, root / "other")

    def test_quantized_by_the_plan_itself(self, model, root):
        with pytest.raises(PlanError, match=r"Put .*Scale before"):
            make([own("Pack"), own("Scale")], model, root)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "type 'bert'"),
            ({"model_type": "t5", "is_encoder_decoder": True}, "type 't5'"),
            ({"auto_map": {"AutoModelForCausalLM": "own.Model"}}, "code of its own"),
        ],
    )
    def test_an_architecture_that_karui_does_not_run(self, model, root, tmp_path, change, said):
        copy = tmp_path / "copy"
        shutil.copytree(model, copy)
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | change))
        self.refused(ModelError, said, [own("Scale")], copy, root)

    def test_no_tokenizer(self, model, root, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(model, copy, ignore=shutil.ignore_patterns("tokenizer*"))
        self.refused(ModelError, "no tokenizer", [own("Scale")], copy, root)

    def test_a_cut_off_weight_file(self, model, root, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(model, copy)
        weights = copy / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        self.refused(ModelError, "cut off", [own("Scale")], copy, root)

    def test_no_recording_where_one_is_needed(self, model, root):
        self.refused(InputError, "needs a recording", [own("Learn")], model, root)

    def test_a_recording_of_another_model(self, model, root):
        other = recording_of("0" * 16)
        self.refused(RecordingMismatch, "not of", [own("Learn")], model, root, recording=other)

    def test_an_ancestors_recording_will_do(self, model, root):
        recording = recording_of(digest(model))
        made = make([own("Scale"), own("Learn")], model, root, recording=recording, data_digest="x")
        assert made.notes["questions"] == 3

    def test_too_little_memory(self, model, root, monkeypatch):
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100 * 1024**2))
        self.refused(ModelError, r"needs about 0\.\d GiB of memory on cpu; 0\.1 GiB are free", [own("Scale")],
                     model, root, device="cpu")  # fmt: skip

    def test_too_little_disk(self, model, root, monkeypatch):
        monkeypatch.setattr(psutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        self.refused(StorageError, "has no room", [own("Scale")], model, root)

    def test_a_root_that_cannot_be_written(self, model, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StorageError, match="cannot be written"):
            make([own("Scale")], model, tmp_path / "file")


def test_the_peak_is_of_the_work_alone():
    held = bytearray(300 * 1024**2)
    held[::4096] = b"x" * len(held[::4096])
    before = psutil.Process().memory_info().rss
    del held
    with resources.Peak() as idle:
        time.sleep(0.1)
    assert idle.resident_bytes < before - 200 * 1024**2
    with resources.Peak() as busy:
        held = bytearray(300 * 1024**2)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(0.1)
    assert busy.resident_bytes > idle.resident_bytes + 200 * 1024**2
