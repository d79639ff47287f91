"""Teach karui-mini to think in fewer tokens, by supervised training: ``python -m recipes.shorter``.

Questions, a recording to learn from, trainings and merges, recordings of what was made, parcels to carry
home; each stage reads what the one before it wrote below ``--work``, so ``--stages`` can split the work
between machines (``questions`` and ``pack`` want no GPU). What can run side by side does, each in a
process of its own; one that is cut off leaves what it reached, and the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from shutil import copytree, rmtree
from typing import TYPE_CHECKING

from recipes.shorter.models import MARGIN, RECORDINGS, STEPS, Made, models

if TYPE_CHECKING:
    from karui.core.recording import Recording

STAGES = ("questions", "record", "train", "choose", "merge", "evaluate", "pack")
MINI = Path("src/karui/models/mini")
NAME = "karui-mini"
PARCEL_BYTES = 15 * 1024**2


def main() -> None:
    """Run the stages asked for, or one part of one."""
    given = _arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    for stage in given.stages:
        begun = time.perf_counter()
        _STAGES[stage](given)
        if not given.part:
            print(f"[{stage}] {time.perf_counter() - begun:.0f} s", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="recipes.shorter", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/shorter"), help="folder of all that is made")
    parser.add_argument("--stages", default=",".join(STAGES), help="comma-separated, from: %(default)s")
    parser.add_argument("--out", type=Path, help="folder of the parcels; below --work if not given")
    parser.add_argument("--count", type=int, default=1320, help="questions to learn from")
    parser.add_argument("--samples", type=int, default=4, help="traces of each of them")
    parser.add_argument("--steps", type=int, default=STEPS, help="of every training")
    parser.add_argument("--tests", type=int, help="test questions; all if not given")
    parser.add_argument("--processes", type=int, default=8, help="side by side")
    parser.add_argument("--slots", type=int, default=512, help="streams side by side in one process")
    parser.add_argument("--record-seconds", type=float, default=120.0, help="limit of that stage")
    parser.add_argument("--evaluate-seconds", type=float, default=180.0, help="limit of that stage")
    parser.add_argument("--only", default="", help="comma-separated names of models")
    parser.add_argument("--part", default="", help="one part of the stage; processes are started with it")
    given = parser.parse_args()
    given.stages = given.stages.split(",")
    if unknown := set(given.stages) - set(STAGES):
        parser.error(f"unknown stages: {', '.join(sorted(unknown))}")
    return given


def _wanted(given: argparse.Namespace) -> list[Made]:
    only = set(filter(None, given.only.split(",")))
    return [made for made in models(given.work, given.steps) if not only or made.name in only]


def _questions(given: argparse.Namespace) -> None:
    """Draw the questions to learn from. Needs reasoning-gym."""
    from recipes.micro.__main__ import held_out
    from recipes.shorter.questions import draw, write

    write(given.work / "questions.jsonl", draw(given.count, held_out(MINI)))


def _record(given: argparse.Namespace) -> None:
    """Record karui-mini on the questions, each process a part of them."""
    from recipes.shorter.record import FINE, join, make_recording, part_of, task_of

    task = task_of(given.work / "questions.jsonl", "mini:shorter", given.count)
    parts = [given.work / "parts" / f"{n:02d}" for n in range(given.processes)]
    if not given.part:
        _side_by_side(given, "record", [f"{n}" for n in range(given.processes)])
        whole = join(parts, task, given.work / "recording")
        print(f"recorded {sum(1 for _ in whole.traces())} traces, {whole.samples} of each question at least")
        return
    number = int(given.part)
    make_recording(
        MINI,
        NAME,
        part_of(task, number, given.processes),
        parts[number],
        samples=given.samples,
        rule=FINE,
        slots=given.slots,
        seconds=given.record_seconds,
    )


def _train(given: argparse.Namespace) -> None:
    """Make every model that needs no other one."""
    if given.part:
        _make(given, next(made for made in models(given.work, given.steps) if made.name == given.part))
    else:
        _side_by_side(given, "train", [made.name for made in _wanted(given) if not made.after])


def _merge(given: argparse.Namespace) -> None:
    """Make the models that need one that was chosen; there is little to do for each."""
    for made in _wanted(given):
        if made.after and (given.work / "models" / made.after).exists():
            _make(given, made)


def _choose(given: argparse.Namespace) -> None:
    """Record the variants on the pilot questions, and take of each model the one that thinks least.

    Only among those that are not clearly worse than karui-mini there. The test questions choose nothing.
    """
    from karui.recording import store
    from recipes.shorter.record import NONE, make_recording, task_of

    place, folder = given.work / "models", given.work / "pilot"
    trained = [made for made in _wanted(given) if not made.after and (place / made.name).exists()]
    asked = [made for made in trained if made.name != made.of]
    if given.part:
        make_recording(
            place / given.part,
            given.part,
            task_of(MINI / "questions" / "pilot.jsonl", "mini:pilot", given.tests),
            folder / given.part,
            samples=2,
            rule=NONE,
            slots=given.slots,
            seconds=given.evaluate_seconds,
        )
        return
    _side_by_side(given, "choose", [made.name for made in asked])
    whole = store.load(MINI / "pilot", signals=False)
    least = _weighed(whole.subset({q.id for q in whole.questions[: given.tests]}))[1] - MARGIN
    found = {made.name: _weighed(store.load(folder / made.name)) for made in asked}
    for of in dict.fromkeys(made.of for made in asked):
        rivals = {made.name: found[made.name] for made in asked if made.of == of}
        good = {name: row for name, row in rivals.items() if row[1] >= least}
        best = min(good, key=lambda n: good[n][2]) if good else max(rivals, key=lambda n: rivals[n][1])
        print(f"{of}: {best} of {rivals}; at least {least:.3f} right was wanted", flush=True)
        rmtree(place / of, ignore_errors=True)
        copytree(place / best, place / of)


def _make(given: argparse.Namespace, made: Made) -> None:
    from karui import catalog
    from karui.forge.making import make
    from karui.forge.workplace import Progress
    from karui.recording import store

    shown = [0.0]

    def progressed(now: Progress) -> None:
        if time.monotonic() - shown[0] > 10:
            shown[0] = time.monotonic()
            print(f"{made.name}: {now.done / max(now.total, 1):.0%} {now.note}", flush=True)

    folder = given.work / "recording"
    artifact = make(
        catalog.parse(made.plan),
        MINI,
        given.work / "artifacts",
        recording=store.load(folder),
        data_digest=store.digest(folder),
        name=NAME,
        on_progress=progressed,
    )
    place = given.work / "models" / made.name
    rmtree(place, ignore_errors=True)
    copytree(artifact.folder, place)
    print(f"{made.name}: {artifact.seconds:.0f} s, {artifact.notes.get('lessons')}", flush=True)


def _evaluate(given: argparse.Namespace) -> None:
    """Record what was made on karui-mini's test questions."""
    from karui.core.engine import CheckpointRule
    from karui.recording import store
    from recipes.shorter.record import NONE, make_recording, task_of

    names = {made.of for made in _wanted(given) if (given.work / "models" / made.of).exists()}
    wanted = {shown.name: shown for shown in RECORDINGS if shown.model in names}
    if not given.part:
        # The long ones first: what is short fills up the end.
        _side_by_side(given, "evaluate", list(wanted))
        _summary(given, list(wanted))
        return
    shown, folder = wanted[given.part], given.work / "recordings" / given.part
    recording = make_recording(
        given.work / "models" / shown.model,
        shown.model,
        task_of(MINI / "questions" / "test.jsonl", "mini:test", given.tests),
        folder,
        style=shown.style,
        samples=shown.samples,
        rule=CheckpointRule() if shown.trials else NONE,
        slots=given.slots,
        seconds=given.evaluate_seconds,
    )
    if any(recording.traces()):
        store.compact(folder)


