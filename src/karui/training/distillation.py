"""Imitation: a student learns its teacher's distributions, and its hidden states, on given replies.

Neither TRL nor transformers has a trainer for this: theirs learn replies (SFTTrainer) or distributions on
replies that the student writes itself (DistillationTrainer). So the loss is computed here, and all else is
transformers' Trainer.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from karui.training.config import TrainingConfig, prepare_data, silent
from karui.training.data.batches import dataset
from karui.training.data.examples import IGNORED, TrainingExample
from karui.training.learning_curve import Curve
from karui.training.sft import usual_rate
from karui.training.trainers import (
    arguments,
    check_memory,
    new_course,
    on_course,
    one_device,
    run,
    save,
    unchanged,
)

_PROJECTIONS = "karui_projections"


def imitate(
    model: Any,
    teacher: Any,
    tokenizer: Any,
    lessons: Sequence[TrainingExample],
    *,
    pairs: Sequence[tuple[int, int]],
    hidden: float,
    out: Path | None,
    scratch: Path,
    device: str = "cpu",
    seed: int = 0,
    epochs: float = 2.0,
    steps: int | None = None,
    learning_rate: float | None = None,
    batch_tokens: int = 8192,
    minutes: float | None = None,
    held_back: float = 0.05,
    on_progress: Callable[[float, float, str], None] = silent,
) -> Curve:
    """Trains `model` in place to be like `teacher` on the lessons, writes it to `out`, returns the curve.

    The loss of a token of a reply is KL(teacher || model) of the next token's distribution (Hinton et al.,
    1503.02531), plus `hidden` times the mean over `pairs` of the squared distance between normalised hidden
    states (Patient-KD, 1908.09355: |a/|a| - b/|b||²). Where the widths differ, the model's states are
    projected by a matrix that is learned along and thrown away (TinyBERT, 1909.10351).

    Args:
        model: The student.
        teacher: Of the same vocabulary, in evaluation mode; not trained.
        tokenizer: Of both.
        lessons: What to read together.
        pairs: Which hidden state of the student is to be like which of the teacher's; see `Student.pairs`.
        hidden: Weight of the hidden states; 0 leaves them out.
        out: Written when the training is over; None writes nothing.
        scratch: As the rest, see `karui.training.sft.fine_tune`.
        device: "cpu", "cuda" or "mps".
        seed: Everything random comes from it.
        epochs: How often each lesson is seen, without `steps`.
        steps: Optimizer steps instead of epochs.
        learning_rate: At its peak; None takes `usual_rate`.
        batch_tokens: Tokens of one optimizer step.
        minutes: Wall time at most.
        held_back: Share of the questions that are measured on.
        on_progress: Is told (done, total, words).

    Raises:
        InputError: No lessons, or a setting that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    from transformers import Trainer, TrainingArguments
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    rate = usual_rate(model) if learning_rate is None else learning_rate
    setting = TrainingConfig(scratch, device, seed, rate, batch_tokens, minutes, on_progress)
    syllabus = prepare_data(lessons, tokenizer, setting, epochs=epochs, steps=steps, held_back=held_back)
    dtype = model.dtype
    total = sum(p.numel() for p in model.parameters())
    check_memory(model, setting, trained=total)
    model.float()
    add_projections(model, teacher, len(pairs) if hidden else 0, seed)
    course = new_course(syllabus, setting)
    kind = on_course(imitation(Trainer, teacher, tuple(pairs), hidden), course)
    with unchanged(model):
        trainer = kind(
            model=model,
            args=one_device(
                TrainingArguments(
                    **arguments(setting, syllabus, total),
                    train_sampling_strategy="sequential",
                    remove_unused_columns=False,
                )
            ),
            train_dataset=dataset(syllabus.learned, syllabus.batches.order),
            data_collator=DataCollatorForLanguageModeling(pad_token_id=syllabus.pad),
            processing_class=deepcopy(tokenizer),
        )
        teacher.to(trainer.accelerator.device)
        curve = run(trainer, course, setting, syllabus)
    if hasattr(model, _PROJECTIONS):
        delattr(model, _PROJECTIONS)
    if out is not None:
        save(model, tokenizer, out, dtype)
    return curve


def add_projections(model: Any, teacher: Any, count: int, seed: int) -> None:
    """Gives a model one matrix per pair of hidden states, from its width to the teacher's, if they differ.

    They are part of the model while it trains, so that they are optimized, saved and spread over devices
    as everything else.
    """
    import torch

    ours = model.config.get_text_config().hidden_size
    theirs = teacher.config.get_text_config().hidden_size
    if not count or ours == theirs:
        return
    drawn = torch.Generator().manual_seed(seed)
    projections = torch.nn.ModuleList()
    for _ in range(count):
        projection = torch.nn.Linear(ours, theirs, bias=False)
        torch.nn.init.normal_(projection.weight, std=ours**-0.5, generator=drawn)
        projections.append(projection)
    setattr(model, _PROJECTIONS, projections)


def imitation(kind: Any, teacher: Any, pairs: tuple[tuple[int, int], ...], hidden: float) -> Any:
    """Returns transformers' Trainer with the loss of `imitate`."""
    import torch
    from torch.nn.functional import normalize

    class Imitation(kind):  # type: ignore[misc]
        """Its loss is how far the model is from the teacher."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.model_accepts_loss_kwargs = True  # the loss is divided by the whole step's tokens here

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs.pop("labels")
            taken = labels[:, 1:] != IGNORED
            ours = model(**inputs, output_hidden_states=bool(hidden), use_cache=False)
            with torch.no_grad():
                theirs = teacher(**inputs, output_hidden_states=bool(hidden), use_cache=False)
            loss = divergence(ours.logits[:, :-1][taken], theirs.logits[:, :-1][taken])
            if hidden:
                own = self.accelerator.unwrap_model(model)
                projections = getattr(own, _PROJECTIONS, None)
                for number, (mine, your) in enumerate(pairs):
                    state = ours.hidden_states[mine][:, :-1][taken]
                    goal = theirs.hidden_states[your][:, :-1][taken]
                    state = projections[number](state) if projections is not None else state
                    far = normalize(state.float(), dim=-1) - normalize(goal.float(), dim=-1)
                    loss = loss + hidden / len(pairs) * far.square().sum()
            if num_items_in_batch is None:
                loss = loss / taken.sum().clamp(min=1)
            else:  # counted over all devices, between which gradients are averaged
                loss = loss / num_items_in_batch * self.accelerator.num_processes
            return (loss, ours) if return_outputs else loss

    return Imitation


def divergence(ours: Any, theirs: Any) -> Any:
    """Returns the sum over rows of KL(theirs || ours), in nats.

    Args:
        ours: Logits, (tokens, vocabulary).
        theirs: The teacher's. Where one has more columns, they are padding beyond the common vocabulary.
    """
    import torch

    common = min(ours.shape[-1], theirs.shape[-1])
    mine = ours[:, :common].float().log_softmax(-1)
    your = theirs[:, :common].float().log_softmax(-1)
    return torch.nn.functional.kl_div(mine, your, reduction="sum", log_target=True)
