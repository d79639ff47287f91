"""Right, and as long as the prompt asks for: LCPO-Exact."""

from collections.abc import Sequence

from karui.training.rewards._group import check_group


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
    check_group(tokens, right)
    return [float(good) - slope * abs(target - count) for count, good in zip(tokens, right, strict=True)]
