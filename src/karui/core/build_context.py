"""A build as a technique sees it: where new weights are written, and what they are made from."""

from pathlib import Path
from typing import Any, Protocol

from karui.core.question import Task
from karui.core.recording import Recording


class BuildContext(Protocol):
    """The workplace handed to `Technique.prepare`.

    `karui.artifacts` keeps its promises: nothing written here is seen under the artifact's name before it is
    whole, what was noted ends up in the artifact's manifest, and an interrupted make finds `scratch` as it
    was left.

    Attributes:
        folder: Write the new model here, as an ordinary model folder with its tokenizer. It exists, empty.
        scratch: Checkpoints to resume from. It exists; after an interruption with what was left in it.
        device: "cpu", or a GPU as torch names it.
        watch: Whether a supervised training answers questions held back, too: what its curve shows of
            accuracy and tokens takes time, and leaves the result as it is.
    """

    folder: Path
    scratch: Path
    device: str
    watch: bool

    # Looking at one of the next three makes the artifact depend on it; what is not looked at is not part of
    # the key by which it is found again.

    @property
    def seed(self) -> int:
        """Everything random comes from it."""

    @property
    def minutes(self) -> float | None:
        """What the user allows for training; None is the technique's own default."""

    @property
    def recording(self) -> Recording:
        """The recording to calibrate on and to learn from, made by the model that is being changed.

        Raises:
            InputError: None was given; says how to give one.
        """

    @property
    def task(self) -> Task:
        """The recording's questions, with what reads and judges answers that were never recorded.

        Raises:
            InputError: There is no recording.
            RecordingMismatch: The questions cannot be loaded again, or are no longer what was recorded.
        """

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Reports `done` of `total` units of work, with a few words."""

    def note(self, **facts: Any) -> None:
        """Keeps JSON-able facts for the artifact's manifest: what was dropped, losses, layers left."""
