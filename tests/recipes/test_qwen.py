"""The recipe for Qwen on GSM8K: its plans, its figures, its parcels."""

import json
import sys
import tarfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from karui import catalog
from karui.artifacts.build import make
from karui.core.recording import Recording
from karui.core.trace import End
from karui.core.usage import TokenUsage
from karui.recording import store
from karui.smaller.gguf import Gguf
from recipes.qwen import __main__ as recipe
from recipes.qwen.record import Wanted
from tests.helpers import tiny

MINI = Path(__file__).parents[2] / "src" / "karui" / "models" / "mini"


@pytest.fixture(scope="module")
def pilot():
    whole = store.load(MINI / "pilot", signals=False)
    return whole.subset({q.id for q in whole.questions[:6]})


def test_the_control_is_trained_as_the_technique_is():
    plans = [catalog.parse(f"{name}:{recipe.HOW},steps=7") for name in ("shortest-correct", "plain-sft")]
    one, other = (plan.techniques[0] for plan in plans)
    for field in ("lora", "batch_tokens", "steps", "learning_rate", "epochs"):
        assert getattr(one, field) == getattr(other, field)


def test_parts_of_two_recordings_do_not_meet(tmp_path):
    one, other = (Wanted(tmp_path / "q.jsonl", 4, 2, tmp_path / name) for name in ("before", "after"))
    assert len({one.part(0), one.part(1), other.part(0), other.part(1)}) == 4


def without_answers(recording):
    """Returns it with every trace cut at the limit after half of its tokens."""
    questions = []
    for question in recording.questions:
        cut = [
            replace(t, end=End.TRUNCATED, answer=None, usage=TokenUsage(thinking=t.usage.generated // 2))
            for t in question.traces
        ]
        questions.append(replace(question, traces=tuple(cut)))
    return Recording(recording.manifest, tuple(questions))


def test_a_model_compared_with_itself_gains_nothing_and_one_that_is_cut_loses_everything(pilot):
    right = recipe._summary(pilot)["accuracy"][0]
    assert 0 < right <= 1
    same = recipe._change(pilot, pilot)
    assert same["gain"][0] == 0
    assert same["tokens_ratio"] == [1.0, 1.0, 1.0]
    cut = without_answers(pilot)
    assert recipe._summary(cut)["truncated"] == 1
    assert recipe._summary(cut)["accuracy"][0] == 0
    change = recipe._change(pilot, cut)
    assert change["gain"][0] == pytest.approx(-right, abs=1e-4)
    assert change["tokens_ratio"][0] == pytest.approx(0.5, abs=0.01)


def test_parcels_hold_what_was_measured_and_the_adapter_but_no_weights(tmp_path, pilot):
    made = tmp_path / "artifacts" / "sc"
    (made / "adapter").mkdir(parents=True)
    for name in ("karui-artifact.json", "model.safetensors", "adapter/adapter_config.json"):
        (made / name).write_text("{}")
    save_file({"a": torch.arange(6.0)}, made / "adapter" / "adapter_model.safetensors")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "sc").symlink_to(made)
    for name in ("before", "sc"):
        store.save(pilot, tmp_path / "recordings" / name)
    given = Namespace(work=tmp_path, out=None, techniques=["sc"])
    recipe._compare(given)
    assert set(json.loads((tmp_path / "figures.json").read_text())) == {"before", "sc"}
    recipe._pack(given)
    (tmp_path / "whole.tar").write_bytes(b"".join(p.read_bytes() for p in sorted(tmp_path.glob("parcel.*"))))
    with tarfile.open(tmp_path / "whole.tar") as tar:
        names = {m.name for m in tar.getmembers() if m.isfile()}
        tar.extractall(tmp_path / "home", filter="data")
    assert "models/sc/model.safetensors" not in names
    assert {"figures.json", "recordings/before/manifest.json", "recordings/sc/manifest.json"} <= names
    adapter = load_file(tmp_path / "home" / "models" / "sc" / "adapter" / "adapter_model.safetensors")
    assert adapter["a"].dtype == torch.bfloat16
    assert adapter["a"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_gguf_file_becomes_the_folder_it_was_made_of(tmp_path):
    tokenizer = tiny.make_tokenizer()
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config).bfloat16()
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    made = make([Gguf("bf16")], tmp_path / "model", tmp_path / "artifacts", name="tiny")
    (file,) = made.folder.glob("*.gguf")
    given = Namespace(gguf=file, model=tmp_path / "unpacked")
    recipe._unpack(given)
    again = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.bfloat16)
    ids = torch.arange(5, 40)[None]
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(again.state_dict()[name], value) for name, value in model.state_dict().items())
    # Numbers of the configuration are float32 in the file.
    assert torch.allclose(again(ids).logits, model(ids).logits, atol=0.01)
    assert AutoTokenizer.from_pretrained(given.model).encode("3 + 4 = 7") == tokenizer.encode("3 + 4 = 7")
    # What is there already is left alone.
    (given.model / "config.json").write_text("mine")
    recipe._unpack(given)
    assert (given.model / "config.json").read_text() == "mine"


def test_a_file_cannot_be_unpacked_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError):
        recipe._unpack(Namespace(gguf=tmp_path / "model.gguf", model=tmp_path / "model"))
