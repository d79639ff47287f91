"""Pruning on tiny random models: what goes, what stays equal, what the config then says, what is refused."""

import json
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from karui.artifacts.build import make  # noqa: E402
from karui.core.errors import InputError, ModelError, PlanError  # noqa: E402 - after the question whether torch is there
from karui.measure.flops import Shape, decode, prefill  # noqa: E402
from karui.models.weights import digest  # noqa: E402
from karui.recording.store import load as load_recording  # noqa: E402
from karui.smaller import prune_width  # noqa: E402
from karui.smaller.prune_depth import PruneDepth  # noqa: E402
from karui.smaller.prune_width import HeadShape, PruneWidth, head_shapes, kept_width  # noqa: E402
from karui.training.data.examples import calibration_ids  # noqa: E402
from karui.training.distillation import divergence  # noqa: E402

MINI = Path(str(files("karui"))) / "models" / "mini"
SIZE = {
    "vocab_size": 2048,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
FAMILIES = {
    "qwen3": {"head_dim": 16, "tie_word_embeddings": True},
    "qwen2": {"tie_word_embeddings": True},
    "llama": {"attention_bias": True, "mlp_bias": True},
    "mistral": {"sliding_window": None},
    "granite": {},
    "gemma": {"head_dim": 16},
    "smollm3": {"no_rope_layers": [1, 0, 1, 0]},
}
DEPTH_ONLY = {
    "olmo2": {},
    "phi3": {},
    "mixtral": {"num_local_experts": 4},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
}


@dataclass
class Workplace:
    """A forge without an artifact around it."""

    folder: Path
    scratch: Path
    recording: object
    device: str = "cpu"
    seed: int = 0
    minutes: float | None = None
    facts: dict = field(default_factory=dict)

    def progress(self, done, total, note=""):
        assert 0 <= done <= total

    def note(self, **facts):
        self.facts |= facts


@pytest.fixture(scope="module")
def recording():
    whole = load_recording(MINI / "pilot", signals=False)
    return whole.subset({q.id for q in whole.questions[:6]})


@pytest.fixture
def forge(tmp_path, recording):
    for name in ("made", "scratch"):
        (tmp_path / name).mkdir()
    return Workplace(tmp_path / "made", tmp_path / "scratch", recording)


def build(family, **changes):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(
        family, **(SIZE | ({**FAMILIES, **DEPTH_ONLY}[family]) | changes)
    )
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for name, parameter in model.named_parameters():
        # Norms and biases, too: a slice taken at the wrong place has to show.
        torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.1)
    return model


def save(model, folder):
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).write_bytes((MINI / name).read_bytes())
    return folder


