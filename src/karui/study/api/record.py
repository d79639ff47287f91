"""`karui.record`: a model on questions, once."""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from karui.core.plan import Plan
from karui.core.question import Task
from karui.core.recording import Recording
from karui.recording.compaction import compact
from karui.recording.growth import arrange, recognise
from karui.recording.merging import shard_of
from karui.recording.store import load
from karui.study.api.arguments import config_of, workspace_of
from karui.study.config.keywords import RecordKeywords
from karui.study.config.schema import RecordConfig
from karui.study.loop import awaitable, blocking
from karui.study.options import rule_of
from karui.study.progress import OnProgress, progress_of
from karui.study.prospects import Division, planned_parts, prospects, unfamiliar
from karui.study.variants.plans import variant_plans
from karui.study.workspace import task_of


async def _record(
    model: str = "",
    questions: str | Path | Task = "",
    *,
    config: RecordConfig | Path | str | None = None,
    on_progress: OnProgress = None,
    **options: Unpack[RecordKeywords],
) -> Recording:
    """Records full traces of a model, with a trial at every checkpoint; interrupted, it goes on where it was.

    Args:
        model: Folder, Hub name or server (`http://HOST:PORT/v1#NAME`); "" is the embedded karui-mini.
        questions: Your own file, a name of `karui tasks`, or a task; "" are karui-mini's own.
        config: A config, or a TOML file of options; keywords win.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.
        **options: The options of `karui record`, with _ for -: `samples=4`, `out="recording"`, ….

    Returns:
        The recording; its `path` is the folder. Traces that failed are missing, and the same call tries
        them again.

    Raises:
        UnknownName: There is no such option, task, technique or model; names the nearest.
        RecordingMismatch: The folder holds a recording of something else; names the field.
        RecordingError: Full thinking is empty, and that was not accepted.
        KaruiError: The model cannot be loaded or fails; what was recorded is kept.
    """
    named = {"model": model} if model else {}
    asked = {"questions": str(questions)} if questions and not isinstance(questions, Task) else {}
    settings = config_of(RecordConfig, config, {**named, **asked, **options})
    progress = progress_of(on_progress)
    plan = Plan(tuple(t for p in variant_plans(settings.recording.variant) for t in p.techniques))
    source, out = settings.questions, settings.recording.out
    shard = shard_of(settings.recording.shard)
    task = questions if isinstance(questions, Task) else None
    task = task or task_of(
        source.questions, limit=source.limit, seed=settings.sampling.seed, reference=source.reference
    )
    if not plan.techniques:  # before a model is loaded; other styles are compared as they are recorded
        task = recognise(out, task)
    lessons = settings.build.recording
    session = workspace_of(
        settings.model,
        settings.sampling,
        progress,
        artifacts=out / "artifacts",
        lessons=load(lessons, signals=False) if lessons else None,
        minutes=settings.build.minutes,
        accept_no_thinking=settings.baseline.accept_no_thinking,
        on=settings.place.on,
    )
    if warning := unfamiliar(session.model, task.name):
        progress.warn(warning)
    if not plan.techniques:
        rule = rule_of(2.0, 0.95, "", "", settings.baseline.min_accuracy)
        planned = planned_parts(arrange(out, task), 0, Division(confirm=False))
        for line in prospects(planned, session.samples, rule):
            progress.say(line)
    try:
        made = await session.record(task, out, f"Recording {session.whole(plan).label}", plan, shard)
    finally:
        await session.close()
    if settings.recording.compact:
        compact(out)
    if shard is not None:
        which, of = shard
        made = made.subset({q.id for q in made.questions[which - 1 :: of]})
    return replace(made, path=out)


record = blocking(_record)
record_async = awaitable(_record)
