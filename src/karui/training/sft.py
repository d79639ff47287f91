"""Supervised fine-tuning through TRL's SFTTrainer: a model learns the replies of lessons by heart."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from karui.training.config import TrainingConfig, TrainingData, prepare_data, silent
from karui.training.data.batches import dataset
from karui.training.data.examples import TrainingExample
from karui.training.held_out_eval import Watch
from karui.training.learning_curve import Curve
from karui.training.schedule import TrainingSchedule
from karui.training.trainers import (
    arguments,
    check_memory,
    lead,
    new_course,
    on_course,
    one_device,
    run,
    save,
    unchanged,
)

ADAPTER = "adapter"
"""Folder inside the artifact that keeps a low-rank adapter beside the weights it was merged into."""

_WIDTH, _RATE, _RATE_MOST = 4096, 1e-4, 1e-3
_LORA = 2
"""How much higher the rate of low-rank adapters is, at its most as well."""


def usual_rate(model: Any, *, lora: int | None = None) -> float:
    """Returns a learning rate that suits the model's width.

    Adam's best rate falls as one over the width (maximal update parametrization, 2203.03466); 1e-4 at a width
    of 4096 is common for models that lost layers (Minitron, 2407.14679), twice that for low-rank adapters.
    """
    width = int(model.config.get_text_config().hidden_size)
    rate = min(_RATE_MOST, _RATE * _WIDTH / width)
    return rate if lora is None else _LORA * rate


def fine_tune(
    model: Any,
    tokenizer: Any,
    lessons: Sequence[TrainingExample],
    *,
    out: Path | None,
    scratch: Path,
    device: str = "cpu",
    seed: int = 0,
    epochs: float = 2.0,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch_tokens: int = 8192,
    minutes: float | None = None,
    lora: int | None = None,
    held_back: float = 0.05,
    on_progress: Callable[[float, float, str], None] = silent,
    watch: Watch | None = None,
) -> Curve:
    """Trains `model` in place on the lessons' replies, writes it to `out`, and returns the learning curve.

    Weights are float32 while they are trained, and written in the type they came in (those that low-rank
    adapters leave alone keep it on a GPU). A checkpoint of the same training in `scratch` is gone on from.
    Under `accelerate launch` or torchrun every process calls this alike; the first one writes.

    Args:
        model: A causal language model as transformers loads it.
        tokenizer: Its tokenizer; it is not changed.
        lessons: What to learn: `karui.training.data.examples`.
        out: Written when the training is over, an ordinary folder; an adapter is kept in it, in `adapter`.
            None writes nothing: the caller does, on the process that `trainers.lead` names.
        scratch: Checkpoints.
        device: "cpu", "cuda" or "mps".
        seed: Everything random comes from it.
        epochs: How often each lesson is seen, without `steps`.
        steps: Optimizer steps instead of epochs.
        learning_rate: At its peak; None takes `usual_rate`.
        batch_tokens: Tokens of one optimizer step.
        minutes: The training ends by then at the latest, its learning rate having fallen with the clock.
        lora: Rank of low-rank adapters on every linear layer (2106.09685), merged at the end; None trains
            every weight.
        held_back: Share of the questions that are measured on instead of learned from, at most 64 lessons.
        on_progress: Is told (done, total, words).
        watch: Answers the questions held back, for the curve; None measures the loss alone.

    Raises:
        InputError: No lessons, or a setting that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    rate = learning_rate if learning_rate is not None else usual_rate(model, lora=lora)
    setting = TrainingConfig(scratch, device, seed, rate, batch_tokens, minutes, on_progress)
    syllabus = prepare_data(lessons, tokenizer, setting, epochs=epochs, steps=steps, held_back=held_back)
    dtype = model.dtype
    total = sum(p.numel() for p in model.parameters())
    check_memory(model, setting, trained=total if lora is None else total // 50)
    if lora is None or setting.on_cpu:
        model.float()
    course = new_course(syllabus, setting)
    if watch is not None:
        watch.begin(syllabus.held, model, setting)
    with unchanged(model):
        trainer = _trainer(model, tokenizer, course, arguments(setting, syllabus, total), lora, syllabus)
        if watch is not None:
            watch.model = trainer.accelerator.unwrap_model(trainer.model)
        curve = run(trainer, course, setting, syllabus, watch.look if watch else dict)
    if lora is not None:
        if out is not None and lead():
            trainer.model.save_pretrained(out / ADAPTER)
        trainer.model.merge_and_unload()  # into the modules of `model` itself
    if out is not None:
        save(model, tokenizer, out, dtype)
    return curve


def _trainer(
    model: Any,
    tokenizer: Any,
    course: TrainingSchedule,
    shared: dict[str, Any],
    lora: int | None,
    syllabus: TrainingData,
) -> Any:
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        **shared,
        max_length=None,  # the default cuts every reasoning trace at 1,024 tokens
        dataset_kwargs={"skip_prepare_dataset": True},  # these are tokens already
        train_sampling_strategy="sequential",  # in the order that was laid out
    )
    adapter = None
    if lora is not None:
        from peft import LoraConfig

        adapter = LoraConfig(r=lora, lora_alpha=2 * lora, target_modules="all-linear", task_type="CAUSAL_LM")
    return on_course(SFTTrainer, course)(
        model=model,
        args=one_device(config),
        train_dataset=dataset(syllabus.learned, syllabus.batches.order),
        processing_class=deepcopy(tokenizer),
        peft_config=adapter,
    )
