"""Adaptive thinking: the model learns which questions it can answer without thinking."""

from collections import Counter
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import ClassVar

from karui.core.build_context import BuildContext
from karui.core.errors import ModelError
from karui.core.technique import Family, knob, require
from karui.core.trace import Trace
from karui.engines.chat.markers import BOX
from karui.engines.transformers.load import choose_dtype, load_model
from karui.shorter._convergence import cut, ensure_trials, settled
from karui.shorter._right_traces import RightTraces
from karui.shorter._sft import SFTTechnique


@dataclass(frozen=True)
class AdaptiveThinking(SFTTechnique):
    """Trains the model to close its thinking at once where it knows the answer, and to think elsewhere.

    Whether it knows is measured on the recording's questions: how likely is the answer that its traces got
    right, right after empty thinking? From `sure` on the question is learned without thinking; all others
    are learned with thinking, as `thoughts` says. It trades away a net: an easy-looking question that is not
    easy gets no thinking at all. Not for models that never answer right without thinking: nothing would be
    learned but shorter traces.

    Zhang et al., "AdaptThink: Reasoning Models Can Learn When to Think", arXiv 2505.13417, and Tu et al.,
    "Learning When to Think: Shaping Adaptive Reasoning in R1-Style Models" (AutoThink), arXiv 2505.10832, in
    supervised form: both train by reinforcement.
    """

    family: ClassVar[Family] = Family.SHORTER

    sure: float = knob(0.9, low=0.5, high=0.99, help="Probability of the right answer without thinking.")
    thoughts: str = knob(
        "shortest",
        choices=("all", "shortest", "settled"),
        help="Right traces of the other questions: all, the shortest, or cut where the answer settled.",
    )
    patience: int = knob(2, help="With thoughts=settled: equal trials wanted before the cut.")
    confidence: float = knob(0.98, help="With thoughts=settled: of the first of them, at least.")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.sure <= 1, self, "sure lies above 0 and at most at 1")
        require(self.thoughts in {"all", "shortest", "settled"}, self, "thoughts is all, shortest or settled")
        require(self.patience >= 1, self, "patience has to be at least 1")
        require(0 <= self.confidence <= 1, self, "confidence lies between 0 and 1")

    def prepare(self, model: Path, build: BuildContext) -> None:
        right_traces = RightTraces.of(model, build.recording)
        if self.thoughts == "settled":
            ensure_trials((t for _, traces in right_traces.questions for t in traces), self.name())
        if right_traces.markers.plain:
            raise ModelError(
                f"{self.name()} needs a model that closes its thinking with a marker.",
                why=right_traces.markers.found_how,
                remedy="Use shortest-correct or cut-to-convergence for this model.",
            )
        chances = _chances(model, right_traces, build)
        easy: Counter[str] = Counter()
        for (question, traces), chance in zip(right_traces.questions, chances, strict=True):
            if chance >= self.sure:
                easy[question.kind or "all"] += 1
                reply = right_traces.transcript.unthought(question.prompt, _answer(traces))
                right_traces.add(question, reply + right_traces.transcript.end)
                right_traces.dropped["answered without thinking"] += len(traces)
                continue
            for trace in self._chosen(right_traces, traces):
                right_traces.add_trace(question, trace)
        self.train(
            model,
            build,
            right_traces.train_set(least=1),
            without_thinking=dict(sorted(easy.items())),
            with_thinking=len(right_traces.questions) - easy.total(),
        )

    def _chosen(self, right_traces: RightTraces, traces: tuple[Trace, ...]) -> list[Trace]:
        if self.thoughts == "shortest":
            right_traces.dropped["not selected"] += len(traces) - 1
            return [min(traces, key=lambda t: t.thinking_tokens + t.answer_tokens)]
        if self.thoughts == "all":
            return list(traces)
        marks = [settled(t, patience=self.patience, confidence=self.confidence) for t in traces]
        return [
            t if m is None else cut(t, m, right_traces.suffix, right_traces.markers)
            for t, m in zip(traces, marks, strict=True)
        ]


def _answer(traces: tuple[Trace, ...]) -> str:
    """Returns the right answer's text: a trial's, which is an answer without a speech, where there is one."""
    trials = (m.trial for t in traces for m in t.checkpoints if m.trial and m.trial.answer == t.answer)
    trial = next(trials, None)
    return trial.text if trial else traces[0].text


def _chances(folder: Path, right_traces: RightTraces, build: BuildContext) -> list[float]:
    """Returns for each question with right traces how likely the model is to give the right answer unthought.

    The probability of the answer's tokens one after the other, behind the box that a trial opens too.
    """
    import torch

    model = load_model(folder, build.device, choose_dtype("auto", build.device)[0])
    encode = right_traces.tokenizer.encode
    chances = []
    for number, (question, traces) in enumerate(right_traces.questions):
        text = _answer(traces)
        box = BOX if text.startswith(BOX) else ""
        before = right_traces.transcript.prompt(question.prompt)
        before = before + right_traces.transcript.unthought(question.prompt, box)
        said = encode(text.removeprefix(box), add_special_tokens=False)
        ids = torch.tensor([before + said], device=build.device)
        with torch.no_grad():
            logits = model(input_ids=ids, use_cache=False).logits[0, len(before) - 1 : -1].float()
        found = logits.log_softmax(-1).gather(1, ids[0, len(before) :, None]).sum()
        chances.append(exp(float(found)))
        build.progress(
            0, 1, f"asked {number + 1} of {len(right_traces.questions)} questions without thinking"
        )
    return chances
