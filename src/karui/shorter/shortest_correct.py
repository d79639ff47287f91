"""Shortest correct: the model learns from the shortest of its own right traces."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, knob, require
from karui.shorter._right_traces import RightTraces
from karui.shorter._sft import SFTTechnique


@dataclass(frozen=True)
class ShortestCorrect(SFTTechnique):
    """Trains the model on the shortest of each question's right traces, which it wrote itself.

    It trades away the long way round, and with it some second thoughts: on questions that most traces get
    wrong, the shortest right one may be the luckiest. Gains end where traces differ little in length;
    more samples of each question shorten more. Not for recordings with one or two traces of each.

    Best-of-n fine-tuning of Munkhbat et al., "Self-Training Elicits Concise Reasoning in Large Language
    Models", arXiv 2502.20122.
    """

    family: ClassVar[Family] = Family.SHORTER

    count: int = knob(1, low=1, high=2, of_recorded=True, help="How many of a question's right traces.")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.count >= 1, self, "count has to be at least 1")

    def prepare(self, model: Path, build: BuildContext) -> None:
        right_traces = RightTraces.of(model, build.recording)
        before = after = 0.0
        for question, traces in right_traces.questions:
            ordered = sorted(traces, key=lambda t: t.thinking_tokens + t.answer_tokens)
            for trace in ordered[: self.count]:
                right_traces.add_trace(question, trace)
            right_traces.dropped["not selected"] += len(ordered[self.count :])
            before += sum(t.thinking_tokens for t in traces) / len(traces)
            after += ordered[0].thinking_tokens
        self.train(
            model, build, right_traces.train_set(least=1), shortest_share=round(after / max(before, 1), 4)
        )
