"""A penalty on every token that grows with how easily a question is solved: ALP."""

from collections.abc import Sequence

from karui.training.rewards._group import check_group


def solve_rate_penalty(
    tokens: Sequence[int], right: Sequence[bool], *, longest: int, weight: float = 0.1
) -> list[float]:
    """Returns right - weight * (tokens / longest) * max(p, 1 / K) for each completion.

    p is the share of the group's K completions that is right: on what is always solved a token costs most,
    on what is never solved 1 / K of that, so that a model is not paid for endless attempts.

    Xiang et al., "Just Enough Thinking: Efficient Reasoning with Adaptive Length Penalties Reinforcement
    Learning", arXiv 2506.05256. Their penalty is β per token; here it is `weight` for `longest` tokens, so
    that one number serves models that think for 200 tokens and for 20,000: β = weight / longest.

    Args:
        tokens: Of each completion.
        right: Whether its answer is.
        longest: Tokens that a completion may have.
        weight: What a completion of that length costs where all are right.

    Raises:
        InputError: The group is empty or uneven.
    """
    check_group(tokens, right)
    solved = max(sum(right), 1) / len(right)
    return [
        float(good) - weight * count / longest * solved for count, good in zip(tokens, right, strict=True)
    ]
