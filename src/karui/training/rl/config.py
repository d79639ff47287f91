"""What reinforcement learning pays for, and how it goes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from karui.training.rl.prompts import GradedCompletion


@dataclass(frozen=True)
class RewardSpec:
    """What is paid for.

    Attributes:
        reward: Returns one reward for each completion of a group, from its lengths, its verdicts, and the
            tokens that its prompt asks for.
        score: How good replies to questions held back are, each with its prompt's target; larger is better.
            Among weights that are accurate enough the best are kept.
    """

    reward: Callable[[Sequence[int], Sequence[bool], int], list[float]]
    score: Callable[[Sequence[GradedCompletion], Sequence[int]], float]


@dataclass(frozen=True)
class RLConfig:
    """How a training by reinforcement goes.

    Attributes:
        questions: Answered for one rollout, on all devices together.
        group: Answers to each.
        updates: Optimizer steps made of one rollout.
        steps: Optimizer steps in all.
        temperature: Of drawing completions.
        max_tokens: Of one completion; what it cuts is wrong.
        learning_rate: At its peak; None takes a fiftieth of `usual_rate`, a fifth with adapters.
        lora: Rank of low-rank adapters, merged at the end; None trains every weight.
        beta: Weight of the divergence from the model as it was; 0 does without.
        mask_truncated: Whether nothing is learned from completions that were cut (DAPO's overlong filtering).
        held: Questions held back, half of them at most.
        margin: How far accuracy on them may fall, beyond one standard error.
        generate: "karui" draws rollouts as `training.rl.rollout` does, "transformers" by TRL's own loop,
            "vllm" with vLLM in the same process, where it is installed.
        micro_tokens: Of one forward pass on one device; 0 goes by the device.
    """

    questions: int
    group: int
    updates: int
    steps: int
    temperature: float
    max_tokens: int
    learning_rate: float | None = None
    lora: int | None = None
    beta: float = 0.0
    mask_truncated: bool = False
    held: int = 64
    margin: float = 0.05
    generate: str = "karui"
    micro_tokens: int = 0
