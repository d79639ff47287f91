"""Teach Qwen2.5-Coder-1.5B-Instruct to think shorter on GSM8K: ``python -m recipes.qwen --model FOLDER``.

The model thinks about questions of GSM8K's training part, learns from the shortest of its right traces
(low-rank adapters), and thinks about test questions before and after. Each stage reads what the one before
it wrote below ``--work``; one that is cut off leaves what it reached, and the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from karui.core.study import Interval
from karui.core.trace import End
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval

if TYPE_CHECKING:
    from karui.core.recording import Recording

STAGES = ("unpack", "record", "train", "evaluate", "compare", "pack")
NAME = "Qwen2.5-Coder-1.5B-Instruct"
HOW = "lora=16,batch_tokens=12288"
"""The same for every training, so that plain-sft is a control for shortest-correct."""
PARCEL_BYTES = 15 * 1024**2


def main() -> None:
    """Run the stages asked for."""
    given = _arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    for stage in given.stages:
        begun = time.perf_counter()
        _STAGES[stage](given)
        print(f"[{stage}] {time.perf_counter() - begun:.0f} s", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="recipes.qwen", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="its folder")
    parser.add_argument("--gguf", type=Path, help="a GGUF file to make that folder of, if it is not there")
    parser.add_argument(
        "--train", type=Path, default=Path("gsm8k/train.jsonl"), help="questions to learn from"
    )
    parser.add_argument("--test", type=Path, default=Path("gsm8k/test.jsonl"), help="questions to measure on")
    parser.add_argument("--work", type=Path, default=Path("runs/qwen"), help="folder of all that is made")
    parser.add_argument("--stages", default=",".join(STAGES), help="comma-separated, from: %(default)s")
    parser.add_argument("--techniques", default="shortest-correct", help="what is trained, comma-separated")
    parser.add_argument("--out", type=Path, help="folder of the parcels; --work if not given")
    parser.add_argument("--count", type=int, default=1000, help="questions to learn from")
    parser.add_argument("--samples", type=int, default=4, help="traces of each of them")
    parser.add_argument("--tests", type=int, default=400, help="questions to measure on, two traces each")
    parser.add_argument("--steps", type=int, default=60, help="of every training")
    parser.add_argument("--minutes", type=float, help="what a training may take at most")
    parser.add_argument("--processes", type=int, default=3, help="side by side, while recording")
    parser.add_argument("--gpus", type=int, default=1, help="over which those processes are spread")
    parser.add_argument("--slots", type=int, default=224, help="streams side by side in one process")
    parser.add_argument("--record-seconds", type=float, help="limit for what is learned from")
    given = parser.parse_args()
    given.stages, given.techniques = given.stages.split(","), given.techniques.split(",")
    if unknown := set(given.stages) - set(STAGES):
        parser.error(f"unknown stages: {', '.join(sorted(unknown))}")
    return given


def _unpack(given: argparse.Namespace) -> None:
    """Make the model's folder of a GGUF file, if one was given and the folder is not there."""
    if given.gguf and not given.model.exists():
        from recipes.qwen.unpack import unpack

        unpack(given.gguf, given.model)


def _record(given: argparse.Namespace) -> None:
    """Record the model as it is, on the test questions and on those to learn from."""
    from recipes.qwen.record import Wanted, make_recordings

    test = Wanted(given.test, given.tests, 2, given.work / "recordings" / "before")
    train = Wanted(given.train, given.count, given.samples, given.work / "recording", given.record_seconds)
    made = make_recordings(
        given.model, NAME, [test, train], processes=given.processes, slots=given.slots, gpus=given.gpus
    )
    for recording in made:
        print(f"{recording.manifest.task}: {sum(1 for _ in recording.traces())} traces", flush=True)


def _train(given: argparse.Namespace) -> None:
    """Make every model; under a launcher (torchrun), on as many GPUs as it starts processes."""
    from karui import catalog
    from karui.artifacts.build import make
    from karui.artifacts.build_dir import Progress
    from karui.recording import store
    from karui.training.trainers import is_main_process

    shown = [0.0]

    def progressed(now: Progress) -> None:
        if time.monotonic() - shown[0] > 5:
            shown[0] = time.monotonic()
            print(f"{now.done / max(now.total, 1):.0%} {now.note}", flush=True)

    folder = given.work / "recording"
    for technique in given.techniques:
        artifact = make(
            catalog.parse(f"{technique}:{HOW},steps={given.steps}"),
            given.model,
            given.work / "artifacts",
            recording=store.load(folder),
            data_digest=store.digest(folder),
            name=NAME,
            minutes=given.minutes,
            on_progress=progressed,
        )
        if not is_main_process():
            continue
        link = given.work / "models" / technique
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(artifact.folder.resolve())
        print(f"{technique}: {artifact.seconds:.0f} s, {artifact.notes}", flush=True)


