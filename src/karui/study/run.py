"""A whole study on a model, from recording to choice and confirmation."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from karui import catalog
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.question import Task
from karui.core.recording import Recording
from karui.core.study import ReferenceRun
from karui.core.study import Study as StudyData
from karui.core.study.choice import Choice, PilotSource
from karui.core.study.failure import BaselineFailure
from karui.selection.confirm import confirm
from karui.selection.evidence import Evidence
from karui.selection.groups import Sources
from karui.selection.looks.opening import ledger_of
from karui.study.baseline import examined, usable
from karui.study.data_split import Parts, of, part, with_versions
from karui.study.judging.study_judge import judging, settled
from karui.study.options import StudyOptions, fair
from karui.study.progress import Progress
from karui.study.result import Details, Study
from karui.study.serving_profile import expected
from karui.study.steps import decide, evidence_of, shipped_study, study_of, warn_unwritten
from karui.study.variants.search import VariantSearch, search_variants
from karui.study.workspace import Workspace, shipped

RECORDING = "recording"
"""Folder of full thinking, below everything that a run makes."""
LENGTHY = ("long_sum", "swaps")
"""Kinds of mini's questions that need their whole thinking: the demonstration's other side."""


@dataclass(frozen=True)
class Job:
    """What one run does.

    Attributes:
        session: Of the model as it came.
        task: Questions to record.
        held: Questions for the live confirmation; None if there is to be none.
        options: What the user wants.
        styles: Prompts to record beside full thinking.
        versions: Variants with weights of their own to try.
        small: Of the small model that cascades ask first; None if there is none.
        learning: Whether some version is trained, so that questions are set aside for it.
        lessons: A recording of other questions to train on; None sets a part of these aside.
        minutes: For all trainings together; None where there are none.
        out: Everything goes below it.
        lang: Of the report.
        demo: Whether it is the demonstration on karui-mini.
        commands: What makes the study again.
    """

    session: Workspace
    task: Task
    held: Task | None
    options: StudyOptions
    styles: Sequence[Plan] = ()
    versions: Sequence[Plan] = ()
    small: Workspace | None = None
    learning: bool = False
    lessons: Recording | None = None
    minutes: float | None = None
    out: Path = Path("runs/poc")
    lang: str = "en"
    demo: bool = False
    commands: Sequence[str] = ()

    @property
    def progress(self) -> Progress:
        """Hears of every step."""
        return self.session.progress

    @property
    def alone(self) -> bool:
        """Whether only the demonstration's own model is asked.

        The shipped pilot is one of karui-mini as it came: it says nothing of other weights.
        """
        return self.demo and not self.versions and self.small is None


async def run(job: Job) -> Study:
    """Records, replays, chooses, confirms, and writes it all down.

    Raises:
        KaruiError: Something stopped it; what was recorded is kept.
    """
    out, progress = job.out, job.progress
    pilots = [shipped("pilot")] if job.alone else []
    full = await job.session.record(job.task, out / RECORDING, "Recording full thinking")
    main = usable(full, progress)
    async with judging(main, progress) as judge:
        if judge is not None:
            main = await judge.first(main)
        if failing := examined(main, job.options):
            return failed_study(failing, main, job.options, job.commands, language=job.lang, out=out)
        gathered = await _gather(job, main)
        sources = await judge.all(gathered.sources) if judge is not None else gathered.sources
        options = gathered.options
        progress.begin("Replaying every plan")
        sources = replace(sources, pilots=pilots)
        ledger = ledger_of(main, users=not job.demo)
        evidence, test_part = evidence_of(sources, options, progress.at, ledger)
        if pilots:
            options = replace(options, rule=replace(options.rule, pilot=PilotSource.SHIPPED))
        choice = await settled(
            judge, lambda: decide(evidence, test_part, sources, options, ledger=ledger, judge=judge)
        )
    warn_unwritten(ledger, progress)
    live = None
    if job.held is not None and choice.spec:
        progress.begin("Confirming the choice live")
        choice, live = await _confirmed(job, choice, options)
    beside, control = _demonstrated(job, options) if job.alone else (None, None)
    progress.begin("Writing the report")
    data = study_of(
        evidence, test_part, choice, options, sources, live=live, shipped=beside, commands=job.commands
    )
    weights = None
    if (found := gathered.variants) is not None:
        data = with_versions(data, found.models(evidence), found.screening, gathered.parts)
        weights = found.weights(choice.label) if choice.spec else None
    details = Details(evidence, options, test_part, weights, control)
    return finished(data, sources, details, progress, language=job.lang, out=out)


def finished(
    data: StudyData,
    sources: Sources,
    details: Details,
    progress: Progress,
    *,
    language: str,
    out: Path | None,
) -> Study:
    """Returns a study with what to expect of its choice, written down if it has a folder."""
    profile = expected(data.choice, sources, progress)
    study = Study(data, profile, out, language=language, details=details)
    return study if out is None else replace(study, pages=study.save(out))


def failed_study(
    failing: tuple[BaselineFailure, Evidence],
    main: Recording,
    options: StudyOptions,
    commands: Sequence[str],
    *,
    language: str,
    out: Path | None,
) -> Study:
    """Returns the study of a baseline that fails: its decision is to fix it."""
    failure, evidence = failing
    sources = Sources(main)
    choice = decide(evidence, main, sources, options, failure)
    data = study_of(evidence, main, choice, options, sources, commands=commands)
    study = Study(data, None, out, language=language, details=Details(evidence, options, main))
    return study if out is None else replace(study, pages=study.save(out))


@dataclass(frozen=True)
class _Gathered:
    """What one run recorded, and what it made for it.

    Attributes:
        sources: The recordings, of the questions that are judged by.
        options: With the objective that is fair between these models.
        parts: How the questions were divided, where versions were trained.
        variants: The versions; None where there are none.
    """

    sources: Sources
    options: StudyOptions
    parts: Parts | None = None
    variants: VariantSearch | None = field(default=None)


async def _gather(job: Job, main: Recording) -> _Gathered:
    """Records the model's styles and its versions beside its full thinking."""
    session, task, out = job.session, job.task, job.out
    parts = None
    if job.learning:
        parts = part(main, job.lessons, len(job.held.questions) if job.held else 0)
        job.progress.say(f"   {parts}")
        main, task = parts.judged, of(task, parts.judged)
    styled = [
        await session.record(task, out / f"recording-{n}", f"Recording {plan.label}", plan)
        for n, plan in enumerate(job.styles, 1)
    ]
    session.dismiss()
    further = {}
    if job.small is not None:
        label = f"Recording {job.small.model}"
        further["small"] = await job.small.record(task, out / "recording-small", label)
    options = fair(job.options, [main, *further.values()])
    found = None
    if job.versions:
        found = await search_variants(
            session,
            task,
            main,
            job.versions,
            options,
            out,
            lessons=parts.trained if parts else None,
            minutes=job.minutes,
        )
        session.dismiss()
        styled += found.recorded.values()
    return _Gathered(Sources(main, styled, further), options, parts, found)


