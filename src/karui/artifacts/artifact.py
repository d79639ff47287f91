"""An artifact: a model folder that techniques made, with a manifest of what it came from and what it cost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.codec.disk import reading
from karui.core.errors import ModelError

MANIFEST = "karui-artifact.json"
"""The file that makes a model folder an artifact."""
FORMAT = 1
"""Version of the manifest."""


@dataclass(frozen=True)
class Artifact:
    """A model folder and its lineage.

    Attributes:
        folder: Where it lies.
        origin: Name of the first parent, as the user named it.
        techniques: Specs of what was done to it, from the first parent on.
        labels: The same for people.
        lineage: Digests of the model each of these techniques was given; the last one is the parent's.
        key: What it is found again by: a digest of its parent, its last technique and all that this one used.
        digest: Of configuration, tokenizer and weights, as the engine's model card has it.
        used: What the last technique looked at: of `recording`, `seed` and `minutes`.
        data: Digest of the recording, "" where none was used.
        seed: What it was made with, used or not.
        minutes: What was allowed for training; None is the technique's own default.
        device: Where it was made.
        versions: Of karui and of what it ran on, by name.
        machine: Where it was made, in words.
        seconds: Wall time of the last technique, interrupted tries included.
        peak_resident_bytes: The most memory that this process held meanwhile.
        peak_gpu_bytes: The most that torch held on a GPU meanwhile; None where there was none.
        disk_bytes: Of the whole folder, manifest left out.
        notes: What the last technique noted.
        format: Version of this format.
    """

    folder: Path = field(compare=False)
    origin: str
    techniques: tuple[Mapping[str, Any], ...]
    labels: tuple[str, ...]
    lineage: tuple[str, ...]
    key: str
    digest: str
    used: tuple[str, ...] = ()
    data: str = ""
    seed: int = 0
    minutes: float | None = None
    device: str = "cpu"
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    seconds: float = 0.0
    peak_resident_bytes: int = 0
    peak_gpu_bytes: int | None = None
    disk_bytes: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def name(self) -> str:
        """For people: the first parent and what was done to it."""
        return " + ".join((self.origin, *self.labels))

    @property
    def parent(self) -> str:
        """The same of the model that its last technique was given."""
        return " + ".join((self.origin, *self.labels[:-1]))

    @staticmethod
    def of(folder: Path | str) -> "Artifact | None":
        """Returns the artifact in a folder, None where it holds a model that no technique made.

        Raises:
            ModelError: Its manifest is damaged, or of another format.
        """
        file = Path(folder) / MANIFEST
        if not file.is_file():
            return None
        with reading(file, "Remove the folder and make the artifact again.", error=ModelError):
            values = json.loads(file.read_text(encoding="utf-8"))
            found = values["format"]
            if found == FORMAT:
                lists = {name: tuple(values[name]) for name in ("techniques", "labels", "lineage", "used")}
                return Artifact(**{**values, **lists, "folder": Path(folder)})
        raise ModelError(
            f"{folder} is an artifact of format {found}; this karui reads format {FORMAT}.",
            remedy="Use the version of karui that made it, or remove it and make it again.",
        )

    def as_dict(self) -> dict[str, Any]:
        """Returns what the manifest holds: all but the folder."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "folder"}

    def write(self) -> None:
        """Writes the manifest into the folder."""
        text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False, default=str)
        (self.folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def key_of(parent: str, spec: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Returns the key (12 hex digits) of what a technique makes of a parent.

    Args:
        parent: The parent's digest.
        spec: The technique's.
        inputs: What else the technique looked at, by name: a technique that draws nothing at random and
            needs no recording makes one artifact, whatever seed and recording it was offered.
    """
    text = json.dumps([parent, spec, inputs], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:12]
