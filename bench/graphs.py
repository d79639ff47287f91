"""karui's own engine on a GPU with its steps captured as CUDA graphs, against the same without.

    python bench/graphs.py [--quick] [--out bench/results/graphs.json]

karui-mini in bfloat16; every question as `karui record` asks it, a trial at every checkpoint, `--at-once`
traces side by side. Tokens are those of thinking, answers and trials. Graphs are captured in a run before the
one that is timed. What they compute is compared with the plain forward first, at every size of batch: the
same kernels give the same logits to the last bit.
"""
# ruff: noqa: SLF001 - what is compared lies inside the engine

import asyncio
import sys
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _figures import ROOT, Figures, arguments

from karui import tasks
from karui.core.prompt import Sampling
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.transformers import TransformersEngine
from karui.engines.transformers.captured import SEEN_STEP
from karui.recording.tracing import trace_of

MINI = ROOT / "src" / "karui" / "models" / "mini"
FASTER = 4.0
"""Times that the engine without graphs has to be beaten by."""
SIZES = (1, 8, 64, 256)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--at-once", type=int, default=256, help="traces side by side")
    parser.add_argument("--requests", type=int, default=512, help="traces of the captured engine")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", default=str(MINI))
    parser.add_argument("--vllm", type=float, default=0.0, help="tokens per second of vLLM on this GPU")
    options = parser.parse_args()
    if options.quick:
        options.at_once, options.requests = min(options.at_once, 4), min(options.requests, 4)
    figures = Figures("graphs", options)
    if options.device == "cuda":
        figures.extra["gpu"] = torch.cuda.get_device_name()
    try:
        _measure(figures, options)
    finally:
        code = figures.close()
    return code


def _measure(figures: Figures, options: Any) -> None:
    rates = {}
    for name, graphs in (("graphs", True), ("plain", False)):
        engine = TransformersEngine.load(
            options.model, device=options.device, slots=options.at_once, graphs=graphs
        )
        if graphs and options.device == "cpu":  # a rehearsal: the same forwards, not captured
            assert not engine._network.capture()
        for note in engine.notes[:2]:
            figures.note(f"{name}: {note}")
        captured = engine._network.captured
        if captured is not None:
            _compare(figures, engine, options)
        count = options.requests if graphs else options.at_once
        first = asyncio.run(_traces(engine, options.at_once, 1, options))
        pace = first[0] / first[1]
        made = captured.count if captured else 0
        figures.note(f"{name}: first run {pace:,.0f} tokens/s in {first[1]:.1f} s, {made} graphs")
        rates[name] = 0.0
        if name == "plain":
            rates[name] = pace  # nothing is captured, so nothing is to be warmed up
        else:
            tokens, seconds, right = asyncio.run(_traces(engine, count, 0, options))
            rates[name] = tokens / seconds
            figures.shown("captured, right answers", 100 * right, "%")
            figures.note(f"{captured.count if captured else 0} graphs in all; {_spent(engine, options)}")
        figures.shown(f"{name}, tokens per second", rates[name], "/s", 0)
        asyncio.run(engine.close())
        del engine
        if options.device == "cuda":
            torch.cuda.empty_cache()
    figures.at_least("graphs / plain", rates["graphs"] / rates["plain"], FASTER, "×", 2)
    if options.vllm:
        figures.at_least("graphs / vLLM", rates["graphs"] / options.vllm, 0.8, "×", 2)


async def _traces(
    engine: TransformersEngine, count: int, sample: int, options: Any
) -> tuple[int, float, float]:
    """Makes traces; returns their tokens, the seconds, and the share of right answers."""
    task = tasks.load("mini:pilot")
    questions = [task.questions[n % len(task.questions)] for n in range(count)]
    drawn = Sampling(0.6, 0.95, max_tokens=128 if options.quick else 1024)
    jobs = iter(
        (
            q,
            Request(q.id, task.prompt(q), drawn),
            sample + n // len(task.questions),
        )
        for n, q in enumerate(questions)
    )
    made: list[tuple[Any, Trace]] = []

    async def work() -> None:
        for question, asked, number in jobs:
            made.append(
                (question, await trace_of(engine, asked, number, question.verifier.read, lambda _: None))
            )

    began = perf_counter()
    await asyncio.gather(*(work() for _ in range(options.at_once)))
    seconds = perf_counter() - began
    trials = sum(m.trial.tokens for _, t in made for m in t.checkpoints if m.trial is not None)
    right = [bool(t.answer) and q.verifier.verify(q.reference, t.answer) for q, t in made]
    return sum(t.tokens for _, t in made) + trials, seconds, float(np.mean(right))


@torch.inference_mode()
def _compare(figures: Figures, engine: TransformersEngine, options: Any) -> None:
    """Shows how far captured logits are from the plain ones, at sizes that need no filling up."""
    network = engine._network
    captured = network.captured
    worst = 0.0
    for rows in [s for s in SIZES if s <= options.at_once]:
        lengths = np.arange(rows) % 40 + 100
        tokens = np.arange(rows) % 500 + 20
        knobs = np.stack((np.full(rows, 0.5), np.full(rows, 0.6), np.full(rows, 0.95))).astype(np.float32)
        captured.step(tokens, lengths, knobs)
        captured.step(tokens, lengths, knobs)
        ours = captured._static["step", rows, SEEN_STEP].logits
        given = torch.from_numpy(np.stack((tokens, lengths))).to(network.device)
        theirs = network._forward(
            given[0][:, None], given[1][:, None], network._mask(given[1][:, None], SEEN_STEP), None, SEEN_STEP
        )
        worst = max(worst, float((ours - theirs).abs().max()))
    figures.at_most("largest difference of logits, captured and plain", worst, 0.0, "", 6)


@torch.inference_mode()
def _spent(engine: TransformersEngine, options: Any) -> str:
    """Says what a full step takes: its graph alone, and with what goes to and from the device."""
    captured = engine._network.captured
    rows = options.at_once
    lengths, tokens = np.full(rows, 600), np.full(rows, 30)
    knobs = np.stack((np.full(rows, 0.5), np.full(rows, 0.6), np.full(rows, 0.95))).astype(np.float32)
    captured.step(tokens, lengths, knobs)
    key = next(k for k in captured._graphs if k[0] == "step" and k[1] >= rows and k[2] >= 601)

    def timed(work: Any) -> float:
        if options.device == "cuda":
            torch.cuda.synchronize()
        began = perf_counter()
        for _ in range(20):
            work()
        if options.device == "cuda":
            torch.cuda.synchronize()
        return 1000 * (perf_counter() - began) / 20

    alone = timed(captured._graphs[key])
    whole = timed(lambda: captured.step(tokens, lengths, knobs))
    return f"a step of {rows} rows at 600 tokens: {alone:.1f} ms its graph, {whole:.1f} ms with its numbers"


if __name__ == "__main__":
    sys.exit(main())
