"""Speculative decoding against the same engine without it: tokens per second as a ratio, at batch 1 and 8.

karui-mini on the CPU in float32 with one thread, sampled at 0.6, 1 and 8 streams side by side that come to
their checkpoints: as it is, with `prompt-lookup`, and with `draft-model` (karui-micro writes ahead). Each
engine writes the same traces, which is checked; they run in turn in one process, are timed in seconds of the
processor, and of the rounds each one's best counts. Beside the ratio stand the share of guesses that stood
and the tokens that a stream wrote in a forward. Where it does not pay, the ratio is below 1.

With `--vllm URL --vllm-ngram URL`, two servers of karui-mini, the second started with vLLM's own

    vllm serve src/karui/models/mini --dtype float32 --max-model-len 2048 --speculative-config
        '{"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 8, "prompt_lookup_min": 3}'

the same is measured of vLLM, greedy. Where both run on the same cores, only the one asked computes.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time

from _figures import Figures, arguments

from karui import catalog, engines, tasks
from karui.core.engine import Engine
from karui.core.prompt import Sampling
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.openai import HttpEngine
from karui.engines.transformers import TransformersEngine

MINI = str(Path(engines.__file__).parent.parent / "models" / "mini")
PLANS = {"prompt lookup": "prompt-lookup:rows=8", "draft model": "draft-model:model=karui-micro,rows=8"}


def asks(count: int, temperature: float, tokens: int) -> list[Request]:
    """Returns questions of the test set, the same ones whatever runs."""
    task = tasks.load("mini:test", limit=count, seed=7)
    drawn = Sampling(temperature, 0.95 if temperature else 1.0, max_tokens=tokens)
    return [Request(q.id, task.prompt(q), drawn) for q in task.questions]


def write(
    engine: Engine, asked: Sequence[Request], runner: asyncio.Runner, clock: Callable[[], float]
) -> tuple[list[Trace], float]:
    """Returns the traces and the seconds they took together."""

    async def one(ask: Request) -> Trace:
        stream = engine.open(ask, 0, lambda text: text)
        while not isinstance(step := await stream.advance(), Trace):
            pass
        return step

    async def every() -> list[Trace]:
        return await asyncio.gather(*map(one, asked))

    began = clock()
    traces = runner.run(every())
    return traces, clock() - began


def in_this_process(figures: Figures, runner: asyncio.Runner, rounds: int, tokens: int) -> None:
    """Measures the transformers engine."""

    def load(plan: str) -> TransformersEngine:
        options = catalog.parse(plan).configure({}) if plan else {}
        engine = engines.load(MINI, device="cpu", dtype="float32", threads=1, slots=8, **options)
        assert isinstance(engine, TransformersEngine)
        return engine

    loaded = {name: load(plan) for name, plan in {"plain": "", **PLANS}.items()}
    for streams in (1, 8):
        asked = asks(streams, 0.6, tokens)
        times: dict[str, list[float]] = {name: [] for name in loaded}
        texts: dict[str, list[tuple[str, str, int]]] = {}
        before = {name: engine.speculated for name, engine in loaded.items()}
        for _ in range(rounds):
            for name, engine in loaded.items():
                traces, seconds = write(engine, asked, runner, process_time)
                times[name].append(seconds)
                texts[name] = [(t.thinking, t.text, t.usage.generated) for t in traces]
        written = sum(n for _, _, n in texts["plain"])
        figures.shown(f"plain, {streams} at once", written / min(times["plain"]), "tokens/s", 0)
        for name in PLANS:
            assert texts[name] == texts["plain"], f"{name} wrote another text"
            ratio = min(times["plain"]) / min(times[name])
            figures.shown(f"{name}, {streams} at once, against plain", ratio, "×", 2)
            now, then = loaded[name].speculated, before[name]
            assert now is not None
            assert then is not None
            found = now.since(then)
            figures.shown(f"{name}, {streams} at once, guesses that stood", 100 * found.acceptance, "%")
            figures.shown(f"{name}, {streams} at once, tokens a forward", found.tokens_per_forward, "", 2)
    figures.note("every text is equal to the one written without speculation, token for token")


def on_vllm(
    figures: Figures, runner: asyncio.Runner, urls: Mapping[str, str], rounds: int, tokens: int
) -> None:
    """Measures two vLLM servers, one of which speculates."""
    servers = {name: HttpEngine.load(url, folder=MINI) for name, url in urls.items()}
    for streams in (1, 8):
        asked = asks(streams, 0.0, tokens)
        times: dict[str, list[float]] = {name: [] for name in servers}
        texts: dict[str, list[str]] = {}
        for _ in range(rounds + 1):  # the first only warms caches
            for name, engine in servers.items():
                traces, seconds = write(engine, asked, runner, perf_counter)
                times[name].append(seconds)
                texts[name] = [t.thinking + t.text for t in traces]
        best = {name: min(seconds[1:]) for name, seconds in times.items()}
        ratio = best["plain"] / best["ngram"]
        figures.shown(f"vLLM's ngram speculation, {streams} at once, against plain", ratio, "×", 2)
        equal = sum(a == b for a, b in zip(texts["plain"], texts["ngram"], strict=True))
        figures.shown(
            f"vLLM's ngram speculation, {streams} at once, equal texts", 100 * equal / streams, "%", 0
        )
    for engine in servers.values():
        runner.run(engine.close())


def options_of() -> argparse.Namespace:
    """Reads the command line."""
    parser = arguments(__doc__)
    parser.add_argument("--vllm", default="", help="a vLLM server of karui-mini: http://HOST:PORT/v1")
    parser.add_argument("--vllm-ngram", default="", help="the same, started with --speculative-config")
    return parser.parse_args()


def main() -> int:
    options = options_of()
    figures = Figures("speculate", options)
    rounds, tokens = (1, 48) if options.quick else (3, 400)
    with asyncio.Runner() as runner:
        in_this_process(figures, runner, rounds, tokens)
        if options.vllm and options.vllm_ngram:
            urls = {"plain": options.vllm, "ngram": options.vllm_ngram}
            on_vllm(figures, runner, urls, rounds, tokens)
        else:
            figures.note("vLLM: not measured; see --help for the two servers that it takes")
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
