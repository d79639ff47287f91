"""TokenSkip: the model learns to leave out the least important tokens, as many as the prompt says."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from karui.core.errors import InputError
from karui.core.forge import Forge
from karui.core.technique import Family, knob, require
from karui.shorter._control import ensure_room, skip_prompt
from karui.shorter._importance import Judge, Thought, has_digit, kept, of_markers, surprise, usual
from karui.shorter._material import Material
from karui.shorter._training import Training

_TENTH = 0.1


@dataclass(frozen=True)
class TokenSkip(Training):
    """Trains the model on its right traces without their least important words, the share in the prompt.

    Each trace is learned at one ratio between `lowest` and 1, drawn evenly, with the words that skip-ratio
    adds to a prompt (`token-skip + skip-ratio:ratio=0.5`); without them the model thinks as it did. It
    trades away what joins the steps: thoughts become telegrams that people read less well, and at low
    ratios steps are lost that were needed. Importance is how surprising the model finds a word on average,
    as recorded, or what an importance model says of it where it stands. Not for tasks whose thinking is read
    by people.

    Xia et al., "TokenSkip: Controllable Chain-of-Thought Compression in LLMs", arXiv 2502.12067; surprise as
    importance: Li et al., "Selective Context", arXiv 2310.06201; importance models, numbers that stay
    and words that go as a whole: Pan et al., "LLMLingua-2", arXiv 2403.12968.
    """

    family: ClassVar[Family] = Family.SHORTER

    lowest: float = knob(0.5, low=0.3, high=0.7, help="The smallest ratio that is learned.")
    importance: str = knob(
        "", help="Folder or Hub name of an importance model; empty: the model's own surprise."
    )
    numbers: bool = knob(default=False, help="Whether words with digits go only after all others.")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.lowest < 1, self, "lowest lies between 0 and 1")

    def prepare(self, model: Path, forge: Forge) -> None:
        material = Material.of(model, forge.recording)
        ratios = self.ratios
        asked = material.right[0][0].prompt
        ensure_room(material.tokenizer, [skip_prompt(asked, r).user for r in ratios])
        judge = Judge(self.importance, forge.device) if self.importance else None
        pairs = [(q, t) for q, traces in material.right for t in traces]
        draw = np.random.default_rng([forge.seed, 3])
        dealt = draw.permutation(np.resize(np.array(ratios), len(pairs))).tolist()
        known, weighed = [], []
        for number, ((question, trace), ratio) in enumerate(zip(pairs, dealt, strict=True)):
            written = material.transcript.reply(question.prompt, trace)
            thought = Thought.of(material.tokenizer, written.ids[: trace.thinking_tokens])
            weights = None
            if written.exact and thought:
                weights = judge.importance(thought.text, thought.spans) if judge else surprise(trace)
            if thought is None or weights is None:
                material.dropped["importance unknown"] += 1
            else:
                known.append((question, ratio, thought, written.ids[trace.thinking_tokens :]))
                weighed.append(weights)
            if judge:
                forge.progress(0, 1, f"importance of {number + 1} of {len(pairs)} traces")
        if judge is None:
            weighed = usual([thought for _, _, thought, _ in known], weighed)
        for (question, ratio, thought, answer), weights in zip(known, weighed, strict=True):
            reply = self._skipped(material, thought, weights, ratio) + answer
            material.add(question, reply, skip_prompt(question.prompt, ratio))
        if not material.lessons:
            raise InputError(
                "Of no right trace is it known how important its tokens are.",
                why="The recording holds no log-probabilities of the very tokens.",
                remedy="Record with an engine that gives them, or name an importance model (importance=…).",
            )
        self.train(model, forge, material.taught(), ratios=ratios)

    @property
    def ratios(self) -> list[float]:
        """The ratios that are learned, in steps of a tenth up to 1."""
        steps = max(1, round((1 - self.lowest) / _TENTH))
        return [round(1 - step * (1 - self.lowest) / steps, 4) for step in range(steps + 1)]

    def _skipped(
        self, material: Material, thought: Thought, weights: NDArray[np.float32], ratio: float
    ) -> list[int]:
        """Returns the tokens that stay of a thought at a ratio."""
        tokenizer, markers, ids = material.tokenizer, material.markers, thought.ids
        numbers = has_digit(tokenizer, ids) if self.numbers else np.zeros(len(ids), np.bool_)
        fixed = of_markers(tokenizer, ids, markers.open, markers.close)
        return [ids[i] for i in kept(weights, thought.words, numbers, fixed, ratio).tolist()]
