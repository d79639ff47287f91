"""Merge: weights between a long-thinking model and a short-thinking one of the same shapes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, Technique, knob, require
from karui.engines.chat.tokenizer import load_tokenizer
from karui.models.folder import find_folder
from karui.shorter._tensors import Tensors, ensure_alike
from karui.training.student import check_same_tokenizer

_METHODS = ("linear", "task-arithmetic")


@dataclass(frozen=True)
class Merge(Technique):
    """Moves the weights part of the way towards a sibling that thinks shorter, or the base; trains nothing.

    `linear` is long + ratio * (short - long). `task-arithmetic` adds what makes the short one short,
    long + ratio * (short - base), and needs the `base` that both came from. It trades away nothing but the
    certainty of a known model: between the two, length and accuracy do not change evenly, and some ratios
    are worse than both ends; record several. Not for models that were not trained from the same base: their
    weights mean different things.

    Long-to-short merging of the Kimi team, "Kimi k1.5", arXiv 2501.12599, and of Wu et al., "Unlocking
    Efficient Long-to-Short LLM Reasoning with Model Merging", arXiv 2503.20641; linear: Wortsman et al.,
    "Model soups", arXiv 2203.05482; task arithmetic: Ilharco et al., arXiv 2212.04089.
    """

    family: ClassVar[Family] = Family.SHORTER

    short: str = knob(help="The short-thinking sibling, or the base: a folder or Hub name.")
    ratio: float = knob(0.5, low=0.2, high=0.8, help="How far to go; 0 is the long-thinking model as it is.")
    method: str = knob("linear", choices=_METHODS, help="linear, or task-arithmetic, which needs a base.")
    base: str = knob("", help="For task-arithmetic: what both models were trained from.")

    def __post_init__(self) -> None:
        require(bool(self.short), self, "short has to name a model")
        require(0 < self.ratio <= 1, self, "ratio lies above 0 and at most at 1")
        require(self.method in _METHODS, self, "method is linear or task-arithmetic")
        wants = self.method == "task-arithmetic"
        require(
            wants == bool(self.base), self, "a base is for task-arithmetic, and task-arithmetic needs one"
        )

    def prepare(self, model: Path, build: BuildContext) -> None:
        others = {"short": self.short, "base": self.base} if self.base else {"short": self.short}
        long = Tensors.of(model)
        opened: dict[str, Tensors] = {}
        for role, name in others.items():
            folder = find_folder(name)
            opened[role] = Tensors.of(folder)
            ensure_alike(long, opened[role])
            check_same_tokenizer(load_tokenizer(folder), load_tokenizer(model), name)
        short, origin = opened["short"], opened.get("base", long)
        distance = _Distance()

        def merged(name: str, own: Any) -> Any:
            if not own.is_floating_point():
                return own
            step = short[name].float() - origin[name].float()
            distance.add(step, own)
            return (own.float() + self.ratio * step).to(own.dtype)

        long.write(build.folder, merged, build.progress)
        build.note(
            digests={role: tensors.digest for role, tensors in opened.items()}, distance=distance.share
        )


class _Distance:
    """How far apart two models are: the norm of their difference over that of the weights."""

    def __init__(self) -> None:
        self._step = self._own = 0.0

    def add(self, step: Any, own: Any) -> None:
        self._step += float(step.square().sum())
        self._own += float(own.float().square().sum())

    @property
    def share(self) -> float:
        return round((self._step / self._own) ** 0.5, 6) if self._own else 0.0
