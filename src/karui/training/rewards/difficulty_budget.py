"""A budget that grows with a question's difficulty: DAST."""

from collections.abc import Sequence

from karui.training.rewards._group import check_group


def difficulty_budget(tokens: Sequence[int], right: Sequence[bool], *, longest: int) -> list[float]:
    """Returns a reward for each completion by how it keeps to the question's token length budget.

    The budget is p * (mean length of the right completions) + (1 - p) * longest, p being the share that is
    right: what is easy gets little, what nobody solved everything. With λ = (tokens - budget) / budget a
    right answer gets max(0.5 - 0.5 λ, 0.1) and a wrong one min(0.9 λ - 0.1, -0.1): a right one gains by
    staying below the budget, and a wrong one loses most by giving up early.

    Shen et al., "DAST: Difficulty-Adaptive Slow-Thinking for Large Reasoning Models", arXiv 2503.04472. They
    rank completions by it for preference optimization (SimPO) rather than for a policy gradient.

    Args:
        tokens: Of each completion.
        right: Whether its answer is.
        longest: Tokens that a completion may have.

    Raises:
        InputError: The group is empty or uneven.
    """
    check_group(tokens, right)
    lengths = [count for count, good in zip(tokens, right, strict=True) if good]
    solved = len(lengths) / len(tokens)
    usual = sum(lengths) / len(lengths) if lengths else 0.0
    budget = solved * usual + (1 - solved) * longest
    rewards = []
    for count, good in zip(tokens, right, strict=True):
        over = (count - budget) / budget
        rewards.append(max(0.5 - 0.5 * over, 0.1) if good else min(0.9 * over - 0.1, -0.1))
    return rewards
