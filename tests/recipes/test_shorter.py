"""The recipe of the models that think shorter: its questions, its plans, and recordings made in parts."""

import json
import tarfile
from argparse import Namespace
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from karui import catalog, tasks
from karui.core.recording import Recording
from karui.engines.transformers.load import load_model
from karui.recording import store
from recipes.micro.__main__ import held_out
from recipes.mini.kinds import KINDS
from recipes.mini.questions import fingerprint
from recipes.shorter import __main__ as recipe
from recipes.shorter.adapters import keep, merge_again
from recipes.shorter.models import RECORDINGS, STEPS, models
from recipes.shorter.packing import pack, unpack
from recipes.shorter.questions import UNSEEN, by_errors, draw, write
from recipes.shorter.record import join, part_of, task_of
from recipes.shorter.spread import passed_on
from tests.helpers import trainings

MINI = Path(__file__).parents[2] / "src" / "karui" / "models" / "mini"


def test_no_question_is_held_out_and_two_kinds_are_left_out():
    held = held_out(MINI)
    assert len(held) == 1700
    rows = draw(44, held)
    kinds = Counter(row["kind"] for row in rows)
    assert kinds == dict.fromkeys(set(KINDS) - set(UNSEEN), 4)
    marks = {fingerprint(row["question"]) for row in rows}
    assert len(marks) == 44
    assert not marks & held
    assert draw(44, held) == rows
    # What would be held out is passed over.
    assert not {fingerprint(row["question"]) for row in draw(44, held | marks)} & marks


def test_practice_is_of_what_goes_wrong():
    shares = by_errors(store.load(MINI / "pilot", signals=False))
    assert set(shares) == set(KINDS)
    assert shares["chain_sum"] > 2 * shares["swaps"] > 0
    rows = draw(100, set(), shares=shares, name="practice", seed=7)
    kinds = Counter(row["kind"] for row in rows)
    assert len(rows) == 100
    assert not set(UNSEEN) & set(kinds)
    assert kinds["chain_sum"] > kinds["swaps"] > 0
    assert all(row["id"].startswith("practice-") for row in rows)


def test_questions_are_read_as_karui_reads_them(tmp_path):
    ours = task_of(MINI / "questions" / "pilot.jsonl", "mini:pilot")
    assert ours.digest == tasks.load("mini:pilot").digest
    write(tmp_path / "own.jsonl", [{"id": "a", "question": "1+1", "answer": "2", "kind": "sum"}])
    (question,) = task_of(tmp_path / "own.jsonl", "own").questions
    assert question.verifier.verify(question.reference, question.verifier.read("\\boxed{2}"))


def test_every_plan_can_be_read_and_needs_only_what_is_made_before(tmp_path):
    seen = set()
    for made in models(tmp_path):
        plan = catalog.parse(made.plan)
        assert plan.prepared == plan.techniques
        assert {made.after, made.parent} - {""} <= seen
        seen |= {made.name, made.of}
        (technique,) = plan.techniques
        if made.minutes is None and getattr(technique, "lora", 0):
            assert technique.steps == STEPS  # or the control would be none
    for shown in RECORDINGS:
        assert shown.model in seen
        assert catalog.parse(shown.style).recorded == catalog.parse(shown.style).techniques
    assert len({shown.name for shown in RECORDINGS}) == len(RECORDINGS)


def tale(question):
    """Returns what is told of a question, in what can be compared."""
    traces = [
        (t.sample, t.thinking, t.answer, t.checkpoints, t.signals.logprob.tolist()) for t in question.traces
    ]
    return question.id, traces, dict(question.verdicts)


