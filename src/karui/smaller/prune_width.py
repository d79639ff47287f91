"""Width pruning: narrower MLPs and fewer attention heads, the ones that add least taken out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from karui.core.build_context import BuildContext
from karui.core.errors import PlanError
from karui.core.technique import Family, Technique, knob, require
from karui.smaller._parent import Parent, check, listening, load, show
from karui.smaller._recovery import STEPS_HELP, examples_to_recover, write_recovered

_FAMILIES = frozenset({"gemma", "granite", "llama", "mistral", "qwen2", "qwen3", "smollm3"})
"""Dense models whose projections are matrices of their own, and whose norms do not span heads."""
_LARGEST_STEP = 256


@dataclass(frozen=True)
class PruneWidth(Technique):
    """Takes out of every block the MLP channels and attention heads that add least to the model's reasoning.

    Weights and FLOPs fall with the channels and heads; the KV cache only where whole key-value groups go.
    Seconds fall less than FLOPs, because as many matrices are read, each narrower. It trades away reasoning
    as all pruning does, later than depth pruning at the same size when it is the MLP that gives. Not without
    healing below three quarters of the channels; not for families other than those it names when it refuses
    (experts, or norms that span the heads). Heads are dear in small models, which have few (docs/log.md); and
    not in a Qwen2 for vLLM, which takes a head there to be as wide as the hidden size over the heads.

    A channel or head is scored by the energy that it adds to the block's output, through its own columns of
    the output projection, summed over all tokens of the recording's traces: activations as in Muralidharan et
    al., "Minitron", arXiv 2407.14679, weighed by the columns as in Sun et al., "Wanda", arXiv 2306.11695.
    Unlike Minitron's, the residual stream stays as wide as it was.

    Every block keeps equally many, so that an ordinary config describes the result: a width that is a
    multiple of a power of two (up to 256, at most a sixteenth of the width), and as many heads as whole
    key-value groups, or equally many query heads of each group, allow.
    """

    family: ClassVar[Family] = Family.SMALLER

    mlp: float = knob(0.8, low=0.5, high=0.95, help="Share of MLP channels to keep.")
    heads: float = knob(1.0, low=0.5, high=1.0, help="Share of attention heads to keep.")
    heal: int = knob(0, help=STEPS_HELP)
    calibration: int = knob(32, help="Traces that activations are measured on.")

    def __post_init__(self) -> None:
        require(0 < self.mlp <= 1 and 0 < self.heads <= 1, self, "mlp and heads are shares")
        require(self.mlp < 1 or self.heads < 1, self, "it keeps everything")
        require(self.heal >= 0, self, "heal cannot be below 0")
        require(self.calibration >= 1, self, "calibration must be at least 1")

    def prepare(self, model: Path, build: BuildContext) -> None:
        config = check(model, self, _FAMILIES)
        width = kept_width(int(config["intermediate_size"]), self.mlp)
        shapes = head_shapes(config, self.heads)
        self._check_gain(config, width, shapes)
        train_set = examples_to_recover(model, build, self.heal)
        parent = load(model, build.device)
        channels, heads = measure_additions(parent, build, self.calibration)
        kept = [strongest(layer, width) for layer in channels]
        picks, shape = choose_heads(heads, parent.model.config.num_key_value_heads, shapes)
        narrow(parent.model, kept)
        keep_heads(parent.model, picks, shape)
        build.note(
            intermediate_size=width,
            heads=shape.heads,
            kv_heads=shape.groups,
            energy_kept_mlp=_energy_kept(channels, kept),
            energy_kept_heads=_energy_kept(heads, picks),
        )
        write_recovered(parent, build, train_set, self.heal)

    def _check_gain(self, config: dict[str, Any], width: int, shapes: list["HeadShape"]) -> None:
        heads = int(config["num_attention_heads"])
        if width == config["intermediate_size"] and all(shape.heads == heads for shape in shapes):
            raise PlanError(
                f"{self} takes nothing out of this model.",
                why=f"Its {width} channels go in steps of {_step(width)}, and of its {heads} heads in "
                f"{config.get('num_key_value_heads') or heads} key-value groups as many have to go of each.",
                remedy="Keep smaller shares.",
            )


@dataclass(frozen=True, slots=True)
class HeadShape:
    """Attention heads of a block.

    Attributes:
        groups: Key-value heads.
        per_group: Query heads that share one.
    """

    groups: int
    per_group: int

    @property
    def heads(self) -> int:
        """Query heads."""
        return self.groups * self.per_group


def kept_width(width: int, share: float) -> int:
    """Returns how many MLP channels to keep: a share, rounded to what kernels and packed formats like."""
    step = _step(width)
    return max(step, round(share * width / step) * step) if share < 1 else width


def _step(width: int) -> int:
    """Returns the largest power of two that is at most a sixteenth of the width, and at most 256."""
    step = 1
    while step * 2 <= min(width // 16, _LARGEST_STEP):
        step *= 2
    return step


def head_shapes(config: dict[str, Any], share: float) -> list[HeadShape]:
    """Returns the shapes whose number of heads comes nearest to a share of the model's.

    Whole groups may go, or equally many query heads of each, or both. Llama's config accepts only numbers of
    heads that divide the hidden size.
    """
    heads = int(config["num_attention_heads"])
    groups = int(config.get("num_key_value_heads") or heads)
    hidden = int(config["hidden_size"])
    shapes = [
        HeadShape(g, q)
        for g in range(1, groups + 1)
        for q in range(1, heads // groups + 1)
        if config["model_type"] != "llama" or hidden % (g * q) == 0
    ]
    nearest = min(abs(shape.heads - share * heads) for shape in shapes)
    return [shape for shape in shapes if abs(shape.heads - share * heads) == nearest]


def measure_additions(parent: Parent, build: BuildContext, count: int) -> tuple[list[Any], list[Any]]:
    """Returns, for every block, the energy that each MLP channel and each head adds to its output.

    Energy is the sum over the tokens of the squared norm of what it adds: a channel's value times its column
    of `down_proj`, a head's values through its columns of `o_proj`.

    Args:
        parent: The model.
        build: Whose recording it reads.
        count: Traces to read.

    Returns:
        Two lists of float64 tensors, one tensor a block: of shape (channels,) and (heads,).
    """
    import torch

    head_dim = parent.layers[0].self_attn.head_dim
    squares: dict[int, Any] = {}
    products: dict[int, Any] = {}

    def hear_channels(number: int, values: Any) -> None:
        squares[number] = squares.get(number, 0) + values.float().square().sum((0, 1)).cpu().double()

    def hear_heads(number: int, values: Any) -> None:
        of_heads = values.float().flatten(0, 1).unflatten(-1, (-1, head_dim)).transpose(0, 1)
        products[number] = products.get(number, 0) + (of_heads.mT @ of_heads).cpu().double()

    mlps = [layer.mlp.down_proj for layer in parent.layers]
    attentions = [layer.self_attn.o_proj for layer in parent.layers]
    with listening(mlps, hear_channels), listening(attentions, hear_heads):
        show(parent, build, count)
    weights = [module.weight.detach().cpu().double() for module in mlps]
    channels = [squares[n] * weight.square().sum(0) for n, weight in enumerate(weights)]
    heads = []
    for number, module in enumerate(attentions):
        columns = module.weight.detach().cpu().double().unflatten(-1, (-1, head_dim)).transpose(0, 1)
        heads.append(torch.einsum("hij,hjk,hik->h", columns, products[number], columns))
    return channels, heads


def strongest(scores: Any, count: int) -> list[int]:
    """Returns the places of the `count` largest scores, in order of place."""
    return sorted(scores.argsort(descending=True, stable=True)[:count].tolist())


def choose_heads(
    scores: Sequence[Any], groups: int, shapes: Sequence[HeadShape]
) -> tuple[list[list[int]], HeadShape]:
    """Returns the heads to keep in every block, and the shape they make: the one that keeps most energy.

    Args:
        scores: Each block's energy per head.
        groups: Key-value groups there are now.
        shapes: To choose from.
    """
    options = [([_pick(layer, groups, shape) for layer in scores], shape) for shape in shapes]
    return max(options, key=lambda option: _energy_kept(scores, option[0]))


def _pick(scores: Any, groups: int, shape: HeadShape) -> list[int]:
    """Returns the strongest heads of the strongest groups of one block."""
    of_groups = scores.view(groups, -1)
    inside = [strongest(group, shape.per_group) for group in of_groups]
    kept = scores.new_tensor([float(g[i].sum()) for g, i in zip(of_groups, inside, strict=True)])
    size = of_groups.shape[1]
    return [group * size + head for group in strongest(kept, shape.groups) for head in inside[group]]


def _energy_kept(scores: Sequence[Any], kept: Sequence[list[int]]) -> float:
    """Returns the mean over the blocks of the share of energy that is kept."""
    shares = [float(s[k].sum() / s.sum()) if s.sum() else 1.0 for s, k in zip(scores, kept, strict=True)]
    return round(sum(shares) / len(shares), 6)


def narrow(model: Any, kept: Sequence[list[int]]) -> None:
    """Keeps these channels of every block's MLP, and says so in the config."""
    for layer, channels in zip(model.model.layers, kept, strict=True):
        for module in (layer.mlp.gate_proj, layer.mlp.up_proj):
            _keep_outputs(module, channels)
        _keep_inputs(layer.mlp.down_proj, channels)
    model.config.intermediate_size = len(kept[0])


