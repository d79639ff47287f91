"""Train karui-mini by reinforcement, towards brevity and towards lengths: ``python -m recipes.reinforce``.

Questions, a recording of them, two trainings, recordings of what came out; each stage reads what the one
before it wrote, so ``--stages`` can split the work between machines (only training and recording want a GPU).
"""

from __future__ import annotations

import argparse
import json
import tarfile
import time
from pathlib import Path

MINI = Path("src/karui/models/mini")
TRAININGS = {
    # Brevity: a rollout takes as long as its longest answer, however many there are, so there are many.
    "shorter": "reinforce-shorter:questions=64,group=16,updates=4,steps=4000,held=192,micro_tokens=131072",
    "control": (
        "length-control:low=50,high=400,questions=64,group=16,updates=4,steps=4000,held=192,"
        "micro_tokens=131072"
    ),
}
TINY = "questions=2,group=4,updates=1,steps=4,held=8,micro_tokens=0"
STAGES = ("questions", "record", "train", "measure", "pack")
TARGETS = (75, 150, 225, 300)


def main() -> None:
    """Run the stages asked for."""
    parser = argparse.ArgumentParser(prog="recipes.reinforce", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/reinforce"))
    parser.add_argument("--out", type=Path, default=Path("runs/reinforce/out"), help="what is to come back")
    parser.add_argument("--artifacts", type=Path, help="new weights; in --work where not given")
    parser.add_argument(
        "--stages", default=",".join(STAGES), help="comma-separated, from: %(default)s, unpack"
    )
    parser.add_argument("--only", default=",".join(TRAININGS), help="which trainings, from: %(default)s")
    parser.add_argument("--minutes", type=float, default=1.7, help="of each training")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--weight", type=float, default=0.2, help="of length beside being right")
    parser.add_argument("--train-questions", type=int, default=600)
    parser.add_argument("--test-questions", type=int, default=1000, help="recorded with the shorter model")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--target-questions", type=int, default=200, help="recorded at each target")
    parser.add_argument("--at-once", type=int, default=1024)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tiny", action="store_true", help="rehearse everything on a CPU; learns nothing")
    given = parser.parse_args()
    given.artifacts = given.artifacts or given.work / "artifacts"
    stages = given.stages.split(",")
    if wrong := set(stages) - {*STAGES, "unpack"}:
        parser.error(f"unknown stages: {', '.join(sorted(wrong))}")
    given.out.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        begun = time.perf_counter()
        _STAGES[stage](given)
        print(f"[{stage}] {time.perf_counter() - begun:.0f} s", flush=True)


def _questions(given: argparse.Namespace) -> None:
    from recipes.reinforce.material import QUESTIONS, write_questions

    write_questions(Path("runs/micro/train.jsonl.gz"), given.train_questions, 1, given.work / QUESTIONS)


def _record(given: argparse.Namespace) -> None:
    from recipes.reinforce.material import QUESTIONS, RECORDING, record_plain, training_task

    task = training_task(given.work / QUESTIONS)
    folder = given.work / RECORDING
    found = record_plain(MINI, "karui-mini", task, folder, 1, given.device, given.at_once)
    print(f"{len(found.questions)} training questions recorded", flush=True)


def _train(given: argparse.Namespace) -> None:
    from karui import catalog
    from karui.forge.making import make
    from karui.forge.workplace import Progress
    from karui.recording.store import digest, load
    from recipes.reinforce.material import QUESTIONS, RECORDING, training_task

    recording = load(given.work / RECORDING, signals=False)
    folders = _made(given)
    for name in given.only.split(","):
        begun = time.perf_counter()

        def show(now: Progress, name: str = name, begun: float = begun) -> None:
            print(f"{name} {time.perf_counter() - begun:5.0f} s  {now.note}", flush=True)

        spec = f"{TRAININGS[name]},learning_rate={given.learning_rate}"
        spec += f",weight={given.weight}" if name == "shorter" else ""
        if given.tiny:
            asked, _, rest = spec.partition(":")
            spec = f"{asked}:{','.join(_merged(rest, TINY))}"
        made = make(
            catalog.parse(spec),
            MINI,
            given.artifacts,
            recording=recording,
            data_digest=digest(given.work / RECORDING),
            device=given.device,
            minutes=given.minutes,
            name="karui-mini",
            task=training_task(given.work / QUESTIONS),
            on_progress=show,
        )
        folders[name] = str(made.folder)
        (given.work / "made.json").write_text(json.dumps(folders))
        curves = {n: _curve(Path(f)) for n, f in folders.items()}
        (given.out / "curves.json").write_text(json.dumps(curves, indent=1))
        print(name, json.dumps(made.notes["kept"]), f"{made.seconds:.0f} s", flush=True)


def _merged(specs: str, changes: str) -> list[str]:
    values = dict(pair.split("=") for pair in f"{specs},{changes}".split(","))
    return [f"{key}={value}" for key, value in values.items()]


def _made(given: argparse.Namespace) -> dict[str, str]:
    path = given.work / "made.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _curve(folder: Path) -> dict:
    from karui.forge.artifact import Artifact

    made = Artifact.of(folder)
    facts = {"technique": dict(made.techniques[-1]), "seconds": made.seconds, "machine": made.machine}
    return {**facts, "peak_gpu_bytes": made.peak_gpu_bytes, **made.notes}


def _measure(given: argparse.Namespace) -> None:
    """Record mini:test with what was trained: the shorter model with trials, the other at targets."""
    from recipes.reinforce.measure import record_trained

    folders = _made(given)
    if "shorter" in folders:
        record_trained(
            Path(folders["shorter"]), "", given.work / "measured" / "shorter", given, given.test_questions,
            given.samples, trials=True,
        )  # fmt: skip
    for target in TARGETS if "control" in folders else ():
        folder = given.work / "measured" / f"control-{target}"
        record_trained(
            Path(folders["control"]), f"target-length:tokens={target}", folder, given,
            given.target_questions, 1, trials=False,
        )  # fmt: skip


def _pack(given: argparse.Namespace) -> None:
    from recipes.reinforce.packing import pack

    for name, folder in _made(given).items():
        pack(Path(folder), MINI, given.out / f"{name}.xz")
    measured = given.work / "measured"
    if measured.exists():
        with tarfile.open(given.out / "measured.tar", "w") as file:
            file.add(measured, arcname="measured")


def _unpack(given: argparse.Namespace) -> None:
    """Make the models and recordings again from what came back."""
    from recipes.reinforce.packing import unpack

    for packed in sorted(given.out.glob("*.xz")):
        made = unpack(packed, MINI, given.artifacts / packed.stem)
        print(f"{made.folder}: {made.name}")
    if (given.out / "measured.tar").exists():
        with tarfile.open(given.out / "measured.tar") as file:
            file.extractall(given.work, filter="data")


_STAGES = {
    "questions": _questions,
    "record": _record,
    "train": _train,
    "measure": _measure,
    "pack": _pack,
    "unpack": _unpack,
}

if __name__ == "__main__":
    main()
