"""`karui.make`: new weights from a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Unpack

from karui import catalog
from karui.artifacts.artifact import Artifact
from karui.artifacts.build_dir import Progress as BuildProgress
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.recording import Recording
from karui.study.api.arguments import config_of, recording_of
from karui.study.config.keywords import MakeKeywords
from karui.study.config.verbs import MakeOptions
from karui.study.loop import awaitable, blocking
from karui.study.progress import OnProgress, build_progress, progress_of
from karui.study.workspace import MINI, Workspace


async def _make(
    plan: Plan | str,
    model: str = "",
    *,
    recording: Recording | Path | str | None = None,
    on_made: Callable[[BuildProgress], None] = lambda _: None,
    on_progress: OnProgress = None,
    **options: Unpack[MakeKeywords],
) -> Artifact:
    """Makes an artifact: a model folder with its lineage. Made once; interrupted, it goes on where it was.

    Args:
        plan: A technique that makes new weights, or several: "prune-depth:layers=2 + int8-weights".
        model: Folder or Hub name; "" is the embedded karui-mini.
        recording: The model's recording, to calibrate on and to learn from; or its folder.
        on_made: Called with each artifact once it is there: one for each technique.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.
        **options: `minutes` that each training may take (by default as its technique says), `seed`, `device`
            ("auto", "cpu" or "cuda"), and `out`: where artifacts are kept, and found again ("artifacts").

    Returns:
        The artifact that the last technique made; `folder` holds its weights.

    Raises:
        InputError: A technique makes no new weights, or needs a recording and has none.
        ModelError: The model cannot be worked on, or memory does not suffice.
        RecordingMismatch: The recording is of another model.
        StorageError: The disk is full or cannot be written.
    """
    whole = plan if isinstance(plan, Plan) else catalog.parse(plan)
    settings = config_of(MakeOptions, None, options)
    if idle := [t.name() for t in whole.techniques if t not in whole.prepared]:
        raise InputError(
            f"{', '.join(idle)} makes no new weights.",
            remedy="Leave it out here: it is recorded (`karui record --variant`) or replayed.",
        )
    learned = None if recording is None else recording_of(recording)
    session = Workspace(
        model or MINI,
        Sampling(),
        1,
        settings.seed,
        device=settings.device,
        artifacts=settings.out,
        lessons=learned,
        minutes=settings.minutes,
        progress=progress_of(on_progress),
    )
    show = build_progress(session.progress)

    def progressed(now: BuildProgress) -> None:
        show(now)
        if now.artifact is not None:
            on_made(now)

    artifact = session.artifact(whole, progressed)
    assert artifact is not None
    return artifact


make = blocking(_make)
make_async = awaitable(_make)
