"""Length labels: the model learns its right traces under prompts that say how long each of them is."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from karui.core.build_context import BuildContext
from karui.core.technique import Family, knob, require
from karui.core.trace import Trace
from karui.shorter._control import ensure_room
from karui.shorter._convergence import cut, ensure_trials, settled
from karui.shorter._right_traces import RightTraces
from karui.shorter._sft import SFTTechnique
from karui.shorter._target import GRID_HELP, rounded, target_prompt


@dataclass(frozen=True)
class LengthLabels(SFTTechnique):
    """Trains the model on its right traces, each under a prompt that asks for the tokens it has, rounded.

    So that short lengths are learned too, a trace is cut at one of the checkpoints at which its answer had
    settled, or left whole, drawn evenly. It is asked with target-length afterwards, as length-control is,
    and is the start that length-control needs where the model is too small or the time too short to find
    out by reward alone what the number means (`length-labels + length-control`). It trades away accuracy at
    targets too small for the question. Not for recordings without trials: they say nothing about where a
    trace could have ended.

    Goals named in hindsight: Andrychowicz et al., "Hindsight Experience Replay", arXiv 1707.01495, and Zhang
    et al., "The Wisdom of Hindsight Makes Language Models Better Instruction Followers", arXiv 2302.05206;
    the prompt is that of L1, arXiv 2503.04697.
    """

    family: ClassVar[Family] = Family.SHORTER

    grid: int = knob(10, help=GRID_HELP)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.grid >= 1, self, "grid has to be at least 1")

    def prepare(self, model: Path, build: BuildContext) -> None:
        right_traces = RightTraces.of(model, build.recording)
        ensure_trials((t for _, traces in right_traces.questions for t in traces), self.name())
        draw = np.random.default_rng([build.seed, 5])
        labels = []
        for question, traces in right_traces.questions:
            for trace in traces:
                shown = _shown(trace, right_traces, draw)
                reply = right_traces.transcript.reply(question.prompt, shown).ids
                labels.append(rounded(len(reply), self.grid))
                right_traces.add(question, reply, target_prompt(question.prompt, labels[-1], "exact"))
        asked = right_traces.questions[0][0].prompt
        ensure_room(
            right_traces.tokenizer, [target_prompt(asked, n, "exact").user for n in sorted(set(labels))]
        )
        low, high = np.percentile(labels, (5, 95)).round().astype(int).tolist()
        self.train(model, build, right_traces.train_set(), targets=[low, high])


def _shown(trace: Trace, right_traces: RightTraces, draw: np.random.Generator) -> Trace:
    """Returns the trace, whole or cut where its answer had settled."""
    first = settled(trace)
    marks = [m for m in trace.checkpoints if m.trial and first and m.tokens >= first.tokens]
    place = int(draw.integers(len(marks) + 1))
    whole = place == len(marks)
    return trace if whole else cut(trace, marks[place], right_traces.suffix, right_traces.markers)
