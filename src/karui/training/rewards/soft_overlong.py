"""A punishment that sets in before the token limit: DAPO's soft overlong punishment."""

from collections.abc import Sequence


def soft_overlong(tokens: Sequence[int], *, longest: int, margin: int) -> list[float]:
    """Returns a punishment from 0 to -1 for each completion, to be added to its reward.

    0 up to `longest - margin` tokens, from there falling in a straight line to -1 at `longest`, and -1
    beyond. It does not reward what is short; it keeps a token limit from punishing sound reasoning all of a
    sudden. TRL's `get_soft_overlong_punishment` is the same; this one needs no TRL.

    Yu et al., "DAPO: An Open-Source LLM Reinforcement Learning System at Scale", arXiv 2503.14476,
    equation 13.

    Args:
        tokens: Of each completion.
        longest: L_max, the limit.
        margin: L_cache, the tokens before it over which the punishment grows.
    """
    safe = longest - margin
    return [
        -1.0 if count > longest else min(0.0, (safe - count) / margin) if margin else 0.0 for count in tokens
    ]
