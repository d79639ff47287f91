"""What every training shares: arguments of transformers' Trainer, resuming, memory, saving.

TRL's trainers and karui's own stand on transformers' Trainer; here lies what they have in common, so that a
training is interrupted and taken up, limited by the clock, and spread over devices in one way only.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from math import isnan
from pathlib import Path
from shutil import rmtree
from typing import Any

from karui.artifacts.resources import ensure_memory
from karui.core.errors import ModelError
from karui.training.config import TrainingConfig, TrainingData
from karui.training.learning_curve import Curve
from karui.training.schedule import STATE, TrainingSchedule, callback
from karui.training.validation_loss import held_back_loss

CURVE = "curve.json"
"""Beside a part of a training that is over."""

_MOMENTS_BYTES = 16
"""Of one trained parameter in float32: itself, its gradient, and AdamW's two moments."""

_CHECKPOINTING_FROM = 1_000_000_000
"""Parameters from which activations are computed again in the backward pass instead of being kept."""


def arguments(setting: TrainingConfig, syllabus: TrainingData, parameters: int) -> dict[str, Any]:
    """Returns what every configuration class of transformers and TRL is given."""
    batches = syllabus.batches
    return {
        "output_dir": str(setting.scratch),
        "max_steps": batches.steps,
        "per_device_train_batch_size": batches.rows,
        "gradient_accumulation_steps": batches.passes,
        "learning_rate": setting.learning_rate,
        "weight_decay": 0.0,
        "adam_beta2": 0.95,
        "max_grad_norm": 1.0,
        "seed": setting.seed,
        "data_seed": setting.seed,
        "use_cpu": setting.on_cpu,
        "ddp_find_unused_parameters": False,
        "bf16": setting.bf16,
        "gradient_checkpointing": parameters >= _CHECKPOINTING_FROM,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "report_to": "none",
        "logging_strategy": "no",  # the course says when to log and to save
        "save_strategy": "no",
        "eval_strategy": "no",
        "save_total_limit": 2,
    }


def one_device(config: Any) -> Any:
    """Returns a configuration that keeps this process to one device.

    transformers would put all GPUs that it sees behind one process; who wants several starts several.
    """
    config._n_gpu = min(config.n_gpu, 1)  # noqa: SLF001 - there is no other way to say it
    return config


def on_course(kind: Any, course: TrainingSchedule) -> Any:
    """Returns a subclass of a trainer whose learning rate follows the course."""

    class OnCourse(kind):  # type: ignore[misc]
        """Its batches come in the order they were laid out, its learning rate from the clock."""

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            from torch.optim.lr_scheduler import LambdaLR

            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, lambda _: course.rate())
            self._created_lr_scheduler = True
            return self.lr_scheduler

        def create_model_card(self, *args: Any, **options: Any) -> None:
            """A checkpoint needs no page on the Hub."""

    return OnCourse


def lead() -> bool:
    """Whether this process writes: the first of a training spread over several, or the only one."""
    from accelerate import PartialState

    return bool(PartialState().is_main_process)


def check_memory(model: Any, setting: TrainingConfig, *, trained: int) -> None:
    """Refuses a training whose weights, gradients and moments alone would not fit.

    Args:
        model: Loaded.
        setting: Says on which device.
        trained: Parameters that are trained; the others only lie there.

    Raises:
        ModelError: Says what is needed and what there is.
    """
    device = setting.device.partition(":")[0]
    parameters = list(model.parameters())
    total = sum(p.numel() for p in parameters)
    there = sum(p.numel() * p.element_size() for p in parameters if p.device.type == device)
    ensure_memory(
        max(0, trained * _MOMENTS_BYTES + (total - trained) * 4 - there),
        setting.device,
        f"Training {trained / 1e6:,.1f}M of {total / 1e6:,.1f}M parameters",
        "Train low-rank adapters (lora=16), keep fewer layers, or use a device with more memory.",
    )


def new_course(syllabus: TrainingData, setting: TrainingConfig, **options: Any) -> TrainingSchedule:
    """Returns the schedule of a training that begins or is resumed; `options` are `TrainingSchedule`'s."""
    return TrainingSchedule(
        steps=syllabus.batches.steps,
        minutes=setting.minutes,
        on_progress=setting.on_progress,
        lead=lead(),
        agree=_agreed,
        **options,
    )


