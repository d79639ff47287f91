"""A small suite over recordings of models that do not exist."""

from dataclasses import replace
from pathlib import Path

from karui.core.engine import ModelInfo
from karui.recording.store import save
from karui.testing.synthetic import synthetic

SUITE = """
format = 1
name = "small"
version = "1"
runs = 3
levels = [0.5, 1.0]

[title]
en = "Small"
ja = "小さな"

[folders]
here = "."

[[controls]]
name = "plain-control"
plans = ["token-budget:tokens={0.2}", "token-budget:tokens={0.6}", "self-consistency:k=3"]

[[controls]]
name = "random-exit"
plans = ["random-exit:chance=0.1", "random-exit:chance=0.3"]

[[methods]]
name = "trial-stability"
plans = ["trial-stability:k=2", "trial-stability:k=3"]

[[methods]]
name = "self-consistency"
plans = ["self-consistency:k=3", "self-consistency:k=64"]

[[methods]]
name = "best-of-n"
plans = ["best-of-n:k=64"]

[[methods]]
name = "cascade"
plans = ["cascade:by=agreement,k=2"]

[[sets]]
name = "made"
title = { en = "Made up", ja = "作り物" }
licence = "Apache-2.0"
source = "karui.testing"

[[models]]
name = "one"
set = "made"
model = "model-one"

[models.source]
recording = "{here}/one"
make = "karui record --samples 4 --out {here}/one"

[[models]]
name = "absent"
set = "made"
model = "model-two"

[models.source]
recording = "{here}/two"
make = "karui record --samples 4 --out {here}/two"
"""
METHODS = ("full-thinking", "plain-control", "random-exit", "trial-stability", "self-consistency")
"""Of the suite that `made` can replay."""


def made(folder: Path, text: str = SUITE) -> Path:
    """Writes the suite and the recording of its first model; returns the suite's file."""
    recorded(folder / "one", "model-one")
    file = folder / "suite.toml"
    file.write_text(text, encoding="utf-8")
    return file


def recorded(folder: Path, name: str, *, questions: int = 24, samples: int = 4, **changes: object) -> None:
    """Writes a recording."""
    recording = synthetic(questions, samples, tokens=120, **changes)
    manifest = replace(recording.manifest, model=replace(recording.manifest.model, name=name))
    assert isinstance(manifest.model, ModelInfo)
    save(replace(recording, manifest=manifest), folder)
