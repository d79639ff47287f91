"""A trained model as its difference from the one it was made of: small, and exact to the bit.

Training by reinforcement moves a weight by a few steps of its last bits. The difference of the two bit
patterns is a small whole number; the bytes of all such numbers, low ones first and high ones after them,
compress to a third of the weights or less.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from shutil import copyfile

import numpy as np
from safetensors import safe_open

from karui.artifacts.artifact import Artifact
from karui.models.weights import digest

WEIGHTS = "model.safetensors"
DESCRIBING = {".json", ".jinja", ".txt"}
"""Files beside the weights: small, and not always the base's, for a trainer saves them anew."""


def pack(folder: Path, base: Path, out: Path) -> None:
    """Write what ``unpack`` makes ``folder`` of again, given the same ``base``."""
    ours, theirs = _bits(folder / WEIGHTS), _bits(base / WEIGHTS)
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
        raise ValueError(f"{folder} and {base} are not of one shape")
    steps = np.concatenate([(ours[name] - theirs[name]).ravel() for name in sorted(ours)])
    # Small steps up and down both get small numbers: 0, -1, 1, -2, … become 0, 1, 2, 3, …
    folded = ((steps << 1) ^ (steps >> 15)).astype(np.uint16)
    planes = folded.view(np.uint8).reshape(-1, 2).T.tobytes()
    files = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir() if p.suffix in DESCRIBING}
    head = json.dumps({"base": digest(base), "digest": digest(folder), "files": files}).encode()
    out.write_bytes(len(head).to_bytes(8, "little") + head + lzma.compress(planes, preset=1))


def unpack(packed: Path, base: Path, folder: Path) -> Artifact:
    """Make the model folder again, and return it as the artifact it was.

    Raises:
        ValueError: It was packed against another base, or did not come out as it went in.
    """
    raw = packed.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8 : 8 + length])
    if head["base"] != digest(base):
        raise ValueError(f"{packed} was packed against another base than {base}")
    planes = np.frombuffer(lzma.decompress(raw[8 + length :]), np.uint8).reshape(2, -1)
    folded = np.ascontiguousarray(planes.T).view(np.uint16).ravel()
    steps = ((folded >> 1) ^ (-(folded & 1).astype(np.int16)).view(np.uint16)).view(np.int16)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in head["files"].items():
        (folder / name).write_text(text, encoding="utf-8")
    copyfile(base / WEIGHTS, folder / WEIGHTS)
    theirs, at = _bits(base / WEIGHTS), 0
    with (folder / WEIGHTS).open("r+b") as file:
        start, places = _places(folder / WEIGHTS)
        for name in sorted(theirs):
            size = theirs[name].size
            whole = theirs[name].ravel() + steps[at : at + size]
            file.seek(start + places[name])
            file.write(whole.astype("<i2").tobytes())
            at += size
    if digest(folder) != head["digest"]:
        raise ValueError(f"{packed} did not come out as it went in")
    found = Artifact.of(folder)
    assert found is not None
    return found


def _bits(path: Path) -> dict[str, np.ndarray]:
    """Return the bit patterns of 16-bit weights as whole numbers."""
    start, places = _places(path)
    raw = path.read_bytes()
    with safe_open(path, "np") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - no mapping
        kinds = {file.get_slice(name).get_dtype() for name in shapes}
    if kinds != {"BF16"}:
        raise ValueError(f"{path} holds {', '.join(sorted(kinds))}; only BF16 is packed")
    return {
        name: np.frombuffer(raw, "<i2", int(np.prod(shape)), start + places[name]).reshape(shape)
        for name, shape in shapes.items()
    }


def _places(path: Path) -> tuple[int, dict[str, int]]:
    """Return where the weights of a safetensors file begin, and where each lies after that."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        head = json.loads(file.read(length))
    return 8 + length, {
        name: value["data_offsets"][0] for name, value in head.items() if name != "__metadata__"
    }
