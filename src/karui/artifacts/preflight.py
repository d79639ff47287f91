"""What is refused before the long work starts: models, recordings and machines that cannot do it."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from karui.artifacts.resources import ensure_disk, ensure_memory, size_of
from karui.core.errors import ModelError, PlanError, RecordingMismatch
from karui.core.recording import Recording
from karui.core.technique import Technique
from karui.engines.chat.tokenizer import load_tokenizer
from karui.models.folder import find_folder


def check_parent(model: Path, technique: Technique, *, before: Technique | None = None) -> None:
    """Refuses a folder from which the technique can make nothing.

    Args:
        model: The parent.
        technique: What it is given to.
        before: The technique of the same plan that made it, if one did.

    Raises:
        ModelError: It is not a model folder, is quantized already, is of an architecture that karui does not
            run, or has no tokenizer.
        PlanError: The technique before it in the plan quantized the model: says to change the order.
    """
    config = json.loads((find_folder(str(model)) / "config.json").read_text(encoding="utf-8"))
    if config.get("quantization_config") and not technique.takes_quantized:
        why = "It needs weights that can be computed with, and those are packed or rounded."
        if before is not None:
            raise PlanError(
                f"{technique.name()} cannot work on what {before.name()} leaves: quantized weights.",
                why=why,
                remedy=f"Put {technique.name()} before {before.name()}.",
            )
        raise ModelError(
            f"{technique.name()} cannot work on {model}: it is quantized already.",
            why=why,
            remedy="Give it the original weights; quantize last.",
        )
    _check_architecture(model, config)
    load_tokenizer(model)


def check_recording(recording: Recording, model: Path, digests: Collection[str]) -> None:
    """Refuses a recording of another model: its traces are no example of how this one thinks.

    A recording of any of an artifact's ancestors will do: what is pruned is healed on its parent's traces.
    One without a digest, from a server or imported, cannot be checked.

    Args:
        recording: What was given.
        model: The parent.
        digests: Of the parent, and of what it was made from.

    Raises:
        RecordingMismatch: It is of another model.
    """
    card = recording.manifest.model
    if card.digest and card.digest not in digests:
        raise RecordingMismatch(
            f"The recording is of {card.name} ({card.digest}), not of {model}.",
            why="A technique learns from what the very model, or one that it was made from, thinks.",
            remedy="Record this model with `karui record`, and give that recording.",
        )


def check_room(model: Path, folder: Path, device: str, technique: Technique) -> None:
    """Refuses what cannot even load the model, or write another one of its size.

    Techniques that need more, as training does, say so themselves before they begin.

    Raises:
        ModelError: Memory does not suffice.
        StorageError: Disk does not suffice.
    """
    size = size_of(model)
    ensure_memory(
        size.bytes,
        device,
        f"{technique.name()} loads {size.parameters / 1e6:,.0f}M parameters and",
        "Free memory, use a machine or a --device with more, or begin with a smaller model.",
    )
    ensure_disk(folder, size.bytes)


def _check_architecture(model: Path, config: dict[str, Any]) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as DECODERS

    kind = config["model_type"]
    # Encoders have a decoder's class, too (BertLMHeadModel): what the weights were saved as decides.
    saved = config.get("architectures") or [DECODERS.get(kind)]
    known = kind in DECODERS and DECODERS[kind] in saved
    if known and not config.get("is_encoder_decoder") and not config.get("auto_map"):
        return
    own = "It brings code of its own, which karui does not run." if config.get("auto_map") else ""
    raise ModelError(
        f"karui cannot change a model of the type {kind!r} ({model}).",
        why=own or "transformers knows no causal language model (decoder-only, text to text) of this type.",
        remedy="Use a model that AutoModelForCausalLM loads, such as a Llama, Qwen, Mistral or Gemma.",
    )