def run(
    trainer: Any,
    course: TrainingSchedule,
    setting: TrainingConfig,
    syllabus: TrainingData,
    look: Callable[[], Mapping[str, float]] = dict,
) -> Curve:
    """Trains, from the last whole checkpoint in `scratch` on, and returns the curve.

    Args:
        trainer: Made.
        course: Its clock and its curve.
        setting: Where it runs.
        syllabus: What is learned.
        look: Returns further figures of the part held back, beside its loss.

    Raises:
        ModelError: The memory gave out, or the loss is no longer a number; says which knob helps.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(callback(course))
    held, batches = syllabus.held, syllabus.batches
    if held:
        course.measure = lambda: {
            "held_back": held_back_loss(trainer.model, held, syllabus.pad, bf16=setting.bf16),
            **look(),
        }
    checkpoint = last_checkpoint(setting.scratch)
    if checkpoint is not None:
        course.restore(checkpoint)
    with warnings.catch_warnings(), _memory(setting):
        warnings.simplefilter("ignore")
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except FloatingPointError as error:
            raise _diverged(course, setting) from error
    last = course.points[-1]
    if any(value is not None and isnan(value) for value in (last.loss, last.held_back)):
        raise _diverged(course, setting)
    return Curve(
        tuple(course.points),
        learned=len(syllabus.learned),
        held=len(held),
        tokens=batches.tokens * last.step,
        padding=batches.padding,
        batch_tokens=batches.tokens,
        ended_by=course.ended_by,
        resumed=course.resumed,
        skipped=course.skipped,
    )


def _diverged(course: TrainingSchedule, setting: TrainingConfig) -> ModelError:
    step = course.points[-1].step
    return ModelError(
        "The training came apart: its loss is no longer a number.",
        why=f"After step {step}, with a learning rate of {setting.learning_rate:g} at its peak.",
        remedy="Lower learning_rate.",
    )


def last_checkpoint(scratch: Path) -> Path | None:
    """Returns the last whole checkpoint, None without one; what was left half-written is removed."""
    whole = []
    for folder in scratch.glob("checkpoint-*"):
        if (folder / STATE).is_file():
            whole.append(folder)
        elif lead():
            rmtree(folder, ignore_errors=True)
    return max(whole, key=lambda f: int(f.name.rpartition("-")[2]), default=None)


def finish(half: Path, whole: Path, curve: Curve) -> None:
    """Gives a part of a longer training its final name: the next try finds it whole, with its curve."""
    from accelerate import PartialState

    if lead():
        (half / CURVE).write_text(json.dumps(curve.as_dict()))
        half.rename(whole)
    PartialState().wait_for_everyone()


@contextmanager
def _memory(setting: TrainingConfig) -> Iterator[None]:
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        ran_out = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)
        if not ran_out:
            raise
        raise ModelError(
            f"The training does not fit into the memory of {setting.device}.",
            why=str(error).strip().partition("\n")[0],
            remedy=setting.relief
            or f"Lower batch_tokens (now {setting.batch_tokens}), or train low-rank adapters (lora=16).",
        ) from error


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Gives a model back its configuration and its own forward after a trainer has had its way with them."""
    config, generation = deepcopy(model.config), deepcopy(model.generation_config)
    try:
        yield
    finally:
        model.__dict__.pop("forward", None)  # TRL's loss and accelerate's autocast put theirs over it
        vars(model.config).update(vars(config))
        model.generation_config = generation


def save(model: Any, tokenizer: Any, out: Path, dtype: Any) -> None:
    """Writes an ordinary model folder; the first process does, the others wait.

    Args:
        model: Trained.
        tokenizer: As it was loaded; a trainer was given a copy.
        out: The folder, made if missing.
        dtype: What weights are kept in: what the parent's are.
    """
    from accelerate import PartialState
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if lead():
        model.to(dtype).save_pretrained(out)
        tokenizer.save_pretrained(out)
    PartialState().wait_for_everyone()


def _agreed(value: float) -> float:
    """Returns the first process's value, on every process."""
    from accelerate import PartialState

    if PartialState().num_processes == 1:
        return value
    import torch
    from torch import distributed

    # float64 is not on every accelerator; a clock in float32 is good to a millisecond within hours.
    shared = torch.tensor([value], dtype=torch.float32, device=PartialState().device)
    distributed.broadcast(shared, 0)
    return float(shared.item())
