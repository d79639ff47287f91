"""Reinforcement learning through TRL's GRPOTrainer: a model is paid for what it writes, group by group.

Group relative policy optimization (Shao et al., "DeepSeekMath", arXiv 2402.03300): a question is answered
several times, and each answer is judged against the others of its group. Advantages are scaled by the whole
batch's deviation, not by the group's: else a few tokens more or less between right answers would count as
much as being right (Liu et al., "Understanding R1-Zero-Like Training", arXiv 2503.20783). Every token weighs
the same, whatever its completion's length (DAPO, arXiv 2503.14476).
"""

import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from karui.core.errors import InputError
from karui.core.prompt import Sampling
from karui.training.config import TrainingConfig, TrainingData, TrainingRun, pad_token, processes
from karui.training.data.batches import Batches
from karui.training.data.examples import TrainingExample
from karui.training.early_stopping import EarlyStopping
from karui.training.learning_curve import Curve
from karui.training.rl.completions import CompletionSource, measure_held_out
from karui.training.rl.config import RewardSpec, RLConfig
from karui.training.rl.prompts import Grader, RLPrompt
from karui.training.schedule import TrainingSchedule
from karui.training.sft import usual_rate
from karui.training.trainers import (
    adapter,
    arguments,
    follow_schedule,
    merge_adapter,
    new_schedule,
    on_tokens,
    one_device,
    prepare_model,
    save,
    train,
    unchanged,
)

_MEASURES = 12
_MICRO_TOKENS = {"cpu": 4096}
_MICRO_TOKENS_GPU = 16384
_LOGGED = {
    "reward": "reward",
    "accuracy": "accuracy",
    "tokens": "completions/mean_length",
    "truncated": "completions/clipped_ratio",
    "entropy": "entropy",
    "kl": "kl",
}


