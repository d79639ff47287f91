"""Recording with vLLM: whole traces, and trials at checkpoints as soon as a trace has ended.

A trace's tokens still lie in the prefix cache when it ends, so its trials read next to nothing again. Nothing
is ever cut to save time: when the clock runs out no further question is begun; those that were are finished.
The machine needs vLLM, torch and numpy; it needs neither karui nor a tokenizer.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes.thinker.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_INTERVAL, MIN_INTERVAL = 192, 96
"""Checkpoints: the end of a paragraph at least 96 tokens after the last one, or 192 tokens after it."""
TRIAL_TOKENS = 24
LIKELIEST = 8
"""Log-probabilities asked of a trial's tokens: for the confidence, and the entropy of its first."""
FLUSH = 32
"""Questions a part of the recording."""


@dataclass(frozen=True)
class Wanted:
    """One recording.

    Attributes:
        model: Folder of weights with the short vocabulary.
        questions: Files of questions that `__main__` wrote: JSON lines with `id`, `tokens` of the prompt, and
            more; `samples`, `trials` and `max_tokens` where a question has its own. They are begun in this
            order, and the last of one file run beside the first of the next.
        out: Folder in which each file has a folder of its name for its parts.
        samples: Traces of each question.
        limit: How many questions of each file.
        skip: How many of each file are left out before them.
        trials: Whether to try at checkpoints.
        temperature: How tokens are drawn.
        top_p: Likewise.
        max_tokens: New tokens of the longest trace.
        slots: Traces side by side.
        part: Which of `parts` processes this one is; it takes every `parts`-th question.
        parts: How many share the work.
        until: Time (seconds of the epoch) after which no question is begun.
        cache_gib: Size of the key-value cache.
        label: What its files are named by; `part` without one.
    """

    model: Path
    questions: tuple[Path, ...]
    out: Path
    samples: int = 8
    limit: int = 1000
    skip: int = 0
    trials: bool = True
    temperature: float = 1.0
    top_p: float = 0.95
    max_tokens: int = 6144
    slots: int = 640
    part: int = 0
    parts: int = 1
    until: float = math.inf
    cache_gib: float = 44.0
    label: str = ""


@dataclass
class _Trace:
    question: int
    sample: int
    begun: float
    tokens: list[int] = field(default_factory=list)
    cut: bool = False
    seconds: float = 0.0
    trials: dict[int, tuple[list[int], list[float], float]] = field(default_factory=dict)
    missing: int = 0


