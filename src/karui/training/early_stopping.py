"""Watching a training for collapse: accuracy on questions held back, and the best weights so far.

A reward that pays for brevity can be had by giving up. What is held back shows it: the training ends when
accuracy has fallen by more than a margin, and what is kept are the best weights within the margin. Some
dozens of answers tell accuracy only roughly, so that one standard error is allowed on top.
"""

import json
from collections.abc import Callable, Mapping
from math import sqrt
from pathlib import Path
from typing import Any

from karui.training.schedule import TrainingSchedule
from karui.training.trainers import is_main_process

_WEIGHTS, _FACTS = "best.safetensors", "best.json"


class EarlyStopping:
    """Measures a model under training, stops it in time, and keeps its best weights in a folder."""

    def __init__(
        self,
        schedule: TrainingSchedule,
        scratch: Path,
        measure: Callable[[], Mapping[str, float]],
        margin: float,
        held: int,
    ) -> None:
        """Takes what was kept before an interruption.

        Args:
            schedule: Is stopped with the reason "accuracy".
            scratch: Where the best weights are kept.
            measure: Returns `held_accuracy` and `held_score`, larger being better, among other figures; the
                same on every process.
            margin: How far accuracy may fall below what it was before the first step.
            held: Answers that are measured.
        """
        self._schedule, self._measure, self._margin, self._held = schedule, measure, margin, held
        self._weights, self._facts = scratch / _WEIGHTS, scratch / _FACTS
        self.model: Any = None

    def look(self, step: int) -> Mapping[str, float]:
        """Measures, keeps the weights where they are the best so far, and stops the course at a collapse."""
        figures = self._measure()
        first = self._schedule.points[0].figures if self._schedule.points else figures
        before, now = first["held_accuracy"], figures["held_accuracy"]
        error = sqrt((before * (1 - before) + now * (1 - now)) / self._held)
        if before - now > self._margin + error:
            self._schedule.stop("accuracy")
        elif step == 0 or figures["held_score"] > self.kept["held_score"]:
            self._keep({**figures, "step": step})
        return figures

    @property
    def kept(self) -> dict[str, float]:
        """The figures of the weights that were kept, and their `step`."""
        facts: dict[str, float] = json.loads(self._facts.read_text())
        return facts

    def restore(self) -> None:
        """Gives the model its best weights."""
        from safetensors.torch import load_file

        trained = dict(self.model.named_parameters())
        for name, weight in load_file(self._weights).items():
            trained[name].data.copy_(weight)

    def _keep(self, facts: Mapping[str, float]) -> None:
        from accelerate import PartialState
        from safetensors.torch import save_file

        # Before one process writes down the new best, all must have compared with the old one.
        PartialState().wait_for_everyone()
        if is_main_process():
            trained = {
                name: weight.detach().cpu().contiguous()
                for name, weight in self.model.named_parameters()
                if weight.requires_grad
            }
            half = self._weights.with_suffix(".half")
            save_file(trained, half)
            half.replace(self._weights)
            self._facts.write_text(json.dumps(facts))
        PartialState().wait_for_everyone()
