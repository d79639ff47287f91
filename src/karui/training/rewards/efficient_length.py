"""Right, and short for a right answer to this question: the reward of "reason efficiently"."""

from collections.abc import Sequence
from math import exp

import numpy as np

from karui.training.rewards._group import check_group


def efficient_length(tokens: Sequence[int], right: Sequence[bool], *, weight: float = 0.2) -> list[float]:
    """Returns right * (1 - weight * σ((tokens - mean) / std)) for each completion.

    Mean and standard deviation (of the population) are those of the group's right completions, so that what
    is long is judged question by question; σ is the logistic function. Wrong answers get 0 however long they
    are: with a weight below 1 any right answer beats any wrong one. Where the right ones are equally long,
    each gets 1 - weight / 2.

    Arora and Zanette, "Training Language Models to Reason Efficiently", arXiv 2502.04463, equations 2 and 3;
    weight is their α, from 0 to below 1.

    Args:
        tokens: Of each completion.
        right: Whether its answer is.
        weight: How much of a right answer's reward goes by its length.

    Raises:
        InputError: The group is empty or uneven.
    """
    check_group(tokens, right)
    lengths = [count for count, good in zip(tokens, right, strict=True) if good]
    if not lengths:
        return [0.0] * len(tokens)
    mean, spread = float(np.mean(lengths)), float(np.std(lengths))
    rewards = []
    for count, good in zip(tokens, right, strict=True):
        far = (count - mean) / spread if spread else 0.0
        rewards.append(1.0 - weight / (1.0 + exp(-far)) if good else 0.0)
    return rewards
