"""Lighter versions of the model within a study: made, weighed, screened, and the best of them recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from karui import catalog
from karui.choose.evidence import Evidence, split
from karui.choose.halving import RUNGS, Look, Screening, halve
from karui.cli.console import Steps, say
from karui.cli.session import Session, making
from karui.cli.steps import Recorded
from karui.core.ask import Ask, Prompt
from karui.core.errors import InputError, KaruiError
from karui.core.plan import Plan
from karui.core.question import Task
from karui.core.recording import Recording
from karui.forge.artifact import Artifact
from karui.measure.footing import Axis, Footing
from karui.measure.measurement import compare, measure
from karui.recording.replay import Replay
from karui.recording.weigh import AT_ONCE, Weight, weigh

VERSIONS: Mapping[str, Sequence[str]] = {
    "cpu": ("int8-weights", "int8-dynamic", "gguf:type=q8_0", "gguf:type=q4_k_m", "prune-depth:layers=0.1"),
    "cuda": ("int8-weights", "int8-dynamic", "prune-depth:layers=0.1"),
}
"""What is tried where the user names nothing, by device: what needs no training and runs here at once."""


@dataclass(frozen=True)
class Version:
    """One lighter version of the model.

    Attributes:
        plan: The techniques that make it.
        artifact: What they made; None where they could not.
        weight: Weighed on this machine; None likewise.
        refused: Why it could not be made or run, "" if it could.
    """

    plan: Plan
    artifact: Artifact | None = None
    weight: Weight | None = None
    refused: str = ""


@dataclass(frozen=True)
class Lighter:
    """What looking for lighter versions came to.

    Attributes:
        base: The model as it came, weighed.
        versions: All that were tried.
        screening: The race among those that run.
        recorded: Recordings of those that were kept, by plan id.
    """

    base: Weight
    versions: tuple[Version, ...]
    screening: Screening
    recorded: Mapping[str, Recorded]

    def models(self, evidence: Evidence, footing: Footing) -> list[dict[str, Any]]:
        """Returns the rows of the report's table of models, the model as it came first."""
        whole = evidence.test[evidence.baseline]
        rows: list[dict[str, Any]] = [
            {
                "name": self.base.model,
                "label": "",
                "weight": self.base.as_dict(),
                "made": None,
                "measurement": measure(whole, footing).as_dict(),
                "comparison": None,
            }
        ]
        for version in self.versions:
            found = evidence.test.get(version.plan.id)
            rows.append(
                {
                    "name": self.base.model,
                    "label": version.plan.label,
                    "weight": version.weight.as_dict() if version.weight else None,
                    "made": _made(version.artifact),
                    "measurement": measure(found, footing).as_dict() if found else None,
                    "comparison": compare(whole, found, footing).as_dict() if found else None,
                    "refused": version.refused,
                }
            )
        return rows


def version_plans(names: Sequence[str], device: str) -> list[Plan]:
    """Returns the plans of the versions to try: those named, else what fits the device.

    Raises:
        UnknownName: There is no such technique.
        InputError: One makes no lighter version.
    """
    plans = [catalog.parse(name) for name in names or VERSIONS["cpu" if device == "cpu" else "cuda"]]
    for plan in plans:
        if not plan.prepared or plan.recorded != plan.techniques:
            raise InputError(
                f"--version {plan.label} makes no new weights, or does more than that.",
                remedy="Name techniques that `karui make` takes; the rest of the space is replayed anyway.",
            )
    return plans


