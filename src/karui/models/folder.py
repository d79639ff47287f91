"""Model folders: found on this machine, or fetched from the Hugging Face Hub."""

import json
import re
from pathlib import Path

from karui.core.errors import ModelError
from karui.models import hub
from karui.models.weights import weight_files

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
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
            f"The model folder {name} was not found.",
            why=f"{folder.absolute()} does not exist.",
            remedy="Check the path; for a model on the Hugging Face Hub give its name, like Qwen/Qwen3-0.6B.",
        )
    return _fetch(name)


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} is not a model folder.",
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
            f"{name} is not a folder on this machine, and could not be fetched from the Hugging Face Hub.",
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
            f"{name} is not a folder on this machine, and the Hugging Face Hub cannot be reached.",
            why=why,
            remedy=f"{hub.CHECK}; or fetch it elsewhere, `hf download {name} --local-dir FOLDER`, and give "
            "--model FOLDER.",
        ) from error
    return folder
