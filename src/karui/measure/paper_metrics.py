"""Figures that papers derive from accuracy and length, so that theirs and ours can be compared."""

from collections.abc import Sequence
from itertools import pairwise
from math import log10

import numpy as np
from numpy.typing import ArrayLike


def accuracy_efficiency_score(
    tokens: float, accuracy: float, baseline_tokens: float, baseline_accuracy: float
) -> float:
    """Returns AES of O1-Pruner (2501.12570): saved length, rewarded or punished by the change of accuracy.

    With dL = (L_b - L)/L_b and dA = (A - A_b)/A_b it is dL + 3|dA| if dA >= 0, else dL - 5|dA|.

    Args:
        tokens: Mean tokens of the plan.
        accuracy: Its accuracy, on the scale of the baseline's.
        baseline_tokens: Mean tokens of the baseline, positive.
        baseline_accuracy: Its accuracy, positive.

    Raises:
        ValueError: The baseline has no tokens or no accuracy.
    """
    if not (baseline_tokens > 0 and baseline_accuracy > 0):
        raise ValueError("the score divides by the baseline's tokens and accuracy; both must be positive")
    shorter = (baseline_tokens - tokens) / baseline_tokens
    better = (accuracy - baseline_accuracy) / baseline_accuracy
    return shorter + (3.0 if better >= 0 else 5.0) * better


def outcome_efficiency(correct: ArrayLike, first_correct: ArrayLike, tokens: ArrayLike) -> float:
    """Returns the share of tokens that served to reach the first correct answer (2412.21187).

    The mean over traces of correct * first_correct / tokens.

    Args:
        correct: Whether the final answer is right, shape (traces,).
        first_correct: Tokens up to the first right answer, shape (traces,); ignored where not correct.
        tokens: All tokens of the trace, shape (traces,), positive.

    Raises:
        ValueError: The shapes differ, there are no traces, or a count is out of order.
    """
    right, first, whole = (
        np.asarray(correct, dtype=np.bool_),
        np.asarray(first_correct, dtype=np.float64),
        np.asarray(tokens, dtype=np.float64),
    )
    if not (right.shape == first.shape == whole.shape) or right.ndim != 1 or not right.size:
        raise ValueError("correct, first_correct and tokens must be three vectors of one length")
    if np.any(whole <= 0) or np.any(first[right] > whole[right]) or not np.all(first[right] >= 0):
        raise ValueError("the first right answer must lie within a trace of at least one token")
    return float(np.mean(np.where(right, first, 0.0) / whole))


def answer_convergence(positions: Sequence[float], answers: Sequence[str | None], tokens: float) -> float:
    """Returns the share of the thinking after which the trial answer no longer changed.

    Liu and Wang, "Answer Convergence as a Signal for Early Stopping in Reasoning", 2506.02536. Earlier
    answers are compared with the last in the list: give the final answer, at `tokens`, as the last entry if
    the trace has one.

    Args:
        positions: Thinking tokens at each trial, ascending.
        answers: The trial's canonical answer there; None for no answer, which equals nothing but None.
        tokens: Thinking tokens of the whole trace, positive.

    Returns:
        A share in (0, 1]; 1 where there was no trial or the answer changed at the last.

    Raises:
        ValueError: The lengths differ, positions do not ascend, or lie beyond `tokens`.
    """
    if len(positions) != len(answers) or not tokens > 0:
        raise ValueError(f"{len(positions)} positions for {len(answers)} answers over {tokens} tokens")
    if any(b < a for a, b in pairwise(positions)) or (positions and positions[-1] > tokens):
        raise ValueError("positions must ascend and lie within the trace")
    settled = 1.0
    for position, answer in zip(reversed(positions), reversed(answers), strict=True):
        if answer != answers[-1]:
            break
        settled = position / tokens
    return settled


def ock_score(accuracy: float, tokens: float) -> float:
    """Returns OckScore of OckBench (2511.05722): accuracy in points less 10 log10(tokens / 10,000 + 1).

    The paper writes "log"; the scores of its leaderboard are those of the decimal logarithm.

    Args:
        accuracy: A share of 1.
        tokens: Mean tokens generated for a question.

    Raises:
        ValueError: The accuracy is no share, or there are fewer tokens than none.
    """
    if not 0 <= accuracy <= 1 or not tokens >= 0:
        raise ValueError(f"accuracy {accuracy} must lie in [0, 1] and tokens {tokens} must not be negative")
    return 100.0 * accuracy - 10.0 * log10(tokens / 10_000 + 1.0)
