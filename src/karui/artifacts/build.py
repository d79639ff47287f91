"""Making artifacts: each once, whole or not at all, and from where an interrupted try left off.

Below `root`, for every artifact:

    prune-depth-3fa85f64c2d1/     the artifact, under its key; it appears in one step, when it is whole
    .prune-depth-9b1c.../         while it is made: `model` (what will be renamed), `scratch`, `state.json`
    .prune-depth-9b1c....lock     held by the process that makes it

Where `accelerate launch` or torchrun started several processes, the first one does all this, and the others
compute along (see `team`).
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any

from karui.artifacts import distributed
from karui.artifacts.artifact import MANIFEST, Artifact, key_of
from karui.artifacts.build_dir import BuildDir, BuildOptions, Progress
from karui.artifacts.lock import locked
from karui.artifacts.preflight import check_parent, check_recording, check_room
from karui.artifacts.resources import Peak, out_of_memory, size_of, writing
from karui.core.errors import InputError, ModelError, StorageError
from karui.core.plan import Plan
from karui.core.technique import Technique
from karui.engines.transformers.load import choose_device
from karui.measure.machine import machine, versions
from karui.models.folder import find_folder
from karui.models.weights import digest, weight_files

_INPUTS = ("minutes", "recording", "seed")
_ALONGSIDE = (
    "tokenizer*",
    "*token*map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tekken.json",
    "chat_template*",
    "generation_config.json",
    "*.model",
    "LICENSE*",
)
"""What a technique leaves as it was is copied from the parent."""


def make(
    plan: Plan | Iterable[Technique],
    model: Path,
    root: Path,
    options: BuildOptions | None = None,
    *,
    name: str = "",
    **changes: Any,
) -> Artifact:
    """Makes what the techniques of a plan `prepare`, each from what the one before it made.

    What was made before, with the same inputs, is given back without work. Interrupted, even killed, it
    leaves nothing under an artifact's name; the next try finds the technique's `scratch` as it was.

    Args:
        plan: Techniques; those that make no new weights are passed over.
        model: The parent's folder, itself an artifact perhaps.
        root: Where artifacts are kept; made if missing.
        options: What the techniques are given.
        name: What to call the parent; the folder's name where empty.
        **changes: Single options, by name.

    Returns:
        The last artifact; `karui.artifacts.artifact.Artifact.of` its folder gives it again.

    Raises:
        InputError: No technique makes new weights, or one needs a recording and has none.
        ModelError: The model cannot be worked on, memory does not suffice, or a technique left no model.
        PlanError: The order of the techniques makes no sense.
        RecordingMismatch: The recording is of another model.
        StorageError: The disk is full or cannot be written, or another process is making the same.
    """
    techniques = [t for t in (plan.techniques if isinstance(plan, Plan) else plan) if t.changes("prepare")]
    if not techniques:
        raise InputError(
            "There is nothing to make: none of these techniques makes new weights.",
            remedy="`karui techniques` marks those that do; the others are recorded or replayed.",
        )
    options = replace(options or BuildOptions(), **changes)
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
    parent = _parent_of(find_folder(str(model)), name)
    for number, technique in enumerate(techniques):
        before = techniques[number - 1] if number else None
        found = _found(technique, parent, root, options)
        if found:
            _sweep(_home(technique, parent, root, options))
        parent = found or _made(technique, parent, root, options, before)
        if options.on_progress is not None:
            note = "made before" if found else "made"
            options.on_progress(Progress(str(technique), 1, 1, note, 0.0, parent, reused=found is not None))
    assert isinstance(parent, Artifact)
    return parent


@dataclass(frozen=True)
class _Plain:
    """A parent that is no artifact, in the words of one."""

    folder: Path
    origin: str
    digest: str
    techniques: tuple[Mapping[str, Any], ...] = ()
    labels: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()


def _parent_of(folder: Path, name: str) -> Artifact | _Plain:
    made = Artifact.of(folder)
    # What the folder holds now counts, not what its manifest says it held.
    return (
        replace(made, digest=digest(folder)) if made else _Plain(folder, name or folder.name, digest(folder))
    )


def _found(
    technique: Technique, parent: Artifact | _Plain, root: Path, options: BuildOptions
) -> Artifact | None:
    """Returns the artifact that was made before, whichever of its inputs it turned out to depend on."""
    subsets = chain.from_iterable(combinations(_INPUTS, size) for size in range(len(_INPUTS) + 1))
    for used in subsets:
        key = key_of(parent.digest, technique.spec, options.inputs(used))
        made = Artifact.of(root / f"{_stem(technique)}-{key}")
        if made is not None and made.key == key:
            return made
    return None


def _made(
    technique: Technique,
    parent: Artifact | _Plain,
    root: Path,
    options: BuildOptions,
    before: Technique | None,
) -> Artifact:
    check_parent(parent.folder, technique, before=before)
    if options.recording is not None:
        check_recording(options.recording, parent.folder, {parent.digest, *parent.lineage})
    options = replace(options, device=choose_device(options.device))
    check_room(parent.folder, root, options.device, technique)
    if not distributed.is_main_process():
        return _joined(technique, parent, root, options)
    home = _home(technique, parent, root, options)
    with writing(root), locked(_lock(home), str(technique)):
        # Another process may have made it between the look and the lock.
        if found := _found(technique, parent, root, options):
            distributed.barrier(options.device)
            return found
        rmtree(home / "model", ignore_errors=True)
        (home / "model").mkdir(parents=True)
        (home / "scratch").mkdir(exist_ok=True)
        distributed.barrier(options.device)
        place = BuildDir(home, str(technique), options)
        try:
            artifact = _worked(technique, parent, place, options)
        except BaseException:
            _leave(home, place)
            raise
        artifact = _publish(artifact, root / f"{_stem(technique)}-{artifact.key}")
        rmtree(home, ignore_errors=True)
    distributed.barrier(options.device)
    return artifact


def _joined(technique: Technique, parent: Artifact | _Plain, root: Path, options: BuildOptions) -> Artifact:
    """Computes along with the first process, which writes; returns what it made."""
    distributed.barrier(options.device)
    if found := _found(technique, parent, root, options):
        return found
    place = BuildDir(_home(technique, parent, root, options), str(technique), options)
    place.folder.mkdir(exist_ok=True)
    with out_of_memory(str(technique)):
        technique.prepare(parent.folder, place)
    distributed.barrier(options.device)
    distributed.barrier(options.device)
    made = _found(technique, parent, root, options)
    assert made is not None
    return made


def _worked(
    technique: Technique, parent: Artifact | _Plain, place: BuildDir, options: BuildOptions
) -> Artifact:
    """Lets the technique work, and returns its result with its manifest, still in the workplace."""
    with Peak() as peak, out_of_memory(str(technique)):
        technique.prepare(parent.folder, place)
    distributed.barrier(options.device)
    folder = place.folder
    _complete(folder, parent.folder, technique)
    artifact = Artifact(
        folder=folder,
        origin=parent.origin,
        techniques=(*parent.techniques, technique.spec),
        labels=(*parent.labels, str(technique)),
        lineage=(*parent.lineage, parent.digest),
        key=key_of(parent.digest, technique.spec, options.inputs(place.used)),
        digest=digest(folder),
        used=place.used,
        data=options.data_digest if "recording" in place.used else "",
        seed=options.seed,
        minutes=options.minutes,
        device=options.device,
        versions=versions(),
        machine=machine(),
        seconds=place.seconds,
        peak_resident_bytes=peak.resident_bytes,
        peak_gpu_bytes=peak.gpu_bytes,
        disk_bytes=sum(p.stat().st_size for p in _files(folder)),
        notes={**place.notes, "resumed": True} if place.resumed else place.notes,
    )
    artifact.write()
    return artifact


def _complete(folder: Path, parent: Path, technique: Technique) -> None:
    """Copies what the technique did not write, and sees to it that what it wrote is a model.

    Raises:
        ModelError: It is none.
    """
    for path in sorted({p for pattern in _ALONGSIDE for p in parent.glob(pattern) if p.is_file()}):
        if not (folder / path.name).exists():
            copyfile(path, folder / path.name)
    gguf = any(folder.glob("*.gguf"))
    if not gguf and not ((folder / "config.json").is_file() and weight_files(folder)):
        raise ModelError(
            f"{technique.name()} left no model.",
            why="There is neither a config.json with weights nor a GGUF file where it should be.",
            remedy="This is a fault of the technique: `prepare` writes to `build.folder`.",
        )
    size_of(folder)  # a file that was cut off is found now, not when it is loaded


def _leave(home: Path, place: BuildDir) -> None:
    """Throws the half-written result away; what can be resumed stays, and nothing else does."""
    rmtree(place.folder, ignore_errors=True)
    if any(place.scratch.iterdir()):
        place.save()
    else:
        rmtree(home, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Removes what a process left that was killed between giving the artifact its name and cleaning up."""
    if home.exists() or _lock(home).exists():
        with suppress(StorageError), locked(_lock(home), home.name):
            rmtree(home, ignore_errors=True)


def _home(technique: Technique, parent: Artifact | _Plain, root: Path, options: BuildOptions) -> Path:
    """Returns where it is made; what it will depend on is not known yet, so everything offered counts."""
    whole = key_of(parent.digest, technique.spec, options.inputs(_INPUTS))
    return root / f".{_stem(technique)}-{whole}"


def _lock(home: Path) -> Path:
    return home.with_name(home.name + ".lock")


def _publish(artifact: Artifact, final: Path) -> Artifact:
    """Gives the artifact its name, once all of it is on the disk."""
    for path in (*_files(artifact.folder), artifact.folder / MANIFEST, artifact.folder):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    if (final / MANIFEST).is_file():  # another seed, say, that the technique never looked at
        found = Artifact.of(final)
        assert found is not None
        return found
    artifact.folder.rename(final)
    return replace(artifact, folder=final)


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MANIFEST)


def _stem(technique: Technique) -> str:
    """Returns the technique's name as a file name; of one's own, the name of its file."""
    return re.sub(r"[^\w.-]+", "-", Path(technique.name().partition(".py:")[0]).name)
