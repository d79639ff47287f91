"""From a folder or a Hub name to a model and a tokenizer, or to one clear error."""

import json
import logging
import re
from pathlib import Path
from typing import Any

from karui.core.errors import ModelError
from karui.engines.transformers.model_folder import weight_files
from karui.models import hub

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]


def find_folder(name: str) -> Path:
    """Returns the folder of a model, fetched from the Hub if it is a name there.

    Raises:
        ModelError: There is no such folder, it is no model's, or the Hub cannot be reached.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        _check_folder(folder)
        return folder
    if folder.exists():
        raise ModelError(
            f"{name} is a file, not a model folder.",
            remedy="Name the folder that holds config.json, the tokenizer and the weights.",
        )
    if name.startswith((".", "/", "~", "\\")) or not _HUB_NAME.fullmatch(name):
        raise ModelError(
            f"There is no model folder {name}.",
            why=f"{folder.absolute()} does not exist.",
            remedy="Check the path; for a model on the Hugging Face Hub give its name, like Qwen/Qwen3-0.6B.",
        )
    return _fetch(name)


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} is no model folder.",
            why="It has no config.json.",
            remedy="Name the folder that save_pretrained() wrote: config.json, tokenizer.json and weights.",
        )
    try:
        config = json.loads((folder / "config.json").read_text())
        if not isinstance(config, dict) or "model_type" not in config:
            raise ValueError("it names no model_type")
    except (ValueError, OSError) as error:
        raise ModelError(
            f"The configuration of {folder} cannot be read.",
            why=f"config.json: {error}.",
            remedy="Copy the folder again, or save the model again with save_pretrained().",
        ) from error
    if not weight_files(folder):
        raise ModelError(
            f"{folder} has no weights.",
            why="There is neither a *.safetensors nor a pytorch_model*.bin file.",
            remedy="Copy the whole folder. An adapter alone has to be merged into its base model first.",
        )


def _fetch(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if why := hub.unreachable():
        return _cached(name, why)
    try:
        folder = Path(snapshot_download(name, allow_patterns=_WANTED))
        if (folder / "config.json").is_file() and not weight_files(folder):
            folder = Path(snapshot_download(name, allow_patterns=[*_WANTED, "pytorch_model*.bin"]))
    except GatedRepoError as error:
        raise ModelError(
            f"The Hub does not give out {name} to everyone.",
            remedy="Accept its terms on its page, then log in with `hf auth login`.",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"There is neither a folder nor a model on the Hub called {name}.",
            remedy="Check the spelling; a private model needs `hf auth login`.",
        ) from error
    except Exception as error:  # every way in which a network fails
        raise ModelError(
            f"{name} is no folder here, and it could not be fetched from the Hugging Face Hub.",
            why=str(error).strip().partition("\n")[0],
            remedy="Check the network, or download the model elsewhere and name its folder.",
        ) from error
    _check_folder(folder)
    return folder


def _cached(name: str, why: str) -> Path:
    """Returns the folder of a model that was fetched before, without asking the Hub."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, local_files_only=True, allow_patterns=["config.json"]))
        _check_folder(folder)
    except Exception as error:  # whatever is wrong with what is there: it is not all there
        raise ModelError(
            f"{name} is no folder here, and the Hugging Face Hub cannot be reached.",
            why=why,
            remedy=f"{hub.CHECK}; or fetch it elsewhere, `hf download {name} --local-dir FOLDER`, and give "
            "--model FOLDER.",
        ) from error
    return folder


def load_tokenizer(folder: Path) -> Any:
    """Returns the tokenizer in a folder.

    Raises:
        ModelError: There is none, or it cannot be read.
    """
    from transformers import AutoTokenizer

    if not any(
        (folder / f).is_file() for f in ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
    ):
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


def quiet() -> None:
    """Keeps libraries from reporting what is not wrong with the model at hand.

    transformers draws a progress bar and reports on every load; torchao, which it imports where it is
    installed, warns of kernels for other GPUs, and torch of how torchao is written.
    """
    for library in ("transformers", "torchao", "torch.utils._pytree"):
        logging.getLogger(library).setLevel(logging.ERROR)
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def load_model(folder: Path, device: str, dtype: str) -> Any:
    """Returns the model in a folder, ready to generate.

    Packed weights stay packed where something multiplies them so: see `packed`.

    Raises:
        ModelError: It is no causal language model, or its weights cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from karui.engines.transformers import quantized

    quiet()
    try:
        with quantized.without_bars(folder):
            model, found = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                output_loading_info=True,
                **quantized.loading(folder, device),
            )
            model = quantized.use_kernels(model.to(device).eval())
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{folder} does not fit into the memory of {device}.",
            why=str(error).partition("\n")[0],
            remedy="Use another device, or a smaller or quantized model.",
        ) from error
    except Exception as error:
        raise ModelError(
            f"{folder} cannot be loaded as a causal language model.",
            why=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}",
            remedy="karui runs decoder-only text models that AutoModelForCausalLM loads.",
        ) from error
    # transformers fills what is missing with random numbers.
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"The weights in {folder} are not those of a whole causal language model.",
            why=f"{len(missing)} are missing: {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}.",
            remedy="Copy the whole folder; an encoder or a bare body without a head cannot generate.",
        )
    return model


def outline(folder: Path) -> Any:
    """Returns the model of a folder without its weights: layers and shapes, from its config alone.

    Of a packed model, as it was before packing.

    Raises:
        ModelError: It is no causal language model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)
    except Exception as error:
        raise ModelError(
            f"{folder} is no causal language model.",
            why=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}",
            remedy="karui runs decoder-only text models that AutoModelForCausalLM loads.",
        ) from error


def choose_device(device: str) -> str:
    """Returns the device that "auto" stands for, or the one asked for if it is there.

    Raises:
        ModelError: It is not there.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"There is no device {device!r} here.",
            why=str(error).partition("\n")[0],
            remedy="Use auto, cpu or cuda.",
        ) from error
    return device


def choose_dtype(dtype: str, device: str) -> tuple[str, str]:
    """Returns what to compute in, and why.

    "auto" is bfloat16 on a GPU. On a CPU it is bfloat16 where the processor multiplies it natively (AVX-512
    BF16 or AMX) and float32 elsewhere: without such instructions bfloat16 is emulated, several times slower.

    Raises:
        ModelError: There is no such type.
    """
    import torch

    if dtype != "auto":
        if dtype not in {"float32", "float16", "bfloat16"}:
            raise ModelError(
                f"There is no dtype {dtype!r}.", remedy="Use auto, float32, float16 or bfloat16."
            )
        return dtype, "as asked"
    if device.startswith("cuda"):
        native = torch.cuda.is_bf16_supported()
        return ("bfloat16", "the GPU has it") if native else ("float16", "the GPU has no bfloat16")
    # torch has no public way to ask.
    if device == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):  # noqa: SLF001
        return "bfloat16", "the processor has instructions for it"
    return "float32", "the processor has no instructions for bfloat16"
