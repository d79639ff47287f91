"""Markers, vocabularies, sampling and loading, each by itself."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import BertConfig, BertModel, MambaConfig, MambaForCausalLM, PreTrainedTokenizerFast

from karui.core.errors import ModelError
from karui.engines.batching.threads import choose_threads
from karui.engines.chat.vocabulary import BLANK_LINE, ENDS_LINE, STARTS_LINE, TURN_END, Vocabulary
from karui.engines.transformers import TransformersEngine
from karui.engines.transformers.sampling import draw
from karui.models.weights import digest
from tests.helpers import tiny


def test_vocabulary_of_a_byte_level_tokenizer():
    tokenizer = tiny.make_tokenizer()
    end = tokenizer.eos_token_id
    vocabulary = Vocabulary(tokenizer, len(tokenizer) + 5, [end], "</think>", ())
    for text in (tiny.TEXT, "日本語 😀 é\n\n", "a</think>b"):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert vocabulary.text(ids) == text == tokenizer.decode(ids)
        writer = vocabulary.writer()
        assert "".join(writer.write([i]) for i in ids) == text
    assert vocabulary.texts[len(tokenizer) + 3] == ""
    assert vocabulary.flags[end] == TURN_END
    newline = vocabulary.flags[tokenizer.encode("\n", add_special_tokens=False)[0]]
    assert newline & STARTS_LINE
    assert newline & ENDS_LINE
    assert not newline & BLANK_LINE


def test_vocabulary_of_a_sentencepiece_tokenizer():
    names = ["<unk>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁", "a", "b", "▁a", "ab", "▁ab", "\n"]
    tokenizer = Tokenizer(
        models.BPE(
            {n: i for i, n in enumerate(names)}, [("▁", "a"), ("a", "b"), ("▁", "ab")], byte_fallback=True
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")
    vocabulary = Vocabulary(fast, len(names), [1], "", ())
    ids = fast.encode("ab a 日", add_special_tokens=False)
    assert vocabulary.text(ids) == " ab a 日"
    assert vocabulary.flags[names.index("<0x0A>")] & STARTS_LINE


def draw_many(logits, temperature, *, top_p=None, top_k=None, rows=20000):
    uniforms = torch.linspace(0, 1, rows + 1)[:-1]
    knob = None if top_p is None else torch.full((rows,), top_p)
    most = None if top_k is None else torch.full((rows,), top_k)
    tokens, signals = draw(
        logits.expand(rows, -1),
        uniforms,
        torch.full((rows,), temperature),
        knob,
        most,
        greedy=temperature == 0,
    )
    return torch.bincount(tokens, minlength=len(logits)) / rows, signals


def test_tokens_are_drawn_from_the_distribution():
    logits = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, -1e9])
    for temperature in (0.5, 1.0, 2.0):
        shares, _ = draw_many(logits, temperature)
        torch.testing.assert_close(shares, (logits / temperature).softmax(-1), atol=1e-4, rtol=0)
    shares, signals = draw_many(logits, 0.0)
    assert shares.argmax() == 0
    assert shares[0] == 1
    torch.testing.assert_close(signals[0, 0], logits.log_softmax(-1)[0])
    shares, _ = draw_many(logits, 1.0, top_k=2)
    torch.testing.assert_close(shares[:2], logits[:2].softmax(-1), atol=1e-4, rtol=0)
    p = logits.softmax(-1)
    shares, _ = draw_many(logits, 1.0, top_p=float(p[:2].sum()) + 0.01)
    torch.testing.assert_close(shares[:3], p[:3] / p[:3].sum(), atol=1e-4, rtol=0)
    shares, _ = draw_many(logits, 1.0, top_p=0.01)
    assert shares[0] == 1
    shares, _ = draw_many(logits, 1.0, top_p=1.0, top_k=0)
    torch.testing.assert_close(shares, p, atol=1e-4, rtol=0)


def test_a_long_flat_head_is_ranked_whole():
    logits = torch.zeros(1000)
    logits[:500] = 1.0
    share = float(logits.softmax(-1)[:500].sum())
    shares, _ = draw_many(logits, 1.0, top_p=share - 1e-4)
    assert (shares[:500] > 0).all()
    assert shares[500:].sum() == 0


def test_a_uniform_next_to_one_draws_no_impossible_token():
    logits = torch.tensor([[1.0, 1.0, -1e9]])
    last = torch.tensor([np.nextafter(np.float32(1), np.float32(0))])
    tokens, _ = draw(logits, last, torch.ones(1), None, None, greedy=False)
    assert tokens.tolist() == [1]
    tokens, _ = draw(logits, torch.ones(1), torch.ones(1), None, None, greedy=False)
    assert tokens.tolist() == [1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("model"))


def copy(folder, to, *, without=(), **files):
    to.mkdir()
    for path in folder.iterdir():
        if path.name not in without:
            (to / path.name).write_bytes(path.read_bytes())
    for name, text in files.items():
        (to / name.replace("_json", ".json")).write_text(text)
    return to


def test_loads_a_folder_and_describes_it(folder, tmp_path):
    engine = TransformersEngine.load(str(folder), device="cpu", dtype="float32")
    card = engine.card
    assert card.name == str(folder)
    assert card.dtype == "float32"
    assert card.config["model_type"] == "qwen3"
    assert card.weight_bytes == (folder / "model.safetensors").stat().st_size
    assert card.parameters * 4 == pytest.approx(card.weight_bytes, rel=0.1)
    assert json.loads(json.dumps(card.as_dict())) == card.as_dict()
    assert engine.markers.family == "think"
    assert any("thread" in note for note in engine.notes)
    assert card.digest == digest(copy(folder, tmp_path / "same"))
    other = copy(folder, tmp_path / "other")
    data = bytearray((other / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (other / "model.safetensors").write_bytes(data)
    assert digest(other) != card.digest


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder, tmp: "./no/such/folder", "was not found"),
        (lambda folder, tmp: str(tmp / "nowhere"), "was not found"),
        (lambda folder, tmp: "nobody/has-this-model", "Hub cannot be reached"),
        (lambda folder, tmp: tmp, "no config.json"),
        (lambda folder, tmp: folder / "config.json", "is a file"),
        (lambda folder, tmp: copy(folder, tmp / "m", config_json="{"), "cannot be read"),
        (lambda folder, tmp: copy(folder, tmp / "m", config_json="{}"), "model_type"),
        (lambda folder, tmp: copy(folder, tmp / "m", config_json='{"model_type": "nonesuch"}'), "causal"),
        (lambda folder, tmp: copy(folder, tmp / "m", without=("model.safetensors",)), "no weights"),
        (lambda folder, tmp: copy(folder, tmp / "m", without=("tokenizer.json",)), "no tokenizer"),
        (lambda folder, tmp: copy(folder, tmp / "m", tokenizer_json="{}"), "tokenizer in"),
    ],
)
def test_what_is_no_model_is_refused_in_plain_words(folder, tmp_path, make, says):
    with pytest.raises(ModelError) as caught:
        TransformersEngine.load(str(make(folder, tmp_path)), device="cpu", dtype="float32")
    assert says in str(caught.value)
    assert caught.value.remedy


def test_weights_cut_short_are_refused(folder, tmp_path):
    cut = copy(folder, tmp_path / "m")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError, match="causal language model"):
        TransformersEngine.load(str(cut), device="cpu", dtype="float32")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (
            lambda size: BertModel(
                BertConfig(
                    vocab_size=size,
                    hidden_size=16,
                    num_hidden_layers=1,
                    num_attention_heads=2,
                    intermediate_size=16,
                )
            ),
            "not those of a whole causal",
        ),
        (
            lambda size: MambaForCausalLM(MambaConfig(vocab_size=size, hidden_size=16, num_hidden_layers=1)),
            "mamba",
        ),
    ],
)
def test_models_that_cannot_be_forked_are_refused(folder, tmp_path, model, says):
    tokenizer = tiny.make_tokenizer()
    model(len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=says):
        TransformersEngine.load(str(tmp_path), device="cpu", dtype="float32")


@pytest.mark.parametrize("options", [{"dtype": "int3"}, {"device": "cuda:9"}, {"suffix": ""}])
def test_settings_that_do_not_exist_are_refused(folder, options):
    with pytest.raises(ModelError):
        TransformersEngine.load(str(folder), **{"device": "cpu", "dtype": "float32", **options})


def test_threads_as_asked_or_as_the_environment_says(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert choose_threads(None, lambda: None, torch.set_num_threads) == (
        torch.get_num_threads(),
        "OMP_NUM_THREADS",
    )
    assert choose_threads(1, lambda: None, torch.set_num_threads) == (1, "as asked")
    monkeypatch.delenv("OMP_NUM_THREADS")
    count, why = choose_threads(None, lambda: None, torch.set_num_threads)
    assert count >= 1
    assert "measured" in why
    torch.set_num_threads(1)


def test_importing_engines_imports_no_torch():
    code = "import sys, karui.engines, karui.engines.transformers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