def reload(folder):
    model, found = transformers.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True
    )
    assert not any(found[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return model.eval()


def logits(model):
    ids = torch.arange(5, 45)[None]
    with torch.inference_mode():
        return model(ids).logits


def make_identity(layer):
    for module in (layer.self_attn.o_proj, layer.mlp.down_proj):
        module.weight.data.zero_()
        if module.bias is not None:
            module.bias.data.zero_()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_that_does_nothing_is_the_one_that_goes(family, tmp_path, forge):
    model = build(family)
    make_identity(model.model.layers[2])
    PruneDepth(layers=1).prepare(save(model, tmp_path / "parent"), forge)
    assert forge.facts["layers_dropped"] == [2]
    assert forge.facts["influence"][2] == pytest.approx(0, abs=1e-6)
    pruned = reload(forge.folder)
    assert pruned.config.num_hidden_layers == len(pruned.model.layers) == 3
    torch.testing.assert_close(logits(pruned), logits(model), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", DEPTH_ONLY)
def test_depth_of_families_that_cannot_be_narrowed(family, tmp_path, forge):
    model = build(family)
    PruneDepth(layers=0.5).prepare(save(model, tmp_path / "parent"), forge)
    dropped = forge.facts["layers_dropped"]
    assert len(dropped) == 2
    kept = [layer for n, layer in enumerate(model.model.layers) if n not in dropped]
    model.model.layers = torch.nn.ModuleList(kept)
    torch.testing.assert_close(
        logits(reload(forge.folder)), logits_without_cache(model), atol=1e-4, rtol=1e-4
    )


def logits_without_cache(model):
    model.config.use_cache = False
    return logits(model)


def test_a_run_of_blocks_that_comes_back_to_where_it_began(tmp_path, forge):
    # The second block takes away what the first has added: each turns far, both together do not.
    model = build("llama")
    for layer in model.model.layers:
        make_identity(layer)
    far = 20 * torch.randn(48)
    for number, sign in ((0, 1.0), (1, 1.0), (2, -1.0), (3, 0.5)):
        model.model.layers[number].mlp.down_proj.bias.data = sign * far * (0.1 if number == 0 else 1)
    parent = save(model, tmp_path / "parent")
    PruneDepth(layers=2, contiguous=True).prepare(parent, forge)
    assert forge.facts["layers_dropped"] == [1, 2]
    assert len(forge.facts["influence"]) == 3
    alone = Workplace(forge.folder, forge.scratch, forge.recording)
    PruneDepth(layers=2).prepare(parent, alone)
    assert alone.facts["layers_dropped"] != [1, 2]


def test_lists_with_one_value_per_block_follow(tmp_path, forge):
    kinds = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
    model = build("qwen2", use_sliding_window=True, sliding_window=8, layer_types=kinds, max_window_layers=1)
    make_identity(model.model.layers[0])
    PruneDepth(layers=1).prepare(save(model, tmp_path / "parent"), forge)
    config = json.loads((forge.folder / "config.json").read_text())
    assert config["layer_types"] == kinds[1:]
    assert config["max_window_layers"] == 0
    assert Shape.from_config(config).sliding_layers == 2
    torch.testing.assert_close(logits(reload(forge.folder)), logits(model), atol=1e-4, rtol=1e-4)


def silence(model, channels, heads, head_dim):
    """Makes channels and heads add nothing, other ones in every block."""
    for number, layer in enumerate(model.model.layers):
        layer.mlp.down_proj.weight.data[:, [(c + number) % 64 for c in channels]] = 0
        for head in heads(number):
            layer.self_attn.o_proj.weight.data[:, head * head_dim : (head + 1) * head_dim] = 0


@pytest.mark.parametrize("family", FAMILIES)
def test_silent_channels_and_heads_go_and_nothing_changes(family, tmp_path, forge):
    model = build(family)
    head_dim = model.model.layers[0].self_attn.head_dim
    # Of each group of three query heads one is silent, in every block another.
    silence(model, range(16), lambda number: (number % 3, 3 + (number + 1) % 3), head_dim)
    PruneWidth(mlp=0.75, heads=0.67).prepare(save(model, tmp_path / "parent"), forge)
    pruned = reload(forge.folder)
    config = pruned.config
    assert (config.intermediate_size, config.num_attention_heads, config.num_key_value_heads) == (48, 4, 2)
    assert config.head_dim == head_dim
    assert pruned.model.layers[0].mlp.gate_proj.weight.shape == (48, 48)
    assert forge.facts["energy_kept_mlp"] == forge.facts["energy_kept_heads"] == pytest.approx(1)
    torch.testing.assert_close(logits(pruned), logits(model), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama"])
def test_a_silent_group_goes_with_its_key_and_value(family, tmp_path, forge):
    model = build(family)
    silence(
        model,
        (),
        lambda number: (0, 1, 2) if number % 2 else (3, 4, 5),
        model.model.layers[0].self_attn.head_dim,
    )
    PruneWidth(mlp=1.0, heads=0.5).prepare(save(model, tmp_path / "parent"), forge)
    pruned = reload(forge.folder)
    assert (pruned.config.num_attention_heads, pruned.config.num_key_value_heads) == (3, 1)
    assert forge.facts["intermediate_size"] == 64
    torch.testing.assert_close(logits(pruned), logits(model), atol=1e-4, rtol=1e-4)


def test_keeping_the_strongest_beats_keeping_the_weakest(tmp_path, forge):
    model = build("qwen3")
    for layer in model.model.layers:
        layer.mlp.down_proj.weight.data *= torch.rand(64) ** 2 * 4
    parent = save(model, tmp_path / "parent")
    PruneWidth(mlp=0.5).prepare(parent, forge)
    opened = prune_width.load(parent, "cpu")
    channels, _ = prune_width.measure_additions(opened, forge, 6)
    prune_width.narrow(opened.model, [prune_width.strongest(-c, 32) for c in channels])
    whole = logits(model)
    assert (logits(reload(forge.folder)) - whole).norm() < 0.5 * (logits(opened.model) - whole).norm()


@pytest.mark.parametrize(
    "technique", [PruneDepth(layers=2), PruneWidth(mlp=0.5, heads=0.67), PruneWidth(mlp=0.75, heads=0.5)]
)
@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama"])
def test_flops_and_parameters_from_the_config_alone(technique, family, tmp_path, forge):
    from torch.utils.flop_counter import FlopCounterMode

    parent = save(build(family), tmp_path / "parent")
    technique.prepare(parent, forge)
    model = reload(forge.folder)
    shape = Shape.from_config(json.loads((forge.folder / "config.json").read_text()))
    assert shape.parameters == sum(p.numel() for p in model.parameters())
    assert shape.active < Shape.from_config(json.loads((parent / "config.json").read_text())).active
    ids = torch.randint(0, 2048, (1, 60))
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            out = model(ids, use_cache=True, logits_to_keep=1)
        assert counter.get_total_flops() == pytest.approx(prefill(shape, 60, square=True), rel=0.01)
        cache, total = out.past_key_values, 0
        for _ in range(5):
            with FlopCounterMode(display=False) as counter:
                out = model(ids[:, :1], past_key_values=cache, use_cache=True)
            total += counter.get_total_flops()
    assert total == pytest.approx(decode(shape, 60, 5), rel=0.01)


@pytest.mark.parametrize("technique", [PruneDepth(layers=1), PruneWidth(mlp=0.5, heal=1)])
def test_an_artifact_is_a_whole_folder(technique, tmp_path, recording):
    parent = save(build("qwen3").to(torch.bfloat16), tmp_path / "parent")
    card = replace(recording.manifest.model, digest=digest(parent))
    own = replace(recording, manifest=replace(recording.manifest, model=card))
    made = make([technique], parent, tmp_path / "made", recording=own, data_digest="d", device="cpu")
    assert reload(made.folder).dtype == torch.bfloat16
    assert made.notes["calibration_traces"] == 32
    assert made.used == (("minutes",) if technique.heal else ()) + ("recording", "seed")
    again, before = (transformers.AutoTokenizer.from_pretrained(f) for f in (made.folder, parent))
    text = next(recording.traces()).thinking
    assert again.encode(text) == before.encode(text)
    assert again.chat_template == before.chat_template
    sizes = [(f / "model.safetensors").stat().st_size for f in (parent, made.folder)]
    assert sizes[1] < sizes[0]


def test_the_same_inputs_make_the_same_bytes(tmp_path, forge):
    parent = save(build("llama"), tmp_path / "parent")
    again = Workplace(tmp_path / "again", forge.scratch, forge.recording)
    again.folder.mkdir()
    for place in (forge, again):
        PruneWidth(mlp=0.5, heads=0.5, calibration=3).prepare(parent, place)
    one, other = ((p.folder / "model.safetensors").read_bytes() for p in (forge, again))
    assert one == other
    assert forge.facts["calibration_traces"] == 3


def test_widths_fit_blocks_of_packed_formats():
    assert kept_width(1024, 0.9) == 896  # steps of 64
    assert kept_width(8960, 0.75) == 6656  # steps of 256
    assert kept_width(64, 0.01) == 4
    assert kept_width(1000, 1.0) == 1000


def test_shapes_of_heads():
    config = {"model_type": "qwen2", "num_attention_heads": 12, "num_key_value_heads": 2, "hidden_size": 1536}
    assert set(head_shapes(config, 0.5)) == {HeadShape(1, 6), HeadShape(2, 3)}
    assert head_shapes(config, 0.8) == [HeadShape(2, 5)]
    # Llama's config refuses 10 heads for a hidden size of 1536.
    assert head_shapes(config | {"model_type": "llama"}, 0.8) == [HeadShape(2, 4)]
    many = {"model_type": "qwen3", "num_attention_heads": 4, "hidden_size": 64}
    assert head_shapes(many, 0.75) == [HeadShape(3, 1)]


@pytest.mark.parametrize("technique", [PruneDepth(layers=1), PruneWidth()])
def test_refuses_what_it_does_not_know_before_loading(technique, tmp_path, forge):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"never read")
    (folder / "config.json").write_text(json.dumps({"model_type": "mamba2"}))
    with pytest.raises(ModelError, match=r"mamba2(.|\n)*It prunes: .*llama.*qwen3"):
        technique.prepare(folder, forge)


@pytest.mark.parametrize("family", ["mixtral", "phi3", "olmo2"])
def test_width_refuses_what_depth_may_do(family, tmp_path, forge):
    with pytest.raises(ModelError, match=family):
        PruneWidth().prepare(save(build(family), tmp_path / "parent"), forge)


def test_refuses_too_much_and_too_little(tmp_path, forge):
    parent = save(build("qwen3"), tmp_path / "parent")
    for layers in (4, 0.05):
        with pytest.raises(PlanError, match="4 layers"):
            PruneDepth(layers=layers).prepare(parent, forge)
    with pytest.raises(PlanError, match="nothing"):
        PruneWidth(mlp=1.0, heads=0.95).prepare(parent, forge)
    assert not list(forge.folder.iterdir())
    for values in ({"layers": 0}, {"layers": 1.5}, {"layers": -1}, {"calibration": 0}, {"heal": -1}):
        with pytest.raises(PlanError):
            PruneDepth(**values)
    for values in ({"mlp": 1.0}, {"mlp": 0}, {"heads": 1.1}):
        with pytest.raises(PlanError):
            PruneWidth(**values)


def test_refuses_experts_in_some_blocks_only(tmp_path, forge):
    parent = save(build("qwen3_moe", mlp_only_layers=[0]), tmp_path / "parent")
    with pytest.raises(PlanError, match="experts"):
        PruneDepth(layers=1).prepare(parent, forge)


def test_healing_brings_it_nearer_to_its_parent(tmp_path, forge):
    technique = PruneDepth(layers=1, heal=4)
    model = build("qwen3")
    parent = save(model, tmp_path / "parent")
    technique.prepare(parent, forge)
    unhealed = Workplace(tmp_path / "unhealed", forge.scratch, forge.recording)
    unhealed.folder.mkdir()
    replace(technique, heal=0).prepare(parent, unhealed)
    assert "healing" not in unhealed.facts
    assert forge.facts["healing"]["points"][-1]["step"] == 4
    assert (
        forge.facts["lessons"]["examples"]
        == forge.facts["healing"]["learned"] + forge.facts["healing"]["held"]
    )
    healed, first = (reload(place.folder) for place in (forge, unhealed))
    assert Shape.from_config(healed.config.to_dict()) == Shape.from_config(first.config.to_dict())
    tokenizer = transformers.AutoTokenizer.from_pretrained(parent)
    [ids] = calibration_ids(forge.recording, tokenizer, count=1, length=400, seed=0)
    with torch.inference_mode():
        goal, *ours = (m(torch.tensor([ids])).logits[0] for m in (model, healed, first))
    near, far = (float(divergence(logits, goal)) for logits in ours)
    assert near < 0.95 * far


def test_healing_with_too_few_right_traces_is_refused_first(tmp_path, forge):
    parent = save(build("qwen3"), tmp_path / "parent")
    forge.recording = forge.recording.subset({forge.recording.questions[0].id})
    with pytest.raises(InputError, match="right traces"):
        PruneDepth(layers=1, heal=5).prepare(parent, forge)
    assert not list(forge.folder.iterdir())
