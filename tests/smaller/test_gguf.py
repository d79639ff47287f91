"""Exported to GGUF and run by llama.cpp, a model says what it said in transformers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

import karui.engines
from karui import catalog
from karui.artifacts.build import make
from karui.core.errors import ModelError, PlanError
from karui.engines.llama_cpp.model import LlamaModel
from karui.engines.llama_cpp.runner import LlamaRunner
from karui.smaller._gguf_tokens import PROBES, read_tokens
from karui.smaller._gguf_weights import Source
from karui.smaller.gguf import Gguf
from karui.smaller.kv_cache import KvCache
from tests.helpers import tiny

MINI = Path(karui.engines.__file__).parent.parent / "models" / "mini"
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}


def export(model, root, kind):
    made = make([Gguf(kind)], model, root, name="tiny")
    (path,) = made.folder.glob("*.gguf")
    return made, path


def logits_of(path, ids, kv="f32"):
    """Returns llama.cpp's logits after every token, [tokens, vocabulary]."""
    machine = LlamaRunner(LlamaModel(path), kv)
    rows = []
    for at, token in enumerate(ids):
        machine._ensure(at + 1)
        rows.append(machine._decode([token], [at], [0], outputs=1)[0].copy())
    machine.close()
    return np.stack(rows)


@torch.inference_mode()
def theirs(folder, ids):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model(torch.tensor([ids])).logits[0].numpy()


def off(ours, wanted):
    return float(np.abs(ours - wanted).max() / wanted.std())


def save_qwen2(folder):
    tokenizer = tiny.make_tokenizer()
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    model = Qwen2ForCausalLM(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


MODELS = {
    "qwen3": tiny.save,
    "qwen3 with a padded, tied embedding": lambda at: tiny.save(at, vocab_size=320, tie_word_embeddings=True),
    "llama": lambda at: tiny.save(at, kind="llama"),
    "llama with biases": lambda at: tiny.save(at, kind="llama", attention_bias=True, mlp_bias=True),
    "llama with llama3's frequencies": lambda at: tiny.save(at, kind="llama", rope_parameters=LLAMA3),
    "llama with linear scaling": lambda at: tiny.save(at, kind="llama", rope_parameters=LINEAR),
    "qwen3 with yarn": lambda at: tiny.save(at, rope_parameters=YARN, max_position_embeddings=256),
    "qwen2": save_qwen2,
}


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_transformers(name, tmp_path):
    folder = MODELS[name](tmp_path / "model")
    _, path = export(folder, tmp_path / "artifacts", "f32")
    ids = np.random.default_rng(0).integers(5, 280, 150).tolist()
    wanted = theirs(folder, ids)
    assert off(logits_of(path, ids)[:, : wanted.shape[-1]], wanted) < 1e-3


def test_bfloat16_is_kept_and_float16_is_close(tmp_path):
    folder = tiny.save(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    ids = list(range(5, 60))
    wanted = theirs(folder, ids)
    assert off(logits_of(export(folder, tmp_path / "a", "f32")[1], ids), wanted) < 1e-3
    assert off(logits_of(export(folder, tmp_path / "a", "f16")[1], ids), wanted) < 0.02


def test_mini_in_f16_has_the_perplexity_it_had(tmp_path):
    _, path = export(MINI, tmp_path / "a", "f16")
    tokenizer = AutoTokenizer.from_pretrained(MINI)
    question = [{"role": "user", "content": "What is 17 + 25 + 8?"}]
    text = tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
    text += "17 + 25 = 42.\n\n42 + 8 = 50.\n\n</think>\n\n\\boxed{50}"
    ids = tokenizer.encode(text, add_special_tokens=False)

    def surprise(logits):
        chosen = torch.log_softmax(torch.tensor(logits[:-1]), -1).gather(1, torch.tensor(ids[1:])[:, None])
        return float(-chosen.mean())

    ours, wanted = surprise(logits_of(path, ids, "f16")), surprise(theirs(MINI, ids))
    assert wanted > 0.05
    assert ours == pytest.approx(wanted, rel=0.01)


def test_the_artifact_tells_what_it_holds(tmp_path):
    folder = tiny.save(tmp_path / "model")
    made, path = export(folder, tmp_path / "a", "q8_0")
    assert made.notes["matrices_by_type"] == {"q8_0": 16}
    assert 8.5 <= made.notes["bits_per_weight"] < 9
    assert "fallback" not in made.notes
    assert (path.parent / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert (path.parent / "config.json").read_bytes() == (folder / "config.json").read_bytes()
    made, _ = export(folder, tmp_path / "a", "q4_k_m")
    assert made.notes["fallback"].startswith("16 of 16")
    assert not any("_k" in kind for kind in made.notes["matrices_by_type"])


def test_other_tools_find_template_special_tokens_and_the_same_cuts(tmp_path):
    folder = tiny.save(tmp_path / "model")
    made, path = export(folder, tmp_path / "a", "q8_0")
    assert "cuts all" in made.notes["tokenizer_for_other_tools"]
    assert "gpt-2" in made.notes["tokenizer_for_other_tools"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = LlamaModel(path, vocabulary_only=True)
    metadata = model.metadata()
    assert metadata["tokenizer.chat_template"] == tokenizer.chat_template
    assert int(metadata["tokenizer.ggml.eos_token_id"]) == tokenizer.eos_token_id
    assert tokenizer.eos_token_id in model.turn_ends()
    text = "<|im_start|>user\nWhy?<|im_end|>\n<think>Hm.</think>" + "".join(PROBES)
    assert model.tokenize(text) == tokenizer.encode(text)
    model.close()


def test_a_tokenizer_over_text_with_bytes_to_fall_back_on(tmp_path):
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = [AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>")]
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([tiny.TEXT], trainer)
    values = json.loads(tokenizer.to_str())
    vocabulary = values["model"]["vocab"]
    for byte in range(256):
        vocabulary.setdefault(f"<0x{byte:02X}>", len(vocabulary))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(values)),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )
    folder = tmp_path / "model"
    tiny.make_model(fast, kind="llama").save_pretrained(folder)
    fast.save_pretrained(folder)
    tokens = read_tokens(folder, AutoTokenizer.from_pretrained(folder), len(fast))
    assert (tokens.model, tokens.space) == ("llama", True)
    made, _ = export(folder, tmp_path / "a", "q8_0")
    assert "cuts all" in made.notes["tokenizer_for_other_tools"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model_type": "gemma2"}, "'gemma2' are not exported"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantized already"),
        ({"sliding_window": 64, "use_sliding_window": True}, "sliding window"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(changes, says, tmp_path):
    folder = tiny.save(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=says):
        Source.of(folder)


def test_a_stray_tensor_is_named(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tiny.save(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"score.weight": torch.zeros(2, 32)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"score\.weight"):
        make([Gguf("q8_0")], folder, tmp_path / "a", name="tiny")


def test_no_quantization_without_cyllama(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cyllama.llama", None)
    with pytest.raises(ModelError, match=r"karui\[llama\]"):
        make([Gguf("q8_0")], tiny.save(tmp_path / "model"), tmp_path / "a", name="tiny")


def test_knobs():
    assert str(catalog.parse("gguf:type=q4_k_m").techniques[0]) == "gguf(type=q4_k_m)"
    with pytest.raises(PlanError):
        Gguf("q9")
    plan = catalog.parse("kv-cache:type=q4_0")
    assert plan.configure({"slots": 4}) == {"slots": 4, "kv": "q4_0"}
    assert KvCache.needs_recording()
    with pytest.raises(PlanError):
        KvCache("q3")
