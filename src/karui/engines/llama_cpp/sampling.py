"""Drawing one token per row, and what the distribution looked like, with numpy: for engines without torch."""

import numpy as np
from numpy.typing import NDArray

from karui.engines.batching.runner import SamplingBatch

TOP = 20
"""How many of the likeliest tokens make up the confidence (DeepConf)."""
BANNED = -1e9
"""A logit that is never drawn; finite, so that probability × log-probability stays 0."""
_BLOCK = 64
_LONG = 8192
"""Rows longer than this are searched for their largest values block by block."""
_HEAD = 256

Floats = NDArray[np.float32]


def draw(logits: Floats, draws: SamplingBatch) -> tuple[NDArray[np.int64], Floats]:
    """Draws one token per row; `logits` [rows, vocabulary] may be changed. Returns as `ModelRunner.step`."""
    for rows, tokens in draws.banned:
        logits[rows[:, None], tokens] = BANNED
    for rows, tokens, amounts in draws.penalized:
        logits[rows[:, None], tokens] -= amounts
    best = logits.argmax(-1)
    peaks = np.take_along_axis(logits, best[:, None], -1)
    shifted = logits - peaks
    shares = np.exp(shifted)
    sums = shares.sum(-1)
    logs = np.log(sums)
    entropy = logs - np.einsum("rv,rv->r", shares, shifted) / sums
    confidence = logs - _largest(shifted, min(TOP, shifted.shape[-1])).mean(-1)
    tokens = best
    warm = np.flatnonzero(draws.temperature)
    if len(warm):
        tokens = best.copy()
        tokens[warm] = _sample(shifted, warm, draws)
    chosen = np.take_along_axis(shifted, tokens[:, None], -1)[:, 0] - logs
    return tokens, np.stack((chosen, entropy, confidence))


def _largest(values: Floats, count: int) -> Floats:
    """Returns the largest values of each row, in no order."""
    rows, width = values.shape
    if width <= _LONG:
        return np.partition(values, width - count, -1)[:, -count:]
    # The largest values lie in the blocks with the largest maxima; only those are looked into.
    whole = width // _BLOCK * _BLOCK
    blocks = values[:, :whole].reshape(rows, -1, _BLOCK)
    maxima = blocks.max(-1)
    where = np.argpartition(maxima, maxima.shape[-1] - count, -1)[:, -count:]
    found = np.take_along_axis(blocks, where[:, :, None], 1).reshape(rows, -1)
    found = np.concatenate((found, values[:, whole:]), -1)
    return np.partition(found, found.shape[-1] - count, -1)[:, -count:]


def _sample(shifted: Floats, rows: NDArray[np.int64], draws: SamplingBatch) -> NDArray[np.int64]:
    temperature = draws.temperature[rows].astype(np.float32)
    shares = np.exp(shifted[rows] / temperature[:, None])
    top_k, top_p = draws.top_k[rows], draws.top_p[rows]
    if top_k.any():
        _keep_top_k(shares, top_k.astype(np.int64))
    if (top_p < 1).any():
        _keep_top_p(shares, top_p)
    sums = shares.cumsum(-1, dtype=np.float64)
    drawn = np.empty(len(rows), np.int64)
    for row, (total, uniform) in enumerate(zip(sums, draws.uniforms[rows], strict=True)):
        at = int(total.searchsorted(uniform * total[-1], side="right"))
        # Rounding can carry a uniform close to 1 past the last token that has a share at all.
        drawn[row] = min(at, int(total.searchsorted(total[-1])))
    return drawn


def _keep_top_k(shares: Floats, top_k: NDArray[np.int64]) -> None:
    """Sets what is not among the likeliest to 0; equals at the border stay together."""
    for row in np.flatnonzero(top_k):
        count = min(int(top_k[row]), shares.shape[-1])
        least = _largest(shares[row : row + 1], count).min()
        shares[row, shares[row] < least] = 0


def _keep_top_p(shares: Floats, top_p: NDArray[np.float64]) -> None:
    """Keeps the likeliest tokens up to `top_p`; equal shares at the border stay together.

    A vocabulary is long and its head short: the head alone is ranked where it reaches `top_p`.
    """
    for row in np.flatnonzero(top_p < 1):
        wanted = top_p[row] * shares[row].sum(dtype=np.float64)
        ranked = np.sort(_largest(shares[row : row + 1], min(_HEAD, shares.shape[-1]))[0])[::-1]
        if ranked.sum(dtype=np.float64) < wanted:
            ranked = np.sort(shares[row])[::-1]
        sums = ranked.cumsum(dtype=np.float64)
        kept = max(1, int(sums.searchsorted(wanted)) + 1)
        shares[row, shares[row] < ranked[min(kept, len(ranked)) - 1]] = 0
