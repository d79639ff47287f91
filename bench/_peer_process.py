"""An engine of bench/peers.py in a process of its own: karui's, or transformers' continuous batching.

    python bench/_peer_process.py karui FOLDER THREADS SLOTS
    python bench/_peer_process.py batching FOLDER THREADS SLOTS

Both load float32 and decode greedily. It reads a job a line, as JSON, and writes what came of it: the tokens
of every reply, and the seconds.

    {"do": "prompts", "texts": [...]}                                [tokens of each prompt]   (karui's only)
    {"do": "run", "texts": [...], "prompts": [...], "streams": 8, "max_tokens": 128}
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

Tokens = list[list[int]]


class Karui:
    """karui's own engine, as a recording drives it: checkpoints reached, every signal measured, no trials."""

    def __init__(self, folder: Path, threads: int, slots: int) -> None:
        from karui.engines.llama_cpp import LlamaCppEngine
        from karui.engines.options import EngineOptions
        from karui.engines.transformers import TransformersEngine

        made = EngineOptions(dtype="auto" if folder.suffix else "float32", threads=threads, slots=slots)
        load = LlamaCppEngine.load if folder.suffix else TransformersEngine.load
        self.engine = load(str(folder), made)
        self._said: dict[int, list[int]] = {}
        self._keep()

    def _keep(self) -> None:
        """Has the tokens of a reply kept when it ends: a trace holds its text alone."""
        scheduler = self.engine._loop.scheduler  # noqa: SLF001
        release = scheduler.release

        def releasing(row: Any) -> None:
            if row.slot >= 0:
                self._said[row.number] = scheduler.tokens(row, 0, int(scheduler.written[row.slot]))
            release(row)

        scheduler.release = releasing  # type: ignore[method-assign]

    def prompts(self, texts: list[str]) -> Tokens:
        """Returns the tokens that prompts come to."""
        return [self._open(text, 1)._row.prompt for text in texts]  # noqa: SLF001

    def run(self, texts: list[str], _: Tokens, streams: int, max_tokens: int) -> Tokens:
        """Generates replies, so many at a time."""
        from karui.core.trace import Trace

        waiting = iter(list(enumerate(texts)))
        replies: dict[int, list[int]] = {}

        async def work() -> None:
            for n, text in waiting:
                stream = self._open(text, max_tokens)
                while not isinstance(await stream.advance(), Trace):
                    pass
                replies[n] = self._said.pop(stream._row.number)  # noqa: SLF001

        async def every() -> None:
            await asyncio.gather(*(work() for _ in range(streams)))

        asyncio.run(every())
        return [replies[n] for n in range(len(texts))]

    def _open(self, text: str, max_tokens: int) -> Any:
        from karui.core.prompt import Prompt, Sampling
        from karui.core.request import Request

        asked = Request("question", Prompt(text), Sampling(temperature=0, max_tokens=max_tokens))
        return self.engine.open(asked, 0, lambda said: said)


class Batching:
    """transformers' own continuous batching, with a cache that its default settings make far too large."""

    def __init__(self, folder: Path, threads: int, slots: int) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(threads)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="paged|sdpa"
        )
        self.model, self.slots = model.eval(), slots

    def run(self, _: list[str], prompts: Tokens, streams: int, max_tokens: int) -> Tokens:
        """Generates replies, so many at a time: it takes all requests, and its settings limit them."""
        from transformers import ContinuousBatchingConfig, GenerationConfig

        settings = ContinuousBatchingConfig(
            block_size=32, num_blocks=512, max_batch_tokens=512, max_requests_per_batch=streams
        )
        ends = self.model.generation_config.eos_token_id
        how = GenerationConfig(max_new_tokens=max_tokens, do_sample=False, eos_token_id=ends, pad_token_id=0)
        found = self.model.generate_batch(
            prompts,
            generation_config=how,
            continuous_batching_config=settings,
            progress_bar=False,
        )
        # Keys are "req_0", "req_1", …
        by = {int(key.rsplit("_", 1)[1]): reply.generated_tokens for key, reply in found.items()}
        return [list(by[n]) for n in sorted(by)]


def main() -> None:
    """Answers jobs until there are no more."""
    out, sys.stdout = sys.stdout, sys.stderr
    kind, folder, threads, slots = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    made = {"karui": Karui, "batching": Batching}[kind](folder, threads, slots)
    print(json.dumps("ready"), file=out, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        do: Callable[..., Tokens] = getattr(made, job.pop("do"))
        began = perf_counter()
        tokens = do(*job.values())
        print(json.dumps({"tokens": tokens, "seconds": perf_counter() - began}), file=out, flush=True)


if __name__ == "__main__":
    main()
