"""Smaller, on a pretrained model: Qwen2.5-Coder-1.5B-Instruct on GSM8K and a CPU, as intervals.

int8 weights (torchao), Q8_0 and Q4_K_M on llama.cpp, against the model as it is: memory, tokens per second,
accuracy and loss on the same questions with the same seeds. There are no targets: a machine with two cores
records too few questions for a certificate.

The weights at hand are those of a Q4_K_M file, unpacked to a plain folder. So the "model as it is" has 4-bit
weights already, and the Q4_K_M line runs the very same values: it shows what llama.cpp's arithmetic costs and
saves, not what 4 bits cost. int8 and Q8_0 are made of the folder, and round its values once more.

    python bench/qwen.py --model FOLDER --file MODEL.gguf --questions test.jsonl --record int8   # each format
    python bench/qwen.py --model FOLDER --file MODEL.gguf --questions test.jsonl
    python bench/qwen.py                                    # figures of the recordings that are kept, alone

Recordings lie in bench/results/qwen2.5-coder-1.5b-gsm8k. Speeds are measured here, each model in a process of
its own.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from _figures import ROOT, Figures, arguments, percent

from karui import catalog, engines, tasks
from karui.artifacts.build import make
from karui.codec.values import encode
from karui.core.engine import CheckpointPolicy
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.request import Request
from karui.core.study import ModelProfile
from karui.core.trace import End
from karui.measure.intervals import mean_interval, ratio_interval
from karui.profiling.profile import profile
from karui.recording import store
from karui.recording.record import record
from karui.runners.replay import Replay

DATA = ROOT / "bench" / "results" / "qwen2.5-coder-1.5b-gsm8k" / "recordings"
NAME = "Qwen2.5-Coder-1.5B-Instruct"
SAMPLING = Sampling(0.6, 0.95, max_tokens=768)
PLAIN = "float32"
RECORDED = {PLAIN: "", "int8": "int8-weights", "Q8_0": "gguf:type=q8_0", "Q4_K_M": ""}
"""What is recorded, and what makes it of the folder."""
WHOLE = CheckpointPolicy(max_interval=1_000_000, min_interval=1_000_000)
"""No checkpoints: accuracy needs whole traces only."""
OFTEN = CheckpointPolicy(max_interval=2, min_interval=2)
"""Speeds are timed from checkpoint to checkpoint, and a stream takes long to get anywhere here."""


def place(name: str, options: Any) -> Path:
    """Returns the folder or the file of a format, made if it has to be."""
    if name == "Q4_K_M":
        return Path(options.file)
    if not RECORDED[name]:
        return Path(options.model)
    (technique,) = catalog.parse(RECORDED[name]).techniques
    return make([technique], options.model, options.artifacts, device="cpu", name=NAME).folder


def recorded(name: str, options: Any) -> None:
    """Records one format on the questions, or what is still missing of it."""
    # int8 is multiplied as it is in bfloat16 only, and that is how its speed is measured.
    loading: dict[str, Any] = {PLAIN: {"dtype": "float32"}, "int8": {"dtype": "bfloat16"}}.get(name, {})
    engine = engines.load(
        str(place(name, options)), name=f"{NAME}, {name}", rule=WHOLE, threads=options.threads, **loading
    )
    task = tasks.load(f"gsm8k:{options.questions}", limit=options.count)
    work = record(engine, task, folder(name), sampling=SAMPLING, samples=1, at_once=32)
    found = asyncio.run(work)
    print(f"{name}: {store.missing(found)} of {options.count} traces are missing")


def folder(name: str) -> Path:
    """Returns where the recording of a format is kept."""
    return DATA / name.lower()


def speeds(figures: Figures, options: Any) -> None:
    """Prints memory and tokens per second."""
    task = tasks.load(f"gsm8k:{options.questions}")
    # The shortest: reading 32 long prompts takes this machine longer than what is to be timed.
    short = sorted(task.questions, key=lambda q: len(q.text))[:32]
    asks = [Request(q.id, task.prompt(q), SAMPLING) for q in short]
    wide: dict[str, Any] = {"device": "cpu", "threads": options.threads, "rule": OFTEN}
    models = {
        PLAIN: (place(PLAIN, options), {**wide, "dtype": "float32"}),
        "bfloat16": (place(PLAIN, options), {**wide, "dtype": "bfloat16"}),
        "int8": (place("int8", options), {**wide, "dtype": "bfloat16"}),
        "Q8_0": (place("Q8_0", options), wide),
        "Q4_K_M": (place("Q4_K_M", options), wide),
    }
    tokens = 8 if options.quick else options.tokens
    at_once = (1, 8) if options.quick else (1, 8, 32)
    found: dict[str, ModelProfile] = {}
    for name, (path, loading) in models.items():
        found[name] = profile(
            str(path), asks, name=name, at_once=at_once, tokens=tokens, rounds=options.rounds, **loading
        )
        weight = found[name]
        figures.shown(f"{name}: weights loaded", (weight.loaded_bytes or 0) / 2**20, "MiB", 0)
        figures.shown(f"{name}: process grown by", weight.resident_bytes / 2**20, "MiB", 0)
        for n, rate in weight.speed.items():
            figures.shown(f"{name}: tokens/s at batch {n}", rate, "", 1)
    figures.extra["weights"] = {name: encode(w) for name, w in found.items()}


def losses(figures: Figures) -> None:
    """Prints accuracy and loss of what is kept, on the questions that all of it has."""
    kept = {name: store.load(folder(name)) for name in RECORDED if (folder(name) / store.MANIFEST).exists()}
    if PLAIN not in kept:
        figures.note("no recording of the model as it is: no accuracy, no loss")
        return
    common = set.intersection(*({q.id for q in r.questions if q.traces} for r in kept.values()))
    outcomes = {
        name: Replay({"main": recording.subset(common)}).outcomes(Plan()) for name, recording in kept.items()
    }
    base = outcomes[PLAIN]
    for name, found in outcomes.items():
        traces = [t for q in kept[name].subset(common).questions for t in q.traces]
        cut = sum(t.end is End.TRUNCATED for t in traces)
        figures.shown(f"{name}: accuracy", percent(mean_interval(found.accuracy)), "%")
        figures.note(f"{len(common)} questions, {len(traces)} traces, {cut} of them cut at the limit")
        if name != PLAIN:
            loss = mean_interval(base.accuracy - found.accuracy, bounds=(-1.0, 1.0))
            figures.shown(f"{name}: loss", percent(loss), "points")
            tokens = ratio_interval(found.tokens, base.tokens)
            figures.shown(f"{name}: tokens per question", tokens, "×", 2)


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--model", type=Path, help="the model's folder; without it no speeds are measured")
    parser.add_argument("--file", type=Path, help="the Q4_K_M file it was unpacked from")
    parser.add_argument("--questions", default="test.jsonl", help="GSM8K's test questions")
    parser.add_argument("--record", choices=RECORDED, help="record a format instead of printing figures")
    parser.add_argument("--count", type=int, default=96, help="questions recorded")
    parser.add_argument("--threads", type=int, default=2, help="threads of every engine")
    parser.add_argument("--tokens", type=int, default=32, help="of the longest stream that is timed")
    parser.add_argument("--rounds", type=int, default=1, help="times each speed is measured")
    parser.add_argument("--artifacts", type=Path, default=ROOT / "runs" / "bench-qwen", help="made once")
    options = parser.parse_args()
    if options.record:
        recorded(options.record, options)
        return 0
    figures = Figures("qwen", options)
    if options.model:
        speeds(figures, options)
    losses(figures)
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
