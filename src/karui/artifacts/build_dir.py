"""The workplace that a technique is handed: `karui.core.build_context.Forge`, kept in a hidden folder."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from karui.artifacts import distributed
from karui.artifacts.artifact import Artifact
from karui.artifacts.recorded_task import recorded_task
from karui.core.errors import InputError
from karui.core.question import Task
from karui.core.recording import Recording

_STATE = "state.json"
_SAVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a making is.

    Attributes:
        technique: What is at work, with its parameters.
        done: Units of work done.
        total: Units of work in all.
        note: A few words.
        seconds_left: At the present pace; None until some work is done.
        artifact: What was made, once it is there.
        reused: Whether it was made before, so that there was nothing to do.
    """

    technique: str
    done: float
    total: float
    note: str = ""
    seconds_left: float | None = None
    artifact: Artifact | None = None
    reused: bool = False


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What every technique of a build is given.

    Attributes:
        recording: Of the parent, or of what it was made from; to calibrate on and to learn from.
        data_digest: The recording's digest (`karui.recording.store.digest`).
        device: "auto", "cpu", "cuda", …
        seed: Seed of everything random.
        minutes: Most minutes of each training; None is each technique's own default.
        on_progress: Called with how far the work is.
        task: What was recorded, where it cannot be loaded again by the name in the recording's manifest.
        watch: Whether supervised training answers questions held back, too, for its curve: it takes time.
    """

    recording: Recording | None = None
    data_digest: str = ""
    device: str = "auto"
    seed: int = 0
    minutes: float | None = None
    on_progress: Callable[[Progress], None] | None = None
    task: Task | None = None
    watch: bool = False

    def inputs(self, used: Iterable[str]) -> dict[str, Any]:
        """Returns those inputs that a technique looked at, by name."""
        values = {"recording": self.data_digest, "seed": self.seed, "minutes": self.minutes}
        return {name: values[name] for name in sorted(used)}


class BuildDir:
    """Where one artifact is made.

    It remembers which of its inputs the technique looked at, since only these decide what is made, and
    the seconds spent. Both outlive an interruption.

    Attributes:
        folder: Where the new model is written; empty at the beginning of every try.
        scratch: What a try leaves to the next one.
        device: Where to compute.
        watch: Whether to answer questions held back while training, for the curve.
        notes: What the technique noted.
        resumed: Whether an earlier try left something in `scratch`.
    """

    def __init__(self, home: Path, technique: str, options: BuildOptions) -> None:
        """Takes up what an earlier try has left in the folder `home`, less its half-written result."""
        # What other processes than the first write is thrown away.
        self.folder = home / ("model" if distributed.is_main_process() else f"aside-{distributed.rank()}")
        self.scratch = home / "scratch"
        self.device, self.watch = options.device, options.watch
        self.notes: dict[str, Any] = {}
        self._home, self._technique, self._on_progress = home, technique, options.on_progress
        self._recording, self._task = options.recording, options.task
        self._seed, self._minutes = options.seed, options.minutes
        self._used: set[str] = set()
        self._before = 0.0
        with suppress(OSError, ValueError, KeyError):
            state = json.loads((home / _STATE).read_text())
            self._used, self._before = set(state["used"]), float(state["seconds"])
        self.resumed = any(self.scratch.iterdir())
        self._began = self._saved = monotonic()
        self._first: tuple[float, float] | None = None

    @property
    def recording(self) -> Recording:
        """The recording to learn from.

        Raises:
            InputError: None was given.
        """
        self._use("recording")
        if self._recording is None:
            raise InputError(
                f"{self._technique} needs a recording to calibrate on or to learn from.",
                remedy="Record the model with `karui record`, and give the folder with --recording.",
            )
        return self._recording

    @property
    def task(self) -> Task:
        """The recording's questions, with what judges new answers to them."""
        return recorded_task(self.recording, self._task)

    @property
    def seed(self) -> int:
        """Everything random comes from it."""
        self._use("seed")
        return self._seed

    @property
    def minutes(self) -> float | None:
        """What the user allows for training."""
        self._use("minutes")
        return self._minutes

    @property
    def used(self) -> tuple[str, ...]:
        """Which of recording, seed and minutes the technique looked at, in this try or an earlier one."""
        return tuple(sorted(self._used))

    @property
    def seconds(self) -> float:
        """Wall time spent so far, earlier tries included."""
        return self._before + monotonic() - self._began

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Passes on how far the work is, with the time left at the pace since its first report."""
        now = monotonic()
        if now - self._saved >= _SAVE_SECONDS:
            self.save()
        # A training that is resumed does not begin at 0: only what this try did tells its pace.
        if self._first is None or done < self._first[1]:
            self._first = (now, done)
        since, start = self._first
        left = (total - done) * (now - since) / (done - start) if done > start else None
        if self._on_progress is not None:
            self._on_progress(Progress(self._technique, done, total, note, left))

    def note(self, **facts: Any) -> None:
        """Keeps facts for the manifest; one of the same name is replaced."""
        self.notes |= facts

    def save(self) -> None:
        """Writes down what has to outlive this process."""
        self._saved = monotonic()
        if not distributed.is_main_process():
            return
        text = json.dumps({"used": self.used, "seconds": round(self.seconds, 1)})
        (self._home / _STATE).write_text(text)

    def _use(self, name: str) -> None:
        if name not in self._used:
            self._used.add(name)
            self.save()
