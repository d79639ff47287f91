"""Adaptive thinking: which questions are easy, and how an answer without thinking is taught."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from karui.core.errors import ModelError, PlanError
from karui.core.prompt import Prompt
from karui.engines.chat.template import ChatTemplate
from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers.load import load_model
from karui.shorter import adaptive_thinking
from karui.shorter._right_traces import RightTraces
from karui.shorter._sft import SFTTechnique
from karui.training.data.retokenize import Retokenizer
from tests.helpers import trainings as hand

SILENT = SimpleNamespace(device="cpu", progress=lambda *_: None)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return hand.save_parent(tmp_path_factory.mktemp("parent") / "model")


@pytest.fixture(scope="module")
def recording(parent):
    return hand.recording_of(parent)


@pytest.fixture
def taught(monkeypatch, parent, recording, tmp_path):
    """Returns the replies that would be taught where every other question is easy, and what is noted."""
    caught = []

    def catch(self, folder, forge, lessons, **notes):
        caught.append((lessons, notes))
        raise KeyboardInterrupt

    monkeypatch.setattr(SFTTechnique, "train", catch)
    monkeypatch.setattr(adaptive_thinking, "_chances", lambda *_: [0.95, 0.5] * 6)

    def teach(spec):
        with pytest.raises(KeyboardInterrupt):
            hand.made(spec, parent, recording, tmp_path)
        lessons, notes = caught[-1]
        return [load_tokenizer(parent).decode(x.reply_ids) for x in lessons.examples], lessons, notes

    return teach


def test_easy_questions_are_answered_at_once_and_others_thought_about(taught):
    replies, lessons, notes = taught("adaptive-thinking")
    easy = [f"<think>\n\n</think>\n\n\\boxed{{{n}}}<|im_end|>" for n in range(0, 12, 2)]
    hard = [f"<think>\nIt is {n}.\n</think>\n\n\\boxed{{{n}}}<|im_end|>" for n in range(1, 12, 2)]
    assert sorted(replies) == sorted(easy + hard)
    assert notes == {"without_thinking": {"even": 6}, "with_thinking": 6}
    assert lessons.dropped["answered without thinking"] == 12
    assert lessons.dropped["not selected"] == 6


def test_who_has_to_be_surer_thinks_more_often(taught):
    _, _, notes = taught("adaptive-thinking:sure=0.99")
    assert notes == {"without_thinking": {}, "with_thinking": 12}


def test_thoughts_can_be_all_or_cut_where_they_settled(taught):
    assert len(taught("adaptive-thinking:thoughts=all")[0]) == 6 + 12
    replies = taught("adaptive-thinking:thoughts=settled,patience=1")[0]
    assert "<think>\nHmm, 1 + 5 less 1.\n\nSo the answer is 5.\n</think>\n\n\\boxed{5}<|im_end|>" in replies
    with pytest.raises(PlanError, match="thoughts"):
        taught("adaptive-thinking:thoughts=some")


def test_how_likely_the_answer_is_without_thinking(parent, recording):
    right_traces = RightTraces.of(parent, recording)
    found = adaptive_thinking._chances(parent, right_traces, SILENT)
    tokenizer, model = load_tokenizer(parent), load_model(parent, "cpu", "float32")
    shown = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is 5?"}],
        add_generation_prompt=True,
        enable_thinking=False,
        tokenize=False,
    )
    ids = tokenizer.encode(shown + "\\boxed{", add_special_tokens=False)
    chance = 1.0
    for token in tokenizer.encode("5}", add_special_tokens=False):
        with torch.no_grad():
            chance *= float(model(torch.tensor([ids])).logits[0, -1].softmax(-1)[token])
        ids.append(token)
    assert len(found) == 12
    assert found[5] == pytest.approx(chance, rel=0.1)  # in bfloat16 where the machine has it


@pytest.mark.parametrize("template", [hand.tiny.QWEN3, hand.tiny.DISTIL, hand.tiny.PLAIN])
def test_thinking_is_closed_as_the_engine_closes_it(template, recording):
    tokenizer = hand.tiny.make_tokenizer(template)
    transcript = Retokenizer(tokenizer, recording)
    prompt = Prompt("What is 5?")
    closed, _ = ChatTemplate.of(tokenizer).render(replace(prompt, thinking=False))
    reply = transcript.unthought(prompt, "It is 5.")
    assert tokenizer.decode(transcript.prompt(prompt) + reply) == closed + "It is 5."


def test_a_model_without_markers_is_refused(tmp_path):
    plain = hand.save_parent(tmp_path / "plain", template=hand.tiny.PLAIN, marks=())
    with pytest.raises(ModelError, match="closes its thinking with a marker"):
        hand.made("adaptive-thinking", plain, hand.recording_of(plain), tmp_path / "made")
