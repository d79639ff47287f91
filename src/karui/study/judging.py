"""A study whose answers another model judges: asking it, and putting its verdicts in their place."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from karui.core.errors import RecordingMismatch
from karui.core.recording import Recording
from karui.core.study.judge import Judging
from karui.recording.judging.judged import Standard, compared
from karui.recording.judging.model import VARIABLE, JudgeModel, judge_model
from karui.recording.judging.verdicts import About, Asked, Verdicts, unjudged_yet
from karui.study.progress import Progress
from karui.study.workspace import path_of
from karui.tasks.verifiers.judge import Judge, judge_of


@dataclass
class StudyJudge:
    """The judge of one study.

    Attributes:
        standard: What answers are judged by.
        verdicts: What it has said.
        progress: Hears of what is asked.
        model: The judge, where one may be asked; None reads what it said before.
    """

    standard: Standard
    verdicts: Verdicts
    progress: Progress
    model: JudgeModel | None = None
    _asked: dict[Asked, None] = field(default_factory=dict, repr=False)

    async def take(self, recording: Recording) -> Recording:
        """Returns a recording with the judge's verdicts; asks it for those that are missing.

        Raises:
            RecordingError: Verdicts are missing, and there is nobody to ask.
            RecordingMismatch: It is judged in another way than the main recording.
            EngineError: The judge fails.
        """
        if judged_by(recording) != judged_by_spec(self.verdicts.about):
            raise RecordingMismatch(
                f"{recording.path} is not judged as the main recording is.",
                why=f"Its verifier is {recording.manifest.verifier!r}.",
                remedy="Record both on the same questions file.",
            )
        asked = self.standard.asked(recording)
        missing = self.verdicts.missing(asked)
        if missing and self.model is None:
            raise unjudged_yet(self.verdicts, self.standard.folder)
        if missing and self.model is not None:
            self.progress.begin(f"Asking the judge {self.model.name}")
            await self.verdicts.ask(asked, self.model, on_progress=self._report)
            if left := len(self.verdicts.missing(asked)):
                self.progress.warn(f"{left} verdicts could not be had; the same command asks for them again.")
                raise unjudged_yet(self.verdicts, self.standard.folder)
        self._asked.update(dict.fromkeys(asked))
        return self.standard.apply(recording, self.verdicts)

    @property
    def judging(self) -> Judging:
        """Sums up what it said of everything that was taken."""
        return self.verdicts.judging(list(self._asked))

    async def close(self) -> None:
        """Lets go of the model."""
        if self.model is not None:
            await self.model.close()

    def _report(self, done: int, total: int) -> None:
        self.progress.at(done, total, "")


def judged_by(recording: Recording) -> Judge | None:
    """Returns the judge that a recording's questions name; None where answers are checked."""
    return judge_of(recording.manifest.verifier)


def judged_by_spec(about: About) -> Judge:
    """Returns the verifier that this judge stands for."""
    return Judge(about.mode, about.votes)


def judge_for(main: Recording, progress: Progress, named: str = "") -> StudyJudge | None:
    """Returns the judge of a study; None where its answers are checked.

    The one named is asked, or that of the environment; where there is neither, what the last one said is
    read.

    Args:
        main: The recording of full thinking, as it was recorded.
        progress: Hears of what is asked.
        named: The judge, as `karui judge --judge` takes it.

    Raises:
        RecordingError: Nobody was asked yet, and nobody is named.
    """
    judge = judged_by(main)
    if judge is None:
        return None
    folder = path_of(main)
    standard = Standard.of(main, judge.mode, folder)
    if named or os.environ.get(VARIABLE):
        model = judge_model(named)
        return StudyJudge(standard, Verdicts.open(folder, About.of(judge, model.name)), progress, model)
    latest = Verdicts.latest(folder)
    if latest is None:
        raise unjudged_yet(None, folder)
    return StudyJudge(standard, Verdicts.open(folder, About.of(judge, latest.about.model)), progress)


def part_judged(main: Recording, judge: StudyJudge) -> Recording:
    """Returns the part of the main recording that is judged; see `compared`."""
    return compared(main, judge.standard.mode)


async def judge_all(recordings: Sequence[Recording], progress: Progress, named: str = "") -> Judging:
    """Has every answer of a study's recordings judged, the first being of full thinking.

    Raises:
        RecordingMismatch: The questions name no judge.
        RecordingError: As `StudyJudge.take`.
    """
    main = recordings[0]
    judge = judge_for(main, progress, named)
    if judge is None:
        raise RecordingMismatch(
            f"The answers of {main.path} are checked by {main.manifest.verifier!r}, and need no judge.",
            remedy="Name judge:pairwise or judge:rubric as the verifier in the questions file.",
        )
    try:
        for recording in (part_judged(main, judge), *recordings[1:]):
            await judge.take(recording)
    finally:
        await judge.close()
    return judge.judging


def folder_of(given: Path) -> Path:
    """Returns the folder of a recording, or of the recording of full thinking in a study's folder."""
    inside = given / "recording"
    return inside if (inside / "manifest.json").exists() and not (given / "manifest.json").exists() else given
