"""The tokenizer in a model folder, read by the transformers library."""

from pathlib import Path
from typing import Any

from karui.core.errors import ModelError

_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has a tokenizer's files."""
    return any((folder / name).is_file() for name in _FILES)


def load_tokenizer(folder: Path) -> Any:
    """Returns the tokenizer in a folder.

    Raises:
        ModelError: There is none, or it cannot be read.
    """
    from transformers import AutoTokenizer

    if not has_tokenizer(folder):
        raise ModelError(
            f"{folder} has no tokenizer.",
            why="There is none of tokenizer.json, tokenizer.model, vocab.json and tekken.json.",
            remedy="Copy the tokenizer's files from the model's source, or save them with save_pretrained().",
        )
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise ModelError(
            f"The tokenizer in {folder} cannot be read.",
            why=str(error).strip().partition("\n")[0],
            remedy="Copy its files again from the model's source.",
        ) from error
