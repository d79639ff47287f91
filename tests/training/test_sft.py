"""Fine-tuning: it learns, goes by the clock, survives interruption, and leaves an ordinary folder."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from karui.artifacts import resources
from karui.core.errors import InputError, ModelError
from karui.training.config import LearningOptions, TrainingRun
from karui.training.data.batches import plan_batches, split
from karui.training.data.examples import TrainingExample
from karui.training.learning_curve import Curve
from karui.training.schedule import STATE, TrainingSchedule
from karui.training.sft import fine_tune
from karui.training.trainers import ADAPTER, last_checkpoint
from karui.training.validation_loss import held_back_loss
from tests.helpers import tiny


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.make_tokenizer()


def model(tokenizer):
    return tiny.make_model(tokenizer, tie_word_embeddings=True)


@pytest.fixture(scope="module")
def taught(tokenizer):
    """A set to learn by heart: the reply follows from the prompt."""
    return tuple(
        TrainingExample(
            tokenizer.encode(f"<|im_start|>user\nq{i}<|im_end|>\n", add_special_tokens=False),
            [*tokenizer.encode(f"the answer is {i * 7}", add_special_tokens=False), tokenizer.eos_token_id],
            f"q{i}",
        )
        for i in range(16)
    )


def train(tokenizer, taught, folder, **options):
    """Returns the curve and the folder of a short training."""
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    values = {"steps": 24, "learning_rate": 1e-2, "batch_tokens": 250, "held_back": 0.2, **options}
    trained = values.pop("model", None) or model(tokenizer)
    how = {f.name: values.pop(f.name) for f in fields(TrainingRun) if f.name in values}
    run = TrainingRun(trained, tokenizer, folder / "out", folder / "scratch", **how)
    curve = fine_tune(run, taught, LearningOptions(**values))
    return curve, folder / "out"


def test_a_small_set_is_learned_by_heart(tokenizer, taught, tmp_path):
    curve, out = train(tokenizer, taught, tmp_path, steps=40)
    before, after = curve.held_back
    assert curve.points[1].loss > 3
    assert curve.points[-1].loss < 0.4
    assert after < before / 3
    assert (curve.steps, curve.ended_by, curve.learned, curve.held) == (40, "steps", 13, 3)
    assert curve.points[-1].learning_rate < 0.05 * 1e-2
    assert Curve.from_dict(json.loads(json.dumps(curve.as_dict()))).steps == 40
    again = AutoModelForCausalLM.from_pretrained(out)
    assert {p.name for p in out.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    prompt = torch.tensor([taught[0].prompt_ids])
    written = again.generate(prompt, max_new_tokens=12, do_sample=False)[0, prompt.shape[1] :].tolist()
    assert written[:4] == taught[0].reply_ids[:4]


def test_weights_are_kept_in_the_type_they_came_in_and_the_config_as_it_was(tokenizer, taught, tmp_path):
    parent = model(tokenizer).to(torch.bfloat16)
    config = parent.config.to_dict()
    _, out = train(tokenizer, taught, tmp_path, steps=2, model=parent)
    assert {v.dtype for v in load_file(out / "model.safetensors").values()} == {torch.bfloat16}
    written = json.loads((out / "config.json").read_text())
    assert set(written) <= {*config, "dtype"}
    described = set(written) - {"dtype", "transformers_version", "architectures"}
    assert {k: written[k] for k in described} == {k: config[k] for k in described}
    assert "forward" not in vars(parent)


def test_an_interrupted_training_ends_as_one_in_one_piece(tokenizer, taught, tmp_path):
    whole, first = train(tokenizer, taught, tmp_path / "whole")

    def stop(done, total, note):
        if done > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tokenizer, taught, tmp_path / "cut", on_progress=stop)
    scratch = tmp_path / "cut" / "scratch"
    (scratch / "checkpoint-99").mkdir()  # cut off while it was written
    resumed, second = train(tokenizer, taught, tmp_path / "cut")
    assert 0 < resumed.resumed < 24
    assert not (scratch / "checkpoint-99").exists()
    assert [p.step for p in resumed.points] == [p.step for p in whole.points]
    losses, wanted = ([p.loss for p in c.points[1:]] for c in (resumed, whole))
    assert losses == pytest.approx(wanted, rel=1e-4)
    once, twice = load_file(first / "model.safetensors"), load_file(second / "model.safetensors")
    for name, weight in once.items():
        torch.testing.assert_close(twice[name], weight, rtol=1e-4, atol=1e-5)


def test_only_a_checkpoint_that_was_written_to_its_end_counts(tmp_path):
    for step, whole in ((2, True), (10, True), (12, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if whole:
            (tmp_path / f"checkpoint-{step}" / STATE).write_text("{}")
    assert last_checkpoint(tmp_path).name == "checkpoint-10"


def test_low_rank_adapters_are_merged_and_kept_beside(tokenizer, taught, tmp_path):
    from peft import PeftModel

    parent = model(tokenizer)
    before = {k: v.clone() for k, v in parent.state_dict().items()}
    curve, out = train(tokenizer, taught, tmp_path, lora=4, model=parent)
    assert curve.points[-1].loss < 0.8 * curve.points[1].loss
    base = model(tokenizer)
    assert all(torch.equal(v, before[k]) for k, v in base.state_dict().items())
    adapted = PeftModel.from_pretrained(base, out / ADAPTER)
    prompt = torch.tensor([taught[0].ids])
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(out)(prompt).logits
        torch.testing.assert_close(merged, adapted(prompt).logits, rtol=1e-3, atol=1e-3)
        assert (merged - model(tokenizer)(prompt).logits).abs().max() > 0.1
        torch.testing.assert_close(parent(prompt).logits, merged)


def test_the_loss_held_back_is_that_of_replies_alone(tokenizer, taught):
    asked = model(tokenizer)
    found = held_back_loss(asked, taught[:5], 0, bf16=False)
    total = tokens = 0.0
    for lesson in taught[:5]:
        with torch.no_grad():
            logits = asked(torch.tensor([lesson.ids])).logits[0].log_softmax(-1)
        start = len(lesson.prompt_ids)
        total -= sum(float(logits[start + i - 1, t]) for i, t in enumerate(lesson.reply_ids))
        tokens += len(lesson.reply_ids)
    assert found == pytest.approx(total / tokens, rel=1e-4)


def test_what_is_held_back_shares_no_question(tokenizer, taught):
    twice = (*taught, *taught)
    learned, held = split(twice, 0.25, seed=3)
    assert not {x.question for x in learned} & {x.question for x in held}
    assert len(learned) == 24
    assert len(held) == 8
    assert split(twice, 0.25, seed=3) == (learned, held)
    assert split(twice, 0.25, seed=4) != (learned, held)
    assert split(taught[:1], 0.25, seed=3) == (taught[:1], ())


def test_batches_waste_little_and_see_every_lesson_once_an_epoch():
    lengths = [10 + (37 * i) % 500 for i in range(400)]
    laid = plan_batches(lengths, batch_tokens=4096, epochs=2, steps=None, device="cpu", processes=1, seed=1)
    assert sorted(laid.order) == sorted([*range(400)] * 2)
    assert laid.padding < 0.1
    assert laid.rows * max(lengths) <= 4096
    assert 0.8 < laid.tokens / 4096 < 1.2
    again = plan_batches(lengths, batch_tokens=4096, epochs=2, steps=None, device="cpu", processes=1, seed=2)
    assert again.order != laid.order
    shared = plan_batches(lengths, batch_tokens=4096, epochs=9, steps=7, device="cuda", processes=4, seed=1)
    assert shared.steps == 7
    assert len(shared.order) == 7 * shared.rows * shared.passes * 4


def test_a_step_sees_short_and_long_lessons():
    lengths = np.array([10 + (37 * i) % 500 for i in range(400)])
    laid = plan_batches(
        lengths.tolist(), batch_tokens=16384, epochs=20, steps=None, device="cpu", processes=1, seed=1
    )
    rows = laid.rows * laid.passes
    assert laid.passes == 8
    seen = lengths[list(laid.order)]
    means = [seen[i : i + rows].mean() for i in range(0, len(seen) - rows + 1, rows)]
    assert np.std(means) < 1.2 * np.std(lengths) / np.sqrt(laid.passes)


def course(steps, minutes, seconds):
    """Returns a course whose clock gives these seconds, one each time it is looked at."""
    times = iter(seconds)
    return TrainingSchedule(
        steps=steps, minutes=minutes, on_progress=lambda *_: None, clock=lambda: next(times)
    )


def test_the_clock_ends_a_training_and_takes_the_learning_rate_with_it():
    # Begun at 0 (looked at twice); steps end at 10, 30, 60 of 60 seconds.
    running = course(1000, 1.0, [0.0, 0.0, 10.0, 30.0, 60.0])
    running.begin()
    rates = []
    for made in (1, 2, 3):
        running.step(made)
        rates.append(running.rate())
    assert rates == pytest.approx([1 - 10 / 60, 0.5, 0.0])
    assert running.due(3)[2]
    assert running.ended_by == "minutes"


def test_measuring_does_not_eat_up_the_time_to_learn():
    now = [0.0]

    def measure():
        now[0] += 8.0
        return {"held_back": 1.0}

    running = TrainingSchedule(steps=10_000, minutes=1.0, on_progress=lambda *_: None, clock=lambda: now[0])
    running.measure = measure
    running.begin()
    made = measured = 0
    over = False
    while not over:
        now[0] += 1.0
        made += 1
        running.step(made)
        before = now[0]
        over = running.due(made)[2]
        measured += now[0] > before
    assert measured == 2  # one on the way, and the last
    assert made > 45
    assert running.ended_by == "minutes"


def test_time_spent_before_an_interruption_counts(tmp_path):
    first = course(1000, 1.0, [0.0, 0.0, 30.0])
    first.begin()
    first.step(5)
    first.log(5, 1.5, 0.1)
    first.save(tmp_path, 5)
    second = course(1000, 1.0, [100.0, 115.0])
    second.restore(tmp_path)
    second.begin()
    second.step(6)
    assert second.rate() == pytest.approx(1 - 45 / 60)
    assert (second.resumed, second.points[-1].loss) == (5, 1.5)


def test_memory_that_gives_out_names_the_knob(tokenizer, taught, tmp_path, monkeypatch):
    from trl import SFTTrainer

    def fail(self, *args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(SFTTrainer, "training_step", fail)
    with pytest.raises(ModelError, match="Lower batch_tokens \\(now 250\\)"):
        train(tokenizer, taught, tmp_path)


def test_a_training_that_cannot_fit_is_refused_before_it_starts(tokenizer, taught, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_free_memory", lambda device: 100_000_000)
    with pytest.raises(ModelError, match="adapters"):
        train(tokenizer, taught, tmp_path)
    assert not any((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "cuda:1"}, "CUDA_VISIBLE_DEVICES=1"),
        ({"minutes": 0.0}, "greater than 0 minutes"),
    ],
)
def test_settings_that_cannot_be_are_refused(tokenizer, taught, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        fine_tune(TrainingRun(model(tokenizer), tokenizer, tmp_path, tmp_path, **options), taught)


def test_no_lessons_are_refused(tokenizer, tmp_path):
    with pytest.raises(InputError, match="no examples"):
        fine_tune(TrainingRun(model(tokenizer), tokenizer, tmp_path, tmp_path), ())


_TOGETHER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from karui.training.config import LearningOptions, TrainingRun
from karui.training.data.examples import TrainingExample
from karui.training.sft import fine_tune
from tests.helpers import tiny

tokenizer = tiny.make_tokenizer()
said = [(f"q{{i}}", f"is {{i * 7}}") for i in range(16)]
taught = [TrainingExample(tokenizer.encode(q), [*tokenizer.encode(a), 2], q) for q, a in said]
folder = Path({folder!r})
curve = fine_tune(
    TrainingRun(tiny.make_model(tokenizer), tokenizer, folder / "out", folder / "scratch"),
    taught,
    LearningOptions(steps=6, learning_rate=1e-2, batch_tokens=100, held_back=0.2),
)
import torch
held = torch.tensor([p.held_back for p in curve.points if p.held_back is not None])
rates = torch.tensor([p.learning_rate for p in curve.points])
for values in (held, rates):
    first = values.clone()
    torch.distributed.broadcast(first, 0)
    assert torch.equal(first, values), (first, values)
assert torch.distributed.get_world_size() == 2
assert held[-1] < held[0]
print("LEARNED", torch.distributed.get_rank())
"""


def test_two_processes_learn_together(tmp_path):
    script = tmp_path / "together.py"
    (tmp_path / "scratch").mkdir()
    script.write_text(_TOGETHER.format(root=str(Path(__file__).parents[2]), folder=str(tmp_path)))
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    done = subprocess.run(
        [*launch, str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
    )
    assert done.stdout.count("LEARNED") == 2, done.stderr[-3000:]
    assert (tmp_path / "out" / "model.safetensors").is_file()
