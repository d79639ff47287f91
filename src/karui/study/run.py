"""One run of `karui poc`, from recording to report."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from karui import catalog
from karui.cli.console import Steps, say
from karui.cli.failing import stop
from karui.cli.summary import DECISIONS, say_between, say_misbehaviour, say_models, say_overthinking, summary
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.question import Task
from karui.core.study import ReferenceRun
from karui.core.study.choice import Choice
from karui.selection.confirm import confirm
from karui.study.baseline import examined, usable
from karui.study.data_split import Parts, of, part, with_versions
from karui.study.options import StudyOptions, fair
from karui.study.serving_profile import expected
from karui.study.steps import Recorded, decide, evidence_of, publish, shipped_study, study_of
from karui.study.variant_search import VariantSearch, search_variants
from karui.study.workspace import Workspace, shipped

_LENGTHY = ("long_sum", "swaps")
"""Kinds of mini's questions that need their whole thinking: the demonstration's other side."""


@dataclass(frozen=True)
class Job:
    """What one run does.

    Attributes:
        session: Of the model as it came.
        task: Questions to record.
        held: Questions for the live confirmation; None if there is to be none.
        styles: Prompts to record beside full thinking.
        versions: Versions of the model to try.
        small: Of the small model that cascades ask first; None if there is none.
        learning: Whether some version is trained, so that questions are set aside for it.
        lessons: A recording of other questions to train on; None sets a part of these aside.
        minutes: For all trainings together; None where there are none.
        out: Everything goes below it.
        lang: Of the report.
        demo: Whether it is the demonstration on karui-mini.
    """

    session: Workspace
    task: Task
    held: Task | None
    styles: Sequence[Plan]
    versions: Sequence[Plan]
    small: Workspace | None
    learning: bool
    lessons: Recorded | None
    minutes: float | None
    out: Path
    lang: str
    demo: bool


def run(job: Job, wishes: StudyOptions) -> None:
    """Records, replays, chooses, confirms and reports, and says what came of it.

    Raises:
        typer.Exit: With 4 where full thinking itself fails, with 3 where the live confirmation contradicted
            the choice.
    """
    out = job.out
    # The shipped pilot is one of karui-mini as it came: it says nothing of other weights.
    alone = not job.versions and job.small is None
    with Steps() as steps:
        pilot = shipped("pilot") if job.demo and alone else None
        main = usable(job.session.record(job.task, out / "recording", steps, "Recording full thinking"))
        if failing := examined(main, wishes):
            stop(main, failing, wishes, out, job.lang, _commands(out))
        found = _gather(job, main, wishes, steps)
        wishes, main, further = found.wishes, found.main, found.further
        steps.begin("Replaying every plan")
        evidence, test_part = evidence_of(main, found.styled, pilot, wishes, steps.at, beside=further)
        if pilot is not None:
            wishes = replace(wishes, rule=replace(wishes.rule, pilot="shipped pilot recording"))
        choice = decide(evidence, test_part, [main, *found.styled], pilot, wishes, beside=further)
        live = None
        if job.held is not None and choice.spec:
            steps.begin("Confirming the choice live")
            choice, live = _confirmed(job, choice, wishes, steps)
        beside, lengthy = _demonstrated(job, wishes, steps) if job.demo and alone else (None, None)
        steps.begin("Writing the report")
        study = study_of(
            evidence,
            test_part,
            choice,
            wishes,
            live=live,
            shipped=beside,
            commands=_commands(out),
            beside=further,
            styles=found.styled,
        )
        if found.lighter is not None:
            models = found.lighter.models(evidence)
            study = with_versions(study, models, found.lighter.screening, found.parts)
        pages = publish(choice, study, out, job.lang, expected(choice, main, found.styled, further))
    summary(choice, study, job.lang)
    say_between(evidence, wishes)
    say_models(study)
    say_misbehaviour(study.misbehaviour)
    say_overthinking(test_part)
    if lengthy is not None:
        say(
            f"Where length is needed ({' and '.join(_LENGTHY)}, {lengthy.questions} questions of the shipped "
            f"recording): {DECISIONS[lengthy.decision].lower()} [replayed; {out / 'needs-length'}]"
        )
    if choice.spec and found.lighter is not None and (weights := found.lighter.weights(choice.label)):
        say(f"Its weights: {weights}")
    say()
    for page in pages:
        typer.echo(page)
    if choice.withdrawn:
        raise typer.Exit(3)


@dataclass(frozen=True)
class _Gathered:
    """What one run recorded, and what it made for it.

    Attributes:
        main: Of the model as it came, on the questions that are judged by.
        styled: With other prompts, or of versions of it.
        further: Of further models, by the names that plans ask for.
        parts: How the questions were divided, where versions were trained.
        lighter: The versions; None where there are none.
        wishes: With the axis that is fair between these models.
    """

    main: Recorded
    styled: list[Recorded]
    further: dict[str, Recorded]
    parts: Parts | None
    lighter: VariantSearch | None
    wishes: StudyOptions


def _gather(job: Job, main: Recorded, wishes: StudyOptions, steps: Steps) -> _Gathered:
    """Records the model's styles and its versions beside its full thinking."""
    session, task, out = job.session, job.task, job.out
    parts = None
    if job.learning:
        parts = part(main, job.lessons, len(job.held.questions) if job.held else 0)
        say(f"   {parts}")
        main, task = parts.judged, of(task, parts.judged.recording)
    styled = [
        session.record(task, out / f"recording-{n}", steps, f"Recording {plan.label}", plan)
        for n, plan in enumerate(job.styles, 1)
    ]
    further = {}
    if job.small is not None:
        label = f"Recording {job.small.model}"
        further["small"] = job.small.record(task, out / "recording-small", steps, label)
    wishes = fair(wishes, [r.recording for r in (main, *further.values())])
    lighter = None
    if job.versions:
        lighter = search_variants(
            session,
            task,
            main,
            job.versions,
            wishes.rule.minimize,
            wishes.footing,
            out,
            steps,
            lessons=parts.trained if parts else None,
            minutes=job.minutes,
        )
        styled += lighter.recorded.values()
    return _Gathered(main, styled, further, parts, lighter, wishes)