def _evaluate(given: argparse.Namespace) -> None:
    """Record what was made on the test questions, with the seeds that the model itself had there."""
    from recipes.qwen.record import Wanted, make_recordings

    for technique in given.techniques:
        wanted = Wanted(given.test, given.tests, 2, given.work / "recordings" / technique)
        folder = given.work / "models" / technique
        make_recordings(
            folder, technique, [wanted], processes=given.processes, slots=given.slots, gpus=given.gpus
        )


def _shared(given: argparse.Namespace) -> dict[str, int]:
    """Return how every recording is spread over the machine."""
    return {"processes": given.processes, "slots": given.slots, "gpus": given.gpus}


def _compare(given: argparse.Namespace) -> None:
    """Write accuracy and tokens before and after, with 95% intervals over questions, to figures.json."""
    from karui.recording import store

    folder = given.work / "recordings"
    before = store.load(folder / "before", signals=False)
    figures = {"before": _summary(before)}
    for technique in given.techniques:
        after = store.load(folder / technique, signals=False)
        figures[technique] = _summary(after) | _change(before, after)
    text = json.dumps(figures, indent=1)
    (given.work / "figures.json").write_text(text + "\n", encoding="utf-8")
    print(text, flush=True)


def _summary(recording: Recording) -> dict[str, object]:
    right, tokens = _means(recording)
    traces = list(recording.traces())
    return {
        "questions": len(right),
        "traces": len(traces),
        "accuracy": _ends(mean_interval(right)),
        "tokens": _ends(mean_interval(tokens, bounds=None)),
        "truncated": sum(t.end is End.TRUNCATED for t in traces) / len(traces),
    }


def _change(before: Recording, after: Recording) -> dict[str, object]:
    (right, tokens), (right_after, tokens_after) = _means(before), _means(after)
    return {
        "gain": _ends(paired_difference(right, right_after)),
        "tokens_ratio": _ends(ratio_interval(tokens_after, tokens)),
    }


def _means(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Return each question's share of right traces and mean tokens, in the order of the task."""
    rows = [
        (np.mean([q.correct(t.answer) for t in q.traces]), np.mean([t.tokens for t in q.traces]))
        for q in recording.questions
    ]
    right, tokens = np.array(rows).T
    return right, tokens


def _ends(found: Interval) -> list[float]:
    return [round(value, 4) for value in (found.value, found.low, found.high)]


def _pack(given: argparse.Namespace) -> None:
    """Pack adapters, manifests, recordings and figures into parcels that are small enough to be carried.

    Join them again with ``cat parcel.* | tar x``.
    """
    out, whole = given.out or given.work, given.work / "parcel.tar"
    with tarfile.open(whole, "w") as tar:
        for name in ("figures.json", "recording", "recordings/before"):
            if (given.work / name).exists():
                tar.add(given.work / name, name)
        for technique in given.techniques:
            if (given.work / "recordings" / technique).exists():
                tar.add(given.work / "recordings" / technique, f"recordings/{technique}")
            made, place = given.work / "models" / technique, f"models/{technique}"
            if (made / "adapter").exists():
                tar.add(made / "karui-artifact.json", f"{place}/karui-artifact.json")
                tar.add(made / "adapter" / "adapter_config.json", f"{place}/adapter/adapter_config.json")
                small = given.work / "adapter_model.safetensors"
                _halve(made / "adapter" / "adapter_model.safetensors", small)
                tar.add(small, f"{place}/adapter/adapter_model.safetensors")
    data = whole.read_bytes()
    whole.unlink()
    for number, at in enumerate(range(0, len(data), PARCEL_BYTES)):
        (out / f"parcel.{number:02d}").write_bytes(data[at : at + PARCEL_BYTES])
    print(f"{len(data) / 2**20:.1f} MiB packed", flush=True)


def _halve(source: Path, target: Path) -> None:
    """Write an adapter in bfloat16: half the bytes, and what its weights are merged into anyway."""
    import torch
    from safetensors.torch import load_file, save_file

    save_file({name: tensor.to(torch.bfloat16) for name, tensor in load_file(source).items()}, target)


_STAGES = {
    "unpack": _unpack,
    "record": _record,
    "train": _train,
    "evaluate": _evaluate,
    "compare": _compare,
    "pack": _pack,
}

if __name__ == "__main__":
    main()
