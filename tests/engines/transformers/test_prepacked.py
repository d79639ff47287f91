"""Weights laid out for oneDNN: the same products, whatever shape the inputs have."""

import pytest
import torch
from torch import nn

from karui.engines.chat.tokenizer import load_tokenizer
from karui.engines.transformers import TransformersEngine, load
from karui.engines.transformers.model_info import loaded_bytes, read_card
from karui.engines.transformers.prepacked import PrepackedLinear, prepack
from tests.helpers import tiny

if not torch.backends.mkldnn.is_available():
    pytest.skip("torch has no oneDNN here", allow_module_level=True)


def kinds(model):
    return {type(m) for m in model.modules() if isinstance(m, (nn.Linear, PrepackedLinear))}


@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_products_are_those_of_a_linear_layer(bias):
    layer = nn.Linear(48, 80, bias=bias)
    packed = PrepackedLinear(layer.weight, layer.bias)
    even = torch.randn(4, 3, 96)
    for inputs in (
        even[..., :48].contiguous(),
        even[..., 48:],
        even[..., ::2],
        even[:1, 0, :48],
        even[:0, :, :48],
    ):
        torch.testing.assert_close(packed(inputs), layer(inputs), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_model_says_what_it_said_and_takes_no_more_memory():
    model = tiny.make_model(tiny.make_tokenizer(), tie_word_embeddings=False).eval()
    ids = torch.arange(1, 9)[None]
    said, held = model(ids).logits, loaded_bytes(model)
    assert prepack(model) == 15  # seven a layer, and the head
    assert kinds(model) == {PrepackedLinear}
    torch.testing.assert_close(model(ids).logits, said, atol=1e-4, rtol=1e-4)
    assert loaded_bytes(model) == held


def test_a_head_that_is_the_embedding_is_not_held_twice():
    model = tiny.make_model(tiny.make_tokenizer(), tie_word_embeddings=True)
    held = loaded_bytes(model)
    prepack(model)
    assert type(model.lm_head) is nn.Linear
    assert loaded_bytes(model) == held


def test_only_a_model_of_the_engines_own_is_changed(tmp_path):
    folder = tiny.save(tmp_path / "model")
    own = TransformersEngine.load(str(folder), device="cpu", dtype="float32")
    assert PrepackedLinear in kinds(own._network.model)
    given = load.load_model(folder, "cpu", "float32")
    TransformersEngine(given, load_tokenizer(folder), read_card("given", folder, given))
    assert kinds(given) == {nn.Linear}
