"""Cut to convergence: the model learns to stop where its answer had settled."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.technique import Family, knob, require
from karui.shorter._convergence import cut, ensure_trials, settled
from karui.shorter._right_traces import RightTraces
from karui.shorter._sft import SFTTechnique


@dataclass(frozen=True)
class CutToConvergence(SFTTechnique):
    """Trains the model on its right traces, each cut at the checkpoint after which its answer never changed.

    The recording's trials say where that is; no token is generated for it. A trace whose answer settled only
    at its end is learned whole, so that questions that need length keep it. It trades away re-checking: an
    answer that is wrong when first reached stays wrong. With `confidence` at 0, or only the shortest cuts
    (`count`), it learns to stop where it was lucky. Not for recordings with checkpoints far apart, whose
    cuts come late.

    Liu and Wang, "Answer Convergence as a Signal for Early Stopping in Reasoning", arXiv 2506.02536, learned
    instead of watched; with `count`, of the shortest cuts only, as in 2502.20122.
    """

    family: ClassVar[Family] = Family.SHORTER

    patience: int = knob(2, low=1, high=3, help="Equal trials wanted before the cut.")
    confidence: float = knob(
        0.98, low=0.9, high=0.99, help="Least confidence of the first of them; 0 takes any."
    )
    count: int = knob(0, help="How many of a question's cut traces, the shortest; 0 takes all.")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.patience >= 1, self, "patience has to be at least 1")
        require(0 <= self.confidence <= 1, self, "confidence lies between 0 and 1")
        require(self.count >= 0, self, "count cannot be below 0")

    def prepare(self, model: Path, build: BuildContext) -> None:
        right_traces = RightTraces.of(model, build.recording)
        ensure_trials((t for _, traces in right_traces.questions for t in traces), self.name())
        whole = 0
        for question, traces in right_traces.questions:
            places = [settled(t, patience=self.patience, confidence=self.confidence) for t in traces]
            pairs = sorted(
                zip(traces, places, strict=True), key=lambda p: p[1].tokens if p[1] else p[0].thinking_tokens
            )
            for trace, mark in pairs[: self.count or None]:
                shown = trace if mark is None else cut(trace, mark, right_traces.suffix, right_traces.markers)
                right_traces.add_trace(question, shown)
                whole += mark is None
            right_traces.dropped["not selected"] += len(pairs[self.count or len(pairs) :])
        self.train(model, build, right_traces.train_set(least=1), whole=whole)
