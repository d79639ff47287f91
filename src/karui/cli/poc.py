"""`karui poc`: the whole job, from questions to a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from karui.cli import options as o

if TYPE_CHECKING:
    from karui.cli.console import Steps
    from karui.cli.lighter import Lighter
    from karui.cli.parts import Parts
    from karui.cli.session import Session
    from karui.cli.steps import Recorded
    from karui.cli.wishes import Wishes
    from karui.core.choice import Choice
    from karui.core.outcome import Outcomes
    from karui.core.plan import Plan
    from karui.core.question import Task

_MINI_QUESTIONS, _MINI_SAMPLES, _MINI_CONFIRM = 400, 2, 120
"""The embedded demonstration: what a two-core machine records and confirms within five minutes."""
_MINI_STYLES = ("no-thinking",)
"""Recorded beside full thinking: the control that shows what thinking buys."""
_LENGTHY = ("long_sum", "swaps")
"""Kinds of mini's questions that need their whole thinking: the demonstration's other side."""
_HELD_BACK = 0.2
"""Share of one's own questions that is never recorded but kept for the live confirmation."""


def poc(
    model: o.Model = "",
    questions: o.Questions = "",
    limit: o.Limit = 0,
    samples: o.Samples = 0,
    max_drop: o.MaxDrop = 2.0,
    confidence: o.Confidence = 0.95,
    minimize: o.Minimize = "",
    priority: o.Priority = "",
    style: o.Styles = [],  # noqa: B006 - typer reads the default
    technique: o.Own = [],  # noqa: B006 - typer reads the default
    include: list[str] = typer.Option(
        [],
        help="smaller: also make lighter versions of the model; shorter-training: train versions that think "
        "shorter. They are screened, and the best recorded. Repeatable.",
    ),
    version: list[str] = typer.Option(
        [],
        help='A version to try (repeatable), such as "gguf:type=q4_k_m" or "shortest-correct:lora=8"; else '
        "a few that fit here.",
    ),
    train_minutes: float = typer.Option(10.0, min=0.01, help="Minutes for all trainings together."),
    train_on: Path | None = typer.Option(
        None, help="A recording of the model on other questions to train on; else a part is set aside."
    ),
    sibling: str = typer.Option(
        "", help="A model of the same shapes that thinks shorter, to merge with: a folder or Hub name."
    ),
    small: str = typer.Option("", help="A smaller model for cascades: a folder, Hub name or karui-micro."),
    reference: Literal["given", "self"] = typer.Option(
        "given", help="self compares with the full model's majority answer."
    ),
    estimate: bool = typer.Option(
        False, "--estimate", help="Record five questions; say what all would take, and what fits here."
    ),
    confirm: bool = typer.Option(True, help="Confirm the choice live on held-back questions."),
    max_tokens: o.MaxTokens = 0,
    temperature: o.Temperature = 0.6,
    top_p: o.TopP = 0.95,
    at_once: o.AtOnce = 32,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    threads: o.Threads = 0,
    compiled: o.Compile = False,
    accept_truncation: o.Truncation = False,
    assume: o.Assume = [],  # noqa: B006 - typer reads the default
    lang: o.Lang = "en",
    out: o.Out = Path("runs/poc"),
) -> None:
    """Record, replay every plan, choose with a guarantee, confirm live, and report."""
    from karui.cli.console import say
    from karui.cli.parts import brought_along, ensure_parts
    from karui.cli.session import MINI, Session, embedded, hold_back, style_plans, task_of
    from karui.cli.training import trained
    from karui.cli.versions import versions_of, weighs
    from karui.cli.wishes import Wishes, assumptions_of, on_this_machine, rule_of
    from karui.core.ask import Sampling
    from karui.core.errors import InputError

    demo = not model and not questions
    wishes = Wishes(
        rule_of(max_drop, confidence, minimize, priority),
        assumptions_of(assume),
        extra=tuple(technique),
        accept_truncation=accept_truncation,
        named=bool(minimize or priority),
    )
    styles = style_plans(style or (_MINI_STYLES if demo else ()))
    session = Session(
        model or MINI,
        Sampling(temperature, top_p, max_tokens=max_tokens or (1024 if not model else 4096)),
        samples or (_MINI_SAMPLES if demo else 4),
        seed,
        at_once,
        device,
        dtype,
        threads,
        compiled,
    )
    if demo:
        task = task_of("mini:test", limit=limit or _MINI_QUESTIONS, seed=seed)
        held = task_of("mini:confirm", limit=_MINI_CONFIRM, seed=seed)
    else:
        everything = task_of(questions or "mini", limit=limit, seed=seed, reference=reference)
        # With the model's own answers as references there is nothing to confirm against on unseen questions.
        share = _HELD_BACK if confirm and not everything.agreement else 0.0
        task, held = hold_back(everything, share, seed)
    if estimate:
        _estimate(session, task, wishes)
        return
    versions = versions_of(session, include, version, train_minutes, sibling)
    learning = "shorter-training" in include or any(map(trained, versions))
    if train_on and not learning:
        raise InputError(
            f"--train-on {train_on}: no version is trained.", remedy="Add --include shorter-training."
        )
    lessons = None
    if learning:
        # In the demonstration nothing else needs the shipped pilot: it is of karui-mini as it came.
        path = train_on or (embedded("pilot") if demo else None)
        lessons = brought_along(path, [task, held]) if path else None
        kept = len(held.questions) if confirm else 0
        ensure_parts(len(task.questions), kept, brought=lessons is not None)
    if any(map(weighs, versions)):
        if not wishes.named:
            say("No axis was named: latency on this machine is made small (--minimize says otherwise).")
        wishes = on_this_machine(wishes)
    _run(
        _Job(
            session=session,
            task=task,
            held=held if confirm and held.questions else None,
            styles=styles,
            versions=versions,
            small=session.beside(small) if small else None,
            learning=learning,
            lessons=lessons,
            minutes=train_minutes if learning else None,
            out=out,
            lang=lang,
            demo=demo,
        ),
        wishes,
    )


