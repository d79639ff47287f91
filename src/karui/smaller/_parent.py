"""The model to be pruned: whether it can be, opened, and shown the recording's traces."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.core.build_context import BuildContext
from karui.core.errors import ModelError
from karui.core.technique import Technique
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.training.data.examples import calibration_ids
from karui.training.student import stored_dtype

CALIBRATION_TOKENS = 2048
"""Tokens of one trace that are shown at most."""


@dataclass(frozen=True)
class Parent:
    """An opened model.

    Attributes:
        folder: Where it lies.
        model: A causal language model of transformers, in evaluation mode on the build's device.
        tokenizer: Its tokenizer.
        dtype: What its weights are stored in, as torch names it. On a CPU it computes in float32, where
            bfloat16 is slow; every stored value survives that way there and back.
    """

    folder: Path
    model: Any
    tokenizer: Any
    dtype: str

    @property
    def layers(self) -> Any:
        """Its blocks."""
        return self.model.model.layers


def check(folder: Path, technique: Technique, families: frozenset[str]) -> dict[str, Any]:
    """Returns the model's config; refuses from it alone what cannot be pruned.

    Raises:
        ModelError: It is built in a way that this technique does not know.
    """
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") not in families:
        raise ModelError(
            f"{technique.name()} does not know how a {config.get('model_type')} is built ({folder}).",
            why=f"It prunes: {', '.join(sorted(families))}.",
            remedy="Use another technique for this model.",
        )
    return config


def load(folder: Path, device: str) -> Parent:
    """Opens a model that `check` let through."""
    dtype = stored_dtype(folder)
    model = load_model(folder, device, "float32" if device == "cpu" else dtype)
    return Parent(folder, model, load_tokenizer(folder), dtype)


def show(parent: Parent, build: BuildContext, count: int) -> None:
    """Lets the body of the model read traces of the recording; whoever listens has hung hooks on it.

    Args:
        parent: The model.
        build: Whose recording and seed.
        count: How many traces.
    """
    import torch

    sequences = calibration_ids(
        build.recording, parent.tokenizer, count=count, length=CALIBRATION_TOKENS, seed=build.seed
    )
    with torch.inference_mode():
        for done, ids in enumerate(sequences):
            build.progress(done, len(sequences), "measuring on traces")
            # One at a time: no padding that would have to be left out of every mean.
            parent.model.model(torch.tensor([ids], device=parent.model.device), use_cache=False)
    build.note(calibration_traces=len(sequences), calibration_tokens=sum(map(len, sequences)))


@contextmanager
def listening(modules: Iterable[Any], hear: Callable[[int, Any], None]) -> Iterator[None]:
    """Calls `hear` with the number of a module and its input, whenever one of the modules is run."""

    def hook_of(number: int) -> Callable[[Any, tuple[Any, ...]], None]:
        return lambda _, inputs: hear(number, inputs[0])

    handles = [m.register_forward_pre_hook(hook_of(n)) for n, m in enumerate(modules)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
