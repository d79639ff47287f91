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
from karui.training.config import TrainingConfig, TrainingData, TrainingRun
from karui.training.learning_curve import Curve
from karui.training.schedule import STATE, TrainingSchedule, callback
from karui.training.validation_loss import held_back_loss

ADAPTER = "adapter"
"""Folder inside the artifact that keeps a low-rank adapter beside the weights it was merged into."""

CURVE = "curve.json"
"""Beside a part of a training that is over."""

_MOMENTS_BYTES = 16
"""Of one trained parameter in float32: itself, its gradient, and AdamW's two moments."""

_CHECKPOINTING_FROM = 1_000_000_000
"""Parameters from which activations are computed again in the backward pass instead of being kept."""


def arguments(config: TrainingConfig, data: TrainingData, parameters: int) -> dict[str, Any]:
    """Returns what every configuration class of transformers and TRL is given."""
    batches = data.batches
    return {
        "output_dir": str(config.scratch),
        "max_steps": batches.steps,
        "per_device_train_batch_size": batches.rows,
        "gradient_accumulation_steps": batches.passes,
        "learning_rate": config.learning_rate,
        "weight_decay": 0.0,
        "adam_beta2": 0.95,
        "max_grad_norm": 1.0,
        "seed": config.seed,
        "data_seed": config.seed,
        "use_cpu": config.on_cpu,
        "ddp_find_unused_parameters": False,
        "bf16": config.bf16,
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


def follow_schedule(kind: Any, schedule: TrainingSchedule) -> Any:
    """Returns a subclass of a trainer whose learning rate follows the course."""

    class OnCourse(kind):  # type: ignore[misc]
        """Its batches come in the order they were laid out, its learning rate from the clock."""

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            from torch.optim.lr_scheduler import LambdaLR

            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, lambda _: schedule.rate())
            self._created_lr_scheduler = True
            return self.lr_scheduler

        def create_model_card(self, *args: Any, **options: Any) -> None:
            """A checkpoint needs no page on the Hub."""

    return OnCourse


def is_main_process() -> bool:
    """Whether this process writes: the first of a training spread over several, or the only one."""
    from accelerate import PartialState

    return bool(PartialState().is_main_process)


def on_tokens(kind: Any) -> Any:
    """Returns a subclass of a TRL trainer that takes prompts as tokens, the very ones the engine feeds."""

    class OnTokens(kind):  # type: ignore[misc]
        """Its prompts are tokens already."""

        def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
            return prompts, None, {}

    return OnTokens


def adapter(rank: int | None) -> Any:
    """Returns the configuration of low-rank adapters on every linear layer; None trains every weight."""
    if rank is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


def merge_adapter(wrapped: Any, out: Path | None) -> None:
    """Writes an adapter to `out`, unless that is None, and merges it into the modules of its model."""
    if out is not None and is_main_process():
        wrapped.save_pretrained(out / ADAPTER)
    wrapped.merge_and_unload()


