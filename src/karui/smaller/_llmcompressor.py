"""Packing by llm-compressor, into folders of compressed-tensors that vLLM and transformers load."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from karui.core.build_context import BuildContext
from karui.core.errors import ModelError
from karui.core.technique import Technique, knob
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.smaller._formats import Layers
from karui.training.data.examples import calibration_ids
from karui.training.student import stored_dtype

# Both read these when they are first imported, and else print a line a layer.
for _name in ("LLM_COMPRESSOR_LOG_LEVEL", "COMPRESSED_TENSORS_LOG_LEVEL"):
    os.environ.setdefault(_name, "ERROR")

CALIBRATION_TOKENS = 2048
"""Tokens of one sequence at most."""


def calibration_knob() -> Any:
    """What is shown to the model while it is packed."""
    return knob(
        "traces", choices=("traces", "plain"), help="Calibrate on the recording's traces or on prose."
    )


def samples_knob() -> Any:
    """How much of it."""
    return knob(128, help="Sequences to calibrate on, of 2,048 tokens at most.")


def scheme(name: str, layers: Layers) -> Any:
    """Returns llm-compressor's modifier that rounds to nearest into one of its preset schemes."""
    from llmcompressor.modifiers.quantization import QuantizationModifier

    return QuantizationModifier(targets=["Linear"], scheme=name, ignore=[layers.head])


def check_known(model: Path, technique: Technique, layers: Layers, known: dict[str, Any], what: str) -> None:
    """Refuses an architecture for which llm-compressor does not know which layer follows which.

    Raises:
        ModelError: It is not among `known`.
    """
    if layers.architecture not in known:
        raise ModelError(
            f"{technique} cannot be done to {model}, a {layers.architecture}.",
            why=f"llm-compressor does not know which layers follow which in it, and {what} needs that.",
            remedy="Use method=gptq or method=rtn for w4a16, or smooth=0 for w8a8.",
        )


def calibration(model: Path, build: BuildContext, source: str, samples: int) -> list[list[int]]:
    """Returns what the model is shown, as token ids.

    Raises:
        InputError: Traces are wanted, and there is no recording or no finished trace in it.
    """
    sequences = calibration_ids(
        build.recording if source == "traces" else None,
        load_tokenizer(model),
        count=samples,
        length=CALIBRATION_TOKENS,
        seed=build.seed,
        source=source,
    )
    build.note(
        calibration=source,
        calibration_sequences=len(sequences),
        calibration_tokens=sum(map(len, sequences)),
    )
    return sequences


def pack(model: Path, build: BuildContext, recipe: list[Any], shown: list[list[int]] | None = None) -> None:
    """Packs a model and saves it to the build's folder.

    Args:
        model: The parent.
        build: Where to write.
        recipe: llm-compressor's modifiers, in order.
        shown: Token ids to calibrate on; None for a recipe that needs none.
    """
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.core.session_functions import active_session

    build.progress(0, 1, "packing" if shown is None else f"calibrating on {len(shown)} sequences")
    # llm-compressor moves blocks to a GPU by itself, where there is one.
    parent = load_model(model, "cpu", stored_dtype(model))
    given: dict[str, Any] = {}
    if shown is not None:
        rows = {"input_ids": shown, "attention_mask": [[1] * len(ids) for ids in shown]}
        given = {
            "dataset": Dataset.from_dict(rows),
            "num_calibration_samples": len(shown),
            "max_seq_length": max(map(len, shown)),
            # Which and in what order was drawn from the build's seed.
            "shuffle_calibration_samples": False,
        }
    torch.manual_seed(build.seed)
    try:
        with redirect_stderr(StringIO()), _without_pinning():  # bars of every block
            oneshot(model=parent, tokenizer=load_tokenizer(model), recipe=recipe, **given)
            parent.save_pretrained(build.folder, save_compressed=True)
    finally:
        active_session().reset()


@contextmanager
def _without_pinning() -> Iterator[None]:
    """Lets AWQ run where there is no GPU.

    Between blocks llm-compressor (0.14) pins the activations that it keeps, for faster copies to the GPU.
    AWQ asks for it on any machine, and torch refuses without an accelerator. Pinning changes no value.
    """
    import torch
    from compressed_tensors.utils import patch_attr
    from llmcompressor.pipelines.cache import IntermediatesCache

    if torch.accelerator.is_available():
        yield
        return
    with patch_attr(IntermediatesCache, "pin_memory", lambda *_, **__: None):
        yield
