"""Merging: weights between models of one shape, and every other pair refused before the work."""

import json

import pytest
import torch
from safetensors.torch import load_file

from karui import catalog
from karui.core.errors import InputError, ModelError, PlanError
from karui.engines.transformers.load import load_model
from karui.models.weights import digest
from karui.testing.conformance import check
from tests.helpers import trainings as hand


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A long-thinking model, a short-thinking one, and their base."""
    root = tmp_path_factory.mktemp("models")
    return tuple(hand.save_parent(root / name, seed=n) for n, name in enumerate(("long", "short", "base")))


def weights(folder):
    return load_file(folder / "model.safetensors")


def merged(spec, models, root):
    return hand.made(f"merge:{spec}", models[0], None, root)


def test_linear_lies_between_the_two(models, tmp_path):
    long, short, _ = models
    made = merged(f"short={short},ratio=0.25", models, tmp_path)
    ours, theirs, found = weights(long), weights(short), weights(made.folder)
    assert set(found) == set(ours)
    for name, weight in found.items():
        torch.testing.assert_close(weight, 0.75 * ours[name] + 0.25 * theirs[name])
    assert made.used == ()  # neither recording nor seed: merged once for all
    assert made.notes["digests"] == {"short": digest(short)}
    assert made.notes["distance"] > 0
    load_model(made.folder, "cpu", "float32")


def test_task_arithmetic_adds_what_made_the_sibling_short(models, tmp_path):
    long, short, base = models
    made = merged(f"short={short},ratio=0.5,method=task-arithmetic,base={base}", models, tmp_path)
    ours, theirs, origin, found = (weights(f) for f in (long, short, base, made.folder))
    for name, weight in found.items():
        torch.testing.assert_close(weight, ours[name] + 0.5 * (theirs[name] - origin[name]))


def test_going_all_the_way_is_the_other_model(models, tmp_path):
    made = merged(f"short={models[1]},ratio=1", models, tmp_path)
    for name, weight in weights(made.folder).items():
        torch.testing.assert_close(weight, weights(models[1])[name], rtol=1e-5, atol=1e-6)


def test_several_files_stay_several_files(models, tmp_path):
    long, short, _ = models
    sharded = tmp_path / "sharded"
    load_model(long, "cpu", "float32").save_pretrained(sharded, max_shard_size="30KB")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (sharded / name).write_bytes((long / name).read_bytes())
    made = hand.made(f"merge:short={short}", sharded, None, tmp_path / "made")
    assert len(list(made.folder.glob("*.safetensors"))) == len(list(sharded.glob("*.safetensors"))) > 1
    whole = load_model(made.folder, "cpu", "float32").state_dict()
    ours, theirs = weights(long), weights(short)
    for name, weight in ours.items():
        torch.testing.assert_close(whole[name], (weight + theirs[name]) / 2)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (
            {"intermediate_size": 48},
            r"model\.layers\.0\.mlp\.down_proj\.weight(.|\n)*\[32, 64\](.|\n)*\[32, 48\]",
        ),
        ({"num_hidden_layers": 3}, r"model\.layers\.2\.input_layernorm\.weight(.|\n)*missing"),
        ({"tie_word_embeddings": False}, r"lm_head\.weight(.|\n)*missing"),
    ],
)
def test_other_shapes_are_refused_before_the_work_and_named(models, tmp_path, other, named):
    strange = hand.save_parent(tmp_path / "strange", **other)
    with pytest.raises(ModelError, match=named):
        merged(f"short={strange}", models, tmp_path / "made")
    assert not list((tmp_path / "made").glob("merge-*"))


def test_a_base_of_other_shapes_is_refused_too(models, tmp_path):
    strange = hand.save_parent(tmp_path / "strange", intermediate_size=48)
    with pytest.raises(ModelError, match=r"strange cannot be merged"):
        merged(f"short={models[1]},method=task-arithmetic,base={strange}", models, tmp_path / "made")


def test_another_tokenizer_is_refused(models, tmp_path):
    strange = hand.save_parent(tmp_path / "strange", marks=("<think>", "</think>", "<extra>"), merges=29)
    with pytest.raises(ModelError, match="another tokenizer"):
        merged(f"short={strange}", models, tmp_path / "made")


def test_packed_and_unsafe_weights_are_refused(models, tmp_path):
    packed = hand.save_parent(tmp_path / "packed")
    config = json.loads((packed / "config.json").read_text())
    (packed / "config.json").write_text(json.dumps(config | {"quantization_config": {"bits": 8}}))
    with pytest.raises(ModelError, match="quantized already"):
        merged(f"short={packed}", models, tmp_path / "made")
    old = hand.save_parent(tmp_path / "old")
    torch.save(weights(old), old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no safetensors"):
        merged(f"short={old}", models, tmp_path / "made")


def test_a_cut_off_file_is_refused(models, tmp_path):
    broken = hand.save_parent(tmp_path / "broken")
    whole = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(whole[:-50])
    with pytest.raises(ModelError, match="cannot be read"):
        merged(f"short={broken}", models, tmp_path / "made")


@pytest.mark.parametrize(
    "spec",
    [
        "short=x,ratio=0",
        "short=x,ratio=1.5",
        "short=x,method=ties",
        "short=x,base=y",
        "short=x,method=task-arithmetic",
    ],
)
def test_what_cannot_be_is_refused(spec):
    with pytest.raises(PlanError):
        catalog.parse(f"merge:{spec}")


def test_the_other_model_has_to_be_named():
    with pytest.raises(InputError, match="merge needs short"):
        catalog.parse("merge")


def test_it_keeps_what_every_technique_promises():
    kind = catalog.technique("merge")
    check(kind, kind(short="x"))
