"""What a study would take: a few questions recorded, and the rest reckoned from them."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from karui.core.recording import Recording
from karui.core.study.failure import BaselineFailure
from karui.study.api.poc import prepare
from karui.study.baseline import examined, usable
from karui.study.config.schema import StudyConfig
from karui.study.loop import blocking
from karui.study.progress import OnProgress, progress_of
from karui.study.prospects import estimated

_FEW = 5
"""Questions that an estimate records."""


@dataclass(frozen=True)
class Estimate:
    """What was found.

    Attributes:
        lines: What all questions would take, for people.
        recording: Of the few questions.
        failure: Why full thinking fails on them; None where it does not.
    """

    lines: list[str]
    recording: Recording
    failure: BaselineFailure | None


async def _estimate(config: StudyConfig, on_progress: OnProgress = None) -> Estimate:
    """Records five questions, and reckons what all would take.

    Args:
        config: Of the study.
        on_progress: As `karui.poc` takes it.

    Raises:
        KaruiError: As `karui.poc`.
    """
    progress = progress_of(on_progress)
    job = prepare(config, progress).job
    few = replace(job.task, questions=job.task.questions[:_FEW])
    try:
        with TemporaryDirectory() as folder:
            label = f"Recording {_FEW} questions"
            spent = await job.session.record(few, Path(folder) / "recording", label)
    finally:
        await job.session.close()
    lines = estimated(spent, len(job.task.questions), job.session.samples)
    failing = examined(usable(spent, progress), job.options)
    return Estimate(lines, spent, failing[0] if failing else None)


estimate = blocking(_estimate)
