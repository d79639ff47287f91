"""Teach karui-mini to think in fewer tokens: ``python -m recipes.shorter``.

Questions, a recording to learn from, trainings, merges and reinforcement, recordings of what was made,
parcels to carry home; each stage reads what the one before it wrote below ``--work``, so ``--stages`` can
split the work between machines (``questions`` and ``pack`` want no GPU). What can run side by side does, each
in a process of its own; one that is cut off leaves what it reached, and the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from shutil import copytree, rmtree
from typing import TYPE_CHECKING

from recipes.shorter.models import MARGIN, MINUTES, RECORDINGS, STEPS, Made, Shown, models
from recipes.shorter.spread import side_by_side

if TYPE_CHECKING:
    from karui.core.engine import CheckpointPolicy
    from karui.core.question import Task
    from karui.core.recording import Recording

STAGES = ("questions", "record", "train", "choose", "merge", "practice", "reinforce", "evaluate", "pack")
MINI = Path("src/karui/models/mini")
KEPT = "bench/data/shorter/adapters"
"""Where the package karui-data has the adapters of two models."""
NAME = "karui-mini"


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
    parser.add_argument(
        "--stages", default=",".join(STAGES), help="comma-separated, from: %(default)s, unpack"
    )
    parser.add_argument("--out", type=Path, help="folder of the parcels; below --work if not given")
    parser.add_argument("--count", type=int, default=1320, help="questions to learn from")
    parser.add_argument("--samples", type=int, default=4, help="traces of each of them")
    parser.add_argument(
        "--practice", type=int, default=6000, help="questions for reinforcement to practise on"
    )
    parser.add_argument("--steps", type=int, default=STEPS, help="of every supervised training")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of every training by reinforcement")
    parser.add_argument("--tiny", action="store_true", help="small batches: only rehearse, on a CPU")
    parser.add_argument("--tests", type=int, help="test questions; all if not given")
    parser.add_argument("--processes", type=int, default=8, help="side by side")
    parser.add_argument("--slots", type=int, default=256, help="streams side by side in one process")
    parser.add_argument("--record-seconds", type=float, default=120.0, help="limit of that stage")
    parser.add_argument("--evaluate-seconds", type=float, default=300.0, help="limit of that stage")
    parser.add_argument("--only", default="", help="comma-separated names of models")
    parser.add_argument("--part", default="", help="one part of the stage; processes are started with it")
    given = parser.parse_args()
    given.stages = given.stages.split(",")
    if unknown := set(given.stages) - {*STAGES, "unpack"}:
        parser.error(f"unknown stages: {', '.join(sorted(unknown))}")
    return given


def _wanted(given: argparse.Namespace) -> list[Made]:
    only = set(filter(None, given.only.split(",")))
    return [made for made in _models(given) if not only or made.name in only]


def _models(given: argparse.Namespace) -> list[Made]:
    return models(given.work, given.steps, given.minutes, tiny=given.tiny)


def _questions(given: argparse.Namespace) -> None:
    """Draw the questions to learn from. Needs reasoning-gym."""
    from recipes.micro.__main__ import held_out
    from recipes.shorter.questions import draw, write

    write(given.work / "questions.jsonl", draw(given.count, held_out(MINI)))


def _record(given: argparse.Namespace) -> None:
    """Record karui-mini on the questions, with trials, each process a part of them."""
    from recipes.shorter.record import FINE

    _record_in_parts(given, "record", given.samples, MINI, FINE)


def _practice(given: argparse.Namespace) -> None:
    """Draw more questions, most of kinds that karui-mini gets wrong, and let a short model answer each once.

    All that reinforcement wants of the answers is how long they are.
    """
    from karui.recording import store
    from recipes.micro.__main__ import held_out
    from recipes.mini.questions import fingerprint
    from recipes.shorter.questions import SEED, by_errors, draw, write
    from recipes.shorter.record import NONE

    if not given.part:
        rows = (given.work / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        taken = {fingerprint(json.loads(row)["question"]) for row in rows}
        shares = by_errors(store.load(given.work / "recording", signals=False))
        drawn = draw(given.practice, held_out(MINI) | taken, shares=shares, name="practice", seed=SEED + 1)
        write(given.work / "practice.jsonl", drawn)
    _record_in_parts(given, "practice", 1, given.work / "models" / "adaptive-thinking", NONE)


def _record_in_parts(
    given: argparse.Namespace, stage: str, samples: int, model: Path, rule: CheckpointPolicy
) -> None:
    """Record a model on the questions of a stage, or one part of them; the last one joins the parts."""
    from recipes.shorter.record import join, make_recording, part_of

    task, folder = _learned_from(given, practised=stage == "practice")
    parts = [given.work / "parts" / f"{folder.name}-{n:02d}" for n in range(given.processes)]
    if not given.part:
        side_by_side(given, stage, [f"{n}" for n in range(given.processes)])
        whole = join(parts, task, folder)
        print(f"recorded {sum(1 for _ in whole.traces())} traces, {whole.samples} of each question at least")
        return
    number = int(given.part)
    make_recording(
        model,
        NAME,
        part_of(task, number, given.processes),
        parts[number],
        samples=samples,
        rule=rule,
        slots=given.slots,
        seconds=given.record_seconds,
    )


def _learned_from(given: argparse.Namespace, *, practised: bool) -> tuple[Task, Path]:
    """Return the questions to learn from, or those to practise on, and where their recording lies."""
    from recipes.shorter.record import task_of

    if practised:
        return task_of(given.work / "practice.jsonl", "mini:practice"), given.work / "practised"
    return task_of(given.work / "questions.jsonl", "mini:shorter"), given.work / "recording"


def _train(given: argparse.Namespace) -> None:
    """Make every model that needs no other one."""
    if given.part:
        _make(given, next(made for made in _models(given) if made.name == given.part))
    else:
        wanted = [made.name for made in _wanted(given) if not made.after and made.minutes is None]
        side_by_side(given, "train", wanted)


def _reinforce(given: argparse.Namespace) -> None:
    """Train by reinforcement: karui-mini, and models that were made of it."""
    if given.part:
        _train(given)
    else:
        place = given.work / "models"
        wanted = [
            made.name
            for made in _wanted(given)
            if made.minutes is not None and (not made.parent or (place / made.parent).exists())
        ]
        side_by_side(given, "reinforce", wanted)


def _merge(given: argparse.Namespace) -> None:
    """Make the models that need one that was chosen; there is little to do for each."""
    for made in _wanted(given):
        if made.after and made.minutes is None and (given.work / "models" / made.after).exists():
            _make(given, made)


def _choose(given: argparse.Namespace) -> None:
    """Record the variants on the pilot questions, and take of each model the one that thinks least.

    Only among those that are not clearly worse than karui-mini there. The test questions choose nothing.
    """
    from karui.recording import store
    from recipes.shorter.record import NONE, make_recording, task_of

    place, folder = given.work / "models", given.work / "pilot"
    trained = [made for made in _wanted(given) if (place / made.name).exists()]
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
    side_by_side(given, "choose", [made.name for made in asked])
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
    from karui.artifacts.build import make
    from karui.artifacts.build_dir import Progress
    from karui.recording import store

    shown = [0.0]

    def progressed(now: Progress) -> None:
        if time.monotonic() - shown[0] > 10:
            shown[0] = time.monotonic()
            print(f"{made.name}: {now.done / max(now.total, 1):.0%} {now.note}", flush=True)

    task, folder = _learned_from(given, practised=made.practised)
    artifact = make(
        catalog.parse(made.plan),
        given.work / "models" / made.parent if made.parent else MINI,
        given.work / "artifacts",
        recording=store.load(folder, signals=made.minutes is None),
        data_digest=store.digest(folder),
        minutes=made.minutes,
        name=NAME,
        on_progress=progressed,
        task=task,
    )
    place = given.work / "models" / made.name
    rmtree(place, ignore_errors=True)
    copytree(artifact.folder, place)
    learned = artifact.notes.get("lessons") or artifact.notes.get("kept")
    print(f"{made.name}: {artifact.seconds:.0f} s, {learned}", flush=True)


def _evaluate(given: argparse.Namespace) -> None:
    """Record what was made on karui-mini's test questions; long recordings in several parts."""
    from karui.recording import store
    from recipes.shorter.record import join

    names = {made.of for made in _wanted(given) if (given.work / "models" / made.of).exists()}
    wanted = [shown for shown in RECORDINGS if shown.model in names]
    if given.part:
        name, number = given.part.split("@")
        _evaluate_part(given, next(shown for shown in wanted if shown.name == name), int(number))
        return
    parts = [(shown, number) for shown in wanted for number in range(shown.samples)]
    side_by_side(given, "evaluate", [f"{s.name}@{n}" for s, n in parts], given.evaluate_seconds)
    for shown in wanted:
        folders = [given.work / "parts" / f"{shown.name}@{number}" for number in range(shown.samples)]
        whole = given.work / "recordings" / shown.name
        loaded = [store.load(folder) for folder in folders if (folder / store.MANIFEST).exists()]
        # What was cut off lacks the long traces: a recording of the others would tell a wrong length.
        if len(loaded) == shown.samples and not any(store.missing(part) for part in loaded):
            join(folders, _tests(given, shown), whole)
            store.compact(whole)
        else:
            print(f"{shown.name} is not whole: the same command goes on with it", flush=True)
    _summary(given, [shown.name for shown in wanted])