def _summary(given: argparse.Namespace, names: list[str]) -> None:
    """Print accuracy and thinking tokens beside karui-mini's own, whose recording ships."""
    from karui.recording import store

    for name, folder in (
        (NAME, MINI / "recording"),
        *((name, given.work / "recordings" / name) for name in names),
    ):
        if (folder / store.MANIFEST).exists():
            traces, right, tokens = _weighed(store.load(folder, signals=False))
            print(
                f"{name:24} {traces:6} traces, {right:.2%} right, {tokens:6.1f} thinking tokens", flush=True
            )


def _weighed(recording: Recording) -> tuple[int, float, float]:
    """Return how many traces there are, the share that is right, and the mean thinking tokens."""
    found = [(q.correct(t.answer), t.thinking_tokens) for q in recording.questions for t in q.traces]
    count = max(1, len(found))
    return len(found), sum(right for right, _ in found) / count, sum(tokens for _, tokens in found) / count


def _pack(given: argparse.Namespace) -> None:
    """Pack adapters, manifests and recordings into parcels that are small enough to be carried.

    Join them again with ``cat parcel.* | tar x``.
    """
    out = given.out or given.work
    whole = given.work / "parcel.tar"
    with tarfile.open(whole, "w") as tar:
        for folder in ("recording", "pilot", "recordings"):
            if (given.work / folder).exists():
                tar.add(given.work / folder, folder)
        for place in sorted((given.work / "models").glob("*/karui-artifact.json")):
            for path in (place, place.parent / "adapter" / "adapter_config.json",
                         place.parent / "adapter" / "adapter_model.safetensors"):  # fmt: skip
                if path.exists():
                    tar.add(path, path.relative_to(given.work))
    data = whole.read_bytes()
    for number, at in enumerate(range(0, len(data), PARCEL_BYTES)):
        (out / f"parcel.{number:02d}").write_bytes(data[at : at + PARCEL_BYTES])
    whole.unlink()
    print(json.dumps({"bytes": len(data), "parcels": -(-len(data) // PARCEL_BYTES)}), flush=True)


def _side_by_side(given: argparse.Namespace, stage: str, parts: list[str]) -> None:
    """Start this program once for each part, so many at a time; say which ones failed."""
    command = [
        sys.executable,
        "-m",
        "recipes.shorter",
        *_passed_on(sys.argv[1:]),
        "--stages",
        stage,
        "--part",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    waiting, running, failed = list(parts), {}, []
    while waiting or running:
        while waiting and len(running) < given.processes:
            part = waiting.pop(0)
            running[part] = subprocess.Popen([*command, part], env=environment)
        time.sleep(0.2)
        for part, process in list(running.items()):
            if process.poll() is not None:
                del running[part]
                if process.returncode:
                    failed.append(part)
    if failed:
        print(f"[{stage}] failed: {', '.join(failed)}", flush=True)


def _passed_on(arguments: list[str]) -> list[str]:
    """Return the arguments without those that say which stages."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--stages":
            skip = True
        elif not argument.startswith("--stages="):
            kept.append(argument)
    return kept


_STAGES = {
    "questions": _questions,
    "record": _record,
    "train": _train,
    "choose": _choose,
    "merge": _merge,
    "evaluate": _evaluate,
    "pack": _pack,
}

if __name__ == "__main__":
    main()
