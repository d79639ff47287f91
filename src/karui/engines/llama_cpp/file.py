"""What a GGUF file is, before it is loaded: whether it is one, its digest, its tokenizer, its card."""

import json
from pathlib import Path
from typing import Any

from karui.codec.disk import reading
from karui.core.engine import ModelInfo
from karui.core.errors import ModelError
from karui.engines.chat.tokenizer import has_tokenizer, load_tokenizer
from karui.engines.llama_cpp import binding
from karui.engines.llama_cpp.model import LlamaModel
from karui.models.weights import digest, file_digest, weight_files

_MAGIC = b"GGUF"
_FIELDS = {
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "context_length": "max_position_embeddings",
    "vocab_size": "vocab_size",
    "attention.sliding_window": "sliding_window",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
}
"""Of llama.cpp's metadata, behind the name of the architecture, what Hugging Face calls the same."""
_TYPES = {"qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe", "gpt-oss": "gpt_oss"}


def gguf_file(model: str) -> Path | None:
    """Returns the GGUF file that a name stands for, None where it stands for something else.

    That is a name that ends in .gguf, a file that begins as one, or a folder whose only weights are one.

    Raises:
        ModelError: A folder with several GGUF files and nothing else.
    """
    path = Path(model).expanduser()
    if path.suffix == ".gguf" and not path.is_dir():
        return path
    if path.is_file():
        with path.open("rb") as file:
            return path if file.read(len(_MAGIC)) == _MAGIC else None
    if not path.is_dir() or weight_files(path):
        return None
    found = sorted(path.glob("*.gguf"))
    if len(found) > 1:
        raise ModelError(
            f"{path} holds {len(found)} GGUF files.",
            why=f"{', '.join(f.name for f in found[:3])}{' …' if len(found) > 3 else ''}.",
            remedy="Name the file. Of a model split into parts, name the first.",
        )
    return found[0] if found else None


def check_file(path: Path) -> None:
    """Refuses a file that is no GGUF.

    Raises:
        ModelError: It is none.
    """
    with reading(path, "Check the path.", error=ModelError), path.open("rb") as file:
        begins = file.read(len(_MAGIC))
    if begins != _MAGIC:
        raise ModelError(
            f"{path} is not a GGUF file.",
            why=f"It begins with {begins!r}, not with {_MAGIC!r}.",
            remedy="A file fetched with git may be a pointer to the real one: fetch it with `git lfs pull`.",
        )


def read_tokenizer(path: Path, model: LlamaModel) -> tuple[Any, str]:
    """Returns the tokenizer beside a file, or the one inside it, and which it is, in a sentence.

    Beside it lies the very tokenizer of the model that an artifact was made from.

    Raises:
        ModelError: The one beside it cannot be read.
    """
    if has_tokenizer(path.parent):
        return load_tokenizer(path.parent), "The tokenizer beside the file is used."
    from karui.engines.llama_cpp.tokenizer import FileTokenizer

    return FileTokenizer(model), "Tokenizer and chat template are the file's own."


def turn_ends(path: Path, model: LlamaModel) -> set[int]:
    """Returns the tokens that end a turn: an artifact's are its parent's, else llama.cpp says."""
    if not _is_artifact(path):
        return model.turn_ends()
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        if (path.parent / name).is_file():
            end = json.loads((path.parent / name).read_text(encoding="utf-8")).get("eos_token_id")
            found |= set(end if isinstance(end, list) else [end])
    return found - {None}


def read_card(name: str, path: Path, model: LlamaModel) -> ModelInfo:
    """Returns the card of a loaded file."""
    metadata = model.metadata()
    return ModelInfo(
        name=name,
        digest=digest(path.parent) if _is_artifact(path) else file_digest(path),
        parameters=model.parameters,
        dtype=number_format(metadata),
        config=_config(path, metadata, model),
        weight_bytes=path.stat().st_size,
    )


def number_format(metadata: dict[str, str]) -> str:
    """Returns what most of the weights are stored as: "q8_0", "q4_k_m", "f16"."""
    from gguf import LlamaFileType

    try:
        kind = LlamaFileType(int(metadata["general.file_type"]))
    except (KeyError, ValueError):
        return "gguf"
    return kind.name.removeprefix("MOSTLY_").removeprefix("ALL_").lower()


def _is_artifact(path: Path) -> bool:
    """Whether the folder is a model's own: then its tokenizer and template are part of what it does."""
    return (path.parent / "config.json").is_file() and gguf_file(str(path.parent)) == path


def _config(path: Path, metadata: dict[str, str], model: LlamaModel) -> dict[str, Any]:
    beside = path.parent / "config.json"
    if _is_artifact(path):
        config: dict[str, Any] = json.loads(beside.read_text(encoding="utf-8"))
        return config
    architecture = metadata.get("general.architecture", "")
    found: dict[str, Any] = {"model_type": _TYPES.get(architecture, architecture)}
    for theirs, ours in _FIELDS.items():
        if (value := metadata.get(f"{architecture}.{theirs}", "")).isdecimal():
            found[ours] = int(value)
    found["vocab_size"] = model.vocabulary
    found["tie_word_embeddings"] = _tied(path)
    return found


def _tied(path: Path) -> bool:
    """Whether the head is the embedding: then the file has no tensor for it."""
    library = binding.library()
    file = library.gguf_init_from_file(str(path).encode(), binding.GgufParams(no_alloc=True, context=None))
    tied = library.gguf_find_tensor(file, b"output.weight") < 0
    library.gguf_free(file)
    return bool(tied)
