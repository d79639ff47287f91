"""Which models are made, and how each is recorded on karui-mini's test questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STEPS, BATCH_TOKENS, RATE, RANK = 160, 8192, 2e-3, 16
"""The same for all trainings, so that plain-sft is a control for each of them."""

MARGIN = 0.01
"""How far below karui-mini a variant may be on the pilot questions, to be chosen for its few tokens."""


@dataclass(frozen=True)
class Made:
    """One model, or one of several variants of which the pilot questions choose.

    Attributes:
        name: Its folder below `models`.
        plan: The techniques that make it of karui-mini.
        of: What it is a variant of; its own name where there are no others.
        after: What has to be chosen first.
    """

    name: str
    plan: str
    of: str
    after: str = ""


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
    cut, adaptive = "cut-to-convergence", "adaptive-thinking"
    variants = [
        Made("shortest-correct", f"shortest-correct:{how}", "shortest-correct"),
        *(Made(f"{cut}-{n}", f"{cut}:patience={n},{how}", cut) for n in (1, 2, 3)),
        *(
            Made(f"{adaptive}-{n}", f"{adaptive}:thoughts=settled,patience={n},{how}", adaptive)
            for n in (1, 2)
        ),
        Made("token-skip", f"token-skip:{how}", "token-skip"),
        Made("plain-sft", f"plain-sft:{how}", "plain-sft"),
    ]
    merges = [
        Made(f"merge-{r}", f"merge:short={work / 'models' / cut},ratio=0.{r}", f"merge-{r}", after=cut)
        for r in (4, 7)
    ]
    return [*variants, *merges]


RECORDINGS = [
    Shown("shortest-correct"),
    Shown("cut-to-convergence"),
    Shown("adaptive-thinking"),
    Shown("merge-7"),
    Shown("merge-4", samples=1),
    Shown("plain-sft", samples=1),
    Shown("token-skip", samples=2, style="skip-ratio:ratio=0.5"),
    *(
        Shown("token-skip", samples=1, style=f"skip-ratio:ratio={ratio}", trials=False)
        for ratio in (0.3, 0.4, 0.6, 0.7, 0.8, 0.9)
    ),
]
