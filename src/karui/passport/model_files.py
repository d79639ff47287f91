"""SHA-256 of the files of a model, and what a file that differs means."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from karui.codec.disk import reading
from karui.models.weights import DESCRIBING
from karui.passport.document import Voids

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "*.gguf")
_TEMPLATES = ("chat_template*", "*/chat_template*")
_BLOCK = 1 << 23
_ASKING = ("on", "off", "open", "close", "answer")
"""Of how a model thinks, what decides what it is shown."""


def model_files(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file that decides what a model does, by name; of a GGUF file, its own.

    Raises:
        KaruiError: A file cannot be read.
    """
    if folder.is_file():
        return {folder.name: file_sha256(folder)}
    patterns = (*_WEIGHTS, *DESCRIBING, *_TEMPLATES)
    found = sorted({p for pattern in patterns for p in folder.glob(pattern) if p.is_file()})
    return {p.relative_to(folder).as_posix(): file_sha256(p) for p in found}


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, all of it.

    Raises:
        KaruiError: It cannot be read.
    """
    sink = sha256()
    with reading(path, "Check the path and its permissions."), path.open("rb") as file:
        while block := file.read(_BLOCK):
            sink.update(block)
    return sink.hexdigest()


def root(files: Mapping[str, str]) -> str:
    """Returns one SHA-256 for all files: of their names and digests in order."""
    return sha256(dumps(dict(sorted(files.items()))).encode()).hexdigest()


def template_digest(thinks: Mapping[str, Any]) -> str:
    """Returns the digest of how a model is asked to think; "" where that is not known."""
    told = {key: thinks.get(key) for key in _ASKING if key in thinks}
    return sha256(dumps(told, sort_keys=True, default=str).encode()).hexdigest() if told else ""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is another one now.

    Attributes:
        name: The file's.
        voids: What it means.
        gone: Whether it is missing, or new, instead of different.
    """

    name: str
    voids: Voids
    gone: bool


def changes(promised: Mapping[str, str], present: Mapping[str, str]) -> list[FileChange]:
    """Returns the files that differ, templates first: where one changed, a reader has to know that."""
    names = sorted(n for n in {*promised, *present} if promised.get(n) != present.get(n))
    found = [FileChange(n, _meaning(n), n not in promised or n not in present) for n in names]
    return sorted(found, key=lambda change: change.voids is not Voids.TEMPLATE)


def _meaning(name: str) -> Voids:
    return Voids.TEMPLATE if Path(name).name.startswith("chat_template") else Voids.WEIGHTS