class Recorder:
    """Runs one recording."""

    def __init__(self, wanted: Wanted, engine: Any = None) -> None:
        """Read the questions, and start an engine where none is given."""
        self.wanted = wanted
        self.vocabulary = Vocabulary.load(wanted.model / "vocabulary.json")
        self.rows = [row for file in wanted.questions for row in _rows(file, wanted.limit, wanted.skip)]
        mine = range(wanted.part, len(self.rows), wanted.parts)
        done = {name for file in wanted.out.glob("*/part-*.npz") for name in np.load(file)["ids"].tolist()}
        self.waiting = deque(at for at in mine if self.rows[at]["id"] not in done)
        self.open: dict[int, list[_Trace]] = {}
        self.asked: dict[str, tuple[_Trace, int]] = {}
        self.running = self.finished = self.generated = self.tried = 0
        self.whole: list[tuple[int, list[_Trace]]] = []
        pieces = self.vocabulary.pieces
        self.breaks = {at for at, piece in enumerate(pieces) if piece.endswith(b"\n\n")}
        self.engine = engine or start(wanted)
        self._sampling(wanted)

    def _sampling(self, wanted: Wanted) -> None:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        ends = list(self.vocabulary.turn_ends)
        shared: dict[str, Any] = {
            "detokenize": False, "output_kind": RequestOutputKind.FINAL_ONLY, "ignore_eos": True,
        }  # fmt: skip
        limits = {row.get("max_tokens", wanted.max_tokens) for row in self.rows}
        self.drawn = {
            limit: SamplingParams(
                temperature=wanted.temperature,
                top_p=wanted.top_p,
                max_tokens=limit,
                stop_token_ids=ends,
                **shared,
            )
            for limit in limits
        }
        stops = {*ends, *self._short(b"\n"), *self._short(b"$")}
        closing = {*stops, *self._short(b"}")}  # where no answer has braces of its own
        shared |= {"temperature": 0.0, "max_tokens": TRIAL_TOKENS, "logprobs": LIKELIEST}
        self.tries = {
            True: SamplingParams(stop_token_ids=sorted(stops), **shared),
            False: SamplingParams(stop_token_ids=sorted(closing), **shared),
        }

    def _short(self, part: bytes) -> list[int]:
        """Return tokens of at most three bytes that have `part`: a long list would travel with each trial."""
        return [at for at in self.vocabulary.having(part) if len(self.vocabulary.pieces[at]) <= 3]

    def run(self) -> None:
        """Record all that there is time for."""
        begun = told = time.time()
        while True:
            self._begin()
            if not self.asked:
                break
            for output in self.engine.step():
                if output.finished:
                    self._take(output)
            if len(self.whole) >= FLUSH:
                self._flush()
            if time.time() - told > 15:
                told = time.time()
                self._tell(told - begun)
        self._flush()
        self._tell(time.time() - begun)

    def _begin(self) -> None:
        """Begin questions while there is room and time, all traces of one at once: they share its prompt."""
        while self.waiting and self.running < self.wanted.slots and time.time() < self.wanted.until:
            at = self.waiting.popleft()
            row = self.rows[at]
            samples = row.get("samples", self.wanted.samples)
            drawn = self.drawn[row.get("max_tokens", self.wanted.max_tokens)]
            self.open[at] = [_Trace(at, n, time.time()) for n in range(samples)]
            for trace in self.open[at]:
                self._ask(f"{at}-{trace.sample}", trace, -1, row["tokens"], drawn)
                self.running += 1

    def _ask(self, name: str, trace: _Trace, place: int, tokens: Sequence[int], sampling: Any) -> None:
        self.asked[name] = (trace, place)
        self.engine.add_request(name, {"prompt_token_ids": list(tokens)}, sampling)

    def _take(self, output: Any) -> None:
        trace, place = self.asked.pop(output.request_id)
        (said,) = output.outputs
        tokens = list(said.token_ids)
        self.generated += len(tokens)
        if place < 0:
            self.running -= 1
            trace.tokens, trace.seconds = tokens, time.time() - trace.begun
            trace.cut = said.finish_reason == "length"
            self._try(trace)
        else:
            self.tried += 1
            trace.missing -= 1
            drawn = [by[token].logprob for by, token in zip(said.logprobs, tokens, strict=True)]
            trace.trials[place] = (tokens, drawn, _entropy([e.logprob for e in said.logprobs[0].values()]))
        if trace.missing == 0:
            self.finished += 1
            traces = self.open[trace.question]
            if all(t.tokens and not t.missing for t in traces):
                self.whole.append((trace.question, self.open.pop(trace.question)))

    def _try(self, trace: _Trace) -> None:
        row = self.rows[trace.question]
        if not row.get("trials", self.wanted.trials):
            return
        prompt = row["tokens"]
        places = checkpoints(trace.tokens, self.vocabulary, self.breaks)
        trace.missing = len(places)
        # The longest first: should something have been dropped from the cache, it is read again once.
        for place in reversed(places):
            name = f"{trace.question}-{trace.sample}-{place}"
            self._ask(
                name,
                trace,
                place,
                [*prompt, *trace.tokens[:place], *row["suffix"]],
                self.tries[row["nested"]],
            )

    def _flush(self) -> None:
        for name in sorted({self.rows[at]["set"] for at, _ in self.whole}):
            own = [(at, traces) for at, traces in self.whole if self.rows[at]["set"] == name]
            folder = self.wanted.out / name
            folder.mkdir(parents=True, exist_ok=True)
            label = self.wanted.label or str(self.wanted.part)
            number = len(list(folder.glob(f"part-{label}-*.npz")))
            write(folder / f"part-{label}-{number:03}.npz", self.rows, own)
        self.whole = []

    def _tell(self, seconds: float) -> None:
        print(
            f"{self.wanted.out.name}.{self.wanted.part}: {seconds:.0f} s, {self.finished} traces done, "
            f"{self.running} running, {self.generated / max(seconds, 1e-9):,.0f} tokens/s, "
            f"{self.tried} trials, {len(self.waiting)} questions wait",
            flush=True,
        )


