"""Distillation: students are what they say, learn what is right, and end where they would have ended."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from karui import catalog
from karui.artifacts.build import make
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import InputError, ModelError, PlanError
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import NO_SIGNALS, End, Trace
from karui.core.usage import TokenUsage
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.models.weights import digest
from karui.smaller import distil_on_policy
from karui.training.distillation import divergence
from karui.training.student import keep_layers, load_student, spread
from tests.helpers import tiny

TRAIN = "learning_rate=0.01,batch_tokens=600"


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A random model of four layers."""
    folder = tmp_path_factory.mktemp("parent") / "model"
    return tiny.save(folder, template=tiny.QWEN3, num_hidden_layers=4, tie_word_embeddings=True)


@pytest.fixture(scope="module")
def recording(parent):
    """Twelve questions with three traces each: a short and a long right one, and one that is wrong or cut."""
    tokenizer = load_tokenizer(parent)
    questions = []
    for n in range(12):
        right, wrong = str(n), str(n + 1)
        bad = {"end": End.TRUNCATED, "answer": None} if n % 3 == 0 else {"answer": wrong}
        traces = (
            _trace(tokenizer, f"q{n}", 0, f"So it is {n}.", right),
            _trace(tokenizer, f"q{n}", 1, f"Hmm, let me check. So it is {n}. Wait, yes.", right),
            replace(_trace(tokenizer, f"q{n}", 2, f"It may be {n + 1}.", wrong), **bad),
        )
        verdicts = {right: True, wrong: False}
        questions.append(RecordedQuestion(f"q{n}", "", right, Prompt(f"What is {n}?"), traces, verdicts))
    card = ModelInfo("parent", digest(parent))
    manifest = Manifest(card, "hand", "t", "0", (), Sampling(), CheckpointPolicy(), "", 0, 3, 0)
    return Recording(manifest, tuple(questions))


def _trace(tokenizer, question, sample, thought, answer):
    thinking, text = f"\n{thought}\n", f"\\boxed{{{answer}}}"
    spent = len(tokenizer.encode(f"<think>{thinking}</think>", add_special_tokens=False))
    told = len(tokenizer.encode(f"\n\n{text}", add_special_tokens=False)) + 1
    return Trace(
        question,
        sample,
        End.FINISHED,
        thinking,
        text,
        answer,
        None,
        NO_SIGNALS,
        (),
        spent,
        told,
        TokenUsage(),
        0,
    )


def distilled(spec, parent, recording, root, **options):
    """Returns the artifact of a plan."""
    plan = catalog.parse(spec)
    return make(plan, parent, root, recording=recording, data_digest="r", device="cpu", **options)


def test_layers_are_spread_from_the_first_to_the_last():
    assert spread(12, 6) == (0, 2, 4, 7, 9, 11)
    assert spread(4, 2) == (0, 3)
    assert spread(4, 1) == (0,)
    assert all(len(set(spread(28, n))) == n for n in range(1, 28))


def test_a_student_begins_as_blocks_of_its_parent(parent):
    student = load_student(parent, layers=2)
    assert student.kept == (0, 3)
    assert student.pairs == ((1, 3), (2, 4))
    whole = load_model(parent, "cpu", "float32")
    for ours, theirs in zip(student.model.model.layers, (0, 3), strict=True):
        for name, weight in ours.state_dict().items():
            assert torch.equal(weight, whole.model.layers[theirs].state_dict()[name])
    config = student.model.config
    assert (config.num_hidden_layers, len(config.layer_types)) == (2, 2)
    assert load_student(parent, layers=0.5).kept == (0, 3)


def test_a_cut_model_runs_with_a_cache_and_is_the_same_when_loaded_again(parent, tmp_path):
    model = load_model(parent, "cpu", "float32")
    keep_layers(model, (1, 2, 3))
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    prompt = torch.tensor([[5, 6, 7, 8]])
    one, two = (
        m.generate(prompt, max_new_tokens=8, do_sample=False, eos_token_id=None) for m in (model, again)
    )
    assert torch.equal(one, two)
    with torch.no_grad():
        uncached = again(one[:, :-1], use_cache=False).logits.argmax(-1)
    assert torch.equal(uncached[0, 3:], one[0, 4:])


@pytest.mark.parametrize("layers", [4, 9, 0.05])
def test_a_student_is_smaller_than_its_parent_and_not_nothing(parent, layers):
    with pytest.raises(PlanError, match="student cannot keep"):
        load_student(parent, layers=layers)


def test_a_student_with_another_tokenizer_is_refused_before_the_work(parent, recording, tmp_path):
    other = tiny.save(tmp_path / "other", merges=35, num_hidden_layers=1)
    with pytest.raises(ModelError, match=r"another tokenizer(.|\n)*5 are only in it"):
        distilled(f"distil-traces:student={other}", parent, recording, tmp_path / "made")
    assert not list((tmp_path / "made").glob("distil-*"))


def test_traces_are_learned_and_those_left_out_are_counted(parent, recording, tmp_path):
    spec = f"distil-traces:layers=2,select=all,epochs=12,{TRAIN}"
    made = distilled(spec, parent, recording, tmp_path)
    notes = made.notes
    assert notes["lessons"]["dropped"] == {"truncated": 4, "wrong": 8}
    assert notes["lessons"]["examples"] == 24
    assert notes["student_layers"] == 2
    points = notes["curve"]["points"]
    assert points[-1]["loss"] < points[1]["loss"] / 2
    config = json.loads((made.folder / "config.json").read_text())
    assert config["num_hidden_layers"] == 2
    assert load_tokenizer(made.folder).chat_template == load_tokenizer(parent).chat_template
    # Made once: the second time it is found.
    assert distilled(spec, parent, recording, tmp_path).seconds == made.seconds


