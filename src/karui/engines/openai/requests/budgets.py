"""A server's own thinking budget on the wire: one number, in a place that every server calls otherwise."""

from collections.abc import Mapping
from typing import Any

FIELDS = (
    "thinking_token_budget",
    "reasoning_budget_tokens",
    "thinking_budget_tokens",
    "custom_params.thinking_budget",
    "nvext.max_thinking_tokens",
    "chat_template_kwargs.thinking_budget",
    "thinking_budget",
    "reasoning_budget",
    "reasoning.max_tokens",
    "thinking.budget_tokens",
)
"""Where it is tried, in this order: vLLM; llama.cpp, and before October 2026; SGLang (with its logit
processor); NVIDIA's NIM; templates that write it into the prompt (Seed-OSS); hosted ones; OpenRouter;
Anthropic. A dot goes one object deeper."""
_BESIDE: Mapping[str, Mapping[str, Any]] = {"thinking.budget_tokens": {"thinking": {"type": "enabled"}}}
"""What has to stand beside a budget for it to be read."""


def with_budget(body: Mapping[str, Any], field: str, tokens: int) -> dict[str, Any]:
    """Returns a request's body with a budget in it; what else is in the same object stays.

    Args:
        body: The request.
        field: One of `FIELDS`.
        tokens: The budget.
    """
    made: Any = tokens
    for name in reversed(field.split(".")):
        made = {name: made}
    return joined(joined(body, _BESIDE.get(field, {})), made)


def without_budget(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Returns a request's body without its budget, and without an object that held nothing else."""
    name, _, inner = field.partition(".")
    kept = {k: v for k, v in body.items() if k != name}
    held = body.get(name)
    if inner and isinstance(held, dict):
        beside = _BESIDE.get(field, {}).get(name, {})
        rest = {k: v for k, v in without_budget(held, inner).items() if k not in beside}
        return {**kept, name: rest} if rest else kept
    return kept


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns both, objects inside them joined too; where both have a value, the second's."""
    made = dict(first)
    for name, value in second.items():
        held = made.get(name)
        made[name] = joined(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return made
