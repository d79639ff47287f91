"""What ends a model's turn never ends its thinking: in the engines that run a model in this process."""

import asyncio

import pytest

from karui import engines
from karui.artifacts.build import make
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.engines.chat.template import ChatTemplate
from karui.smaller.gguf import Gguf
from tests.helpers import tiny


def turn(thinking, answer, opened):
    """A template whose turns think and answer so, and whose prompts end with `opened`."""
    return (
        "{% for m in messages %}<|im_start|>{{ m.role }}<|head|>"
        "{% if m.role == 'assistant' and m.reasoning_content %}"
        + thinking.replace("T", "{{ m.reasoning_content }}")
        + "{% endif %}{% if m.role == 'assistant' %}"
        + answer.replace("A", "{{ m.content }}")
        + "{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}"
        + "{% if add_generation_prompt %}<|im_start|>assistant<|head|>"
        + opened
        + "{% endif %}"
    )


# One token of these opens and closes everything, thinking as well as answers: Kimi K3's.
KIMI = turn(
    "<|open|>think<|sep|>T<|close|>think<|sep|>",
    "<|open|>response<|sep|>A<|close|>response<|sep|>",
    "<|open|>think<|sep|>",
)
KIMI_MARKS = ("<|head|>", "<|open|>", "<|close|>", "<|sep|>")


@pytest.mark.parametrize("eos", ["<|close|>", "<|sep|>", "<|im_end|>"])
def test_a_token_that_thinking_holds_ends_no_turn_whoever_names_it(eos):
    tokenizer = tiny.make_tokenizer(KIMI, KIMI_MARKS)
    tokenizer.eos_token = eos
    template = ChatTemplate.of(tokenizer)
    assert template.format.markers.close == "<|close|>think<|sep|>"
    ids = {t: tokenizer.convert_tokens_to_ids(t) for t in (*KIMI_MARKS, "<|im_end|>", "<|endoftext|>")}
    named = {tokenizer.eos_token_id, ids["<|endoftext|>"], None}
    assert template.ends(named) == {ids["<|im_end|>"], ids["<|endoftext|>"]}


# llama.cpp takes tokens for the end of a turn by their names, whatever a template does with them.
CLOSERS = [
    ("<|end|>", "<think>T<|end|>", "<think>"),
    ("<|eot_id|>", "<|reason|>T<|eot_id|>", "<|reason|>"),
    ("<|call|>", "<|thinking|>T<|call|>", "<|thinking|>"),
]


@pytest.mark.parametrize(("close", "thinking", "opens"), CLOSERS)
@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
def test_thinking_that_ends_with_such_a_token_is_followed_by_its_answer(
    tmp_path, engine, close, thinking, opens
):
    folder = tiny.save_chain(
        tmp_path / "model",
        turn(thinking, "A", opens),
        opens,
        f"Jump Fig{close}\\boxed{{7}}",
        ("<|head|>", opens, close),
    )
    path = folder
    if engine == "llama.cpp":
        made = make([Gguf("q8_0")], folder, tmp_path / "made", name="tiny")
        path = next(made.folder.glob("*.gguf"))
    loaded = engines.load(str(path), threads=1, device="cpu" if engine == "transformers" else "auto")

    async def main():
        stream = loaded.open(Request("q", Prompt("?"), Sampling(0.0, max_tokens=60)), 0, str)
        while not isinstance(step := await stream.advance(), Trace):
            pass
        await loaded.close()
        return step

    assert loaded.markers.close == close
    if engine == "llama.cpp":
        from karui.engines.llama_cpp.model import LlamaModel

        model = LlamaModel(path, vocabulary_only=True)
        assert model.texts().index(close) in model.turn_ends()  # or this test shows nothing
        model.close()
    trace = asyncio.run(main())
    assert (trace.thinking, trace.text, trace.end) == ("Jump Fig", "\\boxed{7}", End.FINISHED)
