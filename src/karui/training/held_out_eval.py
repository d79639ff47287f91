"""Watching a supervised training: what the model answers to questions held back, beside its loss on them.

The loss says how well a model knows the replies it is taught; whether it thinks shorter, and is still right,
only its own answers say. They cost time, so that they are drawn for the curve where it was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from karui.artifacts.resources import ensure_memory
from karui.core.build_context import BuildContext
from karui.core.errors import KaruiError
from karui.core.prompt import Sampling
from karui.engines.chat.markers import Start
from karui.engines.chat.template import ChatTemplate
from karui.engines.transformers.load import choose_dtype
from karui.training.config import TrainingConfig
from karui.training.data.examples import TrainingExample
from karui.training.rl.completions import measure_held_out
from karui.training.rl.prompts import Grader, RLPrompt, longest_reply

_ANSWERS, _EACH = 16, 4
"""Answers drawn for a measurement, and of each question at most."""


class HeldOutEval:
    """Answers questions held back, drawn as in the recording."""

    def __init__(self, build: BuildContext, tokenizer: Any, model: Any) -> None:
        """Finds the recording's questions again, and what judges answers to them.

        Raises:
            RecordingMismatch: They cannot be loaded any more.
        """
        recording, task = build.recording, build.task
        self._build = build
        thinking = recording.manifest.thinking
        template = ChatTemplate.of(tokenizer, thinking)
        self._questions = {q.id: q for q in task.questions}
        self._starts: dict[str, Start] = {q.id: template.render(q.prompt)[1] for q in recording.questions}
        self._grader = Grader(tokenizer, model, agreement=task.agreement, thinking=thinking)
        longest = longest_reply(recording, (), None)
        self._sampling = replace(recording.manifest.sampling, max_tokens=longest)
        self._seed = build.seed
        self._prompts: list[RLPrompt] = []
        self._sampler: Any = None
        self.model: Any = None

    def begin(self, held: Sequence[TrainingExample], model: Any, config: TrainingConfig) -> None:
        """Copies the model, to draw answers on. Where that cannot be, it is noted why, and nothing is drawn.

        Args:
            held: Examples held back; the prompt of one of each question is asked.
            model: Before a trainer wraps it.
            config: Says on which device.
        """
        try:
            self._sampler = self._copy(held, model, config)
        except KaruiError as error:
            self._build.note(unwatched=error.what)
        if not _everywhere(self._sampler is not None):
            self._prompts = []

    def _copy(self, held: Sequence[TrainingExample], model: Any, config: TrainingConfig) -> Any:
        from accelerate import PartialState

        from karui.training.rl.rollout import Sampler

        dtype = choose_dtype("auto", config.device)[0]
        size = sum(p.numel() for p in model.parameters()) * (2 if dtype == "bfloat16" else 4)
        ensure_memory(4 * size, config.device, "A copy to draw answers on", "Take a smaller model.")
        asked = list({example.question: example for example in held}.values())[:_ANSWERS]
        each = min(_EACH, -(-_ANSWERS // max(1, len(asked))))
        self._prompts = [
            RLPrompt(x.prompt_ids, self._starts[x.question], self._questions[x.question])
            for x in asked
            for _ in range(each)
        ]
        return Sampler(
            model,
            self._grader.ends,
            device=PartialState().device,
            dtype=dtype,
            rows=max(1, len(self._prompts)),
            graphs=config.device.startswith("cuda"),
        )

    def look(self) -> Mapping[str, float]:
        """Returns accuracy, tokens and truncated share of the answers; the same on every process."""
        return (
            measure_held_out(self._prompts, self._grader, None, self, self._sampling) if self._prompts else {}
        )

    def held(self, prompts: list[list[int]], sampling: Sampling) -> list[list[int]]:
        """Returns an answer to each prompt."""
        from accelerate import PartialState

        self._sampler.refresh(self.model)
        found: list[list[int]] = self._sampler.sample(
            prompts, sampling, (self._seed, 5, PartialState().process_index)
        )
        return found


def held_out_eval_of(build: BuildContext, tokenizer: Any, model: Any) -> HeldOutEval | None:
    """Returns what watches a training, None where it was not asked for or cannot be; then it is noted why."""
    if not build.watch:
        return None
    try:
        return HeldOutEval(build, tokenizer, model)
    except KaruiError as error:
        build.note(unwatched=error.what)
        return None


def _everywhere(holds: bool) -> bool:
    """Whether something holds on every process: all draw answers, or none does."""
    from accelerate import PartialState

    if PartialState().num_processes == 1:
        return holds
    import torch

    least = torch.tensor([float(holds)], device=PartialState().device)
    torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
    return bool(least.item())
