"""Distillation: a student learns its teacher's distributions, and its hidden states, on given replies.

Neither TRL nor transformers has a trainer for this: theirs learn replies (SFTTrainer) or distributions on
replies that the student writes itself (DistillationTrainer). So the loss is computed here, and all else is
transformers' Trainer.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from karui.training.config import LearningOptions, TrainingRun, prepare_data
from karui.training.data.batches import dataset
from karui.training.data.examples import IGNORED, TrainingExample
from karui.training.learning_curve import Curve
from karui.training.sft import usual_rate
from karui.training.trainers import (
    arguments,
    follow_schedule,
    new_schedule,
    one_device,
    prepare_model,
    save,
    train,
    unchanged,
)

_PROJECTIONS = "karui_projections"


def distil(
    run: TrainingRun,
    teacher: Any,
    examples: Sequence[TrainingExample],
    options: LearningOptions = LearningOptions(),  # noqa: B008 - frozen
    *,
    pairs: Sequence[tuple[int, int]] = (),
    hidden: float = 0.0,
) -> Curve:
    """Trains the run's model to be like `teacher` on the examples, writes it, and returns the curve.

    The loss of a token of a reply is KL(teacher || model) of the next token's distribution (Hinton et al.,
    1503.02531), plus `hidden` times the mean over `pairs` of the squared distance between normalised hidden
    states (Patient-KD, 1908.09355: |a/|a| - b/|b||²). Where the widths differ, the model's states are
    projected by a matrix that is learned along and thrown away (TinyBERT, 1909.10351).

    Args:
        run: The student, and where and how it is trained.
        teacher: Of the same vocabulary, in evaluation mode; not trained.
        examples: What both read.
        options: How much, and how fast; adapters are not offered.
        pairs: Which hidden state of the student is to be like which of the teacher's; see `Student.pairs`.
        hidden: Weight of the hidden states; 0 leaves them out.

    Raises:
        InputError: No examples, or an option that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    from transformers import Trainer, TrainingArguments
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    model, rate = run.model, options.learning_rate
    config = run.config(usual_rate(model) if rate is None else rate, options.batch_tokens)
    data = prepare_data(examples, run.tokenizer, config, options)
    dtype = model.dtype
    total = prepare_model(model, config)
    add_projections(model, teacher, len(pairs) if hidden else 0, run.seed)
    schedule = new_schedule(data, config)
    kind = follow_schedule(distillation_trainer(Trainer, teacher, tuple(pairs), hidden), schedule)
    given = TrainingArguments(
        **arguments(config, data, total), train_sampling_strategy="sequential", remove_unused_columns=False
    )
    with unchanged(model):
        trainer = kind(
            model=model,
            args=one_device(given),
            train_dataset=dataset(data.learned, data.batches.order),
            data_collator=DataCollatorForLanguageModeling(pad_token_id=data.pad),
            processing_class=deepcopy(run.tokenizer),
        )
        teacher.to(trainer.accelerator.device)
        curve = train(trainer, schedule, config, data)
    if hasattr(model, _PROJECTIONS):
        delattr(model, _PROJECTIONS)
    save(run, dtype)
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


def distillation_trainer(kind: Any, teacher: Any, pairs: tuple[tuple[int, int], ...], hidden: float) -> Any:
    """Returns transformers' Trainer with the loss of `distil`."""
    import torch
    from torch.nn.functional import normalize

    class Distillation(kind):  # type: ignore[misc]
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

    return Distillation


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
