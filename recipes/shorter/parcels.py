"""What was made, in parcels that are small enough to be carried home, and what is made of them again."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

from recipes.shorter.packing import pack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from recipes.shorter.models import Made

ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
PARCEL_BYTES = 15 * 1024**2


def pack_parcels(work: Path, wanted: Sequence[Made], folders: Sequence[str], base: Path, out: Path) -> None:
    """Pack models and recordings into parcels: adapters, or the difference from the base, and manifests.

    Join them again with ``cat parcel.* | tar x``.

    Args:
        work: Folder of all that was made.
        wanted: The models.
        folders: Further folders below `work`, where they exist.
        base: What the models were made of.
        out: Where the parcels go.
    """
    whole = work / "parcel.tar"
    with tarfile.open(whole, "w") as tar:
        for name in folders:
            if (work / name).exists():
                tar.add(work / name, name)
        for made in wanted:
            folder = work / "models" / made.name
            manifest = folder / "karui-artifact.json"
            for path in (manifest, *(folder / "adapter" / name for name in ADAPTER)):
                if path.exists():
                    tar.add(path, path.relative_to(work))
            merged = bool(made.after) and made.minutes is None  # of what is packed already
            if manifest.exists() and not merged and not (folder / "adapter").exists():
                packed = work / f"{made.name}.xz"
                pack(folder, base, packed)
                tar.add(packed, f"models/{packed.name}")
    data = whole.read_bytes()
    for number, at in enumerate(range(0, len(data), PARCEL_BYTES)):
        (out / f"parcel.{number:02d}").write_bytes(data[at : at + PARCEL_BYTES])
    whole.unlink()
    print(json.dumps({"bytes": len(data), "parcels": -(-len(data) // PARCEL_BYTES)}), flush=True)
