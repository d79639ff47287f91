"""A model whose template mentions thinking and shows none is listened to while it is loaded."""

import pytest
import torch

from karui.core.engine import ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.engines.chat.markers import Start
from karui.engines.chat.override import Override
from karui.engines.chat.template import ChatTemplate
from karui.engines.transformers import TransformersEngine
from tests.helpers.tiny import make_model, make_tokenizer

CARD = ModelInfo("tiny")
# As LFM2.5's: earlier thinking is cut off, so that the tag is mentioned and never shown.
MENTIONS = (
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n"
    "{%- endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{%- endif -%}"
)
SHOWS_NOTHING = MENTIONS.replace(".split('</think>')[-1]", "")


def loaded(says, template=MENTIONS, marks=("<think>", "</think>"), **options):
    """An engine over a tiny model whose likeliest token is always the one that says `says`."""
    tokenizer = make_tokenizer(template, marks)
    model = make_model(tokenizer)
    (token,) = tokenizer.encode(says, add_special_tokens=False)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.bias = torch.nn.Parameter(torch.zeros(model.lm_head.out_features))
        model.lm_head.bias[token] = 9.0
    return TransformersEngine(model, tokenizer, CARD, threads=1, slots=4, **options), tokenizer


def test_a_model_that_begins_with_the_tag_is_a_thinking_model():
    engine, _ = loaded("<think>")
    assert (engine.markers.open, engine.markers.close) == ("<think>", "</think>")
    assert "the model wrote" in engine.markers.found_how
    assert engine.thinking.start is Start.UNDECIDED
    assert engine.suffix == engine.markers.suffix
    stream = engine.open(Request("q", Prompt("How many?"), Sampling(0.0, max_tokens=4)), 0, lambda text: text)
    assert stream.prompt_tokens > 0


@pytest.mark.parametrize("says", ["a", "</think>", "<|im_end|>"])
def test_a_model_that_begins_otherwise_stays_one_without_markers(says):
    engine, _ = loaded(says)
    assert engine.markers.plain
    assert "</think> is known here" in engine.markers.found_how


def test_a_tokenizer_that_knows_no_markers_is_not_listened_to():
    engine, _ = loaded("a", SHOWS_NOTHING, ())
    assert engine.markers.plain
    assert "known here" not in engine.markers.found_how


def test_what_the_user_says_is_not_asked_about():
    engine, _ = loaded("<think>", thinking=Override(open="<mull>", close="</mull>"))
    assert engine.markers.close == "</mull>"


def test_what_was_heard_stands_in_the_manifest_and_comes_back_from_it():
    engine, tokenizer = loaded("<think>")
    again = ChatTemplate.of(tokenizer, dict(engine.thinks)).format
    assert again.markers == engine.markers
    assert ChatTemplate.of(tokenizer).format.markers.plain


# -- tokenizers with several templates ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["default", "chat"])
def test_of_several_templates_the_one_for_questions_is_taken(name):
    tokenizer = make_tokenizer(MENTIONS)
    opened = MENTIONS.replace("assistant\n{%-", "assistant\n<think>\n{%-")
    tokenizer.chat_template = {name: opened, "tool_use": "{{ raise_exception('tools only') }}"}
    template = ChatTemplate.of(tokenizer)
    text, start = template.render(Prompt("How many?"))
    assert text.endswith("<think>")
    assert start is Start.THINKING
