"""Retelling: every engine that can continue a text tries a reply it is given as one that it writes itself."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from karui import engines, tasks
from karui.artifacts.build import make
from karui.core.engine import CheckpointPolicy, GivenReply
from karui.core.errors import EngineError
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.openai import HttpEngine
from karui.engines.options import RetryPolicy, Speculate
from karui.smaller.gguf import Gguf
from karui.testing.given_replies import check_given_replies
from tests.helpers import fake_server

MINI = Path(engines.__file__).parent.parent / "models" / "mini"
HASTY = RetryPolicy(connect_seconds=2, silence_seconds=2, tries=3, backoff_seconds=0.01, total_seconds=5)
TASK = tasks.load("mini:test", limit=3, seed=3)
READ = TASK.questions[0].verifier.read
ASKS = [Request(q.id, TASK.prompt(q), Sampling(temperature=0.0, max_tokens=300)) for q in TASK.questions]


def run(engine, work):
    async def main():
        try:
            return await work(engine)
        finally:
            await engine.close()

    return asyncio.run(main())


def mini(**options):
    return engines.load(str(MINI), device="cpu", dtype="float32", threads=1, slots=4, **options)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory):
    made = make([Gguf("q8_0")], MINI, tmp_path_factory.mktemp("artifacts"), name="karui-mini")
    return next(made.folder.glob("*.gguf"))


def test_transformers_retells_what_it_wrote():
    run(mini(), lambda e: check_given_replies(e, ASKS, READ))


def test_speculation_changes_nothing_of_it():
    run(mini(speculate=Speculate(tokens=4)), lambda e: check_given_replies(e, ASKS[:1], READ))


def test_llama_cpp_retells_what_it_wrote(gguf):
    engine = engines.load(str(gguf), threads=1, slots=4)
    run(engine, lambda e: check_given_replies(e, ASKS[:2], READ))


def test_llama_cpp_server_retells_what_it_wrote(gguf):
    script = Path(__file__).parents[1] / "helpers" / "llama_server.py"
    server = subprocess.Popen(
        [sys.executable, script, gguf, "4"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        engine = HttpEngine.load(f"{server.stdout.readline().strip()}/v1")
        run(engine, lambda e: check_given_replies(e, ASKS[:2], READ))
    finally:
        server.stdin.close()
        server.wait(20)


@pytest.mark.parametrize("template", ["tokenize", "apply-template"])
@pytest.mark.parametrize("completions", [True, False])
def test_a_server_retells_what_it_wrote(template, completions):
    with fake_server.serving(template=template, completions=completions) as fake:
        rule = CheckpointPolicy(max_interval=24, min_interval=8)
        engine = HttpEngine.load(fake.url, rule=rule, retry=HASTY)
        asks = [
            Request(q, Prompt(q), Sampling(0.0, max_tokens=400))
            for q in ("What is 3 and 4?", "Add 10 and 20.")
        ]
        run(engine, lambda e: check_given_replies(e, asks, boxed))


def test_a_server_without_a_tokenizer_says_what_is_missing():
    with fake_server.serving(template="") as fake:
        engine = HttpEngine.load(fake.url, retry=HASTY)

        async def tell(engine):
            with pytest.raises(EngineError, match="offers no tokenizer") as caught:
                await engine.open_given(ASKS[0], 0, GivenReply("So 1 and 1 is 2."), READ).outline()
            assert "--tokenizer" in caught.value.remedy

        run(engine, tell)


def test_a_text_longer_than_the_context_is_tried_as_far_as_it_goes():
    long = "Then I add one more.\n\n" * 1500  # far beyond 2,048 tokens

    async def tell(engine):
        stream = engine.open_given(ASKS[0], 0, GivenReply(long, "\\boxed{3}"), READ)
        outline = await stream.outline()
        assert not outline.fits
        assert outline.places[-1][0] + outline.prompt < 2048
        assert outline.thinking > 4000
        for _ in outline.places[:-1]:
            await stream.advance()
        here = await stream.advance()
        assert here.tokens == outline.places[-1][0]
        assert (await stream.trial()).tokens
        end = await stream.advance()
        assert isinstance(end, Trace)
        assert (end.thinking_tokens, end.answer) == (outline.thinking, "3")

    run(mini(rule=CheckpointPolicy(max_interval=512, min_interval=400)), tell)


def test_told_rows_and_rows_that_think_run_side_by_side():
    """A batch that tells and thinks at once gives each what it gets alone."""

    async def alone_and_together(engine):
        async def think(ask):
            stream, seen = engine.open(ask, 0, READ), []
            while not isinstance(step := await stream.advance(), Trace):
                seen.append((step.tokens, (await stream.trial()).answer))
            return step, seen

        async def open_given(ask, trace):
            stream, seen = engine.open_given(ask, 0, GivenReply(trace.thinking, trace.text), READ), []
            while not isinstance(step := await stream.advance(), Trace):
                seen.append((step.tokens, (await stream.trial()).answer))
            return seen

        own = [await think(ask) for ask in ASKS]
        work = [open_given(a, t) for a, (t, _) in zip(ASKS, own, strict=True)]
        *mixed, again = await asyncio.gather(*work, think(ASKS[0]))
        assert mixed == [seen for _, seen in own]
        assert (again[0].thinking, again[1]) == (own[0][0].thinking, own[0][1])

    run(mini(), alone_and_together)


def test_a_stopped_retelling_gives_its_place_back():
    async def tell(engine):
        trace, _ = await follow(engine.open(ASKS[0], 0, READ))
        for _ in range(12):  # more than there are slots
            stream = engine.open_given(ASKS[0], 0, GivenReply(trace.thinking), READ)
            await stream.advance()
            assert stream.stop() == 0
        assert engine._loop.scheduler.held == 0

    run(mini(), tell)


async def follow(stream):
    seen = []
    while not isinstance(step := await stream.advance(), Trace):
        seen.append(step)
    return step, seen


def boxed(text):
    found = text.rpartition("\\boxed{")[2].partition("}")[0]
    return found if "boxed" in text and found else None
