"""What every training shares: arguments of transformers' Trainer, resuming, memory, saving.

TRL's trainers and karui's own stand on transformers' Trainer; here lies what they have in common, so that a
training is interrupted and taken up, limited by the clock, and spread over devices in one way only.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from karui.core.errors import InputError, ModelError
from karui.engines.transformers.load import choose_dtype
from karui.forge.batches import Batches
from karui.forge.course import STATE, Course, callback
from karui.forge.curve import Curve
from karui.forge.room import ensure_memory

_MOMENTS_BYTES = 16
"""Of one trained parameter in float32: itself, its gradient, and AdamW's two moments."""

_CHECKPOINTING_FROM = 1_000_000_000
"""Parameters from which activations are computed again in the backward pass instead of being kept."""


def silent(done: float, total: float, note: str = "") -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class Setting:
    """Where and how a training runs, whichever trainer it takes.

    Attributes:
        scratch: Checkpoints; a training that finds a whole one goes on from it.
        device: "cpu", "cuda" or "mps". Which GPU is chosen with CUDA_VISIBLE_DEVICES.
        seed: Of the order, of what is held back, and of anything drawn.
        learning_rate: At its peak.
        batch_tokens: Tokens of one optimizer step, on all devices together.
        minutes: Wall time at most, None without limit.
        on_progress: Is told (done, total, words).
    """

    scratch: Path
    device: str
    seed: int
    learning_rate: float
    batch_tokens: int
    minutes: float | None = None
    on_progress: Callable[[float, float, str], None] = silent

    def __post_init__(self) -> None:
        """Refuses what no training could run with.

        Raises:
            InputError: A numbered GPU, or no time at all.
        """
        kind, _, number = self.device.partition(":")
        if number not in {"", "0"}:
            raise InputError(
                f"Training on {self.device} alone is not possible.",
                why="Trainers take the first GPU they see, or, under `accelerate launch`, one each.",
                remedy=f"Set CUDA_VISIBLE_DEVICES={number} and use the device {kind}.",
            )
        if self.minutes is not None and self.minutes <= 0:
            raise InputError(
                f"{self.minutes:g} minutes is no time to train in.", remedy="Allow more than none."
            )

    @property
    def on_cpu(self) -> bool:
        """Whether a processor does the work."""
        return self.device.startswith("cpu")

    @property
    def bf16(self) -> bool:
        """Whether products are computed in bfloat16, where the hardware has it; weights stay float32."""
        return choose_dtype("auto", self.device)[0] == "bfloat16"


def arguments(setting: Setting, batches: Batches, parameters: int) -> dict[str, Any]:
    """Returns what every configuration class of transformers and TRL is given."""
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


def on_course(kind: Any, course: Course) -> Any:
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


def processes(setting: Setting) -> int:
    """Returns how many devices learn side by side, as `accelerate launch` or torchrun started them.

    What is asked here first is what this process keeps to: a processor, or a GPU.
    """
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - as TrainingArguments does itself
    state = PartialState(cpu=True) if setting.on_cpu else PartialState()
    return int(state.num_processes)


def agreed(value: float) -> float:
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


def check_memory(model: Any, setting: Setting, *, trained: int) -> None:
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


def run(
    trainer: Any, course: Course, setting: Setting, batches: Batches, *, learned: int, held: int
) -> Curve:
    """Trains, from the last whole checkpoint in `scratch` on, and returns the curve.

    Raises:
        ModelError: The memory gave out, or the loss is no longer a number; says which knob helps.
    """
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(callback(course))
    checkpoint = last_checkpoint(setting.scratch)
    if checkpoint is not None:
        course.restore(checkpoint)
    with warnings.catch_warnings(), _memory(setting):
        warnings.simplefilter("ignore")
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    curve = Curve(
        tuple(course.points),
        learned,
        held,
        round(batches.tokens * course.points[-1].step),
        batches.padding,
        batches.tokens,
        course.ended_by,
        course.resumed,
    )
    last = course.points[-1]
    if any(value is not None and value != value for value in (last.loss, last.held_back)):  # noqa: PLR0124
        raise ModelError(
            "The training came apart: its loss is no longer a number.",
            why=f"At step {last.step}, with a learning rate of {setting.learning_rate:g} at its peak.",
            remedy="Lower learning_rate.",
        )
    return curve


def last_checkpoint(scratch: Path) -> Path | None:
    """Returns the last whole checkpoint, None without one; what was left half-written is removed."""
    whole = []
    for folder in scratch.glob("checkpoint-*"):
        if (folder / STATE).is_file():
            whole.append(folder)
        elif lead():
            rmtree(folder, ignore_errors=True)
    return max(whole, key=lambda f: int(f.name.rpartition("-")[2]), default=None)


@contextmanager
def _memory(setting: Setting) -> Iterator[None]:
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
            remedy=f"Lower batch_tokens (now {setting.batch_tokens}), or train low-rank adapters (lora=16).",
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
