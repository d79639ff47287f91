"""`karui poc`: the whole job, from questions to a report."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from karui.cli import options as o

if TYPE_CHECKING:
    from karui.core.question import Task
    from karui.study.options import StudyOptions
    from karui.study.workspace import Workspace

_MINI_QUESTIONS, _MINI_SAMPLES, _MINI_CONFIRM = 400, 2, 120
"""The embedded demonstration: what a two-core machine records and confirms within five minutes."""
_FEW = 5
"""Questions that an estimate records."""
_MINI_STYLES = ("no-thinking",)
"""Recorded beside full thinking: the control that shows what thinking buys."""


def poc(
    model: o.Model = "",
    thinking: o.Thinking = None,
    questions: o.Questions = "",
    limit: o.Limit = 0,
    samples: int = typer.Option(
        0, help="Number of traces recorded per question.", show_default="4; in the demonstration 2"
    ),
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
    max_tokens: int = typer.Option(
        0,
        help="Token limit of thinking and answer together; a trace that reaches it is cut.",
        show_default="4096; of karui-mini 1024",
    ),
    temperature: o.Temperature = 0.6,
    top_p: o.TopP = 0.95,
    at_once: o.AtOnce = 32,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    threads: o.Threads = 0,
    compiled: o.Compile = False,
    accept_truncation: o.Truncation = False,
    accept_no_thinking: o.NoThinking = False,
    min_accuracy: o.MinAccuracy = 10.0,
    assume: o.Assume = [],  # noqa: B006 - typer reads the default
    lang: o.Lang = "en",
    out: o.Out = Path("runs/poc"),
) -> None:
    """Record, replay every plan, choose with a guarantee, confirm live, and report."""
    from karui.cli.console import say
    from karui.core.errors import InputError
    from karui.core.prompt import Sampling
    from karui.engines.chat.override import NOTHING_SAID, read_override
    from karui.study.data_split import brought_along, ensure_parts
    from karui.study.default_trainings import trained
    from karui.study.options import StudyOptions, assumptions_of, on_this_machine, rule_of
    from karui.study.prospects import Division, prospects, unfamiliar
    from karui.study.run import Job, run
    from karui.study.variants import versions_of, weighs
    from karui.study.workspace import MINI, Workspace, embedded, hold_back, style_plans, task_of

    demo = not model and not questions
    wishes = StudyOptions(
        rule_of(max_drop, confidence, minimize, priority, min_accuracy),
        assumptions_of(assume),
        extra=tuple(technique),
        accept_truncation=accept_truncation,
        named=bool(minimize or priority),
    )
    styles = style_plans(style or (_MINI_STYLES if demo else ()))
    session = Workspace(
        model or MINI,
        Sampling(temperature, top_p, max_tokens=max_tokens or (1024 if not model else 4096)),
        samples or (_MINI_SAMPLES if demo else 4),
        seed,
        at_once,
        device,
        dtype,
        threads,
        compiled,
        thinking=read_override(thinking) if thinking else NOTHING_SAID,
        accept_no_thinking=accept_no_thinking,
    )
    if demo:
        division = Division(confirm=confirm, pilot=False)
        task = task_of("mini:test", limit=limit or _MINI_QUESTIONS, seed=seed)
        held = task_of("mini:confirm", limit=_MINI_CONFIRM, seed=seed)
    else:
        everything = task_of(questions or "mini", limit=limit, seed=seed, reference=reference)
        # With the model's own answers as references there is nothing to confirm against on unseen questions.
        division = Division(confirm=confirm and not everything.agreement)
        task, held = hold_back(everything, division.held(len(everything.questions)), seed)
    kept = len(held.questions) if confirm else 0
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
        ensure_parts(len(task.questions), kept, brought=lessons is not None)
    if warning := unfamiliar(session.model, task.name):
        say(warning)
    if model and not questions:
        say("No --questions are named: those of the task mini are taken.")
    division = replace(division, learning=learning and lessons is None)
    for line in prospects(len(task.questions), kept, session.samples, wishes.rule, division):
        say(line)
    if estimate:
        _estimate(session, task, wishes, lang)
        return
    if any(map(weighs, versions)):
        if not wishes.named:
            say("No axis was named: latency on this machine is made small (--minimize says otherwise).")
        wishes = on_this_machine(wishes)
    run(
        Job(
            session=session,
            task=task,
            held=held if kept else None,
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


def _estimate(session: "Workspace", task: "Task", wishes: "StudyOptions", lang: str) -> None:
    from tempfile import TemporaryDirectory

    from karui.cli.console import Steps, say
    from karui.cli.failing import say_failure
    from karui.cli.summary import say_fits
    from karui.study.baseline import FAILS, examined, usable
    from karui.study.prospects import estimated

    few = replace(task, questions=task.questions[:_FEW])
    with TemporaryDirectory() as folder, Steps() as steps:
        spent = session.record(few, Path(folder) / "recording", steps, f"Recording {_FEW} questions")
    for line in estimated(spent.recording, len(task.questions), session.samples):
        say(line)
    if found := examined(usable(spent), wishes):
        say_failure(found[0], lang, agreement=task.agreement)
        raise typer.Exit(FAILS)
    say_fits(spent.recording, session.at_once)
