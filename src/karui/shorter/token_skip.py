"""TokenSkip: the model learns to leave out what matters least, as much as the prompt says."""

import time
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from karui.artifacts import distributed
from karui.core.build_context import BuildContext
from karui.core.recording import RecordedQuestion
from karui.core.technique import Family, knob, require
from karui.core.trace import Trace
from karui.shorter._control import ensure_room, skip_prompt
from karui.shorter._importance import (
    Judge,
    Thought,
    between_markers,
    has_digit,
    kept,
    steps_of,
    thoughts_of,
    words_of,
)
from karui.shorter._right_traces import LEAST, RightTraces
from karui.shorter._sft import SFTTechnique

_TENTH = 0.1
_JUDGING = 0.25
"""What judging may take beside the training, as a share of its minutes."""
_UNITS = {"thought": thoughts_of, "step": steps_of, "word": words_of}


@dataclass(frozen=True)
class TokenSkip(SFTTechnique):
    """Trains the model on its right traces without what matters least in them, the share in the prompt.

    Each trace is learned at one ratio between `lowest` and 1, drawn evenly, with the words that skip-ratio
    adds to a prompt (`token-skip + skip-ratio:ratio=0.5`); without them the model thinks as it did. What goes
    are whole trains of thought (`unit=thought`), and checks that say nothing new go before what the answer
    stands on; or single steps; or words, and what is left are telegrams that people read less well and small
    models cannot reckon with. Importance is how little of it was to be expected from what the thinking had
    said before: judged by the model itself, which reads it without the question, or by an importance model.
    Of a trace that is one train of thought the steps are dropped, needed ones too, and answers go wrong. Not
    for tasks that need every step (`length-control` keeps them), nor where people read the thinking.

    Xia et al., "TokenSkip: Controllable Chain-of-Thought Compression in LLMs", arXiv 2502.12067; surprise as
    importance, of words or of larger units: Li et al., "Selective Context", arXiv 2310.06201; importance
    models, and numbers that stay: Pan et al., "LLMLingua-2", arXiv 2403.12968.
    """

    family: ClassVar[Family] = Family.SHORTER

    lowest: float = knob(0.5, low=0.3, high=0.7, help="The smallest ratio that is learned.")
    unit: str = knob("thought", choices=tuple(_UNITS), help="What stays or goes as a whole.")
    importance: str = knob("", help="Folder or Hub name of an importance model; empty: the model itself.")
    numbers: bool = knob(default=False, help="Whether units with digits go only after all others.")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.lowest < 1, self, "lowest lies between 0 and 1")
        require(self.unit in _UNITS, self, f"unit is one of {', '.join(_UNITS)}")

    def prepare(self, model: Path, build: BuildContext) -> None:
        right_traces = RightTraces.of(model, build.recording)
        ratios = self.ratios
        asked = right_traces.questions[0][0].prompt
        ensure_room(right_traces.tokenizer, [skip_prompt(asked, r).user for r in ratios])
        grader = Judge(self.importance or str(model), build.device)
        pairs = [(q, t) for q, traces in right_traces.questions for t in traces]
        draw = np.random.default_rng([build.seed, 3])
        dealt = draw.permutation(np.resize(np.array(ratios), len(pairs))).tolist()
        limit, order = inf, list(range(len(pairs)))
        if build.minutes is not None and not distributed.several():  # several have to judge the same ones
            limit, order = time.monotonic() + 60 * build.minutes * _JUDGING, draw.permutation(order).tolist()
        for number, place in enumerate(order):
            if time.monotonic() > limit and len(right_traces.examples) >= LEAST:
                right_traces.dropped["no time to judge them"] += len(pairs) - number
                break
            question, trace = pairs[place]
            self._add_skipped(right_traces, question, trace, dealt[place], grader)
            build.progress(0, 1, f"importance of {number + 1} of {len(pairs)} traces")
        del grader  # a second model on the device, and the training wants its memory
        self.train(model, build, right_traces.train_set(), ratios=ratios)

    @property
    def ratios(self) -> list[float]:
        """The ratios that are learned, in steps of a tenth up to 1."""
        steps = max(1, round((1 - self.lowest) / _TENTH))
        return [round(1 - step * (1 - self.lowest) / steps, 4) for step in range(steps + 1)]

    def _add_skipped(
        self, right_traces: RightTraces, question: RecordedQuestion, trace: Trace, ratio: float, grader: Judge
    ) -> None:
        """Adds the example of a trace at a ratio."""
        tokenizer, markers = right_traces.tokenizer, right_traces.markers
        written = right_traces.transcript.reply(question.prompt, trace)
        inner = between_markers(tokenizer, written.ids[: trace.thinking_tokens], markers.open, markers.close)
        thought = Thought.of(tokenizer, written.ids[inner])
        if written.exact and thought:
            left = self._left(tokenizer, thought, grader, ratio)
            reply = [*written.ids[: inner.start], *left, *written.ids[inner.stop :]]
            right_traces.add(question, reply, skip_prompt(question.prompt, ratio))
        else:
            right_traces.dropped["other tokens than recorded"] += 1

    def _left(self, tokenizer: Any, thought: Thought, grader: Judge, ratio: float) -> list[int]:
        """Returns the tokens that are left of a thought at a ratio."""
        ids = thought.ids
        if not ids:
            return []
        weights = grader.importance(thought.text, thought.spans)
        units = _UNITS[self.unit](thought.text, thought.spans)
        numbers = has_digit(tokenizer, ids) if self.numbers else np.zeros(len(ids), np.bool_)
        return [ids[i] for i in kept(weights, units, numbers, ratio).tolist()]
