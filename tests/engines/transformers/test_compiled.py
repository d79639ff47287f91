"""The compiled step: it says what the uncompiled one says, and is compiled while loading, not later."""

import asyncio
import shutil

import pytest
import torch

from karui.core.engine import ModelInfo
from karui.core.errors import ModelError
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.transformers import TransformersEngine
from tests.helpers import tiny

pytestmark = pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")), reason="torch compiles with a C++ compiler"
)


def make(**options):
    tokenizer = tiny.make_tokenizer()
    model = tiny.make_model(tokenizer, num_hidden_layers=1)
    return TransformersEngine(model, tokenizer, ModelInfo("tiny", dtype="float32"), slots=4, **options)


async def follow(engine, asked, sample):
    stream, trials = engine.open(asked, sample, lambda text: text), []
    while not isinstance(step := await stream.advance(), Trace):
        trials.append((await stream.trial()).text)
    return step, trials


def run(engine, asks):
    async def main():
        return await asyncio.gather(*(follow(engine, a, i) for i, a in enumerate(asks)))

    return asyncio.run(main())


def asks(temperature):
    # More than there are slots, of unlike lengths, and past the cache's first size.
    return [
        Request(f"q{n}", Prompt("one " * (1 + 5 * n)), Sampling(temperature, max_tokens=30 + 60 * n))
        for n in range(6)
    ]


def test_what_is_compiled_generates_the_same_and_is_compiled_once():
    plain, compiled = make(), make(compile=True)
    assert any("compiled in" in note for note in compiled.notes)
    forms = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for temperature in (0.0, 0.8):
        ours, theirs = run(compiled, asks(temperature)), run(plain, asks(temperature))
        for (one, trials), (other, expected) in zip(ours, theirs, strict=True):
            assert (one.text, trials) == (other.text, expected)
            assert one.usage == other.usage
            assert one.signals.logprob == pytest.approx(other.signals.logprob, abs=0.01)
    # One alone, after many.
    assert run(compiled, asks(0.0)[:1])[0][0].text == run(plain, asks(0.0)[:1])[0][0].text
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == forms


def test_without_a_compiler_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("no-such-compiler",))
    with pytest.raises(ModelError, match="tiny cannot be compiled here") as told:
        make(compile=True)
    assert "there is none" in told.value.why
    assert "g++" in told.value.remedy
