"""Where and how a training runs, and what is learned in it: decided before a trainer is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.core.errors import InputError
from karui.engines.transformers.load import choose_dtype
from karui.training.data.batches import Batches, plan_batches, split
from karui.training.data.examples import TrainingExample


def silent(done: float, total: float, note: str = "") -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class TrainingConfig:
    """Where and how a training runs, whichever trainer it takes.

    Attributes:
        scratch: Checkpoints; a training that finds a whole one goes on from it.
        device: "cpu", "cuda" or "mps". Which GPU is chosen with CUDA_VISIBLE_DEVICES.
        seed: Of the order, of what is held back, and of anything drawn.
        learning_rate: At its peak.
        batch_tokens: Tokens of one optimizer step, on all devices together.
        minutes: Wall time at most, None without limit.
        on_progress: Is told (done, total, words).
        relief: What to do where memory gives out; empty is to lower `batch_tokens`.
    """

    scratch: Path
    device: str
    seed: int
    learning_rate: float
    batch_tokens: int
    minutes: float | None = None
    on_progress: Callable[[float, float, str], None] = silent
    relief: str = ""

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


@dataclass(frozen=True)
class TrainingData:
    """What is learned, in which batches, and what is held back.

    Attributes:
        learned: Lessons to learn from.
        held: Lessons to measure on, of other questions.
        batches: How the first are put through the model.
        pad: Token that fills up a row.
    """

    learned: tuple[TrainingExample, ...]
    held: tuple[TrainingExample, ...]
    batches: Batches
    pad: int


def prepare_data(
    lessons: Sequence[TrainingExample],
    tokenizer: Any,
    setting: TrainingConfig,
    *,
    epochs: float,
    steps: int | None = None,
    held_back: float,
) -> TrainingData:
    """Returns the syllabus of a training.

    Args:
        lessons: What to learn.
        tokenizer: Its model's.
        setting: Where and how it runs.
        epochs: How often each lesson is seen, without `steps`.
        steps: Optimizer steps.
        held_back: Share of the questions to measure on.

    Raises:
        InputError: There are no lessons.
    """
    if not lessons:
        raise InputError("There are no lessons to learn.", remedy="Give a recording with right traces.")
    learned, held = split(lessons, held_back, setting.seed)
    batches = plan_batches(
        [len(x.ids) for x in learned],
        batch_tokens=setting.batch_tokens,
        epochs=epochs,
        steps=steps,
        device=setting.device,
        processes=processes(setting),
        seed=setting.seed,
    )
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return TrainingData(learned, held, batches, pad)


def processes(setting: TrainingConfig) -> int:
    """Returns how many devices learn side by side, as `accelerate launch` or torchrun started them.

    What is asked here first is what this process keeps to: a processor, or a GPU.
    """
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - as TrainingArguments does itself
    state = PartialState(cpu=True) if setting.on_cpu else PartialState()
    return int(state.num_processes)
