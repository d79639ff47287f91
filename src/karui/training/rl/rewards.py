"""Rewards for reinforcement learning: plain functions of one group of completions.

A group is what a model wrote to one question. Every function is given, in one order, how many tokens each
completion has and whether its answer is right, and returns one reward for each. Tokens are all that were
written, thinking and answer: a reward on the thinking alone teaches a model to think in its answer.

A completion cut by the token limit has no answer; it is wrong.
"""

from collections.abc import Sequence
from math import exp

import numpy as np

from karui.core.errors import InputError


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
    _check_group(tokens, right)
    lengths = [count for count, good in zip(tokens, right, strict=True) if good]
    if not lengths:
        return [0.0] * len(tokens)
    mean, spread = float(np.mean(lengths)), float(np.std(lengths))
    rewards = []
    for count, good in zip(tokens, right, strict=True):
        far = (count - mean) / spread if spread else 0.0
        rewards.append(1.0 - weight / (1.0 + exp(-far)) if good else 0.0)
    return rewards


def kimi_length(tokens: Sequence[int], right: Sequence[bool], *, weight: float = 1.0) -> list[float]:
    """Returns `right + weight * length reward` for each completion.

    With λ = 0.5 - (tokens - min) / (max - min) over the whole group, the length reward is λ where the answer
    is right and min(0, λ) where it is wrong; it is 0 for all where all are equally long. So among right
    answers the shortest gains 0.5 and the longest loses 0.5, and a wrong one never gains by being short.

    Kimi Team, "Kimi k1.5: Scaling Reinforcement Learning with LLMs", arXiv 2501.12599, section 2.3.3. They
    begin without it and add it later, since it slows training down early on.

    Args:
        tokens: Of each completion.
        right: Whether its answer is.
        weight: Of the length reward.

    Raises:
        InputError: The group is empty or uneven.
    """
    _check_group(tokens, right)
    shortest, spread = min(tokens), max(tokens) - min(tokens)
    rewards = []
    for count, good in zip(tokens, right, strict=True):
        share = 0.5 - (count - shortest) / spread if spread else 0.0
        rewards.append(float(good) + weight * (share if good else min(0.0, share)))
    return rewards


def target_exact(
    tokens: Sequence[int], right: Sequence[bool], *, target: int, slope: float = 0.0003
) -> list[float]:
    """Returns right - slope * |target - tokens| for each completion.

    Being right and keeping to the length are added: a wrong answer of the right length is not lost, and a
    model learns to think for longer, too, where it is asked to.

    Aggarwal and Welleck, "L1: Controlling How Long A Reasoning Model Thinks With Reinforcement Learning",
    arXiv 2503.04697, equation 1; slope is their α, 0.0003 with targets of 100 to 4,000 tokens.

    Args:
        tokens: Of each completion.
        right: Whether its answer is.
        target: Tokens that the prompt asks for.
        slope: What a token too many or too few costs.

    Raises:
        InputError: The group is empty or uneven.
    """
    _check_group(tokens, right)
    return [float(good) - slope * abs(target - count) for count, good in zip(tokens, right, strict=True)]


def target_at_most(
    tokens: Sequence[int],
    right: Sequence[bool],
    *,
    target: int,
    slope: float = 0.001,
    offset: float = 0.5,
) -> list[float]:
    """Returns right * clip(slope * (target - tokens) + offset, 0, 1) for each completion.

    Being right and keeping to the limit are multiplied: what is wrong gets nothing. The clip is soft at the
    limit: with the offset, an answer a little too long still gets more than a wrong one.

    Aggarwal and Welleck, "L1", arXiv 2503.04697, equation 2; slope is their α, offset their δ. Their code
    has ±500 tokens around targets of up to 4,000 go from 0 to 1, which is the slope of 0.001 here.

    Args:
        tokens: Of each completion.
        right: Whether its answer is.
        target: Tokens that the prompt allows.
        slope: What a token more costs.
        offset: What is left at exactly the target.

    Raises:
        InputError: The group is empty or uneven.
    """
    _check_group(tokens, right)
    return [
        float(good) * min(1.0, max(0.0, slope * (target - count) + offset))
        for count, good in zip(tokens, right, strict=True)
    ]


def _check_group(tokens: Sequence[int], right: Sequence[bool]) -> None:
    """Refuses a group that is none.

    Raises:
        InputError: It is empty, or there is not one verdict for each length.
    """
    if not tokens or len(tokens) != len(right):
        raise InputError(
            f"A group of {len(tokens)} lengths and {len(right)} verdicts cannot be rewarded.",
            remedy="Give one length and one verdict for each completion of a question, and at least one.",
        )
