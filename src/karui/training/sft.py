"""Supervised fine-tuning (SFT) of a model on the replies of examples, through TRL's SFTTrainer."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from karui.training.config import LearningOptions, TrainingData, TrainingRun, prepare_data
from karui.training.data.batches import dataset
from karui.training.data.examples import TrainingExample
from karui.training.held_out_eval import HeldOutEval
from karui.training.learning_curve import Curve
from karui.training.schedule import TrainingSchedule
from karui.training.trainers import (
    adapter,
    arguments,
    follow_schedule,
    merge_adapter,
    new_schedule,
    one_device,
    prepare_model,
    save,
    train,
    unchanged,
)

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
    run: TrainingRun,
    examples: Sequence[TrainingExample],
    options: LearningOptions = LearningOptions(),  # noqa: B008 - frozen
    *,
    evaluation: HeldOutEval | None = None,
) -> Curve:
    """Trains the run's model on the examples' replies, writes it, and returns the learning curve.

    Weights are float32 while they are trained, and written in the type they came in (those that low-rank
    adapters leave alone keep it on a GPU). An adapter is kept in the run's folder too, in `adapter`.

    Args:
        run: The model, and where and how it is trained.
        examples: What to learn: `karui.training.data.examples`.
        options: How much, and how fast.
        evaluation: Answers the questions held back, for the curve; None measures the loss alone.

    Raises:
        InputError: No examples, or an option that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    model, lora, rate = run.model, options.lora, options.learning_rate
    config = run.config(usual_rate(model, lora=lora) if rate is None else rate, options.batch_tokens)
    data = prepare_data(examples, run.tokenizer, config, options)
    dtype = model.dtype
    total = prepare_model(model, config, lora)
    schedule = new_schedule(data, config)
    if evaluation is not None:
        evaluation.begin(data.held, model, config)
    with unchanged(model):
        trainer = _trainer(run, schedule, arguments(config, data, total), lora, data)
        if evaluation is not None:
            evaluation.model = trainer.accelerator.unwrap_model(trainer.model)
        curve = train(trainer, schedule, config, data, evaluation.look if evaluation else dict)
    if lora is not None:
        merge_adapter(trainer.model, run.out)
    save(run, dtype)
    return curve


def _trainer(
    run: TrainingRun,
    schedule: TrainingSchedule,
    shared: dict[str, Any],
    lora: int | None,
    data: TrainingData,
) -> Any:
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        **shared,
        max_length=None,  # the default cuts every reasoning trace at 1,024 tokens
        dataset_kwargs={"skip_prepare_dataset": True},  # these are tokens already
        train_sampling_strategy="sequential",  # in the order that was laid out
    )
    return follow_schedule(SFTTrainer, schedule)(
        model=run.model,
        args=one_device(config),
        train_dataset=dataset(data.learned, data.batches.order),
        processing_class=deepcopy(run.tokenizer),
        peft_config=adapter(lora),
    )
