"""Techniques that make new weights in no time, for the tests of the forge: by path, as a user's own."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from safetensors.torch import load_file, save_file

from karui.core.technique import Family, Technique, knob


def scaled(model: Path, folder: Path, factor: float) -> None:
    """Writes the model with all its weights multiplied."""
    weights = load_file(model / "model.safetensors")
    save_file({k: v * factor for k, v in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    shutil.copyfile(model / "config.json", folder / "config.json")


@dataclass(frozen=True)
class Scale(Technique):
    """Multiplies all weights; looks at nothing."""

    family: ClassVar[Family] = Family.SMALLER
    factor: float = knob(0.5, low=0.1, high=1.0)

    def prepare(self, model, forge):
        scaled(model, forge.folder, self.factor)
        forge.progress(1, 1, "scaled")
        forge.note(factor=self.factor, device=forge.device)


@dataclass(frozen=True)
class Learn(Technique):
    """Learns the number of questions."""

    family: ClassVar[Family] = Family.SMALLER

    def prepare(self, model, forge):
        scaled(model, forge.folder, 0.9)
        forge.note(questions=len(forge.recording.questions), seed=forge.seed)


@dataclass(frozen=True)
class Slow(Technique):
    """Takes its time, and goes on from the step it had reached."""

    family: ClassVar[Family] = Family.SMALLER
    steps: int = knob(10)
    seconds: float = knob(0.0)

    def prepare(self, model, forge):
        (forge.folder / "model.safetensors").write_bytes(b"half")
        reached = forge.scratch / "step"
        first = int(reached.read_text()) if reached.exists() else 0
        for step in range(first, self.steps):
            forge.progress(step, self.steps, f"seed {forge.seed}")
            time.sleep(self.seconds)
            reached.write_text(str(step + 1))
        scaled(model, forge.folder, 0.5)
        forge.note(first=first, minutes=forge.minutes)


@dataclass(frozen=True)
class Pack(Technique):
    """Leaves a model that says it is quantized."""

    family: ClassVar[Family] = Family.SMALLER

    def prepare(self, model, forge):
        scaled(model, forge.folder, 1.0)
        config = json.loads((model / "config.json").read_text()) | {"quantization_config": {"bits": 8}}
        (forge.folder / "config.json").write_text(json.dumps(config))


@dataclass(frozen=True)
class Repack(Pack):
    """The same of a quantized model."""

    takes_quantized: ClassVar[bool] = True


@dataclass(frozen=True)
class Fail(Technique):
    """Goes wrong as `how` says, with a half-written result."""

    family: ClassVar[Family] = Family.SMALLER
    how: str = knob("nothing")

    def prepare(self, model, forge):
        if self.how == "nothing":
            return
        scaled(model, forge.folder, 1.0)
        if self.how == "cut":
            whole = (forge.folder / "model.safetensors").read_bytes()
            (forge.folder / "model.safetensors").write_bytes(whole[:-100])
        if self.how == "full":
            raise OSError(28, "No space left on device", str(forge.folder / "model.safetensors"))
        if self.how == "memory":
            raise MemoryError("cannot allocate 99 GiB")
        if self.how == "stopped":
            (forge.scratch / "reached").write_text("1")
            raise KeyboardInterrupt