def _rows(file: Path, limit: int, skip: int) -> list[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line][skip : skip + limit]


def checkpoints(tokens: Sequence[int], vocabulary: Vocabulary, breaks: set[int]) -> list[int]:
    """Return the places inside the thinking at which a trial is made, in tokens, by karui's own rule."""
    ends = vocabulary.ends(tokens)
    closed = vocabulary.raw(tokens).find(b"</think>")
    last = len(tokens) if closed < 0 else int(np.searchsorted(ends, closed, side="right"))
    places, since = [], 0
    for at, token in enumerate(tokens[:last], 1):
        since += 1
        step_ended = token in breaks
        if since >= MAX_INTERVAL or (step_ended and since >= MIN_INTERVAL):
            places.append(at)
            since = 0
    return [at for at in places if at < len(tokens)]


def _entropy(logprobs: Sequence[float]) -> float:
    """Return the entropy (nats) of the likeliest tokens and of all others taken as one."""
    shares = [math.exp(value) for value in logprobs]
    rest = max(0.0, 1.0 - sum(shares))
    return -sum(p * math.log(p) for p in (*shares, rest) if p > 0)


def write(file: Path, rows: Sequence[dict[str, Any]], whole: Sequence[tuple[int, list[_Trace]]]) -> None:
    """Write whole questions as flat arrays; the file has its name when it is complete."""
    traces = [trace for _, own in whole for trace in own]
    trials = [
        (n, place, *trace.trials[place]) for n, trace in enumerate(traces) for place in sorted(trace.trials)
    ]
    part = file.with_name(f"unfinished-{file.name}")
    np.savez(
        part,
        ids=np.array([rows[at]["id"] for at, _ in whole]),
        samples=np.array([len(own) for _, own in whole], np.int16),
        lengths=np.array([len(t.tokens) for t in traces], np.int32),
        tokens=np.array([token for t in traces for token in t.tokens], np.uint16),
        cut=np.array([t.cut for t in traces], bool),
        seconds=np.array([t.seconds for t in traces], np.float32),
        trial_trace=np.array([n for n, *_ in trials], np.int32),
        trial_at=np.array([place for _, place, *_ in trials], np.int32),
        trial_lengths=np.array([len(tokens) for _, _, tokens, _, _ in trials], np.int16),
        trial_tokens=np.array([token for _, _, tokens, _, _ in trials for token in tokens], np.uint16),
        trial_logprobs=np.array([value for *_, values, _ in trials for value in values], np.float16),
        trial_entropy=np.array([entropy for *_, entropy in trials], np.float16),
    )
    part.rename(file)


def start(wanted: Wanted, **more: Any) -> Any:
    """Return an engine of vLLM with the wanted model; `more` are settings of its own."""
    import torch
    from vllm import EngineArgs, LLMEngine

    gpu = torch.cuda.is_available()
    longest = wanted.max_tokens + 1024
    settings: dict[str, Any] = {
        "model": str(wanted.model),
        "skip_tokenizer_init": True,
        "dtype": "bfloat16",
        "max_model_len": longest,
        "max_num_seqs": wanted.slots + wanted.samples + 384,
        "enable_prefix_caching": True,
        "max_num_batched_tokens": 16_384,
        "seed": wanted.part,
    }
    if gpu:
        sizes = [1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 896, 1024]
        settings |= {
            "attention_backend": "FLASH_ATTN",
            "gpu_memory_utilization": 0.38,
            "kv_cache_memory_bytes": int(wanted.cache_gib * 2**30),
            "cudagraph_capture_sizes": sizes,
        }
    else:
        settings["enforce_eager"] = True
    return LLMEngine.from_engine_args(EngineArgs(**{**settings, **more}))
