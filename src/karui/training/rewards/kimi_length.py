"""Right, and shorter than the others of the group: the length reward of Kimi k1.5."""

from collections.abc import Sequence

from karui.training.rewards._group import check_group


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
    check_group(tokens, right)
    shortest, spread = min(tokens), max(tokens) - min(tokens)
    rewards = []
    for count, good in zip(tokens, right, strict=True):
        share = 0.5 - (count - shortest) / spread if spread else 0.0
        rewards.append(float(good) + weight * (share if good else min(0.0, share)))
    return rewards