def keep_heads(model: Any, kept: Sequence[list[int]], shape: HeadShape) -> None:
    """Keeps these query heads of every block with the key-value heads they share, and says so in the config.

    The config names the width of a head from then on: it is no longer the hidden size over the heads.
    """
    config = model.config
    head_dim = model.model.layers[0].self_attn.head_dim
    shared_by = config.num_attention_heads // config.num_key_value_heads

    def places(heads: Sequence[int]) -> list[int]:
        return [head * head_dim + n for head in heads for n in range(head_dim)]

    for layer, heads in zip(model.model.layers, kept, strict=True):
        attention = layer.self_attn
        groups = sorted({head // shared_by for head in heads})
        _keep_outputs(attention.q_proj, places(heads))
        _keep_inputs(attention.o_proj, places(heads))
        for module in (attention.k_proj, attention.v_proj):
            _keep_outputs(module, places(groups))
        attention.num_key_value_groups = shape.per_group
    config.num_attention_heads, config.num_key_value_heads = shape.heads, shape.groups
    config.head_dim = head_dim


def _keep_outputs(linear: Any, places: list[int]) -> None:
    linear.weight.data = linear.weight.data[places].clone()
    if linear.bias is not None:
        linear.bias.data = linear.bias.data[places].clone()
    linear.out_features = len(places)


def _keep_inputs(linear: Any, places: list[int]) -> None:
    linear.weight.data = linear.weight.data[:, places].clone()
    linear.in_features = len(places)
