"""`karui record`: a model on questions, once."""

from pathlib import Path

import typer

from karui.cli import options as o


def record(
    model: o.Model = "",
    thinking: o.Thinking = None,
    questions: o.Questions = "mini",
    limit: o.Limit = 0,
    samples: o.Samples = 4,
    style: o.Styles = [],  # noqa: B006 - typer reads the default
    max_tokens: o.MaxTokens = 4096,
    temperature: o.Temperature = 0.6,
    top_p: o.TopP = 0.95,
    at_once: o.AtOnce = 32,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    threads: o.Threads = 0,
    compiled: o.Compile = False,
    lessons: o.Lessons = None,
    minutes: o.Minutes = None,
    accept_no_thinking: o.NoThinking = False,
    min_accuracy: o.MinAccuracy = 10.0,
    from_gateway: Path | None = typer.Option(
        None,
        help="The file in which a gateway keeps conversations: their questions are recorded, and compared "
        "with the full model's own answers.",
    ),
    compact: bool = typer.Option(False, help="Join the parts into one file at the end, as small as it gets."),
    out: o.Out = Path("recording"),
) -> None:
    """Record full traces with a trial at every checkpoint; killed, it goes on where it was."""
    from karui.cli.console import Steps, say
    from karui.cli.failing import say_failure
    from karui.core.plan import Plan
    from karui.core.prompt import Sampling
    from karui.engines.chat.override import NOTHING_SAID, read_override
    from karui.recording.store import compact as compacted
    from karui.recording.store import load
    from karui.study.baseline import FAILS, examined, usable
    from karui.study.options import StudyOptions, rule_of
    from karui.study.prospects import Division, prospects, unfamiliar
    from karui.study.steps import Recorded
    from karui.study.workspace import MINI, Workspace, style_plans, task_of

    wishes = StudyOptions(rule_of(2.0, 0.95, "", "", min_accuracy))
    plan = Plan(tuple(t for p in style_plans(style) for t in p.techniques))
    if from_gateway is not None:
        questions = _asked_of_gateway(from_gateway, out, limit)
    task = task_of(questions, limit=limit, seed=seed, reference="self" if from_gateway else "given")
    sampling = Sampling(temperature, top_p, max_tokens=max_tokens)
    session = Workspace(
        model or MINI,
        sampling,
        samples,
        seed,
        at_once,
        device,
        dtype,
        threads,
        compiled,
        artifacts=out / "artifacts",
        lessons=Recorded(lessons, load(lessons, signals=False)) if lessons else None,
        minutes=minutes,
        thinking=read_override(thinking) if thinking else NOTHING_SAID,
        accept_no_thinking=accept_no_thinking,
    )
    if warning := unfamiliar(session.model, task.name):
        say(warning)
    if not plan.techniques:
        for line in prospects(len(task.questions), 0, samples, wishes.rule, Division(confirm=False)):
            say(line)
    with Steps() as steps:
        made = session.record(task, out, steps, f"Recording {session.whole(plan).label}", plan)
    if compact:
        compacted(out)
    rate = made.recording.manifest.tokens_per_second
    say(f"{len(made.recording.questions)} questions × {samples} traces, {rate:,.0f} tokens/s")
    failing = None if plan.techniques else examined(usable(made), wishes)
    if failing:
        say_failure(failing[0], "en", agreement=task.agreement)
    typer.echo(out)
    if failing:
        raise typer.Exit(FAILS)


def _asked_of_gateway(kept: Path, out: Path, limit: int) -> str:
    """Writes what users asked as a questions file beside the recording, and returns its name."""
    from time import time

    from karui.cli.console import say
    from karui.gateway.records.conversation_store import kept_in
    from karui.gateway.records.export_questions import Traffic

    traffic = Traffic.of(kept_in(kept, time()), limit)
    path = out.with_name(f"{out.name}-questions.jsonl")
    traffic.write(path)
    say(traffic.told())
    say(f"They stay in {path} and in the recording until you delete both: the gateway's time does not count.")
    return str(path)