def _evaluate_part(given: argparse.Namespace, shown: Shown, number: int) -> None:
    """Record one of as many parts as there are samples: processes then have about the same to do."""
    from karui.core.engine import CheckpointPolicy
    from recipes.shorter.record import NONE, make_recording, part_of

    make_recording(
        given.work / "models" / shown.model,
        shown.model,
        part_of(_tests(given, shown), number, shown.samples),
        given.work / "parts" / f"{shown.name}@{number}",
        style=shown.style,
        samples=shown.samples,
        rule=CheckpointPolicy() if shown.trials else NONE,
        slots=given.slots,
        seconds=given.evaluate_seconds,
    )


def _tests(given: argparse.Namespace, shown: Shown) -> Task:
    from recipes.shorter.record import task_of

    most = min(filter(None, (given.tests, shown.questions)), default=None)
    return task_of(MINI / "questions" / "test.jsonl", "mini:test", most)


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
    """Pack what was made, and with --only the models that it names."""
    from recipes.shorter.parcels import pack_parcels

    learned = () if given.only else ("recording", "practised")
    folders = (*learned, "pilot", "recordings")
    pack_parcels(given.work, _wanted(given), folders, MINI, given.out or given.work)


def _unpack(given: argparse.Namespace) -> None:
    """Make the models again whose adapters the package karui-data holds (see packages/karui-data)."""
    import karui_data

    from recipes.shorter.adapters import merge_again

    for kept in sorted(karui_data.path(KEPT).iterdir()):
        made = merge_again(kept, MINI, given.work / "models" / kept.name)
        print(f"{made.folder}: {made.name}", flush=True)


_STAGES = {
    "questions": _questions,
    "record": _record,
    "train": _train,
    "choose": _choose,
    "merge": _merge,
    "practice": _practice,
    "reinforce": _reinforce,
    "evaluate": _evaluate,
    "pack": _pack,
    "unpack": _unpack,
}

if __name__ == "__main__":
    main()
