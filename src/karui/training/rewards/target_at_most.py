"""Right, and no longer than the prompt allows: LCPO-Max."""

from collections.abc import Sequence

from karui.training.rewards._group import check_group


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
    check_group(tokens, right)
    return [
        float(good) * min(1.0, max(0.0, slope * (target - count) + offset))
        for count, good in zip(tokens, right, strict=True)
    ]
