"""Reinforcement learning through TRL's GRPOTrainer: a model is paid for what it writes, group by group.

Group relative policy optimization (Shao et al., "DeepSeekMath", arXiv 2402.03300): a question is answered
several times, and each answer is judged against the others of its group. Advantages are scaled by the whole
batch's deviation, not by the group's: else a few tokens more or less between right answers would count as
much as being right (Liu et al., "Understanding R1-Zero-Like Training", arXiv 2503.20783). Every token weighs
the same, whatever its completion's length (DAPO, arXiv 2503.14476).
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from karui.core.errors import InputError
from karui.core.prompt import Sampling
from karui.training.config import TrainingConfig, TrainingData, processes, silent
from karui.training.data.batches import Batches
from karui.training.data.examples import TrainingExample
from karui.training.early_stopping import Collapse
from karui.training.learning_curve import Curve
from karui.training.rl.completions import Writing, measured
from karui.training.rl.config import RewardSpec, RLConfig
from karui.training.rl.prompts import Grader, RLPrompt
from karui.training.schedule import TrainingSchedule
from karui.training.sft import ADAPTER, usual_rate
from karui.training.trainers import (
    arguments,
    check_memory,
    lead,
    new_course,
    on_course,
    one_device,
    run,
    save,
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


def reinforce(
    model: Any,
    tokenizer: Any,
    drilled: Sequence[RLPrompt],
    judge: Grader,
    aim: RewardSpec,
    regime: RLConfig,
    *,
    sampling: Sampling,
    out: Path | None,
    scratch: Path,
    device: str = "cpu",
    seed: int = 0,
    minutes: float | None = None,
    on_progress: Callable[[float, float, str], None] = silent,
) -> tuple[Curve, dict[str, float]]:
    """Trains `model` in place, writes its best weights to `out`, returns the curve and what was kept.

    Args:
        model: A causal language model as transformers loads it.
        tokenizer: Its tokenizer; it is not changed.
        drilled: Prompts to practise on; several may be of one question.
        judge: Of replies to them.
        aim: What is paid for.
        regime: How the training goes.
        sampling: How replies to the questions held back are drawn.
        out: An ordinary folder, written at the end; an adapter is kept in it, in `adapter`. None writes
            nothing.
        scratch: As the rest, see `karui.training.sft.fine_tune`.
        device: "cpu", "cuda" or "mps".
        seed: Everything random comes from it.
        minutes: Wall time at most.
        on_progress: Is told (done, total, words).

    Raises:
        InputError: Too few questions, or a regime that cannot be.
        ModelError: Too little memory; says which knob lowers it.
    """
    learned, held = _split(drilled, regime.held, seed)
    rate = regime.learning_rate
    if rate is None:
        rate = usual_rate(model, lora=regime.lora) / (50 if regime.lora is None else 5)
    mean = sum(len(d.prompt_ids) for d in learned) / len(learned) + regime.max_tokens
    relief = (
        f"Lower group (now {regime.group}) or questions (now {regime.questions}), or train low-rank "
        "adapters (lora=16)."
    )
    tokens = round(mean * regime.questions * regime.group / regime.updates)
    setting = TrainingConfig(scratch, device, seed, rate, tokens, minutes, on_progress, relief)
    count = processes(setting)
    syllabus = TrainingData(
        tuple(TrainingExample(d.prompt_ids, [], d.question.id) for d in learned),
        (),
        _lay_out(learned, regime, setting, count),
        tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
    )
    dtype = model.dtype
    total = sum(p.numel() for p in model.parameters())
    check_memory(model, setting, trained=total if regime.lora is None else total // 50)
    if regime.lora is None or setting.on_cpu:
        model.float()
    course = new_course(syllabus, setting, measures=_MEASURES, whole=regime.updates)
    course.logged = _LOGGED
    with unchanged(model):
        model.generation_config.eos_token_id = sorted(judge.ends)
        write = Writing(model, judge, regime, setting, count)
        trainer = _trainer(model, tokenizer, learned, judge, aim, regime, course, setting, syllabus, write)
        collapse = Collapse(
            course, scratch, lambda: measured(held, judge, aim, write, sampling), regime.margin, len(held)
        )
        collapse.model = write.model = trainer.accelerator.unwrap_model(trainer.model)
        write.trainer = trainer
        course.measure = lambda: collapse.look(trainer.state.global_step)
        curve = run(trainer, course, setting, syllabus)
        collapse.restore()
    if regime.lora is not None:
        if out is not None and lead():
            collapse.model.save_pretrained(out / ADAPTER)
        collapse.model.merge_and_unload()
    if out is not None:
        save(model, tokenizer, out, dtype)
    seen = int(trainer.state.num_input_tokens_seen)
    return replace(curve, held=len(held), tokens=seen), collapse.kept


def _split(drilled: Sequence[RLPrompt], wanted: int, seed: int) -> tuple[list[RLPrompt], list[RLPrompt]]:
    """Returns the drills to practise on, and one of each question held back."""
    draw = np.random.default_rng([seed, 1])
    names = sorted({d.question.id for d in drilled})
    if len(names) < 2:
        raise InputError(
            f"There are {len(names)} questions to practise on.",
            why="Some are held back, to see whether accuracy falls.",
            remedy="Record more questions.",
        )
    draw.shuffle(names)
    kept = set(names[: min(wanted, len(names) // 2)])
    held = {d.question.id: d for d in drilled if d.question.id in kept}
    return [d for d in drilled if d.question.id not in kept], list(held.values())


def _lay_out(learned: Sequence[RLPrompt], regime: RLConfig, setting: TrainingConfig, count: int) -> Batches:
    """Returns which drills make up which rollout, and how a rollout is put through the model."""
    whole = regime.questions * regime.group
    if regime.questions % count or whole % (count * regime.updates):
        raise InputError(
            f"{regime.questions} questions times {regime.group} answers do not share out evenly.",
            why=f"They are shared among {count} process(es), whole groups each, and then {regime.updates} "
            "update(s).",
            remedy=f"Set questions to a multiple of {count}, and updates to a divisor of the answers.",
        )
    longest = max(len(d.prompt_ids) for d in learned) + regime.max_tokens
    usual = _MICRO_TOKENS.get(setting.device.partition(":")[0], _MICRO_TOKENS_GPU)
    local = whole // count // regime.updates
    most = max(1, (regime.micro_tokens or usual) // longest)
    rows = max(r for r in range(1, min(local, most) + 1) if local % r == 0)
    draw = np.random.default_rng([setting.seed, 2])
    order: list[int] = []
    while len(order) < regime.questions * -(-regime.steps // regime.updates):
        order += draw.permutation(len(learned)).tolist()
    return Batches(rows, local // rows, tuple(order), regime.steps, 0.0, setting.batch_tokens)


def _trainer(
    model: Any,
    tokenizer: Any,
    learned: Sequence[RLPrompt],
    judge: Grader,
    aim: RewardSpec,
    regime: RLConfig,
    course: TrainingSchedule,
    setting: TrainingConfig,
    syllabus: TrainingData,
    write: Writing,
) -> Any:
    import os

    from datasets import Dataset

    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func warns at every use
    from trl import GRPOConfig, GRPOTrainer

    batches = syllabus.batches
    config = GRPOConfig(
        **arguments(setting, syllabus, sum(p.numel() for p in model.parameters())),
        num_generations=regime.group,
        steps_per_generation=batches.passes * regime.updates,
        max_completion_length=regime.max_tokens,
        temperature=regime.temperature,
        beta=regime.beta,
        scale_rewards="batch",
        loss_type="dapo",
        mask_truncated_completions=regime.mask_truncated,
        use_vllm=regime.generate == "vllm",
        shuffle_dataset=False,  # in the order that was laid out
    )
    adapter = None
    if regime.lora is not None:
        from peft import LoraConfig

        adapter = LoraConfig(
            r=regime.lora, lora_alpha=2 * regime.lora, target_modules="all-linear", task_type="CAUSAL_LM"
        )
    prompts = Dataset.from_dict(
        {"prompt": [d.prompt_ids for d in learned], "drill": list(range(len(learned)))}
    )
    reader = deepcopy(tokenizer)
    reader.padding_side = "left"
    return _on_tokens(on_course(GRPOTrainer, course))(
        model=model,
        reward_funcs=_rewarding(learned, judge, aim, regime.group),
        args=one_device(config),
        train_dataset=prompts.select(list(batches.order)),
        processing_class=reader,
        peft_config=adapter,
        rollout_func=write.as_rollout,
    )


def _rewarding(
    learned: Sequence[RLPrompt], judge: Grader, aim: RewardSpec, group: int
) -> Callable[..., list[float]]:
    """Returns the aim as TRL's trainer calls a reward: on whole groups, one after the other."""

    def rewarded(
        completion_ids: list[list[int]], drill: list[int], log_metric: Callable[..., None], **_: Any
    ) -> list[float]:
        attempts = [judge.attempt(learned[n], ids) for n, ids in zip(drill, completion_ids, strict=True)]
        log_metric("accuracy", sum(a.right for a in attempts) / len(attempts))
        rewards: list[float] = []
        for start in range(0, len(attempts), group):
            part = attempts[start : start + group]
            assert len(set(drill[start : start + group])) == 1
            rewards += aim.reward(
                [a.tokens for a in part], [a.good for a in part], learned[drill[start]].target
            )
        return rewards

    return rewarded


def _on_tokens(kind: Any) -> Any:
    """Returns a subclass that takes prompts as tokens, the very ones the engine feeds."""

    class OnTokens(kind):  # type: ignore[misc]
        """Its prompts are tokens already."""

        def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
            return prompts, None, {}

    return OnTokens
