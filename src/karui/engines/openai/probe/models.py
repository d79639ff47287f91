"""Which models a server has, and which one is meant."""

from collections.abc import Iterable
from typing import Any

from karui.core.errors import ModelError


def served(listing: Iterable[Any]) -> dict[str, int]:
    """Returns the models that `/models` lists, each with its context; 0 where it is not told."""
    found = {}
    for entry in listing:
        if isinstance(entry, dict) and entry.get("id"):
            meta = entry.get("meta") or {}
            context = entry.get("max_model_len") or entry.get("context_length") or meta.get("n_ctx") or 0
            found[str(entry["id"])] = int(context)
    return found


def chosen(models: dict[str, int], wanted: str, url: str) -> str:
    """Returns the model to ask for.

    Raises:
        ModelError: It is not served, or several are and none was named; the message lists them.
    """
    listed = ", ".join(sorted(models)[:20]) or "nothing"
    if wanted in models or (wanted and not models):
        return wanted
    if wanted:
        raise ModelError(
            f"{url} does not serve {wanted!r}.", why=f"It serves {listed}.", remedy="Name one: URL#name."
        )
    if len(models) == 1:
        return next(iter(models))
    raise ModelError(
        f"{url} serves {listed}; it is not clear which is meant.",
        remedy="Name one behind the address: URL#name.",
    )


def weights_of(listing: Iterable[Any], model: str) -> str:
    """Returns what `/models` says of a model's weights, as text; "" where it says nothing.

    vLLM and SGLang say where they were loaded from (`root`), llama.cpp's server how many and how large.
    """
    entry: dict[str, Any] = next((e for e in listing if isinstance(e, dict) and e.get("id") == model), {})
    found = entry.get("meta")
    meta: dict[str, Any] = found if isinstance(found, dict) else {}
    told = {"root": entry.get("root"), **{name: meta.get(name) for name in ("n_params", "size", "ftype")}}
    return ", ".join(f"{name}={said}" for name, said in told.items() if said not in (None, ""))
