"""Depth pruning: the model without the blocks that change least."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from karui.core.build_context import BuildContext
from karui.core.errors import PlanError
from karui.core.technique import Family, Technique, knob, require
from karui.smaller._parent import Parent, check, listening, load, show
from karui.smaller._recovery import STEPS_HELP, examples_to_recover, write_recovered
from karui.training.student import keep_layers

_FAMILIES = frozenset(
    {
        "gemma",
        "granite",
        "llama",
        "mistral",
        "mixtral",
        "olmo2",
        "phi3",
        "qwen2",
        "qwen3",
        "qwen3_moe",
        "smollm3",
    }
)


@dataclass(frozen=True)
class PruneDepth(Technique):
    """Takes out the blocks with the least influence on the model's own reasoning.

    Weights, KV cache, FLOPs and seconds per token all fall by the share of blocks taken out, on every engine
    and without special kernels. It trades away reasoning, and early: what is measured, how far a block turns
    the hidden states, says little of a step that only a few tokens need, so multi-step answers break long
    before fluent text does. Not without healing, and not for small models, which have few blocks to spare:
    karui-mini, with one of its 12 gone, loses a quarter of its accuracy (docs/log.md). Not for families other
    than those it names when it refuses.

    A block's influence is 1 - cos(input, output), the mean over all tokens of the recording's traces:
    Men et al., "ShortGPT", arXiv 2403.03853. With `contiguous`, one run of blocks goes, the one across which
    hidden states turn least (mean angle): Gromov et al., "The Unreasonable Ineffectiveness of the Deeper
    Layers", arXiv 2403.17887, which takes the angle at the last token only.
    """

    family: ClassVar[Family] = Family.SMALLER

    layers: float = knob(0.1, low=0.05, high=0.5, help="Blocks to take out: a share below 1, else how many.")
    contiguous: bool = knob(default=False, choices=(False, True), help="Take out one run of blocks.")
    heal: int = knob(0, help=STEPS_HELP)
    calibration: int = knob(32, help="Traces that influence is measured on.")

    def __post_init__(self) -> None:
        whole = self.layers < 1 or self.layers == int(self.layers)
        require(self.layers > 0 and whole, self, "layers is a share below 1, or a whole number")
        require(self.heal >= 0, self, "heal cannot be below 0")
        require(self.calibration >= 1, self, "calibration must be at least 1")

    def prepare(self, model: Path, build: BuildContext) -> None:
        count = self._count(check(model, self, _FAMILIES))
        train_set = examples_to_recover(model, build, self.heal)
        parent = load(model, build.device)
        span = count if self.contiguous else 1
        turned = measure_turns(parent, build, span, self.calibration, angle=self.contiguous)
        dropped = self._choose(turned, count)
        kept = [n for n in range(len(parent.layers)) if n not in dropped]
        keep_layers(parent.model, kept)
        build.note(layers=len(kept), layers_dropped=dropped, influence=[round(t, 6) for t in turned])
        write_recovered(parent, build, train_set, self.heal)

    def _count(self, config: dict[str, Any]) -> int:
        """Returns how many blocks go."""
        layers = int(config["num_hidden_layers"])
        count = int(self.layers) if self.layers >= 1 else round(self.layers * layers)
        if not 0 < count < layers:
            raise PlanError(
                f"{self} cannot prune a model of {layers} layers.",
                why=f"It would take out {count} of them.",
                remedy=f"Take out between 1 and {layers - 1}.",
            )
        if config.get("mlp_only_layers") or (config.get("decoder_sparse_step") or 1) != 1:
            raise PlanError(
                f"{self} cannot prune this model: its experts sit in some blocks only.",
                why="Its config says by a block's number whether it has experts, and numbers would shift.",
                remedy="Use another technique for this model.",
            )
        return count

    def _choose(self, turned: list[float], count: int) -> list[int]:
        """Returns the blocks to take out, from how far each block (or run that starts there) turns."""
        order = sorted(range(len(turned)), key=turned.__getitem__)
        if self.contiguous:
            return list(range(order[0], order[0] + count))
        return sorted(order[:count])


def measure_turns(parent: Parent, build: BuildContext, span: int, count: int, *, angle: bool) -> list[float]:
    """Returns how far each run of `span` blocks turns the hidden states, by the run's first block.

    Args:
        parent: The model.
        build: Whose recording it reads.
        span: Length of a run.
        count: Traces to read.
        angle: The mean angle as a share of half a turn, instead of 1 - the mean cosine.
    """
    import torch

    layers = len(parent.layers)
    sums = torch.zeros(layers - span + 1, dtype=torch.float64)
    tokens = 0
    states: list[Any] = []

    def hear(number: int, hidden: Any) -> None:
        nonlocal tokens
        states.append(hidden.float())
        if number < layers:
            return
        # The final norm's input: the pass is over.
        for first in range(layers - span + 1):
            cosine = torch.nn.functional.cosine_similarity(states[first], states[first + span], dim=-1)
            cosine = cosine.cpu().double().clamp(-1, 1)
            sums[first] += (cosine.arccos() / torch.pi if angle else 1 - cosine).sum()
        tokens += hidden.shape[0] * hidden.shape[1]
        states.clear()

    with listening([*parent.layers, parent.model.model.norm], hear):
        show(parent, build, count)
    return (sums / tokens).tolist()
