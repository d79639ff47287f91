"""Throughput of the transformers engine against padded `generate`, and what a trial costs.

96 requests of 5 to 335 tokens, forced to their lengths, greedy, on karui-mini with the dtype and the threads
that karui chooses here (OMP_NUM_THREADS fixes the threads; another busy process usually means one). The
engine runs them through 32 slots, as streams that come to their checkpoints, with every signal measured.
`generate` runs the same prompts in the same order in batches of 32, padded on the left, each until its
longest request is done; it measures nothing. Useful tokens are the 96 lengths summed. Both are timed twice
in turn and the better of each counts.
"""

import asyncio
import random
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
from _figures import Figures, arguments

import karui.engines
from karui.core.engine import ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers import TransformersEngine
from karui.engines.transformers.load import choose_dtype, load_model

MINI = Path(karui.engines.__file__).parent.parent / "models" / "mini"
REQUESTS, SHORTEST, LONGEST, BATCH = 96, 5, 335, 32


class NeverEnding:
    """The engine and the plain model, with the end of the turn out of reach so that lengths can be forced."""

    def __init__(self, slots: int) -> None:
        dtype, self.why = choose_dtype("auto", "cpu")
        self.tokenizer = load_tokenizer(MINI)
        self.tokenizer.padding_side = "left"
        self.model = load_model(MINI, "cpu", dtype)
        ends = torch.tensor([self.tokenizer.eos_token_id, self.tokenizer.pad_token_id])
        # A hook on the head costs both sides the same and leaves every other token as it is.
        self.model.get_output_embeddings().register_forward_hook(
            lambda _module, _inputs, out: out.index_fill(-1, ends, -1e9)
        )
        self.engine = TransformersEngine(
            self.model, self.tokenizer, ModelInfo("karui-mini", dtype=dtype), slots=slots
        )

    def run(self, asks: list[Request], *, trials: bool = False) -> list[Trace]:
        """Runs all asks through the engine, side by side."""

        async def one(asked: Request) -> Trace:
            stream = self.engine.open(asked, 0, lambda text: text)
            while not isinstance(step := await stream.advance(), Trace):
                if trials:
                    await stream.trial()
            return step

        async def every() -> list[Trace]:
            return await asyncio.gather(*map(one, asks))

        return asyncio.run(every())

    @torch.inference_mode()
    def generate(self, asks: list[Request]) -> None:
        """Runs all asks through `generate`."""
        self.model.set_attn_implementation("sdpa")
        for at in range(0, len(asks), BATCH):
            batch = asks[at : at + BATCH]
            given = self.tokenizer.apply_chat_template(
                [[{"role": "user", "content": a.prompt.user}] for a in batch],
                add_generation_prompt=True,
                padding=True,
                return_tensors="pt",
                return_dict=True,
            )
            most = max(a.sampling.max_tokens for a in batch)
            self.model.generate(
                input_ids=given.input_ids,
                attention_mask=given.attention_mask,
                max_new_tokens=most,
                min_new_tokens=most,
                do_sample=False,
            )
        self.model.set_attn_implementation("karui")


def requests(count: int, longest: int) -> list[Request]:
    """Returns requests of lengths spread evenly, in a random order."""
    draw = random.Random(0)
    lengths = [SHORTEST + round((longest - SHORTEST) * i / (count - 1)) for i in range(count)]
    draw.shuffle(lengths)
    return [
        Request(
            f"request {i}",
            Prompt(f"What is {' + '.join(str(draw.randint(1, 99)) for _ in range(draw.randint(2, 20)))}?"),
            Sampling(temperature=0, max_tokens=length),
        )
        for i, length in enumerate(lengths)
    ]


def timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def main() -> int:
    options = arguments(__doc__).parse_args()
    figures = Figures("engine", options)
    asks = requests(32, 60) if options.quick else requests(REQUESTS, LONGEST)
    both = NeverEnding(slots=BATCH)
    for note in (f"{both.engine.card.dtype}: {both.why}", *both.engine.notes):
        figures.note(note)
    useful = sum(a.sampling.max_tokens for a in asks)
    traces = both.run(asks)
    assert [t.thinking_tokens + t.answer_tokens for t in traces] == [a.sampling.max_tokens for a in asks]
    times: dict[str, list[float]] = {"engine": [], "generate": [], "trials": []}
    for _ in range(1 if options.quick else 2):
        times["engine"].append(timed(lambda: both.run(asks)))
        times["trials"].append(timed(lambda: both.run(asks, trials=True)))
        times["generate"].append(timed(lambda: both.generate(asks)))
    best = {name: min(seconds) for name, seconds in times.items()}
    figures.shown("padded generate, useful tokens per second", useful / best["generate"], "/s", 0)
    figures.shown("engine, useful tokens per second", useful / best["engine"], "/s", 0)
    figures.at_least("engine against padded generate", best["generate"] / best["engine"], 4, "×", 2)
    figures.shown(
        "engine with a trial at every checkpoint, thinking per second", useful / best["trials"], "/s", 0
    )
    alone = requests(2, 60)[-1:] if options.quick else [max(asks, key=lambda a: a.sampling.max_tokens)]
    figures.shown(
        "engine, one stream alone, tokens per second",
        alone[0].sampling.max_tokens / timed(lambda: both.run(alone)),
        "/s",
        0,
    )
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
