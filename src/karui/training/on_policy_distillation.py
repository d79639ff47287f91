"""On-policy distillation: a student writes replies of its own, and a teacher scores every token of them."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from karui.training.config import LearningOptions, TrainingRun, prepare_data
from karui.training.data.examples import TrainingExample
from karui.training.learning_curve import Curve
from karui.training.sft import usual_rate
from karui.training.trainers import (
    arguments,
    follow_schedule,
    new_schedule,
    on_tokens,
    one_device,
    prepare_model,
    save,
    train,
    unchanged,
)


@dataclass(frozen=True)
class OnPolicyOptions:
    """How a student practises on replies of its own.

    Attributes:
        beta: 0 is KL(teacher || student), 1 is KL(student || teacher), between them a Jensen-Shannon mix.
        temperature: Sampling temperature of the replies, and of both distributions in the loss.
        max_tokens: Most tokens of a reply.
        replies: Replies of one optimizer step, on all devices together.
        steps: Optimizer steps.
        learning_rate: Peak learning rate; None takes a fifth of `usual_rate`, the student being taught
            already.
        held_back: Share of the questions that are measured on.
    """

    beta: float
    temperature: float
    max_tokens: int
    replies: int
    steps: int
    learning_rate: float | None = None
    held_back: float = 0.05


def distil_on_policy(
    run: TrainingRun, teacher: Any, examples: Sequence[TrainingExample], options: OnPolicyOptions
) -> Curve:
    """Trains the run's model on replies that it writes itself, through TRL's DistillationTrainer.

    Generalized knowledge distillation (Agarwal et al., 2306.13649): what a student meets in training is what
    it will meet when it is used, its own mistakes among it.

    Args:
        run: The student, and where and how it is trained; it should be able to reason already, or its replies
            are noise.
        teacher: Of the same vocabulary; not trained.
        examples: One for each question; their prompts are practised on, their replies only measured with.
        options: How replies are drawn and scored.

    Raises:
        InputError: No examples, or an option that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    from datasets import Dataset
    from trl import DistillationConfig, DistillationTrainer

    model, rate = run.model, options.learning_rate
    mean = sum(len(x.ids) for x in examples) / max(1, len(examples))
    tokens = max(1, round(options.replies * mean))
    config = run.config(usual_rate(model) / 5 if rate is None else rate, tokens)
    learning = LearningOptions(epochs=1, steps=options.steps, held_back=options.held_back)
    data = prepare_data(examples, run.tokenizer, config, learning)
    dtype = model.dtype
    total = prepare_model(model, config)
    schedule = new_schedule(data, config)
    prompts = Dataset.from_dict({"prompt": [x.prompt_ids for x in data.learned]})
    given = DistillationConfig(
        **arguments(config, data, total),
        beta=options.beta,
        temperature=options.temperature,
        max_completion_length=options.max_tokens,
        shuffle_dataset=False,  # in the order that was laid out
    )
    _fit_vocabulary(model, teacher)
    with unchanged(model):
        model.generation_config.eos_token_id = _ends(model, examples)
        trainer = on_tokens(follow_schedule(DistillationTrainer, schedule))(
            model=model,
            teacher_model=teacher,
            args=one_device(given),
            train_dataset=prompts.select(list(data.batches.order)),
            processing_class=deepcopy(run.tokenizer),
        )
        curve = train(trainer, schedule, config, data)
    save(run, dtype)
    return replace(curve, tokens=int(trainer.state.num_input_tokens_seen))


def _ends(model: Any, examples: Sequence[TrainingExample]) -> list[int]:
    """Returns the tokens at which a reply is over, the end of turn among them."""
    known = model.generation_config.eos_token_id
    ends = known if isinstance(known, list) else [known]
    return sorted({*(e for e in ends if e is not None), examples[0].reply_ids[-1]})


def _fit_vocabulary(model: Any, teacher: Any) -> None:
    """Gives the student as many rows of embeddings as its teacher: models of one family are padded unlike."""
    wanted = teacher.config.get_text_config().vocab_size
    if model.config.get_text_config().vocab_size != wanted:
        model.resize_token_embeddings(wanted, mean_resizing=False)
