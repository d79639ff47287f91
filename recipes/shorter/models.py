"""Which models are made, and how each is recorded on karui-mini's test questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STEPS, BATCH_TOKENS, RATE, RANK = 160, 8192, 2e-3, 16
"""The same for all trainings, so that plain-sft is a control for each of them."""


@dataclass(frozen=True)
class Made:
    """One model.

    Attributes:
        name: Its folder below `models`.
        plan: The techniques that make it of karui-mini.
        after: Models that have to be there first.
    """

    name: str
    plan: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """One recording on the test questions.

    Attributes:
        model: Name of the model.
        samples: Traces of each question.
        style: What is added to the prompt, as a plan.
        trials: Whether answers are tried on the way, so that early exits can be replayed over it.
    """

    model: str
    samples: int = 4
    style: str = ""
    trials: bool = True

    @property
    def name(self) -> str:
        """Its folder below `recordings`."""
        return self.model + ("-" + self.style.rpartition("=")[2].replace(".", "") if self.style else "")


def models(work: Path, steps: int = STEPS) -> list[Made]:
    """Return the models, those that others are made of first.

    Args:
        work: Where `models` lies: a merge names the other model by its folder.
        steps: Of every training.
    """
    how = f"lora={RANK},steps={steps},batch_tokens={BATCH_TOKENS},learning_rate={RATE}"
    short = work / "models" / "cut-to-convergence"
    return [
        Made("shortest-correct", f"shortest-correct:{how}"),
        Made("cut-to-convergence", f"cut-to-convergence:count=2,{how}"),
        Made("adaptive-thinking", f"adaptive-thinking:thoughts=settled,{how}"),
        Made("token-skip", f"token-skip:{how}"),
        Made("plain-sft", f"plain-sft:{how}"),
        Made("merge", f"merge:short={short},ratio=0.5", after=("cut-to-convergence",)),
    ]


RECORDINGS = [
    Shown("shortest-correct"),
    Shown("cut-to-convergence"),
    Shown("adaptive-thinking"),
    Shown("token-skip", style="skip-ratio:ratio=0.4"),
    Shown("merge"),
    Shown("plain-sft", samples=1),
    *(
        Shown("token-skip", samples=1, style=f"skip-ratio:ratio={ratio}", trials=False)
        for ratio in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
    ),
]
