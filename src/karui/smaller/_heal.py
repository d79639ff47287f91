"""Healing: what is left of a pruned model learns from its parent's right traces."""

from pathlib import Path

from karui.core.forge import Forge
from karui.forge.lessons import Lessons, lessons
from karui.smaller._parent import copy_alongside, stored_dtype

STEPS_HELP = "Training steps of about 8,192 tokens on the parent's right traces after pruning; 0 for none."
"""What the knob `heal` says."""


def lessons_to_heal(folder: Path, forge: Forge, steps: int) -> Lessons | None:
    """Returns what the healing will learn from, None where there is none; call it before the long work.

    The recording's traces are the parent's own, so learning them is sequence-level distillation (Kim and
    Rush, 1606.07947): no second model has to be in memory.

    Args:
        folder: The parent.
        forge: Whose recording it learns from.
        steps: Optimizer steps of the healing.

    Raises:
        InputError: There are too few right traces.
    """
    from karui.engines.transformers.load import load_tokenizer

    if not steps:
        return None
    return lessons(forge.recording, load_tokenizer(folder), select="all")


def heal(parent: Path, forge: Forge, taught: Lessons, steps: int) -> None:
    """Trains the model in `forge.folder`, and writes it there again.

    Args:
        parent: Whose tokenizer and stored type it keeps.
        forge: Its `minutes` end the training early; its `scratch` holds checkpoints.
        taught: From `lessons_to_heal`.
        steps: Optimizer steps.

    Raises:
        ModelError: The training does not fit into memory, or comes apart.
    """
    from karui.engines.transformers.load import load_model, load_tokenizer
    from karui.forge.sft import fine_tune

    model = load_model(forge.folder, forge.device, stored_dtype(parent))
    curve = fine_tune(
        model,
        load_tokenizer(parent),
        taught.examples,
        out=forge.folder,
        scratch=forge.scratch,
        device=forge.device,
        seed=forge.seed,
        steps=steps,
        minutes=forge.minutes,
        on_progress=forge.progress,
    )
    copy_alongside(parent, forge.folder)
    forge.note(lessons=taught.notes, healing=curve.as_dict())