def test_a_recording_made_in_parts_is_the_whole_one(tmp_path):
    task = task_of(MINI / "questions" / "pilot.jsonl", "mini:pilot", 5)
    pilot = store.load(MINI / "pilot")
    folders = []
    for number in range(2):
        part = part_of(task, number, 2)
        ids = {q.id for q in part.questions}
        folders.append(tmp_path / str(number))
        manifest = replace(pilot.manifest, task_digest=part.digest, tokens_per_second=10.0)
        store.save(Recording(manifest, pilot.subset(ids).questions), folders[-1], level=store.FAST)
    whole = join(folders, task, tmp_path / "whole")
    wanted = pilot.subset({q.id for q in task.questions})
    assert [tale(q) for q in whole.questions] == [tale(q) for q in wanted.questions]
    again = store.load(tmp_path / "whole")
    assert (again.manifest.task_digest, again.manifest.tokens_per_second) == (task.digest, 20.0)
    assert [tale(q) for q in again.questions] == [tale(q) for q in wanted.questions]


def test_parcels_hold_adapters_and_recordings_but_no_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("recipes.shorter.parcels.PARCEL_BYTES", 4096)
    place = tmp_path / "models" / "shortest-correct"
    (place / "adapter").mkdir(parents=True)
    for name in ("karui-artifact.json", "model.safetensors", "adapter/adapter_config.json"):
        (place / name).write_text(name * 50)
    (place / "adapter" / "adapter_model.safetensors").write_bytes(bytes(9000))
    (tmp_path / "recordings" / "cut").mkdir(parents=True)
    (tmp_path / "recordings" / "cut" / "manifest.json").write_text(json.dumps({}))
    (tmp_path / "out").mkdir()
    given = Namespace(work=tmp_path, out=tmp_path / "out", only="", steps=2, minutes=1.0, tiny=True)
    recipe._pack(given)
    parcels = sorted((tmp_path / "out").iterdir())
    assert len(parcels) > 1
    (tmp_path / "whole.tar").write_bytes(b"".join(p.read_bytes() for p in parcels))
    with tarfile.open(tmp_path / "whole.tar") as tar:
        names = {m.name for m in tar.getmembers() if m.isfile()}
    assert names == {
        "recordings/cut/manifest.json",
        "models/shortest-correct/karui-artifact.json",
        "models/shortest-correct/adapter/adapter_config.json",
        "models/shortest-correct/adapter/adapter_model.safetensors",
    }


@pytest.mark.parametrize("given", [["--stages", "record,train"], ["--stages=record"]])
def test_a_part_is_told_everything_but_the_stages(given):
    assert passed_on(["--work", "w", *given, "--slots", "8"]) == ["--work", "w", "--slots", "8"]


@pytest.fixture
def hand():
    """Returns the models and recordings made by hand for the tests of the techniques."""
    return trainings


def test_a_packed_model_comes_out_as_it_went_in(tmp_path, hand):
    parent = hand.save_parent(tmp_path / "parent")
    load_model(parent, "cpu", "bfloat16").save_pretrained(parent)
    spec = "plain-sft:lora=0,steps=2,batch_tokens=600,learning_rate=0.01"
    made = hand.made(spec, parent, hand.recording_of(parent), tmp_path / "made")
    pack(made.folder, parent, tmp_path / "packed.xz")
    again = unpack(tmp_path / "packed.xz", parent, tmp_path / "again")
    assert again.digest == made.digest
    first, second = (load_file(f / "model.safetensors") for f in (made.folder, again.folder))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(ValueError, match="another base"):
        unpack(tmp_path / "packed.xz", made.folder, tmp_path / "other")


def test_a_kept_adapter_makes_the_model_again(tmp_path, hand):
    parent = hand.save_parent(tmp_path / "parent")
    made = hand.made(
        "plain-sft:lora=4,steps=2,batch_tokens=600,learning_rate=0.01",
        parent,
        hand.recording_of(parent),
        tmp_path / "made",
    )
    keep(made.folder, tmp_path / "kept")
    again = merge_again(tmp_path / "kept", parent, tmp_path / "again")
    first, second, base = (load_file(f / "model.safetensors") for f in (made.folder, again.folder, parent))
    moved = max(float((first[n] - base[n]).abs().max()) for n in base)
    off = max(float((first[n] - second[n]).abs().max()) for n in base)
    assert 0 < off < moved / 100
    assert again.notes["recorded_digest"] == made.digest != again.digest
    assert again.techniques == made.techniques