def _demonstrated(job: Job, wishes: StudyOptions, steps: Steps) -> tuple[ReferenceRun, Choice]:
    """Replays the recording that ships with karui: much evidence, and the kinds that need their length."""
    steps.begin("Replaying the shipped recording")
    large = shipped("recording")
    beside = shipped_study(large.recording, "karui-mini, recorded on a GPU", wishes, steps.at)
    steps.begin("Choosing where length is needed")
    return beside, _lengthy(large, wishes, job.out / "needs-length", job.lang, steps)


def _confirmed(
    job: Job, choice: Choice, wishes: StudyOptions, steps: Steps
) -> tuple[Choice, tuple[Outcomes, Outcomes, int]]:
    """Runs the choice live against full thinking of the model as it came."""
    plan, session = catalog.plan_from_spec(choice.spec), job.session
    assert job.held is not None
    engines = {"main": session.engine_of(plan)}
    if job.small is not None:
        engines["small"] = job.small.engine
    base, live, confirmation = session.run(
        confirm(
            plan,
            job.held,
            engines,
            wishes.rule,
            sampling=session.sampling,
            at_once=session.at_once,
            full={"main": session.engine},
            on_progress=steps.at,
        )
    )
    return replace(choice, confirmation=confirmation), (base, live, session.at_once)


def _lengthy(large: Recorded, wishes: StudyOptions, out: Path, lang: str, steps: Steps) -> Choice:
    """Chooses on the kinds whose answer is only known in the end: there is nothing to gain there."""
    part = replace(large, recording=large.recording.of_kinds(_LENGTHY))
    few = replace(wishes, runs=2, rule=replace(wishes.rule, pilot="questions"))
    evidence, test_part = evidence_of(part, [], None, few, steps.at)
    choice = decide(evidence, test_part, [part], None, few)
    command = f"karui choose {part.path} " + " ".join(f"--kind {kind}" for kind in _LENGTHY)
    publish(choice, study_of(evidence, test_part, choice, few, commands=[command]), out, lang)
    return choice


def _commands(out: Path) -> list[str]:
    return [shlex.join(["karui", *sys.argv[1:]]), f"karui report {shlex.quote(str(out))}"]
