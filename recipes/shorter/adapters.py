"""Models made again from the adapters that are kept: ``python -m recipes.shorter --stages unpack``.

Adapters are kept in half precision, and merging them on another device rounds a few weights the other way:
the model is the one that was recorded but for last bits, and says so in its manifest.
"""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copyfile

from karui.artifacts.artifact import MANIFEST, Artifact
from karui.engines.transformers.load import load_model
from karui.models.weights import digest
from karui.training.student import stored_dtype

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def keep(model: Path, folder: Path) -> None:
    """Keep an artifact's adapter in half precision, with its manifest."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = load_file(model / "adapter" / WEIGHTS)
    save_file({name: weight.half() for name, weight in weights.items()}, folder / WEIGHTS)
    copyfile(model / "adapter" / CONFIG, folder / CONFIG)
    copyfile(model / MANIFEST, folder / MANIFEST)


def merge_again(kept: Path, base: Path, folder: Path) -> Artifact:
    """Make the model folder of a kept adapter and what it was trained on, and return it as an artifact."""
    from peft import PeftModel

    model = load_model(base, "cpu", stored_dtype(base))
    merged = PeftModel.from_pretrained(model, str(kept)).merge_and_unload()
    folder.mkdir(parents=True, exist_ok=True)
    merged.save_pretrained(folder)
    for path in base.iterdir():
        if path.name.startswith(("tokenizer", "chat_template", "generation_config")):
            copyfile(path, folder / path.name)
    facts = json.loads((kept / MANIFEST).read_text(encoding="utf-8"))
    facts["notes"]["recorded_digest"] = facts["digest"]
    facts["digest"] = digest(folder)
    (folder / MANIFEST).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    found = Artifact.of(folder)
    assert found is not None
    return found
