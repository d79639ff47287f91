"""Techniques that train on right traces: what they teach, that it is learned, and what they refuse."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from karui.core.errors import InputError, ModelError
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.shorter._right_traces import RightTraces
from karui.shorter._sft import SFTTechnique
from karui.training import trainers
from tests.helpers import trainings as hand

TRAIN = "batch_tokens=600,learning_rate=0.01"
TRAINED = (
    "shortest-correct",
    "cut-to-convergence",
    "token-skip",
    "adaptive-thinking",
    "length-labels",
    "plain-sft",
)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return hand.save_parent(tmp_path_factory.mktemp("parent") / "model")


@pytest.fixture(scope="module")
def recording(parent):
    return hand.recording_of(parent)


@pytest.fixture
def taught(monkeypatch, parent, recording, tmp_path):
    """Returns what a technique would teach: its replies as text, and its lessons."""

    class Caught(Exception):
        pass

    def catch(self, folder, forge, lessons, **notes):
        raise Caught(lessons, notes)

    monkeypatch.setattr(SFTTechnique, "train", catch)

    def teach(spec, shown=recording):
        with pytest.raises(Caught) as caught:
            hand.made(spec, parent, shown, tmp_path)
        lessons, notes = caught.value.args
        decode = load_tokenizer(parent).decode
        return [decode(x.reply_ids) for x in lessons.examples], lessons, notes

    return teach


def test_the_shortest_right_trace_of_each_question_is_taught(taught):
    replies, lessons, notes = taught("shortest-correct")
    assert replies == [f"<think>\nIt is {n}.\n</think>\n\n\\boxed{{{n}}}<|im_end|>" for n in range(12)]
    assert lessons.dropped == {"not selected": 12, "truncated": 4, "wrong": 8}
    assert lessons.retokenized == 0
    assert 0 < notes["shortest_share"] < 1
    assert len(taught("shortest-correct:count=2")[0]) == 24


def test_all_right_traces_are_the_control(taught):
    replies, lessons, _ = taught("plain-sft")
    assert len(replies) == 24
    assert lessons.dropped == {"truncated": 4, "wrong": 8}
    assert sum("Wait, let me check." in reply for reply in replies) == 12


def test_a_trace_is_cut_where_its_answer_settled(taught):
    replies, _, notes = taught("cut-to-convergence:confidence=0.98,patience=1")
    first = "<think>\nHmm, 1 + 5 less 1.\n\nSo the answer is 5."
    assert f"{first}\n</think>\n\n\\boxed{{5}}<|im_end|>" in replies
    assert "<think>\nIt is 5.\n</think>\n\n\\boxed{5}<|im_end|>" in replies  # known at its end only
    assert len(replies) == 24
    assert notes == {"whole": 12}


def test_without_confidence_a_lucky_trial_is_enough(taught):
    replies, _, _ = taught("cut-to-convergence:confidence=0,patience=1")
    assert "<think>\nHmm, 1 + 5 less 1.\n</think>\n\n\\boxed{5}<|im_end|>" in replies
    replies, _, notes = taught("cut-to-convergence:confidence=0,patience=3")
    assert not any(reply.startswith("<think>\nHmm") and "Wait" not in reply for reply in replies)
    assert notes == {"whole": 24}


def test_the_shortest_cuts_are_taught_if_wanted(taught):
    replies, lessons, _ = taught("cut-to-convergence:count=1")
    assert len(replies) == 12
    assert lessons.dropped["not selected"] == 12


def test_a_prompt_says_how_long_its_trace_is(taught, parent):
    replies, lessons, notes = taught("length-labels:grid=1")
    decode = load_tokenizer(parent).decode
    assert len(replies) == 24
    for lesson in lessons.examples:
        assert f"Think for {len(lesson.reply_ids)} tokens." in decode(lesson.prompt_ids)
    lengths = [len(lesson.reply_ids) for lesson in lessons.examples]
    assert notes["targets"] == [round(x) for x in np.percentile(lengths, (5, 95))]
    # Some are whole, some are cut where the answer had settled, none before that.
    assert 0 < sum("Wait, let me check." in reply for reply in replies) < 12
    assert sum(reply.startswith("<think>\nHmm") for reply in replies) == 12
    assert not any(reply.startswith("<think>\nHmm,\n</think>") for reply in replies)


def test_a_prompt_says_a_round_number(taught, parent):
    _, lessons, notes = taught("length-labels:grid=8")
    decode = load_tokenizer(parent).decode
    asked = [
        int(re.search(r"Think for (\d+) tokens", decode(x.prompt_ids)).group(1)) for x in lessons.examples
    ]
    assert all(number % 8 == 0 < number for number in asked)
    for number, lesson in zip(asked, lessons.examples, strict=True):
        assert abs(number - len(lesson.reply_ids)) <= 4
    assert notes["targets"][1] <= max(asked)


def test_the_very_tokens_of_a_cut_are_those_the_model_would_write(taught, parent):
    _, lessons, _ = taught("cut-to-convergence")
    tokenizer = load_tokenizer(parent)
    for lesson in lessons.examples:
        written = tokenizer.encode(tokenizer.decode(lesson.reply_ids), add_special_tokens=False)
        assert lesson.reply_ids == written
        assert lesson.prompt_ids == tokenizer.apply_chat_template(
            [{"role": "user", "content": f"What is {lesson.question[1:]}?"}],
            add_generation_prompt=True,
            return_dict=False,
        )


def test_what_the_context_has_no_room_for_is_counted(tmp_path):
    small = hand.save_parent(tmp_path / "small", max_position_embeddings=70)
    right_traces = RightTraces.of(small, hand.recording_of(small))
    for question, traces in right_traces.questions:
        for trace in traces:
            right_traces.add_trace(question, trace)
    assert {len(x.ids) <= 70 for x in right_traces.examples} == {True}
    assert right_traces.dropped["too long"] == 24 - len(right_traces.examples) == 12


@pytest.mark.parametrize("name", TRAINED)
def test_too_few_right_traces_are_refused(name, parent, recording, tmp_path):
    few = recording.subset({f"q{n}" for n in range(5)})
    with pytest.raises(InputError, match="10 right traces to learn from; at least 20"):
        hand.made(name, parent, few, tmp_path)
    assert not list(tmp_path.glob("*-*"))


@pytest.mark.parametrize(
    "spec", ["cut-to-convergence", "adaptive-thinking:thoughts=settled", "length-labels"]
)
def test_a_recording_without_trials_is_refused(spec, parent, recording, tmp_path):
    with pytest.raises(InputError, match="needs trials"):
        hand.made(spec, parent, hand.changed(recording, checkpoints=()), tmp_path)


@pytest.mark.parametrize("name", TRAINED)
def test_it_is_learned_and_the_adapter_is_kept(name, parent, recording, tmp_path):
    made = hand.made(f"{name}:lora=4,epochs=6,{TRAIN}", parent, recording, tmp_path)
    points = made.notes["curve"]["points"]
    assert points[-1]["loss"] < points[1]["loss"]
    assert made.used == ("minutes", "recording", "seed")
    adapter = json.loads((made.folder / "adapter" / "adapter_config.json").read_text())
    assert adapter["r"] == 4
    before, after = (load_file(f / "model.safetensors") for f in (parent, made.folder))
    assert {k: v.shape for k, v in before.items()} == {k: v.shape for k, v in after.items()}
    assert any(not torch.equal(v, after[k]) for k, v in before.items())
    load_model(made.folder, "cpu", "float32")


def test_the_control_takes_the_same_number_of_steps(parent, recording, tmp_path):
    made = hand.made(f"plain-sft:lora=0,steps=3,{TRAIN}", parent, recording, tmp_path)
    assert made.notes["curve"]["points"][-1]["step"] == 3
    assert not (made.folder / "adapter").exists()


def test_what_cannot_be_watched_is_trained_all_the_same_and_told(parent, recording, tmp_path):
    made = hand.made(f"plain-sft:lora=0,steps=2,{TRAIN}", parent, recording, tmp_path, watch=True)
    assert made.notes["unwatched"] == "The questions of the recording (t) cannot be loaded again."
    assert "figures" not in made.notes["curve"]["points"][0]


def test_an_interrupted_training_goes_on_and_ends_where_it_would_have(parent, recording, tmp_path):
    spec = f"cut-to-convergence:lora=4,epochs=8,{TRAIN}"

    def stop(progress):
        if progress.done > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hand.made(spec, parent, recording, tmp_path / "cut", on_progress=stop)
    assert not list((tmp_path / "cut").glob("cut-*"))
    cut = hand.made(spec, parent, recording, tmp_path / "cut")
    whole = hand.made(spec, parent, recording, tmp_path / "whole")
    assert cut.notes["curve"]["resumed"] > 0 == whole.notes["curve"]["resumed"]
    once, twice = (load_file(a.folder / "model.safetensors") for a in (cut, whole))
    for name, weight in once.items():
        torch.testing.assert_close(twice[name], weight, rtol=1e-4, atol=1e-5)


def test_running_out_of_memory_names_the_knob_and_loses_nothing(parent, recording, tmp_path, monkeypatch):
    def full(*args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr("transformers.Trainer.training_step", full)
    with pytest.raises(ModelError, match=r"Lower batch_tokens \(now 600\)"):
        hand.made(f"shortest-correct:{TRAIN}", parent, recording, tmp_path)
    assert not [p for p in tmp_path.glob("shortest-correct-*") if p.is_dir()]


def test_too_little_memory_is_refused_before_the_training(parent, recording, tmp_path, monkeypatch):
    monkeypatch.setattr(trainers, "ensure_memory", _refuse)
    with pytest.raises(ModelError, match="lora=16"):
        hand.made(f"plain-sft:lora=0,{TRAIN}", parent, recording, tmp_path)


def _refuse(need, device, what, lower):
    raise ModelError(what, remedy=lower)
