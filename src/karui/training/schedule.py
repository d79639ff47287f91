"""One training as it runs: its clock, its learning rate, what falls due, and the curve it leaves."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from karui.training.learning_curve import Point

STATE = "karui-course.json"
"""Written last into every checkpoint: one without it was cut off while it was being written."""

_LOGS, _MEASURES, _SAVES = 40, 8, 5
_WARM = 0.05
_SPOILED = 20
"""Steps in a row without a usable gradient that end a training: one now and then is a kernel's overflow."""
_SAVE_SECONDS = 300.0
_MEASURING = 0.1
"""Share of a training's time that measuring may take, where time is limited; the last one is always made."""


class TrainingSchedule:
    """Where a training is between its beginning (0) and its end (1), by steps or by the clock.

    What comes first, the last step or the last minute, ends it; the learning rate falls to nothing by
    then. All processes of one training go by the clock of the first, or they would part ways.

    Attributes:
        points: The curve so far.
        resumed: The step at which it was taken up again.
        ended_by: "steps", "minutes", or what stopped it.
        skipped: Steps that moved no weight, their gradient being no number.
        measure: Returns figures of the part held back by name, `held_back` being the loss; None where nothing
            is held back.
        logged: Names in the trainer's logs of further figures to keep, by the name they are kept under.
    """

    def __init__(
        self,
        *,
        steps: int,
        minutes: float | None,
        on_progress: Callable[[float, float, str], None],
        lead: bool = True,
        agree: Callable[[float], float] = lambda seconds: seconds,
        clock: Callable[[], float] = perf_counter,
        measures: int = _MEASURES,
        whole: int = 1,
    ) -> None:
        """Prepares a course; its clock starts with `begin`.

        Args:
            steps: Optimizer steps until its end.
            minutes: Wall time until its end; None is without limit.
            on_progress: Is told (done, total, words).
            lead: Whether this process writes and reports.
            agree: Returns the first process's value on every process.
            clock: Seconds.
            measures: How often the part held back is measured.
            whole: Steps that belong together: nothing is saved in the middle of them.
        """
        self.points: list[Point] = []
        self.resumed = 0
        self.ended_by = "steps"
        self.skipped = self._spoiled = 0
        self._steps = steps
        self._limit = minutes * 60 if minutes is not None else None
        self.measure: Callable[[], Mapping[str, float]] | None = None
        self.logged: Mapping[str, str] = {}
        self._measures, self._whole = measures, whole
        self._on_progress = on_progress
        self._lead, self._agree, self._clock = lead, agree, clock
        self._before = self._began = 0.0
        self._seconds = self._fraction = 0.0
        self._last = {"log": 0.0, "measure": 0.0, "save": 0.0, "saved": 0.0}
        self._held: Mapping[str, float] | None = None
        self._stopped = False
        self._measuring = 0.0

    def restore(self, checkpoint: Path) -> None:
        """Goes on from what was written into `checkpoint`."""
        values = json.loads((checkpoint / STATE).read_text())
        self.points = [Point(**p) for p in values["points"]]
        self.skipped = values.get("skipped", 0)
        self._before = values["seconds"]
        self.resumed = values["step"]
        done = self.resumed / max(1, self._steps)
        self._last = {"log": done, "measure": done, "save": done, "saved": self._before}
        self._move(self.resumed)

    def begin(self) -> None:
        """Starts the clock, and measures where the model stands before the first step."""
        self._began = self._clock()
        if not self.points:
            held = self.measure() if self.measure else {}
            self.points.append(_point(0, 0.0, None, held, 0.0))
            self._began = self._clock()

    def usable(self, *, gradient: bool) -> None:
        """Takes note of whether the gradient of the step at hand is one.

        Raises:
            FloatingPointError: It was none too often in a row.
        """
        self.skipped += not gradient
        self._spoiled = 0 if gradient else self._spoiled + 1
        if self._spoiled >= _SPOILED:
            raise FloatingPointError(f"{_SPOILED} steps in a row had a gradient that is NaN or infinite.")

    def stop(self, reason: str) -> None:
        """Ends the training after the step at hand."""
        self.ended_by, self._stopped = reason, True

    def rate(self) -> float:
        """Returns the learning rate's share of its peak: a short rise, then a straight fall to zero.

        Straight to zero does best among the usual shapes ("Straight to Zero", 2502.15938).
        """
        rise = min(1.0, (self._fraction + 1 / max(1, self._steps)) / _WARM)
        return rise * max(0.0, 1.0 - self._fraction)

    def step(self, made: int) -> None:
        """Takes note that `made` steps are done, before the learning rate of the next is asked for."""
        self._seconds = self._agree(self._before + self._clock() - self._began)
        self._move(made)

    def due(self, made: int) -> tuple[bool, bool, bool]:
        """Returns whether to log, to save and to stop; measures where that is due."""
        over = self._fraction >= 1.0
        if over and made < self._steps:
            self.ended_by = "minutes"
        spare = self._limit is None or self._measuring <= _MEASURING * self._seconds
        if self.measure and (spare or over) and self._falls_due("measure", self._measures):
            began = self._clock()
            self._held = self.measure()
            self._measuring += self._agree(self._clock() - began)
        over |= self._stopped
        log = self._falls_due("log", _LOGS) or self._held is not None or over
        late = self._seconds - self._last["saved"] >= _SAVE_SECONDS
        save = not over and made % self._whole == 0 and (self._falls_due("save", _SAVES) or late)
        if save:
            self._last["saved"] = self._seconds
        return log, save, over

    def log(
        self, made: int, loss: float, learning_rate: float, figures: Mapping[str, float] | None = None
    ) -> None:
        """Adds a point to the curve."""
        figures = figures or {}
        watched = {**figures, **(self._held or {})}
        self.points.append(_point(made, self._seconds, loss, watched, learning_rate))
        self._held = None
        if self._lead:
            held = next((p.held_back for p in reversed(self.points) if p.held_back is not None), None)
            shown = [f"{name.replace('_', ' ')} {value:.3g}" for name, value in figures.items()]
            shown = shown or [f"loss {loss:.3f}"]
            if held is not None:
                shown.append(f"held back {held:.3f}")
            self._on_progress(min(self._fraction, 1.0), 1.0, f"step {made}: {', '.join(shown)}")

    def save(self, checkpoint: Path, made: int) -> None:
        """Writes what `restore` reads."""
        if self._lead:
            values = {
                "step": made,
                "seconds": self._seconds,
                "skipped": self.skipped,
                "points": [asdict(p) for p in self.points],
            }
            (checkpoint / STATE).write_text(json.dumps(values))

    def _move(self, made: int) -> None:
        timed = self._seconds / self._limit if self._limit else 0.0
        self._fraction = max(made / max(1, self._steps), timed)

    def _falls_due(self, what: str, times: int) -> bool:
        due = self._fraction >= 1.0 or self._fraction - self._last[what] >= 1 / times
        if due:
            self._last[what] = self._fraction
        return due


