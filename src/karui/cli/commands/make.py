"""`karui make`: new weights from a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from karui.cli import options as o

if TYPE_CHECKING:
    from karui.artifacts.build_dir import Progress


def make(
    plan: str = typer.Argument(help='A technique that makes new weights, or several: "a + b:layers=6".'),
    model: o.Model = "",
    recording: o.Lessons = None,
    minutes: o.Minutes = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    json: o.Json = False,
    out: o.Out = Path("artifacts"),
) -> None:
    """Make an artifact: a model folder with its lineage. Made once; interrupted, it goes on where it was.

    On several devices: accelerate launch -m karui make …, or torchrun --nproc-per-node 2 -m karui make …
    """
    from json import dumps

    import karui
    from karui.artifacts import distributed
    from karui.cli.console import Steps, say
    from karui.models import place
    from karui.models.folder import find_folder
    from karui.study.workspace import MINI

    options: dict[str, Any] = {
        "recording": recording,
        "minutes": minutes,
        "seed": seed,
        "device": device,
        "out": out,
    }
    # Started by a launcher of several: the first process speaks for all.
    if not distributed.is_main_process():
        karui.make(plan, model, **options)
        distributed.shutdown()
        return
    ends: list[Progress] = []
    with Steps() as steps:
        try:
            karui.make(plan, model, on_made=ends.append, on_progress=steps, **options)
        except KeyboardInterrupt:
            say("\nStopped. What was reached is kept; the same command goes on from there.")
            raise typer.Exit(130) from None
    distributed.shutdown()
    if json:
        found = [
            {**end.artifact.as_dict(), "folder": str(end.artifact.folder), "reused": end.reused}
            for end in ends
            if end.artifact
        ]
        typer.echo(dumps(found, indent=1, default=str))
        return
    _show(ends, find_folder(place(model or MINI)), recording)


def _show(ends: "list[Progress]", parent: Path, recording: Path | None) -> None:
    """Prints what each technique made of what, what it took, and how to go on."""
    from shlex import quote

    from karui.cli.console import say, table
    from karui.i18n.formats import Format
    from karui.measure.memory import weights_on_disk
    from karui.recording.store import read_manifest

    form = Format("en")
    rows: list[tuple[str, ...]] = []
    before = weights_on_disk(parent)
    for end in ends:
        made = end.artifact
        assert made is not None
        after = weights_on_disk(made.folder)
        took = "made before" if end.reused else form.seconds(made.seconds)
        memory = form.bytes(made.peak_resident_bytes)
        if made.peak_gpu_bytes:
            memory += f", GPU {form.bytes(made.peak_gpu_bytes)}"
        rows.append(
            (end.technique, form.bytes(before), form.bytes(after), f"×{after / before:.2f}", took, memory)
        )
        before = after
    table(("technique", "weights before", "after", "", "took", "memory at most"), rows)
    last = ends[-1].artifact
    assert last is not None
    for end in ends:
        assert end.artifact is not None
        say(f"{end.technique}:")
        for name, value in end.artifact.notes.items():
            shown = _learned(value) if name == "curve" else value
            say(f"  {name.replace('_', ' ')}: {shown}")
    say("Next, see what it can still do:")
    learned = f" --questions {read_manifest(recording).task}" if recording else ""
    say(f"  karui record --model {quote(str(last.folder))}{learned} --out recording-{last.folder.name}")
    typer.echo(last.folder)


def _learned(curve: "Mapping[str, Any]") -> str:
    """Returns a learning curve in a line: steps, and what was watched on questions held back."""
    points = curve["points"]
    ended = {"minutes": ", when time was up", "accuracy": ", when accuracy fell"}.get(curve["ended_by"], "")
    told = [f"{points[-1]['step']} steps{ended}"]
    held: list[tuple[str, list[float]]] = [
        (name, [p["figures"][f"held_{name}"] for p in points if f"held_{name}" in p.get("figures", {})])
        for name in ("accuracy", "tokens")
    ]
    held.append(("loss", [p["held_back"] for p in points if p.get("held_back") is not None]))
    told += [f"{name} {values[0]:.4g} -> {values[-1]:.4g}" for name, values in held if values]
    return ", ".join(told) + (" (on questions held back)" if len(told) > 1 else "")