def _demonstrated(job: Job, options: StudyOptions) -> tuple[ReferenceRun, Choice]:
    """Replays the recording that ships with karui: much evidence, and the kinds that need their length."""
    job.progress.begin("Replaying the shipped recording")
    large = shipped("recording")
    beside = shipped_study(large, "karui-mini, recorded on a GPU", options, job.progress.at)
    job.progress.begin("Choosing where length is needed")
    return beside, _lengthy(job, large, options)


async def _confirmed(
    job: Job, choice: Choice, options: StudyOptions
) -> tuple[Choice, tuple[Outcomes, Outcomes, int]]:
    """Runs the choice live against full thinking of the model as it came."""
    plan, session = catalog.plan_from_spec(choice.spec), job.session
    assert job.held is not None
    engines = {"main": session.engine_of(plan)}
    if job.small is not None:
        engines["small"] = job.small.engine
    base, live, confirmation = await confirm(
        plan,
        job.held,
        engines,
        options.rule,
        sampling=session.sampling,
        at_once=session.streams,
        full={"main": session.engine},
        on_progress=job.progress.at,
    )
    return replace(choice, confirmation=confirmation), (base, live, session.streams)


def _lengthy(job: Job, large: Recording, options: StudyOptions) -> Choice:
    """Chooses on the kinds whose answer is only known in the end: there is nothing to gain there."""
    sources = Sources(large.of_kinds(LENGTHY))
    few = replace(options, runs=2, rule=replace(options.rule, pilot=PilotSource.QUESTIONS))
    evidence, test_part = evidence_of(sources, few, job.progress.at)
    choice = decide(evidence, test_part, sources, few)
    command = f"karui choose {large.path} " + " ".join(f"--kind {kind}" for kind in LENGTHY)
    data = study_of(evidence, test_part, choice, few, sources, commands=[command])
    Study(data, language=job.lang).save(job.out / "needs-length")
    return choice
