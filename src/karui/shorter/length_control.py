"""Length control (LCPO): the model learns to think for as long as the prompt says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from karui.core.build_context import BuildContext
from karui.core.loops import needed_tokens
from karui.core.technique import Family, knob, require
from karui.engines.chat.tokenizer import load_tokenizer
from karui.shorter._control import ensure_room
from karui.shorter._rl import RLTechnique
from karui.shorter._target import GRID_HELP, MODES, rounded, target_prompt
from karui.training.rl.config import RewardSpec
from karui.training.rl.prompts import GradedCompletion
from karui.training.rl.rewards import target_at_most, target_exact

_TARGETS = 4
"""Targets that each question is asked with in the course of a training."""
_EXACT, _AT_MOST = 1.2, 4.0
"""Slopes times the highest target: as in the paper, where they are 0.0003 and 0.001 for up to 4,000."""
_ROOM = 1.25
"""Tokens that an answer may take, as a multiple of the highest target: overrunning it has to be possible."""


@dataclass(frozen=True)
class LengthControl(RLTechnique):
    """Trains the model by reinforcement to think for as many tokens as its prompt says, or no more.

    Each question is asked with several targets between `low` and `high`, drawn evenly. One training then
    serves every target: `length-control + target-length:tokens=150` is a plan of its own, with a recording
    of its own. It trades away accuracy at targets too small for the question, by design, and some of what
    the model does when no target is named. Not where one length will do: reinforce-shorter gets further in
    the same time. Nor for a model so small or a training so short that it does not learn to read numbers:
    look at asked-for against delivered lengths first. Accuracy on questions held back is watched, with
    targets as in the training.

    L1 of Aggarwal and Welleck, "L1: Controlling How Long A Reasoning Model Thinks With Reinforcement
    Learning", arXiv 2503.04697 (LCPO-Exact and LCPO-Max).
    """

    family: ClassVar[Family] = Family.SHORTER

    mode: str = knob("exact", choices=MODES, help="Whether a target is to be met, or not to be exceeded.")
    low: int = knob(0, help="Smallest target; 0 is a fifth of the recording's mean.")
    high: int = knob(0, help="Largest target; 0 is one and a half times the recording's mean.")
    grid: int = knob(10, help=GRID_HELP)
    slope: float = knob(0.0, help="What a token too many costs; 0 is as in the paper, by the largest target.")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.mode in MODES, self, f"mode is one of {', '.join(MODES)}")
        require(self.low >= 0 and self.high >= 0, self, "low and high cannot be below 0")
        require(not self.high or self.low < self.high, self, "low has to be below high")
        require(self.grid >= 1, self, "grid has to be at least 1")
        require(self.slope >= 0, self, "slope cannot be below 0")

    def prepare(self, model: Path, build: BuildContext) -> None:
        recording = build.recording
        mean = np.mean([needed_tokens(t) + t.answer_tokens for t in recording.traces()])
        low, high = self.low or max(1, round(mean / 5)), self.high or round(1.5 * mean)
        draw = np.random.default_rng([build.seed, 4])
        asked = [
            (question, target_prompt(question.prompt, target, self.mode), target)
            for question in recording.questions
            for target in (rounded(n, self.grid) for n in draw.integers(low, high + 1, _TARGETS).tolist())
        ]
        wordings = dict.fromkeys(prompt.user for _, prompt, _ in asked[:_TARGETS])
        ensure_room(load_tokenizer(model), list(wordings))
        slope = self.slope or (_EXACT if self.mode == "exact" else _AT_MOST) / high

        def reward(tokens: Sequence[int], right: Sequence[bool], target: int) -> list[float]:
            if self.mode == "exact":
                return target_exact(tokens, right, target=target, slope=slope)
            return target_at_most(tokens, right, target=target, slope=slope)

        def kept_to(attempts: Sequence[GradedCompletion], targets: Sequence[int]) -> float:
            paid = [reward([a.tokens], [a.good], t)[0] for a, t in zip(attempts, targets, strict=True)]
            return sum(paid) / len(paid)

        build.note(targets=[low, high], slope=slope)
        self.train(model, build, asked, RewardSpec(reward, kept_to), at_least_tokens=round(_ROOM * high))