def _point(
    step: int, seconds: float, loss: float | None, figures: Mapping[str, float], learning_rate: float
) -> Point:
    others = {name: value for name, value in figures.items() if name != "held_back"}
    return Point(step, seconds, loss, figures.get("held_back"), learning_rate, others)


def callback(schedule: TrainingSchedule) -> Any:
    """Returns the course as a callback of transformers' Trainer."""
    import torch
    from transformers import TrainerCallback

    class Running(TrainerCallback):  # type: ignore[misc]
        """Hands the trainer's events to the course."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            schedule.begin()

        def on_pre_optimizer_step(
            self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any
        ) -> None:
            trained = [p for p in model.parameters() if p.grad is not None]
            norms = torch._foreach_norm([p.grad for p in trained])  # noqa: SLF001 - as torch's own clipping does
            gradient = bool(torch.isfinite(torch.stack(norms)).all())
            schedule.usable(gradient=gradient)
            if not gradient:  # it would make no number of any weight
                for parameter in trained:
                    parameter.grad = None

        def on_optimizer_step(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            schedule.step(state.global_step + 1)

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            log, save, stop = schedule.due(state.global_step)
            control.should_log |= log
            control.should_save |= save
            control.should_training_stop |= stop

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            if logs and "loss" in logs:  # the summary at the end has none
                figures = {name: logs.get(key) for name, key in schedule.logged.items()}
                schedule.log(
                    state.global_step,
                    float(logs["loss"]),
                    float(logs.get("learning_rate", 0.0)),
                    {name: float(value) for name, value in figures.items() if value is not None},
                )

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            schedule.save(Path(args.output_dir) / f"checkpoint-{state.global_step}", state.global_step)

    return Running()