def lighten(
    session: Session,
    task: Task,
    main: Recorded,
    plans: Sequence[Plan],
    axis: Axis,
    footing: Footing,
    out: Path,
    steps: Steps,
    *,
    keep: int = 2,
) -> Lighter:
    """Makes versions of the session's model, weighs and screens them, and records the best.

    Calibration, training and screening see the quarter of the questions that a choice without a pilot sets
    aside: none of them is a test question.

    Args:
        session: Of the model as it came.
        task: The questions that were recorded.
        main: Their recording.
        plans: The versions.
        axis: What is to be made small.
        footing: What that is measured on.
        out: Artifacts and recordings go below it.
        steps: Shows progress.
        keep: Versions recorded in full, at most.
    """
    pilot, _ = split(main.recording)
    session.artifacts, session.lessons = out / "artifacts", Recorded(main.path, pilot)
    asks = [Ask(q.id, Prompt(task.prompt(q)), session.sampling) for q in task.questions[: max(AT_ONCE)]]
    steps.begin("Weighing the model as it came")
    base = _weighed(session, Plan(), asks)
    versions = [_version(session, plan, asks, steps) for plan in plans]
    screening = _screen(session, task, pilot, base, versions, axis, footing, out, steps, keep)
    recorded = {}
    for number, name in enumerate(screening.kept, 1):
        plan = next(v.plan for v in versions if v.plan.label == name)
        recorded[plan.id] = session.record(task, out / f"version-{number}", steps, f"Recording {name}", plan)
        session.free(plan)
    return Lighter(base, tuple(versions), screening, recorded)


def _version(session: Session, plan: Plan, asks: Sequence[Ask], steps: Steps) -> Version:
    """Makes and weighs one version. What cannot be made here is told, in the report too, and left out."""
    artifact = None
    try:
        artifact = session.artifact(plan, making(steps))
        steps.begin(f"Weighing {plan.label}")
        return Version(plan, artifact, _weighed(session, plan, asks))
    except KaruiError as error:
        say(f"   {plan.label} is left out: {error.what} {error.why}".rstrip())
        return Version(plan, artifact, refused=f"{error.what} {error.why}".strip())


def _weighed(session: Session, plan: Plan, asks: Sequence[Ask]) -> Weight:
    folder, options = session.loading(plan)
    options = {name: value for name, value in options.items() if name not in {"slots", "seed"}}
    return weigh(folder, asks, at_once=[n for n in AT_ONCE if n <= session.at_once], **options)


def _screen(
    session: Session,
    task: Task,
    pilot: Recording,
    base: Weight,
    versions: Sequence[Version],
    axis: Axis,
    footing: Footing,
    out: Path,
    steps: Steps,
    keep: int,
) -> Screening:
    questions = {q.id: q for q in task.questions}
    few = pilot.questions[: RUNGS[-1]]
    rungs = sorted({min(n, len(few)) for n in RUNGS})
    running = {v.plan.label: v for v in versions if v.weight is not None}
    once = replace(session, samples=1)

    def look(recording: Recording, weight: Weight | None) -> Look:
        outcomes = Replay({"main": recording}).outcomes(catalog.plan_from_spec(recording.manifest.style))
        assert weight is not None
        if axis is Axis.LATENCY:
            # A rung has too few streams to fill the engine: the seconds a token took there say little.
            cost = np.nanmean(outcomes.time, axis=1, dtype=np.float64) / weight.speed[min(weight.speed)]
        else:
            cost = footing.measure(axis, [outcomes])(outcomes)
        return Look(outcomes.accuracy, np.asarray(cost, dtype=np.float64))

    def ask(name: str, first: int, last: int) -> Look:
        version = running[name]
        some = replace(task, questions=tuple(questions[q.id] for q in few[first:last]))
        folder = out / "screening" / f"{version.plan.id}-{first}"
        found = once.record(some, folder, steps, f"Screening {name}", version.plan)
        return look(found.recording, version.weight)

    before = look(Recording(pilot.manifest, few), base)
    full = session.samples * len(task.questions)
    return halve(list(running), ask, before, keep=keep, full=full, rungs=rungs)


def _made(artifact: Artifact | None) -> dict[str, Any] | None:
    if artifact is None:
        return None
    return {
        "seconds": artifact.seconds,
        "peak_bytes": artifact.peak_resident_bytes,
        "notes": dict(artifact.notes),
    }


def screening_of(lighter: Lighter) -> dict[str, Any]:
    """Returns what a study keeps of the screening."""
    return asdict(lighter.screening)
