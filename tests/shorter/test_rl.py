"""Reinforcement learning: what is paid for is learned, accuracy is watched, and a killed run goes on."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from karui import catalog, tasks
from karui.artifacts.build import make
from karui.artifacts.recorded_task import recorded_task
from karui.core.errors import InputError, ModelError, PlanError, RecordingMismatch
from karui.core.prompt import Prompt, Sampling
from karui.core.question import Task
from karui.core.request import Request
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.training.early_stopping import EarlyStopping
from karui.training.rl.prompts import Grader, RLPrompt, longest_reply, rl_prompts
from karui.training.rl.rollout import Sampler
from karui.training.schedule import TrainingSchedule
from karui.training.trainers import ADAPTER
from tests.helpers import rl_trainings as material

FAST = "questions=4,group=8,learning_rate=0.01,held=4,margin=0.99"


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return material.make_model(tmp_path_factory.mktemp("parent") / "model")


@pytest.fixture(scope="module")
def recording(parent, tmp_path_factory):
    """Twelve questions that any answer is right to, so that a random model can be right."""
    path = material.make_task(tmp_path_factory.mktemp("task"), right=True)
    return material.make_recording(parent, path, tokens=32)


@pytest.fixture(scope="module")
def tokenizer(parent):
    return load_tokenizer(parent)


def trained(spec, parent, recording, root, **options):
    """Returns the artifact of a plan."""
    plan = catalog.parse(spec)
    return make(plan, parent, root, recording=recording, data_digest="r", device="cpu", **options)


def figures(made, name):
    """Returns one figure of a curve, point by point."""
    found = [p.get("figures", {}).get(name) for p in made.notes["curve"]["points"]]
    return [value for value in found if value is not None]


@pytest.mark.parametrize("form", ["efficient", "kimi"])
def test_a_model_learns_to_be_right_and_brief(parent, recording, tmp_path, form):
    spec = f"reinforce-shorter:form={form},steps=30,{FAST}"
    made = trained(spec, parent, recording, tmp_path)
    rewards, tokens = figures(made, "reward"), figures(made, "tokens")
    assert sum(rewards[-3:]) > sum(rewards[:3]) + 1
    assert sum(tokens[-3:]) < 0.6 * sum(tokens[:3])
    assert figures(made, "held_accuracy")[-1] > figures(made, "held_accuracy")[0]
    assert figures(made, "truncated")[-1] < figures(made, "truncated")[0]
    curve = made.notes["curve"]
    assert (curve["learned"], curve["held"], curve["ended_by"]) == (8, 4, "steps")
    assert made.notes["max_tokens"] == 32
    kept = made.notes["kept"]
    assert kept["held_score"] == pytest.approx(max(figures(made, "held_score")), rel=1e-4)
    before, after = (load_model(f, "cpu", "float32").state_dict() for f in (parent, made.folder))
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_lengths_follow_the_target_in_the_prompt(parent, recording, tmp_path):
    spec = f"length-control:steps=30,low=4,high=24,grid=4,slope=0.1,lora=8,{FAST}"
    made = trained(spec, parent, recording, tmp_path)
    assert made.notes["targets"] == [4, 24]
    assert made.notes["drills"] == 48
    assert made.notes["max_tokens"] == 32
    rewards = figures(made, "reward")
    assert sum(rewards[-3:]) > sum(rewards[:3]) + 1
    assert (made.folder / ADAPTER / "adapter_model.safetensors").is_file()
    assert AutoModelForCausalLM.from_pretrained(made.folder)


def test_an_interrupted_training_goes_on(parent, recording, tmp_path):
    spec = f"reinforce-shorter:steps=12,updates=2,{FAST}"

    def stop(progress):
        if progress.done > 0.7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(spec, parent, recording, tmp_path / "cut", on_progress=stop)
    assert not list((tmp_path / "cut").glob("reinforce-*"))
    cut = trained(spec, parent, recording, tmp_path / "cut")
    whole = trained(spec, parent, recording, tmp_path / "whole")
    assert cut.notes["curve"]["resumed"] > 0 == whole.notes["curve"]["resumed"]
    assert cut.notes["curve"]["resumed"] % 2 == 0
    assert figures(cut, "held_tokens") == pytest.approx(figures(whole, "held_tokens"), rel=1e-3)
    once, twice = (load_file(a.folder / "model.safetensors") for a in (cut, whole))
    for name, weight in once.items():
        torch.testing.assert_close(twice[name], weight, rtol=1e-3, atol=1e-4)


def test_time_ends_a_training(parent, recording, tmp_path):
    made = trained(f"reinforce-shorter:steps=100000,{FAST}", parent, recording, tmp_path, minutes=0.03)
    assert made.notes["curve"]["ended_by"] == "minutes"


def test_a_collapse_ends_the_training_and_the_best_weights_stay(tmp_path):
    course = TrainingSchedule(steps=10, minutes=None, on_progress=lambda *_: None)
    model = torch.nn.Linear(1, 1, bias=False)
    found = iter([(0.90, -100.0), (0.88, -60.0), (0.89, -80.0), (0.83, -20.0)])

    def measure():
        accuracy, score = next(found)
        return {"held_accuracy": accuracy, "held_score": score}

    collapse = EarlyStopping(course, tmp_path, measure, margin=0.05, held=1000)
    collapse.model = model
    course.measure = lambda: collapse.look(step)
    for step in range(4):
        torch.nn.init.constant_(model.weight, step)
        if step == 0:
            course.begin()
        else:
            collapse.look(step)
        assert course.ended_by == ("accuracy" if step == 3 else "steps")
    # 0.83 is below 0.90 by more than 0.05 and √(0.09 + 0.1411) / √1000: 20 tokens do not count. Of the
    # others 60 is the best.
    assert (collapse.kept["step"], collapse.kept["held_score"]) == (1, -60.0)
    collapse.restore()
    assert float(model.weight.detach()) == 1.0
    assert course.due(4)[2]


def test_what_cannot_be_is_refused(parent, recording, tmp_path):
    for spec in ("group=1", "margin=1", "generate=magic", "form=long", "weight=1"):
        with pytest.raises(PlanError):
            catalog.parse(f"reinforce-shorter:{spec}")
    with pytest.raises(PlanError, match="low has to be below high"):
        catalog.parse("length-control:low=9,high=3")
    with pytest.raises(InputError, match="do not share out evenly"):
        trained("reinforce-shorter:questions=3,group=3,updates=2", parent, recording, tmp_path)
    with pytest.raises(InputError, match="1 questions to practise on"):
        trained("reinforce-shorter", parent, recording.subset({"q1"}), tmp_path)


def test_running_out_of_memory_names_the_knobs_and_loses_nothing(parent, recording, tmp_path, monkeypatch):
    def full(*args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr("trl.GRPOTrainer.compute_loss", full)
    with pytest.raises(ModelError, match=r"Lower group \(now 8\) or questions \(now 4\), or train low-rank"):
        trained(f"reinforce-shorter:steps=2,{FAST}", parent, recording, tmp_path)
    assert not list(tmp_path.glob("reinforce-*"))


def spoil(monkeypatch, *, calls):
    """Makes the loss of some calls no number."""
    from trl import GRPOTrainer

    usual, made = GRPOTrainer.compute_loss, []

    def compute_loss(self, *args, **options):
        made.append(1)
        return usual(self, *args, **options) * (float("nan") if len(made) in calls else 1.0)

    monkeypatch.setattr(GRPOTrainer, "compute_loss", compute_loss)


def test_a_step_without_a_gradient_moves_nothing(parent, recording, tmp_path, monkeypatch):
    spoil(monkeypatch, calls={3})
    made = trained(f"reinforce-shorter:steps=6,{FAST}", parent, recording, tmp_path)
    assert made.notes["curve"]["skipped"] == 1
    assert all(w.isfinite().all() for w in load_file(made.folder / "model.safetensors").values())


def test_a_training_without_gradients_ends(parent, recording, tmp_path, monkeypatch):
    spoil(monkeypatch, calls=range(1000))
    with pytest.raises(ModelError, match="Training diverged"):
        trained(f"reinforce-shorter:steps=40,{FAST}", parent, recording, tmp_path)


def test_vllm_is_asked_for_where_it_is(parent, recording, tmp_path, monkeypatch):
    monkeypatch.setattr("karui.shorter._rl.find_spec", lambda name: None)
    with pytest.raises(InputError, match="generate=vllm needs vLLM"):
        trained(f"reinforce-shorter:steps=2,generate=vllm,{FAST}", parent, recording, tmp_path)
    monkeypatch.setattr("karui.shorter._rl.find_spec", lambda name: object())
    with pytest.raises(InputError, match="needs a GPU"):
        trained(f"reinforce-shorter:steps=2,generate=vllm,{FAST}", parent, recording, tmp_path)


def test_new_answers_are_judged_by_the_recordings_task(parent, recording, tmp_path):
    path = material.make_task(tmp_path / "other", count=12)
    other = material.make_recording(parent, path)
    assert [q.reference for q in recorded_task(other).questions] == [str(n + 1) for n in range(12)]
    assert len(recorded_task(other.subset({"q3", "q4"})).questions) == 2
    rows = path.read_text().splitlines()
    path.write_text("\n".join(rows[:-1]))
    with pytest.raises(RecordingMismatch, match="not there any more"):
        recorded_task(other)
    path.write_text("\n".join([rows[0].replace('"1"', '"2"'), *rows[1:]]))
    with pytest.raises(RecordingMismatch, match="another reference"):
        recorded_task(other)
    path.unlink()
    with pytest.raises(RecordingMismatch, match="cannot be loaded again"):
        recorded_task(other)
    assert recorded_task(other, Task("t", tasks.load(recording.manifest.task).questions)).questions


def drill(tokenizer, recording, prompt=None, n=4):
    """Returns the drill of one question."""
    recorded = recording.questions[n]
    return rl_prompts([(recorded, prompt or recorded.prompt, 0)], recorded_task(recording), tokenizer)[0]


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("<think>\nIt is 5.\n</think>\n\n\\boxed{5}<|im_end|>", True),
        ("<think>\nIt is 5.\n</think>\n\n\\boxed{6}<|im_end|>", False),
        ("<think>\nIt is \\boxed{5}.<|im_end|>", False),
        ("\\boxed{5}<|im_end|>", True),
        ("<think>\nIt is 5.\n</think>\n\n\\boxed{5}", False),
    ],
)
def test_replies_are_read_as_the_engine_reads_them(parent, tmp_path, tokenizer, written, right):
    strict = material.make_recording(parent, material.make_task(tmp_path))
    judge = Grader(tokenizer, load_model(parent, "cpu", "float32"), agreement=False)
    ids = tokenizer.encode(written, add_special_tokens=False)
    found = judge.attempt(drill(tokenizer, strict), ids)
    assert found.right is right
    assert found.tokens == len(ids)
    assert found.truncated is (not written.endswith("<|im_end|>"))


def test_a_right_reply_that_loops_is_not_learned_from(parent, tmp_path, tokenizer):
    strict = material.make_recording(parent, material.make_task(tmp_path))
    judge = Grader(tokenizer, load_model(parent, "cpu", "float32"), agreement=False)
    asked = drill(tokenizer, strict)

    def attempt(thought):
        written = f"<think>\n{thought}\n</think>\n\n\\boxed{{5}}<|im_end|>"
        return judge.attempt(asked, tokenizer.encode(written, add_special_tokens=False))

    looping = attempt("Wait, let me read the question once more and see what it says. " * 9)
    assert (looping.right, looping.looped, looping.good) == (True, True, False)
    plain = attempt("It is 5.")
    assert (plain.right, plain.looped, plain.good) == (True, False, True)


def test_agreement_asks_for_equal_answers(parent, tmp_path, tokenizer):
    strict = material.make_recording(parent, material.make_task(tmp_path))
    judge = Grader(tokenizer, load_model(parent, "cpu", "float32"), agreement=True)
    asked = drill(tokenizer, strict)
    asked = replace(asked, question=replace(asked.question, reference="5"))
    ids = tokenizer.encode("\\boxed{5}<|im_end|>", add_special_tokens=False)
    assert judge.attempt(asked, ids).right
    assert not judge.attempt(replace(asked, question=replace(asked.question, reference="5.0")), ids).right


def test_replies_may_be_nearly_as_long_as_the_longest(parent, recording, tokenizer):
    asked = [drill(tokenizer, recording)]
    assert longest_reply(recording, asked, None) == 32
    room = len(asked[0].prompt_ids) + 5
    assert longest_reply(recording, asked, room) == 5


@pytest.fixture(scope="module")
def sampler(parent, tokenizer):
    model = load_model(parent, "cpu", "float32")
    judge = Grader(tokenizer, model, agreement=False)
    return Sampler(model, judge.ends, device=torch.device("cpu"), dtype="float32", rows=8, graphs=False)


def test_greedy_rollouts_are_those_of_generate(parent, sampler, tokenizer):
    model = load_model(parent, "cpu", "float32")
    prompts = [tokenizer.encode(f"Say {'ab' * n}", add_special_tokens=False) for n in range(11)]
    prompts[5] = prompts[4]
    drawn = sampler.sample(prompts, Sampling(0.0, max_tokens=30), (0,))
    ends = [tokenizer.eos_token_id]
    for prompt, ours in zip(prompts, drawn, strict=True):
        given = torch.tensor([prompt])
        wanted = model.generate(
            given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=30,
            do_sample=False,
            eos_token_id=ends,
        )
        assert ours == wanted[0, len(prompt) :].tolist()


def test_rollouts_are_drawn_from_the_models_distribution(parent, sampler, tokenizer):
    model = load_model(parent, "cpu", "float32")
    prompt = tokenizer.encode("Say 12", add_special_tokens=False)
    with torch.no_grad():
        odds = (model(torch.tensor([prompt])).logits[0, -1] / 0.7).softmax(-1)
    drawn = sampler.sample([prompt] * 4000, Sampling(0.7, max_tokens=1), (1,))
    seen = Counter(tokens[0] for tokens in drawn)
    token, count = seen.most_common(1)[0]
    assert abs(count / 4000 - float(odds[token])) < 4 * (float(odds[token]) / 4000) ** 0.5
    assert sampler.sample([prompt] * 5, Sampling(0.7, max_tokens=9), (1,)) == sampler.sample(
        [prompt] * 5, Sampling(0.7, max_tokens=9), (1,)
    )


def test_a_sampler_follows_the_model_under_training(parent, tokenizer):
    from peft import LoraConfig, get_peft_model

    model = load_model(parent, "cpu", "float32")
    judge = Grader(tokenizer, model, agreement=False)
    sampler = Sampler(model, judge.ends, device=torch.device("cpu"), dtype="float32", rows=8, graphs=False)
    adapted = get_peft_model(
        load_model(parent, "cpu", "float32"),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.3)
    prompts = [tokenizer.encode(f"Say {n}", add_special_tokens=False) for n in range(4)]
    sampler.refresh(adapted)
    drawn = sampler.sample(prompts, Sampling(0.0, max_tokens=12), (0,))
    merged = adapted.merge_and_unload()
    fresh = Sampler(merged, judge.ends, device=torch.device("cpu"), dtype="float32", rows=8, graphs=False)
    assert drawn == fresh.sample(prompts, Sampling(0.0, max_tokens=12), (0,))
    sampler.refresh(load_model(parent, "cpu", "float32"))
    assert drawn != sampler.sample(prompts, Sampling(0.0, max_tokens=12), (0,))


def test_a_target_is_asked_for_in_the_words_that_were_learned():
    ask = Request("q", Prompt("What?"))
    asked = catalog.parse("target-length:tokens=150").rewrite(ask).prompt.user
    assert asked == "What?\n\nThink for 150 tokens."
    most = catalog.parse("target-length:tokens=150,mode=max").rewrite(ask).prompt.user
    assert most == "What?\n\nThink for maximum 150 tokens."
    plan = catalog.parse("length-control + target-length:tokens=150")
    assert [t.name() for t in plan.prepared] == ["length-control"]


def test_two_processes_train_one_model(tmp_path):
    root = Path(__file__).parents[2]
    script = root / "tests" / "helpers" / "rl_two_processes.py"
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "OMP_NUM_THREADS": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    launch += [str(script), str(tmp_path)]
    done = subprocess.run(launch, check=False, capture_output=True, text=True, timeout=180, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["processes"] == 2
    assert found["same"] is True
    assert found["steps"] == 6
    assert found["rewards"][-1] >= found["rewards"][0]


def test_a_drill_keeps_what_it_asks_for(recording, tokenizer):
    asked = rl_prompts([(recording.questions[0], Prompt("Hi"), 70)], recorded_task(recording), tokenizer)
    assert isinstance(asked[0], RLPrompt)
    assert asked[0].target == 70
    assert "Hi" in tokenizer.decode(asked[0].prompt_ids)
