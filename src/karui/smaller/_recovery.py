"""What is left of a pruned model is written, healed by its parent first if that is wanted."""

from pathlib import Path

from karui.core.build_context import BuildContext
from karui.engines.chat.tokenizer import load_tokenizer
from karui.smaller._parent import Parent
from karui.training.config import LearningOptions, TrainingRun
from karui.training.data.examples import TrainingExamples, training_examples
from karui.training.distillation import distil
from karui.training.student import load_teacher

STEPS_HELP = "Training steps of about 8,192 tokens after pruning, to be like the parent again; 0 for none."
"""What the knob `heal` says."""


def examples_to_recover(folder: Path, build: BuildContext, steps: int) -> TrainingExamples | None:
    """Returns what the healing will read, None where there is none; call it before the long work.

    Args:
        folder: The parent.
        build: Whose recording it is.
        steps: Optimizer steps of the healing.

    Raises:
        InputError: There are too few right traces.
    """
    return training_examples(build.recording, load_tokenizer(folder), select="all") if steps else None


def write_recovered(
    pruned: Parent, build: BuildContext, train_set: TrainingExamples | None, steps: int
) -> None:
    """Writes the pruned model to `build.folder`, in the type that its parent was stored in.

    Healing is distillation on the parent's right traces: the loss is KL(parent || pruned) at every token of
    a reply (see `karui.training.distillation`). "Minitron" (2407.14679) found it to heal pruned models better
    than learning the tokens alone; docs/log.md has no comparison at equal length.

    Args:
        pruned: Pruned in memory.
        build: Its `minutes` end the healing early; its `scratch` holds checkpoints.
        train_set: From `examples_to_recover`; None writes the model as it is.
        steps: Optimizer steps.

    Raises:
        ModelError: The training does not fit into memory, or comes apart.
    """
    import torch

    model = pruned.model.to(getattr(torch, pruned.dtype))
    if train_set is None:
        model.save_pretrained(build.folder)
        return
    curve = distil(
        TrainingRun.of(build, model, pruned.tokenizer),
        load_teacher(pruned.folder, build.device),
        train_set.examples,
        LearningOptions(steps=steps),
    )
    build.note(lessons=train_set.notes, healing=curve.as_dict())
