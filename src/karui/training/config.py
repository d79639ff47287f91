"""Where and how a training runs, and what is learned in it: decided before a trainer is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.core.build_context import BuildContext
from karui.core.errors import InputError
from karui.engines.transformers.load import choose_dtype
from karui.training.data.batches import Batches, plan_batches, split
from karui.training.data.examples import TrainingExample


def no_progress(done: float, total: float, note: str = "") -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class TrainingRun:
    """One training: which model, where it is written, and how it may run.

    Under `accelerate launch` or torchrun every process makes the same one; the first process writes.

    Attributes:
        model: A causal language model as transformers loads it; it is trained in place.
        tokenizer: Its tokenizer; it is not changed.
        out: Folder for the trained model, written at the end; None writes nothing: the caller does, on the
            process that `trainers.is_main_process` names.
        scratch: Folder for checkpoints; a run that finds one of the same training resumes from it.
        device: "cpu", "cuda" or "mps". Which GPU is chosen with CUDA_VISIBLE_DEVICES.
        seed: Seed of everything random.
        minutes: Most wall time; the learning rate falls to nothing by then. None is without limit.
        on_progress: Called with (done, total, note).
    """

    model: Any
    tokenizer: Any
    out: Path | None
    scratch: Path
    device: str = "cpu"
    seed: int = 0
    minutes: float | None = None
    on_progress: Callable[[float, float, str], None] = no_progress

    @staticmethod
    def of(build: BuildContext, model: Any, tokenizer: Any) -> "TrainingRun":
        """Returns the training of a model by a technique: it writes to the build's folder."""
        return TrainingRun(
            model,
            tokenizer,
            build.folder,
            build.scratch,
            build.device,
            build.seed,
            build.minutes,
            build.progress,
        )

    def config(self, learning_rate: float, batch_tokens: int, relief: str = "") -> "TrainingConfig":
        """Returns what a trainer is configured with; the arguments are those of `TrainingConfig`."""
        return TrainingConfig(
            self.scratch,
            self.device,
            self.seed,
            learning_rate,
            batch_tokens,
            self.minutes,
            self.on_progress,
            relief,
        )


@dataclass(frozen=True)
class LearningOptions:
    """How much is learned from examples, and how fast.

    Attributes:
        epochs: Times that each example is seen, without `steps`.
        steps: Optimizer steps, instead of epochs.
        learning_rate: Peak learning rate; None takes `usual_rate`.
        batch_tokens: Tokens of one optimizer step, on all devices together.
        held_back: Share of the questions that are measured on instead of learned from, at most 64 examples.
        lora: Rank of low-rank adapters on every linear layer (2106.09685), merged at the end; None trains
            every weight.
    """

    epochs: float = 2.0
    steps: int | None = None
    learning_rate: float | None = None
    batch_tokens: int = 8192
    held_back: float = 0.05
    lora: int | None = None


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
    on_progress: Callable[[float, float, str], None] = no_progress
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
                f"The training time must be greater than 0 minutes (got {self.minutes:g}).",
                remedy="Set a positive --train-minutes.",
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
        learned: Examples to learn from.
        held: Examples to measure on, of other questions.
        batches: How the first are put through the model.
        pad: Token that fills up a row.
    """

    learned: tuple[TrainingExample, ...]
    held: tuple[TrainingExample, ...]
    batches: Batches
    pad: int


def prepare_data(
    examples: Sequence[TrainingExample], tokenizer: Any, config: TrainingConfig, options: LearningOptions
) -> TrainingData:
    """Returns what a training learns from and measures on, in batches.

    Args:
        examples: What to learn.
        tokenizer: Its model's.
        config: Where and how it runs.
        options: How much is learned; `batch_tokens` and `learning_rate` are those of `config`.

    Raises:
        InputError: There are no examples.
    """
    if not examples:
        raise InputError("There are no examples to learn from.", remedy="Give a recording with right traces.")
    learned, held = split(examples, options.held_back, config.seed)
    batches = plan_batches(
        [len(x.ids) for x in learned],
        batch_tokens=config.batch_tokens,
        epochs=options.epochs,
        steps=options.steps,
        device=config.device,
        processes=processes(config),
        seed=config.seed,
    )
    return TrainingData(learned, held, batches, pad_token(tokenizer))


def pad_token(tokenizer: Any) -> int:
    """Returns the token that fills up a row: its own, or the end of text where it has none."""
    token = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return int(token)


def processes(config: TrainingConfig) -> int:
    """Returns how many devices learn side by side, as `accelerate launch` or torchrun started them.

    What is asked here first is what this process keeps to: a processor, or a GPU.
    """
    from accelerate import PartialState
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001 - as TrainingArguments does itself
    state = PartialState(cpu=True) if config.on_cpu else PartialState()
    return int(state.num_processes)
