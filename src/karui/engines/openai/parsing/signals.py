"""Signals from the few likeliest tokens that a server lists, where karui's own engines see them all."""

from collections.abc import Sequence
from math import exp

from karui.engines.openai.protocol.schema import Token

TOP = 20
"""How many of the likeliest tokens make up the confidence (DeepConf, 2508.15260)."""


def measure(token: Token, listed: int) -> tuple[float, float, float]:
    """Returns log-probability, entropy and confidence of a token, in nats; the last two are lower bounds.

    With log-probabilities l₁ ≥ … ≥ l_k of the k likeliest tokens, p = exp l, and the rest r = 1 - Σ pᵢ:

    * Every token not listed has a probability of at most p_k, so each adds at least its share times -l_k:
      entropy ≥ -Σ pᵢ lᵢ - r l_k. Equal where the rest all have p_k; the bound is close where r is small, that
      is nearly always with k = 20, and loose with k = 1.
    * Confidence is minus the mean log-probability of the 20 likeliest. The 20 - k that are missing have at
      most l_k each: confidence ≥ -(Σ lᵢ + (20 - k) l_k) / 20. Exact with k = 20.

    The log-probability of the token itself is exact, before temperature where the server lists it so.

    Args:
        token: As the server listed it.
        listed: How many of the likeliest were asked for; servers add the drawn token where it is not among
            them. (Two tokens of one text may have been merged into one; the bounds are then a little off.)
    """
    top = token.top[:listed]
    own = token.logprob if token.logprob is not None else (top[-1] if top else 0.0)
    if not top:
        return own, 0.0, 0.0
    return own, entropy(top), confidence(top)


def entropy(top: Sequence[float]) -> float:
    """Returns the lower bound of the entropy; `top` are log-probabilities, descending."""
    shares = [exp(p) for p in top]
    rest = max(0.0, 1.0 - sum(shares))
    return max(0.0, -sum(s * p for s, p in zip(shares, top, strict=True)) - rest * top[-1])


def confidence(top: Sequence[float]) -> float:
    """Returns the lower bound of the confidence; `top` are log-probabilities, descending."""
    top = top[:TOP]
    return -(sum(top) + (TOP - len(top)) * top[-1]) / TOP
