"""`karui.poc`: the whole job, from questions to a study; and what it would take, from a few of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Unpack

from karui.core.errors import InputError
from karui.core.question import Task
from karui.core.recording import Recording
from karui.core.study.failure import BaselineFailure
from karui.recording.growth import arrange, recognise
from karui.study.api.arguments import call_text, config_of, workspace_of
from karui.study.baseline import examined, usable
from karui.study.config.keywords import StudyKeywords
from karui.study.config.schema import StudyConfig
from karui.study.data_split import brought_along, ensure_parts, hold_back, recorded_in
from karui.study.loop import awaitable, blocking
from karui.study.options import StudyOptions, on_this_machine
from karui.study.progress import OnProgress, Progress, progress_of
from karui.study.prospects import Division, estimated, planned_parts, prospects, unfamiliar
from karui.study.result import Study
from karui.study.run import RECORDING, Job, run
from karui.study.variants.default_trainings import trained
from karui.study.variants.plans import variants_of, weighs
from karui.study.workspace import Workspace, embedded, task_of
from karui.tasks.verifiers.judge import judge_of

_MINI_QUESTIONS, _MINI_SAMPLES, _MINI_CONFIRM = 400, 2, 120
"""The embedded demonstration: what a two-core machine records and confirms within five minutes."""
_FEW = 5
"""Questions that an estimate records."""
_MINI_VARIANTS = ("no-thinking",)
"""Recorded beside full thinking: the control that shows what thinking buys."""


async def _poc(
    model: str = "",
    questions: str | Path | Task = "",
    *,
    config: StudyConfig | Path | str | None = None,
    commands: Sequence[str] = (),
    on_progress: OnProgress = None,
    **options: Unpack[StudyKeywords],
) -> Study:
    """Records a model, replays every plan, chooses with a guarantee, confirms live, and reports.

    Args:
        model: Folder, Hub name or server (`http://HOST:PORT/v1#NAME`); "" is the embedded karui-mini.
        questions: Your own file, a name of `karui tasks`, or a task; "" are karui-mini's own.
        config: A config, or a TOML file of options; keywords win.
        commands: What to type to make the study again, for the report; by default this call.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.
        **options: The options of `karui poc`, with _ for -: `max_drop=2.0`, `out="runs/poc"`, ….

    Returns:
        The study. Its decision is "fix" where full thinking itself fails, and `study.choice.withdrawn` is
        true where the live confirmation contradicted the choice.

    Raises:
        UnknownName: There is no such option, task, technique or model; names the nearest.
        InputError: An option is out of range, or the questions are too few to train and to judge.
        KaruiError: The model cannot be loaded or fails; what was recorded is kept, and the same call goes on.
    """
    named = {"model": model} if model else {}
    asked = {"questions": str(questions)} if questions and not isinstance(questions, Task) else {}
    settings = config_of(StudyConfig, config, {**named, **asked, **options})
    again = commands or [call_text("poc", model, asked.get("questions", ""), **options)]
    progress = progress_of(on_progress)
    prepared = prepare(settings, progress, questions if isinstance(questions, Task) else None, again)
    try:
        return await run(prepared.announced())
    finally:
        await prepared.job.session.close()
        if prepared.job.small is not None:
            await prepared.job.small.close()


@dataclass(frozen=True)
class Prepared:
    """A study before its first token: everything is read and checked.

    Attributes:
        job: What will be done.
        lines: What so many questions can and cannot show.
    """

    job: Job
    lines: Sequence[str]

    def announced(self) -> Job:
        """Says what will be minimised where it was not named, and returns the job."""
        job = self.job
        if not any(map(weighs, job.versions)):
            return job
        if not job.options.named:
            job.progress.say(
                "No objective was given; minimising latency on this machine (--minimize changes that)."
            )
        return replace(job, options=on_this_machine(job.options))


def prepare(
    config: StudyConfig, progress: Progress, task: Task | None = None, commands: Sequence[str] = ()
) -> Prepared:
    """Reads and checks everything that a study needs, and says what so many questions can show.

    Args:
        config: The options.
        progress: Is told.
        task: The questions, instead of those that the options name.
        commands: What makes the study again.

    Raises:
        KaruiError: As `karui.poc`, before a token is spent.
    """
    demo = not config.model.named and not config.questions.questions and task is None
    options = StudyOptions.of(config.objective, config.baseline, config.place)
    drawn = config.sampling
    session = workspace_of(
        config.model,
        replace(
            drawn,
            samples=drawn.samples or (_MINI_SAMPLES if demo else 4),
            max_tokens=drawn.max_tokens or (4096 if config.model.named else 1024),
        ),
        progress,
        accept_no_thinking=config.baseline.accept_no_thinking,
        on=config.place.on,
    )
    styles, versions = variants_of(session, config.variants, default=_MINI_VARIANTS if demo else ())
    asked = _questions(config, demo=demo, task=task)
    learning = "shorter-training" in config.variants.variants or any(map(trained, versions))
    lessons = _lessons(config, asked, learning=learning, demo=demo)
    if warning := unfamiliar(session.model, asked.task.name):
        progress.warn(warning)
    if config.model.named and not config.questions.questions and task is None:
        progress.say("No --questions were given; using those of the task mini.")
    division = replace(asked.division, learning=learning and lessons is None)
    planned = planned_parts(arrange(config.output.out / RECORDING, asked.task), asked.kept, division)
    lines = prospects(planned, session.samples, options.rule)
    for line in lines:
        progress.say(line)
    job = Job(
        session=session,
        task=asked.task,
        held=asked.held if asked.kept else None,
        options=options,
        styles=styles,
        versions=versions,
        small=_small(session, config),
        learning=learning,
        lessons=lessons,
        minutes=config.variants.train_minutes if learning else None,
        out=config.output.out,
        lang=config.output.lang,
        demo=demo,
        commands=commands,
    )
    return Prepared(job, lines)


@dataclass(frozen=True)
class _Questions:
    """What is recorded, and what is kept for the live confirmation.

    Attributes:
        task: To be recorded.
        held: Kept.
        division: How many are for what.
        kept: Questions kept that will be asked.
    """

    task: Task
    held: Task
    division: Division
    kept: int


def _questions(config: StudyConfig, *, demo: bool, task: Task | None) -> _Questions:
    limit, seed, confirm = config.questions.limit, config.sampling.seed, config.run.confirm
    there = config.output.out / RECORDING
    if demo:
        division = Division(confirm=confirm, pilot=False)
        recorded = recognise(there, task_of("mini:test", limit=limit or _MINI_QUESTIONS, seed=seed))
        held = task_of("mini:confirm", limit=_MINI_CONFIRM, seed=seed)
    else:
        name = config.questions.questions or "mini"
        given = task or task_of(name, limit=limit, seed=seed, reference=config.questions.reference)
        everything = recognise(there, given)
        # A judge's word confirms nothing.
        confirm = confirm and not any(judge_of(q.verifier.spec) for q in everything.questions)
        division = Division(confirm=confirm)
        kept = division.held(len(everything.questions))
        recorded, held = hold_back(everything, kept, seed, recorded_in(there))
    return _Questions(recorded, held, division, len(held.questions) if confirm else 0)


def _lessons(config: StudyConfig, asked: _Questions, *, learning: bool, demo: bool) -> Recording | None:
    """Returns what is trained on where it is a recording of other questions; None sets a part aside."""
    given = config.variants.train_on
    if given and not learning:
        raise InputError(
            f"--train-on is given and no variant is trained (got {given}).",
            remedy="Add --variants shorter-training, or leave --train-on out.",
        )
    if not learning:
        return None
    # In the demonstration nothing else needs the shipped pilot: it is of karui-mini as it came.
    path = given or (embedded("pilot") if demo else None)
    lessons = brought_along(path, [asked.task, asked.held]) if path else None
    ensure_parts(len(asked.task.questions), asked.kept, brought=lessons is not None)
    return lessons


def _small(session: Workspace, config: StudyConfig) -> Workspace | None:
    return session.beside(config.variants.small) if config.variants.small else None


poc = blocking(_poc)
poc_async = awaitable(_poc)


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