def test_too_few_right_traces_are_refused(parent, recording, tmp_path):
    few = recording.subset({f"q{n}" for n in range(5)})
    with pytest.raises(InputError, match="10 right traces"):
        distilled("distil-traces:layers=2", parent, few, tmp_path)


def test_a_make_that_was_interrupted_goes_on(parent, recording, tmp_path):
    spec = f"distil-traces:layers=2,select=all,epochs=8,{TRAIN}"

    def stop(progress):
        if progress.done > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distilled(spec, parent, recording, tmp_path / "cut", on_progress=stop)
    assert not list((tmp_path / "cut").glob("distil-*"))
    cut = distilled(spec, parent, recording, tmp_path / "cut")
    whole = distilled(spec, parent, recording, tmp_path / "whole")
    assert cut.notes["curve"]["resumed"] > 0 == whole.notes["curve"]["resumed"]
    once, twice = (load_file(a.folder / "model.safetensors") for a in (cut, whole))
    for name, weight in once.items():
        torch.testing.assert_close(twice[name], weight, rtol=1e-4, atol=1e-5)


def test_hidden_states_bring_the_student_to_its_parent(parent, recording, tmp_path):
    spec = f"distil-hidden:layers=2,select=all,epochs=12,{TRAIN}"
    made = distilled(spec, parent, recording, tmp_path)
    before = load_student(parent, layers=2).model
    after = load_model(made.folder, "cpu", "float32")
    teacher = load_model(parent, "cpu", "float32")
    ids = torch.tensor([load_tokenizer(parent).encode("So it is 5. Wait, yes.")])
    with torch.no_grad():
        goal = teacher(ids, output_hidden_states=True)
        far = [
            (
                float(divergence(m.logits[0], goal.logits[0])),
                float(1 - torch.cosine_similarity(m.hidden_states[1], goal.hidden_states[3], dim=-1).mean()),
            )
            for m in (net(ids, output_hidden_states=True) for net in (before, after))
        ]
    assert far[1][0] < 0.8 * far[0][0]
    assert far[1][1] < far[0][1]


def test_a_narrower_student_is_projected_and_keeps_no_projection(parent, recording, tmp_path):
    own = tiny.save(
        tmp_path / "own", template=tiny.QWEN3, num_hidden_layers=2, hidden_size=16, tie_word_embeddings=True
    )
    spec = f"distil-hidden:student={own},select=all,epochs=6,{TRAIN}"
    made = distilled(spec, parent, recording, tmp_path / "made")
    assert made.notes["student_width"] == 16
    points = made.notes["curve"]["points"]
    assert points[-1]["loss"] < points[1]["loss"]
    assert set(load_file(made.folder / "model.safetensors")) == set(load_file(own / "model.safetensors"))


def test_divergence_is_that_of_teacher_from_student():
    drawn = torch.Generator().manual_seed(1)
    ours, theirs = (torch.randn(5, 7, generator=drawn) for _ in range(2))
    p, q = theirs.softmax(-1), ours.softmax(-1)
    assert float(divergence(ours, theirs)) == pytest.approx(float((p * (p / q).log()).sum()), rel=1e-5)
    assert float(divergence(ours, ours)) == pytest.approx(0.0, abs=1e-6)
    padded = torch.nn.functional.pad(theirs, (0, 3), value=-5.0)
    assert float(divergence(ours, padded)) == pytest.approx(float(divergence(ours, theirs)))


def test_practice_follows_the_warm_up_and_does_not_repeat_it(parent, recording, tmp_path, monkeypatch):
    spec = "distil-on-policy:layers=2,steps=3,replies=4,max_tokens=12,learning_rate=0.001"
    trained = distil_on_policy.distil_on_policy

    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(distil_on_policy, "distil_on_policy", stop)
    with pytest.raises(KeyboardInterrupt):
        distilled(spec, parent, recording, tmp_path)
    monkeypatch.setattr(distil_on_policy, "distil_on_policy", trained)
    monkeypatch.setattr(distil_on_policy, "fine_tune", stop)
    made = distilled(spec, parent, recording, tmp_path)
    assert made.notes["warm_curve"]["points"]
    assert made.notes["curve"]["ended_by"] == "steps"
    assert made.notes["curve"]["points"][-1]["step"] == 3
    assert made.notes["curve"]["tokens"] > 0
    assert json.loads((made.folder / "config.json").read_text())["num_hidden_layers"] == 2


def test_a_student_padded_to_another_vocabulary_practises(parent, recording, tmp_path):
    own = tiny.save(
        tmp_path / "own", template=tiny.QWEN3, num_hidden_layers=1, vocab_size=320, tie_word_embeddings=True
    )
    spec = f"distil-on-policy:student={own},warm=0,steps=2,replies=4,max_tokens=8,learning_rate=0.001"
    made = distilled(spec, parent, recording, tmp_path / "made")
    wanted = json.loads((parent / "config.json").read_text())["vocab_size"]
    assert json.loads((made.folder / "config.json").read_text())["vocab_size"] == wanted
    assert load_file(made.folder / "model.safetensors")["model.embed_tokens.weight"].shape[0] == wanted