def train_grpo(
    run: TrainingRun,
    prompts: Sequence[RLPrompt],
    grader: Grader,
    spec: RewardSpec,
    rl: RLConfig,
    *,
    sampling: Sampling,
) -> tuple[Curve, dict[str, float]]:
    """Trains the run's model, writes its best weights, and returns the curve and what is kept of it.

    An adapter is kept in the run's folder too, in `adapter`.

    Args:
        run: The model, and where and how it is trained.
        prompts: Prompts to practise on; several may be of one question.
        grader: Grades replies to them.
        spec: What is paid for.
        rl: How the training goes.
        sampling: How replies to the questions held back are drawn.

    Raises:
        InputError: Too few questions, or a configuration that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    model = run.model
    learned, held = _split(prompts, rl.held, run.seed)
    config = _config(run, learned, rl)
    count = processes(config)
    examples = tuple(TrainingExample(d.prompt_ids, [], d.question.id) for d in learned)
    data = TrainingData(examples, (), _lay_out(learned, rl, config, count), pad_token(run.tokenizer))
    dtype = model.dtype
    total = prepare_model(model, config, rl.lora)
    schedule = new_schedule(data, config, measures=_MEASURES, whole=rl.updates)
    schedule.logged = _LOGGED
    with unchanged(model):
        model.generation_config.eos_token_id = sorted(grader.ends)
        source = CompletionSource(model, grader, rl, config, count)
        trainer = _trainer(
            run,
            schedule,
            _grpo_config(rl, data.batches, arguments(config, data, total)),
            _dataset(learned, data.batches),
            _reward_function(learned, grader, spec, rl.group),
            source,
            rl.lora,
        )
        stopping = EarlyStopping(
            schedule,
            run.scratch,
            lambda: measure_held_out(held, grader, spec, source, sampling),
            rl.margin,
            len(held),
        )
        stopping.model = source.model = trainer.accelerator.unwrap_model(trainer.model)
        source.trainer = trainer
        schedule.measure = lambda: stopping.look(trainer.state.global_step)
        curve = train(trainer, schedule, config, data)
        stopping.restore()
    if rl.lora is not None:
        merge_adapter(stopping.model, run.out)
    save(run, dtype)
    seen = int(trainer.state.num_input_tokens_seen)
    return replace(curve, held=len(held), tokens=seen), stopping.kept


def _config(run: TrainingRun, learned: Sequence[RLPrompt], rl: RLConfig) -> TrainingConfig:
    rate = rl.learning_rate
    if rate is None:
        rate = usual_rate(run.model, lora=rl.lora) / (50 if rl.lora is None else 5)
    mean = sum(len(d.prompt_ids) for d in learned) / len(learned) + rl.max_tokens
    relief = (
        f"Lower group (now {rl.group}) or questions (now {rl.questions}), or train low-rank "
        "adapters (lora=16)."
    )
    return run.config(rate, round(mean * rl.questions * rl.group / rl.updates), relief)


def _split(prompts: Sequence[RLPrompt], wanted: int, seed: int) -> tuple[list[RLPrompt], list[RLPrompt]]:
    """Returns the drills to practise on, and one of each question held back."""
    draw = np.random.default_rng([seed, 1])
    names = sorted({d.question.id for d in prompts})
    if len(names) < 2:
        raise InputError(
            f"There are {len(names)} questions to practise on.",
            why="Some are held back, to see whether accuracy falls.",
            remedy="Record more questions.",
        )
    draw.shuffle(names)
    kept = set(names[: min(wanted, len(names) // 2)])
    held = {d.question.id: d for d in prompts if d.question.id in kept}
    return [d for d in prompts if d.question.id not in kept], list(held.values())


def _lay_out(learned: Sequence[RLPrompt], rl: RLConfig, config: TrainingConfig, count: int) -> Batches:
    """Returns which drills make up which rollout, and how a rollout is put through the model."""
    whole = rl.questions * rl.group
    if rl.questions % count or whole % (count * rl.updates):
        raise InputError(
            f"{rl.questions} questions times {rl.group} answers do not share out evenly.",
            why=f"They are shared among {count} process(es), whole groups each, and then {rl.updates} "
            "update(s).",
            remedy=f"Set questions to a multiple of {count}, and updates to a divisor of the answers.",
        )
    longest = max(len(d.prompt_ids) for d in learned) + rl.max_tokens
    usual = _MICRO_TOKENS.get(config.device.partition(":")[0], _MICRO_TOKENS_GPU)
    local = whole // count // rl.updates
    most = max(1, (rl.micro_tokens or usual) // longest)
    rows = max(r for r in range(1, min(local, most) + 1) if local % r == 0)
    draw = np.random.default_rng([config.seed, 2])
    order: list[int] = []
    while len(order) < rl.questions * -(-rl.steps // rl.updates):
        order += draw.permutation(len(learned)).tolist()
    return Batches(rows, local // rows, tuple(order), rl.steps, 0.0, config.batch_tokens)


def _grpo_config(rl: RLConfig, batches: Batches, shared: dict[str, Any]) -> Any:
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func warns at every use
    from trl import GRPOConfig

    return GRPOConfig(
        **shared,
        num_generations=rl.group,
        steps_per_generation=batches.passes * rl.updates,
        max_completion_length=rl.max_tokens,
        temperature=rl.temperature,
        beta=rl.beta,
        scale_rewards="batch",
        loss_type="dapo",
        mask_truncated_completions=rl.mask_truncated,
        use_vllm=rl.generate == "vllm",
        shuffle_dataset=False,  # in the order that was laid out
    )


def _dataset(learned: Sequence[RLPrompt], batches: Batches) -> Any:
    from datasets import Dataset

    prompts = Dataset.from_dict(
        {"prompt": [d.prompt_ids for d in learned], "drill": list(range(len(learned)))}
    )
    return prompts.select(list(batches.order))


def _trainer(
    run: TrainingRun,
    schedule: TrainingSchedule,
    config: Any,
    prompts: Any,
    reward: Callable[..., list[float]],
    source: CompletionSource,
    lora: int | None,
) -> Any:
    from trl import GRPOTrainer

    reader = deepcopy(run.tokenizer)
    reader.padding_side = "left"
    return on_tokens(follow_schedule(GRPOTrainer, schedule))(
        model=run.model,
        reward_funcs=reward,
        args=one_device(config),
        train_dataset=prompts,
        processing_class=reader,
        peft_config=adapter(lora),
        rollout_func=source.as_rollout,
    )


def _reward_function(
    learned: Sequence[RLPrompt], grader: Grader, spec: RewardSpec, group: int
) -> Callable[..., list[float]]:
    """Returns the aim as TRL's trainer calls a reward: on whole groups, one after the other."""

    def rewarded(
        completion_ids: list[list[int]], drill: list[int], log_metric: Callable[..., None], **_: Any
    ) -> list[float]:
        attempts = [grader.attempt(learned[n], ids) for n, ids in zip(drill, completion_ids, strict=True)]
        log_metric("accuracy", sum(a.right for a in attempts) / len(attempts))
        rewards: list[float] = []
        for start in range(0, len(attempts), group):
            part = attempts[start : start + group]
            assert len(set(drill[start : start + group])) == 1
            rewards += spec.reward(
                [a.tokens for a in part], [a.good for a in part], learned[drill[start]].target
            )
        return rewards

    return rewarded