@dataclass(frozen=True)
class _Job:
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

    session: "Session"
    task: "Task"
    held: "Task | None"
    styles: "Sequence[Plan]"
    versions: "Sequence[Plan]"
    small: "Session | None"
    learning: bool
    lessons: "Recorded | None"
    minutes: float | None
    out: Path
    lang: str
    demo: bool


def _run(job: _Job, wishes: "Wishes") -> None:
    from dataclasses import replace

    from karui.cli.console import Steps, say
    from karui.cli.expecting import expected
    from karui.cli.lighter import screening_of
    from karui.cli.parts import with_versions
    from karui.cli.session import shipped
    from karui.cli.steps import decide, evidence_of, publish, study_of
    from karui.cli.summary import DECISIONS, say_between, say_models, say_overthinking, summary

    out = job.out
    # The shipped pilot is one of karui-mini as it came: it says nothing of other weights.
    alone = not job.versions and job.small is None
    with Steps() as steps:
        pilot = shipped("pilot") if job.demo and alone else None
        found = _gather(job, wishes, steps)
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
        )
        if found.lighter is not None:
            models = found.lighter.models(evidence, wishes.footing)
            study = with_versions(study, models, screening_of(found.lighter), found.parts)
        pages = publish(choice, study, out, job.lang, expected(choice, main, found.styled, further))
    summary(choice, study)
    say_between(evidence, wishes)
    say_models(study)
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

    main: "Recorded"
    styled: "list[Recorded]"
    further: "dict[str, Recorded]"
    parts: "Parts | None"
    lighter: "Lighter | None"
    wishes: "Wishes"


def _gather(job: _Job, wishes: "Wishes", steps: "Steps") -> _Gathered:
    """Records the model, its styles and its versions."""
    from karui.cli.console import say
    from karui.cli.lighter import lighten
    from karui.cli.parts import of, part
    from karui.cli.wishes import fair
    from karui.measure.footing import Axis

    session, task, out = job.session, job.task, job.out
    main = session.record(task, out / "recording", steps, "Recording full thinking")
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
        lighter = lighten(
            session,
            task,
            main,
            job.versions,
            Axis(wishes.rule.minimize),
            wishes.footing,
            out,
            steps,
            lessons=parts.trained if parts else None,
            minutes=job.minutes,
        )
        styled += lighter.recorded.values()
    return _Gathered(main, styled, further, parts, lighter, wishes)


def _demonstrated(job: _Job, wishes: "Wishes", steps: "Steps") -> "tuple[dict[str, Any], Choice]":
    """Replays the recording that ships with karui: much evidence, and the kinds that need their length."""
    from karui.cli.session import shipped
    from karui.cli.steps import shipped_study

    steps.begin("Replaying the shipped recording")
    large = shipped("recording")
    beside = shipped_study(large.recording, "karui-mini, recorded on a GPU", wishes, steps.at)
    steps.begin("Choosing where length is needed")
    return beside, _lengthy(large, wishes, job.out / "needs-length", job.lang, steps)


def _confirmed(
    job: _Job, choice: "Choice", wishes: "Wishes", steps: "Steps"
) -> "tuple[Choice, tuple[Outcomes, Outcomes, int]]":
    """Runs the choice live against full thinking of the model as it came."""
    from dataclasses import replace

    from karui import catalog
    from karui.choose.confirm import confirm

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


def _lengthy(large: "Recorded", wishes: "Wishes", out: Path, lang: str, steps: "Steps") -> "Choice":
    """Chooses on the kinds whose answer is only known in the end: there is nothing to gain there."""
    from dataclasses import replace

    from karui.cli.steps import decide, evidence_of, publish, study_of

    part = replace(large, recording=large.recording.of_kinds(_LENGTHY))
    few = replace(wishes, runs=2, rule=replace(wishes.rule, pilot="questions"))
    evidence, test_part = evidence_of(part, [], None, few, steps.at)
    choice = decide(evidence, test_part, [part], None, few)
    command = f"karui choose {part.path} " + " ".join(f"--kind {kind}" for kind in _LENGTHY)
    publish(choice, study_of(evidence, test_part, choice, few, commands=[command]), out, lang)
    return choice


def _estimate(session: "Session", task: "Task", wishes: "Wishes") -> None:
    from dataclasses import replace
    from tempfile import TemporaryDirectory

    from karui.cli.console import Steps, say
    from karui.cli.steps import estimated
    from karui.cli.summary import say_fits

    few = replace(task, questions=task.questions[:5])
    with TemporaryDirectory() as folder, Steps() as steps:
        spent = session.record(few, Path(folder) / "recording", steps, "Recording five questions")
    for line in estimated(spent.recording, len(task.questions), session.samples, wishes.rule):
        say(line)
    say_fits(spent.recording, session.at_once)


def _commands(out: Path) -> list[str]:
    import shlex
    import sys

    return [shlex.join(["karui", *sys.argv[1:]]), f"karui report {shlex.quote(str(out))}"]
