"""What was learned, small enough to be carried home: the change of every weight in four bits.

A group of 64 neighbouring changes shares a scale, their root mean square; each is rounded to one of 16 levels
that are best for a normal distribution (Lloyd and Max: 1% of the energy is lost).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

GROUP = 64
LEVELS = torch.tensor([0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6181, 2.0690, 2.7326])
LEVELS = torch.cat([-LEVELS.flip(0), LEVELS])
"""Lloyd-Max levels of a standard normal distribution, 4 bits (Max, 1960)."""


def pack(base: Path, tuned: Path, out: Path, parcel: int) -> list[Path]:
    """Write the difference of two folders' weights to `out` as `delta.NN`, at most `parcel` bytes each."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    before, after = load_file(base / "model.safetensors"), load_file(tuned / "model.safetensors")
    middle = ((LEVELS[1:] + LEVELS[:-1]) / 2).to(device)
    index, data = [], bytearray()
    for name in sorted(before):
        change = (after[name].to(device).float() - before[name].to(device).float()).reshape(-1)
        rest = -len(change) % GROUP
        groups = torch.nn.functional.pad(change, (0, rest)).reshape(-1, GROUP)
        scale = groups.pow(2).mean(1, keepdim=True).sqrt().to(torch.float16)
        codes = torch.bucketize(groups / scale.float().clamp(min=1e-12), middle).to(torch.uint8)
        pairs = (codes[:, ::2] | (codes[:, 1::2] << 4)).cpu().numpy().tobytes()
        index.append({"name": name, "shape": list(before[name].shape), "groups": len(groups)})
        data += scale.cpu().numpy().tobytes() + pairs
    out.mkdir(parents=True, exist_ok=True)
    (out / "delta.json").write_text(json.dumps(index), encoding="utf-8")
    files = []
    for number, at in enumerate(range(0, len(data), parcel)):
        files.append(out / f"delta.{number:02}")
        files[-1].write_bytes(data[at : at + parcel])
    return files


def unpack(base: Path, folder: Path, out: Path) -> None:
    """Write the tuned folder again, from the base and what `pack` wrote.

    Raises:
        ValueError: Parcels are missing.
    """
    before = load_file(base / "model.safetensors")
    data = b"".join(file.read_bytes() for file in sorted(folder.glob("delta.[0-9]*")))
    index = json.loads((folder / "delta.json").read_text(encoding="utf-8"))
    if len(data) != sum(entry["groups"] * (2 + GROUP // 2) for entry in index):
        raise ValueError(f"{folder}: parcels of the difference are missing")
    at, state = 0, {}
    for entry in index:
        n, shape = entry["groups"], entry["shape"]
        scale = torch.frombuffer(bytearray(data[at : at + 2 * n]), dtype=torch.float16).float()
        at += 2 * n
        pairs = torch.frombuffer(bytearray(data[at : at + n * GROUP // 2]), dtype=torch.uint8)
        at += n * GROUP // 2
        codes = torch.stack([pairs & 15, pairs >> 4], 1).reshape(n, GROUP)
        change = (LEVELS[codes.long()] * scale[:, None]).reshape(-1)[: before[entry["name"]].numel()]
        state[entry["name"]] = (before[entry["name"]].float() + change.reshape(shape)).to(torch.bfloat16)
    out.mkdir(parents=True, exist_ok=True)
    save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "vocabulary.json"):
        (out / name).write_bytes((base / name).read_bytes())
