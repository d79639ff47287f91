"""The tensors of a model folder, read one at a time and written in the same files."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import copyfile
from typing import Any

from karui.core.errors import ModelError
from karui.models.weights import digest


@dataclass(frozen=True)
class Tensors:
    """The weights of a model, as they lie in its safetensors files.

    Attributes:
        folder: The model's.
        places: The file of each tensor, by name; sorted by name.
        shapes: Of each tensor, by name.
    """

    folder: Path
    places: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]

    @staticmethod
    def of(folder: Path) -> "Tensors":
        """Returns the weights of a model; only the heads of the files are read.

        Raises:
            ModelError: They are packed, in another format, or cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("quantization_config"):
            raise ModelError(
                f"{folder} cannot be merged: it is quantized already.",
                why="Packed weights cannot be computed with.",
                remedy="Give the original weights; quantize what is merged.",
            )
        places: dict[str, str] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        try:
            for file in sorted(folder.glob("*.safetensors")):
                with safe_open(file, framework="pt") as opened:
                    for name in opened.keys():  # noqa: SIM118 - it is no mapping
                        places[name] = file.name
                        shapes[name] = tuple(opened.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"The weights in {folder} cannot be read.", why=str(error), remedy="Copy the folder again."
            ) from error
        if not places:
            raise ModelError(
                f"{folder} has no safetensors files.",
                why="Tensors are read one at a time, which other formats do not allow.",
                remedy="Load it with transformers and save it again with save_pretrained().",
            )
        return Tensors(folder, dict(sorted(places.items())), shapes)

    @cached_property
    def digest(self) -> str:
        """Of configuration, tokenizer and weights, as the engine's model card has it."""
        return digest(self.folder)

    def __getitem__(self, name: str) -> Any:
        """Returns one tensor."""
        from safetensors import safe_open

        with safe_open(self.folder / self.places[name], framework="pt") as opened:
            return opened.get_tensor(name)

    def write(
        self,
        out: Path,
        changed: Callable[[str, Any], Any],
        on_progress: Callable[[float, float, str], None],
    ) -> None:
        """Writes the model with other values into the same files, one of them in memory at a time.

        Args:
            out: A folder that exists.
            changed: Returns the new tensor for a name and the old one.
            on_progress: Is told (done, total, words).
        """
        from safetensors.torch import save_file

        done = 0
        for file in sorted(set(self.places.values())):
            names = [name for name, place in self.places.items() if place == file]
            made = {}
            for name in names:
                made[name] = changed(name, self[name]).contiguous()
                done += 1
                on_progress(done, len(self.places), name)
            save_file(made, out / file, {"format": "pt"})
        for path in (self.folder / "config.json", *self.folder.glob("*.safetensors.index.json")):
            copyfile(path, out / path.name)


def ensure_alike(long: Tensors, other: Tensors) -> None:
    """Refuses to merge models whose weights are not of the same names and shapes.

    Raises:
        ModelError: Names the first tensor that differs, and how.
    """
    for name in sorted({*long.shapes, *other.shapes}):
        ours, theirs = long.shapes.get(name), other.shapes.get(name)
        if ours == theirs:
            continue
        shown = [
            f"{list(shape) if shape is not None else 'missing'} in {folder}"
            for shape, folder in ((ours, long.folder), (theirs, other.folder))
        ]
        raise ModelError(
            f"{long.folder} and {other.folder} cannot be merged: {name} differs.",
            why=f"It is {' and '.join(shown)}.",
            remedy="Merge models that were trained from the same base, without layers or tokens added.",
        )
