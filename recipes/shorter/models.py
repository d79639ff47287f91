"""Which models are made, and how each is recorded on karui-mini's test questions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STEPS, BATCH_TOKENS, RATE, RANK = 160, 8192, 2e-3, 16
"""The same for all trainings, so that plain-sft is a control for each of them."""

READING_STEPS, SKIPPING_STEPS, READING_RATE = 600, 1000, 5e-4
"""Of what teaches the meaning of a number in the prompt, in all weights: 160 steps of adapters did not. After
600 steps a share of the thinking was not read yet, after 1,000 it was."""
GRID = 50
"""Lengths are asked for in multiples of this."""

PAID = "questions=64,group=16,updates=4,steps=4000,held=512,margin=0.01,micro_tokens=65536,learning_rate=1e-4"
"""How reinforcement goes: a rollout takes as long as its longest answer, so it has many. The weights kept are
the best of those that are not measurably less accurate than at the beginning."""
TINY = "questions=2,group=4,updates=1,steps=4,held=8,learning_rate=1e-4"
MINUTES = 1.8

MARGIN = 0.01
"""How far below karui-mini a variant may be on the pilot questions, to be chosen for its few tokens."""


@dataclass(frozen=True)
class Made:
    """One model, or one of several variants of which the pilot questions choose.

    Attributes:
        name: Its folder below `models`.
        plan: The techniques that make it of karui-mini.
        of: What it is a variant of; its own name where there are no others.
        after: What has to be made or chosen first.
        parent: Which of the models it is made of; empty is karui-mini.
        minutes: Of a training by reinforcement; None is no such training.
        practised: Whether it learns from the questions drawn for practice, not from those recorded first.
    """

    name: str
    plan: str
    of: str
    after: str = ""
    parent: str = ""
    minutes: float | None = None
    practised: bool = False


@dataclass(frozen=True)
class Shown:
    """One recording on the test questions.

    Attributes:
        model: Name of the model.
        samples: Traces of each question.
        style: What is added to the prompt, as a plan.
        trials: Whether answers are tried on the way, so that early exits can be replayed over it.
        questions: How many of them; all where it is None.
    """

    model: str
    samples: int = 4
    style: str = ""
    trials: bool = False
    questions: int | None = None

    @property
    def name(self) -> str:
        """Its folder below `recordings`."""
        return self.model + ("-" + self.style.rpartition("=")[2].replace(".", "") if self.style else "")


def models(work: Path, steps: int = STEPS, minutes: float = MINUTES, *, tiny: bool = False) -> list[Made]:
    """Return the models, those that others are made of first.

    Args:
        work: Where `models` lies: a merge names the other model by its folder.
        steps: Of every supervised training.
        minutes: Of every training by reinforcement.
        tiny: Whether it is only rehearsed, with batches that suit a CPU.
    """
    batch, paid = (1024, TINY) if tiny else (BATCH_TOKENS, PAID)
    how = f"lora={RANK},steps={steps},batch_tokens={batch},learning_rate={RATE}"
    skip, read = (
        f"lora=0,steps={2 if tiny else count},batch_tokens={batch},learning_rate={READING_RATE}"
        for count in (SKIPPING_STEPS, READING_STEPS)
    )
    cut, adaptive, brief, control = (
        "cut-to-convergence", "adaptive-thinking", "reinforce-shorter", "length-control",
    )  # fmt: skip
    variants = [
        Made("shortest-correct", f"shortest-correct:{how}", "shortest-correct"),
        *(Made(f"{cut}-{n}", f"{cut}:patience={n},{how}", cut) for n in (1, 2, 3)),
        *(
            Made(f"{adaptive}-{n}", f"{adaptive}:thoughts=settled,patience={n},{how}", adaptive)
            for n in (1, 2)
        ),
        Made("token-skip", f"token-skip:lowest=0.4,{skip}", "token-skip"),
        Made("length-labels", f"length-labels:grid={GRID},{read}", "length-labels"),
        Made("plain-sft", f"plain-sft:{how}", "plain-sft"),
    ]
    merges = [
        Made(f"merge-{r}", f"merge:short={work / 'models' / cut},ratio=0.{r}", f"merge-{r}", after=cut)
        for r in (4, 7)
    ]
    reinforced = [
        Made(brief, f"{brief}:{paid}", brief, minutes=minutes),
        # What a short model lost on the way is what reinforcement gives back: brevity counts for little here.
        # An answer that was cut is wrong, so the longest ones that are needed have to fit.
        Made(
            f"adaptive-{brief}",
            f"{brief}:weight=0.05,max_tokens=448,{paid}",
            f"adaptive-{brief}",
            adaptive,
            adaptive,
            minutes,
            practised=True,
        ),
        Made(
            control,
            f"{control}:low={GRID},high=400,grid={GRID},{paid}",
            control,
            "length-labels",
            "length-labels",
            minutes,
        ),
    ]
    return [*variants, *merges, *reinforced]


RATIOS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TARGETS = (50, 150, 200, 250, 300, 400)
SHORT = 100
"""The length that is recorded whole: about a third of what karui-mini thinks."""

RECORDINGS = [
    Shown("cut-to-convergence", trials=True),
    Shown("adaptive-thinking", trials=True),
    Shown("merge-7"),
    Shown("reinforce-shorter", trials=True),
    Shown("adaptive-reinforce-shorter", trials=True),
    Shown("shortest-correct", samples=2),
    Shown("merge-4", samples=1),
    Shown("plain-sft", samples=1),
    *(Shown("token-skip", 1, f"skip-ratio:ratio={ratio}", questions=500) for ratio in RATIOS),
    Shown("length-control", style=f"target-length:tokens={SHORT}", trials=True),
    *(Shown("length-control", 1, f"target-length:tokens={tokens}", questions=500) for tokens in TARGETS),
]