def prepare_model(model: Any, config: TrainingConfig, lora: int | None = None) -> int:
    """Checks that a training fits into memory, and makes the weights float32; returns their number.

    Low-rank adapters leave the weights in their own type on a GPU.

    Raises:
        ModelError: Says what memory is needed and what there is.
    """
    total = sum(int(p.numel()) for p in model.parameters())
    check_memory(model, config, trained=total if lora is None else total // 50)
    if lora is None or config.on_cpu:
        model.float()
    return total


def check_memory(model: Any, config: TrainingConfig, *, trained: int) -> None:
    """Refuses a training whose weights, gradients and moments alone would not fit.

    Args:
        model: Loaded.
        config: Says on which device.
        trained: Parameters that are trained; the others only lie there.

    Raises:
        ModelError: Says what is needed and what there is.
    """
    device = config.device.partition(":")[0]
    parameters = list(model.parameters())
    total = sum(p.numel() for p in parameters)
    there = sum(p.numel() * p.element_size() for p in parameters if p.device.type == device)
    ensure_memory(
        max(0, trained * _MOMENTS_BYTES + (total - trained) * 4 - there),
        config.device,
        f"Training {trained / 1e6:,.1f}M of {total / 1e6:,.1f}M parameters",
        "Train low-rank adapters (lora=16), keep fewer layers, or use a device with more memory.",
    )


def new_schedule(data: TrainingData, config: TrainingConfig, **options: Any) -> TrainingSchedule:
    """Returns the schedule of a training that begins or is resumed; `options` are `TrainingSchedule`'s."""
    return TrainingSchedule(
        steps=data.batches.steps,
        minutes=config.minutes,
        on_progress=config.on_progress,
        lead=is_main_process(),
        agree=_agreed,
        **options,
    )


def train(
    trainer: Any,
    schedule: TrainingSchedule,
    config: TrainingConfig,
    data: TrainingData,
    look: Callable[[], Mapping[str, float]] = dict,
) -> Curve:
    """Trains, from the last whole checkpoint in `scratch` on, and returns the curve.

    Args:
        trainer: Made.
        schedule: Its clock and its curve.
        config: Where it runs.
        data: What is learned.
        look: Returns further figures of the part held back, beside its loss.

    Raises:
        ModelError: The memory gave out, or the loss is no longer a number; says which knob helps.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(callback(schedule))
    held, batches = data.held, data.batches
    if held:
        schedule.measure = lambda: {
            "held_back": held_back_loss(trainer.model, held, data.pad, bf16=config.bf16),
            **look(),
        }
    checkpoint = last_checkpoint(config.scratch)
    if checkpoint is not None:
        schedule.restore(checkpoint)
    with warnings.catch_warnings(), _memory(config):
        warnings.simplefilter("ignore")
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except FloatingPointError as error:
            raise _diverged(schedule, config) from error
    last = schedule.points[-1]
    if any(value is not None and isnan(value) for value in (last.loss, last.held_back)):
        raise _diverged(schedule, config)
    return Curve(
        tuple(schedule.points),
        learned=len(data.learned),
        held=len(held),
        tokens=batches.tokens * last.step,
        padding=batches.padding,
        batch_tokens=batches.tokens,
        ended_by=schedule.ended_by,
        resumed=schedule.resumed,
        skipped=schedule.skipped,
    )


def _diverged(schedule: TrainingSchedule, config: TrainingConfig) -> ModelError:
    step = schedule.points[-1].step
    return ModelError(
        "Training diverged: the loss is NaN or infinite.",
        why=f"After step {step}, with a learning rate of {config.learning_rate:g} at its peak.",
        remedy="Lower learning_rate.",
    )


def last_checkpoint(scratch: Path) -> Path | None:
    """Returns the last whole checkpoint, None without one; what was left half-written is removed."""
    whole = []
    for folder in scratch.glob("checkpoint-*"):
        if (folder / STATE).is_file():
            whole.append(folder)
        elif is_main_process():
            rmtree(folder, ignore_errors=True)
    return max(whole, key=lambda f: int(f.name.rpartition("-")[2]), default=None)


def finish(half: Path, whole: Path, curve: Curve) -> None:
    """Gives a part of a longer training its final name: the next try finds it whole, with its curve."""
    from accelerate import PartialState

    if is_main_process():
        (half / CURVE).write_text(json.dumps(curve.as_dict()))
        half.rename(whole)
    PartialState().wait_for_everyone()


@contextmanager
def _memory(config: TrainingConfig) -> Iterator[None]:
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        ran_out = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)
        if not ran_out:
            raise
        raise ModelError(
            f"The training does not fit into the memory of {config.device}.",
            why=str(error).strip().partition("\n")[0],
            remedy=config.relief
            or f"Lower batch_tokens (now {config.batch_tokens}), or train low-rank adapters (lora=16).",
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


def save(run: TrainingRun, dtype: Any) -> None:
    """Writes an ordinary model folder, if the run has one; the first process does, the others wait.

    Args:
        run: Trained. The tokenizer is as it was loaded; a trainer was given a copy.
        dtype: What weights are kept in: what the parent's are.
    """
    if run.out is None:
        return
    from accelerate import PartialState
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if is_main_process():
        run.model.to(dtype).save_pretrained(run.out)
        run.tokenizer.save_pretrained(run.out)
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
