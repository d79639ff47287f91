"""A study whose answers another model judges: asking it, and putting its verdicts in their place."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from karui.core.errors import InputError, RecordingMismatch
from karui.core.recording import Recording
from karui.core.study.judge import Judging
from karui.recording.judging.judged import Standard, compared
from karui.recording.judging.labels import FILE as LABELS
from karui.recording.judging.labels import Labels, Sheet
from karui.recording.judging.model import VARIABLE, JudgeModel, judge_model
from karui.recording.judging.verdicts import FILE, About, Asked, Verdicts, unjudged_yet
from karui.selection.groups import Sources
from karui.selection.labelled.choosing import JudgedAnswers
from karui.selection.labelled.pairs import Answers, Unasked
from karui.study.progress import Progress
from karui.study.workspace import path_of
from karui.tasks.verifiers.judge import Judge, Mode, judge_of

T = TypeVar("T")


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
        await self._ask(asked)
        return self.standard.apply(recording, self.verdicts)

    async def _ask(self, asked: Sequence[Asked]) -> None:
        """Asks what is missing, and counts all of it as asked in this study."""
        missing = self.verdicts.missing(asked)
        if missing and self.model is None:
            raise unjudged_yet(self.verdicts, self.standard.folder)
        if missing and self.model is not None:
            self.progress.begin(f"Asking the judge {self.model.name}")
            await self.verdicts.ask(asked, self.model, on_progress=self._report)
            if left := len(self.verdicts.missing(asked)):
                self.progress.warn(f"{left} verdicts could not be had; the same command asks for them again.")
                raise unjudged_yet(self.verdicts, self.standard.folder)
        self._hear(asked)

    def _hear(self, asked: Sequence[Asked]) -> None:
        self._asked.update(dict.fromkeys(asked))

    async def first(self, main: Recording) -> Recording:
        """Returns the main recording with the verdicts: the part of it that is judged (see `compared`).

        Raises:
            RecordingError: As `take` and `compared`.
        """
        return await self.take(compared(main, self.standard.mode))

    async def all(self, sources: Sources) -> Sources:
        """Returns the sources with the verdicts in all recordings but the main one, which has them.

        Raises:
            InputError: There are pilots of other questions.
        """
        if sources.pilots:
            raise InputError(
                "--pilot has no effect where a judge judges.",
                why="What a judge says of other questions is compared with other answers.",
                remedy="Leave it out: a quarter of the questions is set aside.",
            )
        return replace(
            sources,
            styles=[await self.take(recording) for recording in sources.styles],
            beside={name: await self.take(recording) for name, recording in sources.beside.items()},
        )

    async def settled(self, make: Callable[[], T]) -> T:
        """Returns what is made, once the judge has said all that it rests on.

        Raises:
            RecordingError: As `take`.
            EngineError: The judge fails.
        """
        while True:
            try:
                return make()
            except Unasked as missing:
                await self._ask(missing.asked)

    def answers(self, sources: Sources, test: Recording, runs: int) -> JudgedAnswers:
        """Returns what a choice by labels rests on.

        Args:
            sources: As judged.
            test: The test part of the main recording.
            runs: Permutations that flows were replayed on.
        """
        pairwise = self.standard.mode is Mode.PAIRWISE
        kept = {q.id for q in test.questions}
        found = Answers(
            test,
            [recording.subset(kept) for recording in sources.styles],
            {name: recording.subset(kept) for name, recording in sources.beside.items()},
            self.standard.prompts,
            {} if pairwise else self.standard.references,
            self.verdicts,
            self._hear,
            runs,
        )
        folder = self.standard.folder
        return JudgedAnswers(
            self.standard.mode, lambda: self.judging, found.pairs, Sheet.read(folder), Labels.open(folder)
        )

    def digests(self) -> dict[str, str]:
        """Returns the digests of what the judge and people said, by role."""
        files = {"verdicts": FILE, "labels": LABELS}
        there = {role: self.standard.folder / name for role, name in files.items()}
        return {role: sha256(f.read_bytes()).hexdigest() for role, f in there.items() if f.exists()}

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


async def settled(judge: StudyJudge | None, make: Callable[[], T]) -> T:
    """Returns what is made, once the judge has said all that it rests on, if there is one; see there."""
    return make() if judge is None else await judge.settled(make)


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


@asynccontextmanager
async def judging(main: Recording, progress: Progress) -> AsyncIterator[StudyJudge | None]:
    """Gives the judge of a study, and lets go of its model in the end; None where answers are checked.

    Raises:
        RecordingError: As `judge_for`.
    """
    judge = judge_for(main, progress)
    try:
        yield judge
    finally:
        if judge is not None:
            await judge.close()


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
            f"The answers of {main.path} need no judge.",
            why=f"They are checked by {main.manifest.verifier or 'a rule'}.",
            remedy="Name judge:pairwise or judge:rubric as the verifier in the questions file.",
        )
    try:
        await judge.first(main)
        for recording in recordings[1:]:
            await judge.take(recording)
    finally:
        await judge.close()
    return judge.judging


def folder_of(given: Path) -> Path:
    """Returns the folder of a recording, or of the recording of full thinking in a study's folder."""
    inside = given / "recording"
    return inside if (inside / "manifest.json").exists() and not (given / "manifest.json").exists() else given
