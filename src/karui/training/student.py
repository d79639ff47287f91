"""The student: a smaller model that learns from its parent, cut out of it or brought along."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from karui.core.errors import ModelError, PlanError
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import choose_dtype, load_model
from karui.models.folder import find_folder

_BY_NUMBER = ("mlp_only_layers", "full_attn_idxs", "sliding_window_pattern", "cross_attention_layers")
"""Fields of a config that say by a block's number what it is: numbers shift when blocks go."""


@dataclass(frozen=True)
class Student:
    """A student, ready to be taught.

    Attributes:
        model: On the CPU, in the type its weights are stored in.
        tokenizer: The parent's.
        kept: The parent's blocks that it began as; empty for a student with weights of its own.
        pairs: For each of its hidden states, in transformers' numbering (0 is the embeddings', n what
            block n - 1 leaves), the parent's that it stands for.
    """

    model: Any
    tokenizer: Any
    kept: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]

    @property
    def context(self) -> int | None:
        """Tokens that the student's positions reach to; None where its config sets no limit."""
        reach = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(reach) if reach else None

    @property
    def notes(self) -> dict[str, Any]:
        """What belongs into an artifact's manifest."""
        config = self.model.config.get_text_config()
        return {
            "student_layers": config.num_hidden_layers,
            "student_width": config.hidden_size,
            "student_parameters": sum(p.numel() for p in self.model.parameters()),
            "student_from_layers": list(self.kept),
        }


def count_layers(parent: Path, layers: float) -> int:
    """Returns how many of the parent's blocks `layers` stands for: a share below 1, else a number.

    Raises:
        PlanError: None would be left, or none would go.
    """
    config = json.loads((find_folder(str(parent)) / "config.json").read_text(encoding="utf-8"))
    there = int(config["num_hidden_layers"])
    count = int(layers) if layers >= 1 else round(layers * there)
    if not 0 < count < there:
        raise PlanError(
            f"A student cannot keep {count} of {there} layers.",
            why="It would be no smaller than its parent, or nothing.",
            remedy=f"Keep between 1 and {there - 1}, or a share of them.",
        )
    return count


def spread(there: int, kept: int) -> tuple[int, ...]:
    """Returns `kept` of the numbers below `there`, evenly spread, the first and the last among them.

    Such a choice initialises students best (Shleifer and Rush, 2010.13002).
    """
    if kept == 1:
        return (0,)
    return tuple(round(i * (there - 1) / (kept - 1)) for i in range(kept))


def load_student(parent: Path, *, layers: float, student: str = "") -> Student:
    """Returns a student of the parent: cut out of it, or a smaller model of the user's own.

    Args:
        parent: Its folder.
        layers: Blocks of the parent to keep, a share below 1 or a number; not with `student`.
        student: Folder or Hub name of a model with the same vocabulary.

    Raises:
        ModelError: The student has another tokenizer, is quantized or larger than its parent; or the
            parent is built so that blocks cannot be taken out.
        PlanError: `layers` is not below the parent's.
    """
    tokenizer = load_tokenizer(parent)
    if student:
        folder = find_folder(student)
        check_same_tokenizer(load_tokenizer(folder), tokenizer, student)
        _check_weights(folder)
        model = load_model(folder, "cpu", stored_dtype(folder))
        config = json.loads((parent / "config.json").read_text(encoding="utf-8"))
        theirs, ours = int(config["num_hidden_layers"]), int(model.config.num_hidden_layers)
        return Student(model, tokenizer, (), tuple((n, round(n * theirs / ours)) for n in range(1, ours + 1)))
    model = load_model(parent, "cpu", stored_dtype(parent))
    there = int(model.config.num_hidden_layers)
    kept = spread(there, count_layers(parent, layers))
    keep_layers(model, kept)
    # What block i leaves is what the next kept block was used to be given; what the last leaves, the end.
    after = (*kept[1:], there)
    return Student(model, tokenizer, kept, tuple(enumerate(after, start=1)))


def load_teacher(parent: Path, device: str) -> Any:
    """Returns the parent as it teaches, in the type that `device` computes fastest in.

    It lies on the CPU still: under `accelerate launch` only the trainer knows which GPU is this process's.
    """
    return load_model(parent, "cpu", choose_dtype("auto", device)[0])


def keep_layers(model: Any, kept: Sequence[int]) -> None:
    """Takes all blocks but `kept` out of a loaded model and of its config; it runs as it is afterwards.

    Raises:
        ModelError: The model is built so that blocks cannot be taken out.
    """
    import torch

    config = model.config
    there = config.num_hidden_layers
    body = model.get_decoder()
    blocks = getattr(body, "layers", None)
    if not isinstance(blocks, torch.nn.ModuleList) or len(blocks) != there:
        raise _unsuited(config, "Its blocks do not lie in one list.")
    if named := next((n for n in _BY_NUMBER if getattr(config, n, None)), ""):
        raise _unsuited(config, f"Its config says by number what a block is ({named}).")
    for name, values in vars(config).items():
        if isinstance(values, list | tuple) and len(values) == there and name != "architectures":
            setattr(config, name, [values[n] for n in kept])
    if getattr(config, "max_window_layers", None) is not None:  # the first blocks of Qwen see everything
        config.max_window_layers = sum(n < config.max_window_layers for n in kept)
    config.num_hidden_layers = len(kept)
    body.layers = torch.nn.ModuleList(blocks[n] for n in kept)
    for number, block in enumerate(body.layers):
        for module in block.modules():  # by this number a block finds its part of the KV cache
            if hasattr(module, "layer_idx"):
                module.layer_idx = number


def stored_dtype(folder: Path) -> str:
    """Returns the type a model's weights are stored in, as torch names it."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")


def check_same_tokenizer(student: Any, parent: Any, name: str) -> None:
    """Refuses a student that reads other tokens than its parent.

    Raises:
        ModelError: Says how the vocabularies differ.
    """
    ours, theirs = student.get_vocab(), parent.get_vocab()
    if ours == theirs:
        return
    moved = [t for t, i in theirs.items() if t in ours and ours[t] != i]
    missing = [t for t in theirs if t not in ours]
    extra = [t for t in ours if t not in theirs]
    found = [
        f"{len(tokens)} {what} ({', '.join(repr(t) for t in islice(sorted(tokens), 3))})"
        for tokens, what in (
            (missing, "tokens are missing in it"),
            (extra, "are only in it"),
            (moved, "have other numbers"),
        )
        if tokens
    ]
    raise ModelError(
        f"The student {name} has another tokenizer than its parent.",
        why=f"Of {len(theirs)} tokens {'; '.join(found)}.",
        remedy="Take a student of the same family, or one cut out of the parent (layers=0.5).",
    )


def _check_weights(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("quantization_config"):
        raise ModelError(
            f"The student {folder} is quantized already.",
            why="Packed weights cannot be trained.",
            remedy="Give the original weights; quantize what they became.",
        )


def _unsuited(config: Any, why: str) -> ModelError:
    return ModelError(
        f"No student can be cut out of a {config.model_type}.",
        why=why,
        remedy="Bring a smaller model of the same family (student=FOLDER).",
    )
