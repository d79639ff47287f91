"""What all weight formats share: which layers are packed, which are left as they are, what is noted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.core.build_context import BuildContext
from karui.core.errors import ModelError, PlanError
from karui.core.technique import Technique
from karui.engines.transformers.load import outline


@dataclass(frozen=True)
class Layers:
    """The linear layers of a model, by name.

    The output head is none of them, here as in torchao, llm-compressor and vLLM: its logits decide every
    token, and where it is tied to the embeddings it is looked up in as well.

    Attributes:
        architecture: The model's class, as its config names it.
        packed: Names and widths (inputs) of the layers that are packed.
        head: Name of the output head.
        parameters: Of the packed layers' weights.
        others: Parameters of everything else.
    """

    architecture: str
    packed: dict[str, int]
    head: str
    parameters: int
    others: int

    @property
    def notes(self) -> dict[str, Any]:
        """What belongs into an artifact's manifest."""
        return {
            "packed_layers": len(self.packed),
            "packed_parameters": self.parameters,
            "left_as_they_were": f"{self.head}, embeddings and norms",
            "left_parameters": self.others,
        }


def find_layers(model: Path, technique: Technique, *, group_size: int = 1) -> Layers:
    """Returns what is packed of the model in a folder, from its config alone.

    Args:
        model: The folder.
        technique: What is going to pack it.
        group_size: What has to divide the width of every layer.

    Raises:
        ModelError: It has no linear layers.
        PlanError: The group size does not divide a width.
    """
    import torch

    found = outline(model)
    head = found.get_output_embeddings()
    linear = {n: m for n, m in found.named_modules() if isinstance(m, torch.nn.Linear) and m is not head}
    if not linear:
        raise ModelError(
            f"{technique.name()} finds nothing to pack in {model}.",
            why=f"A {type(found).__name__} has no linear layers but its output head.",
            remedy="Use a model of another architecture, such as a Llama, Qwen, Mistral or Gemma.",
        )
    widths = sorted({m.in_features for m in linear.values()})
    if uneven := [w for w in widths if w % group_size]:
        fits = [g for g in (128, 64, 32) if not any(w % g for w in widths)]
        raise PlanError(
            f"{technique} cannot pack {model}: groups of {group_size} do not divide its widths.",
            why=f"A group lies within one row; there are rows of {', '.join(map(str, uneven))} weights.",
            remedy=f"Use group_size={fits[0]}."
            if fits
            else "Use int8-weights or w8a8, which know no groups.",
        )
    packed = sum(m.weight.numel() for m in linear.values())
    return Layers(
        architecture=type(found).__name__,
        packed={n: m.in_features for n, m in linear.items()},
        head=next((n for n, m in found.named_modules() if m is head), ""),
        parameters=packed,
        others=sum(p.numel() for p in found.parameters()) - packed,
    )


def finish(build: BuildContext, layers: Layers, **facts: Any) -> None:
    """Notes what was packed, and reports the end of the work."""
    build.note(**facts, **layers.notes)
    build.progress(1, 1, "packed")
