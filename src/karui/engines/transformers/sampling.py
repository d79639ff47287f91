"""Drawing one token per row, and what the distribution looked like, for a whole batch at once."""

import torch
from torch import Tensor

TOP = 20
"""How many of the likeliest tokens make up the confidence (DeepConf)."""
BANNED = -1e9
"""A logit that is never drawn; finite, so that probability × log-probability stays 0."""
FEW, HEAD = 32, 256
"""Likeliest tokens among which the border of `top_p` is looked for first, and then: mostly few make it up."""


def draw(
    logits: Tensor,
    uniforms: Tensor,
    temperature: Tensor,
    top_p: Tensor | None,
    top_k: Tensor | None,
    *,
    greedy: bool,
    head: int = 0,
) -> tuple[Tensor, Tensor]:
    """Draws one token per row.

    Each row goes by its own uniform through the inverse of its distribution function in the order of the
    vocabulary, so what is drawn depends on nothing else in the batch.

    Args:
        logits: [rows, vocabulary], float32; banned tokens already at `BANNED`, penalties taken off.
        uniforms: [rows], in [0, 1).
        temperature: [rows]; 0 is greedy.
        top_p: [rows], None where no row uses it.
        top_k: [rows], 0 keeps all; None where no row uses it.
        greedy: Whether every row is greedy.
        head: Likeliest tokens among which alone the border of `top_p` is looked for; 0 looks among all where
            that is not enough, which takes a look at the numbers that a graph cannot take.

    Returns:
        The tokens [rows], and [3, rows]: log-probability of the token, entropy, and confidence (minus the
        mean log-probability of the likeliest 20), all of the distribution before temperature.
    """
    logp = torch.log_softmax(logits, -1)
    entropy = -(logp.exp() * logp).sum(-1)
    likeliest = logp.topk(min(TOP, logp.shape[-1]), -1).values
    best = logp.argmax(-1)  # the first of equals, whatever the batch; topk does not promise that
    tokens = best
    if not greedy:
        drawn = _sample(logits, uniforms, temperature, top_p, top_k, head)
        tokens = torch.where(temperature == 0, best, drawn)
    chosen = logp.gather(1, tokens[:, None])[:, 0]
    return tokens, torch.stack((chosen, entropy, -likeliest.mean(-1)))


def _sample(
    logits: Tensor,
    uniforms: Tensor,
    temperature: Tensor,
    top_p: Tensor | None,
    top_k: Tensor | None,
    head: int = 0,
) -> Tensor:
    warm = torch.where(temperature == 0, torch.ones_like(temperature), temperature)
    shares = torch.softmax(logits / warm[:, None], -1)
    if top_k is not None:
        shares = _keep_top_k(shares, top_k)
    if top_p is not None:
        shares = _keep_top_p(shares, top_p, head)
    sums = shares.cumsum(-1)
    whole = sums[:, -1:].contiguous()
    drawn = torch.searchsorted(sums, uniforms[:, None] * whole, right=True)
    # Rounding can carry a uniform close to 1 past the last token that has a share at all.
    last = torch.searchsorted(sums, whole)
    return torch.minimum(drawn, last)[:, 0]


def _keep_top_k(shares: Tensor, top_k: Tensor) -> Tensor:
    most = max(1, min(int(top_k.max()), shares.shape[-1]))
    ranked = shares.topk(most, -1).values
    least = ranked.gather(1, (top_k.clamp(1, most) - 1)[:, None])
    least = torch.where(top_k[:, None] > 0, least, torch.zeros_like(least))
    return shares * (shares >= least)


def _keep_top_p(shares: Tensor, top_p: Tensor, head: int = 0) -> Tensor:
    """Keeps the likeliest tokens up to `top_p`; equal shares at the border stay together.

    A vocabulary is long and its head short: as few tokens are ranked as reach `top_p` everywhere.
    """
    wanted = top_p[:, None] * shares.sum(-1, keepdim=True)
    for most in (head,) if head else (FEW, HEAD):
        ranked = shares.topk(min(most, shares.shape[-1]), -1).values
        if head or bool((ranked.sum(-1, keepdim=True) >= wanted).all()):
            break
    else:
        ranked = shares.sort(-1, descending=True).values
    before = ranked.cumsum(-1) - ranked
    kept = (before < wanted).sum(-1, keepdim=True).clamp(min=1)
    least = ranked.gather(1, kept - 1)
    return shares * (shares >= torch.where(top_p[:, None] < 1, least, torch.zeros_like(least)))
