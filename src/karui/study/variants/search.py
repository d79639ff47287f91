"""Versions of the model within a study: made, weighed, screened, and the best of them recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from karui import catalog
from karui.artifacts.artifact import Artifact
from karui.core.errors import KaruiError
from karui.core.plan import Plan
from karui.core.question import Task
from karui.core.recording import Recording
from karui.core.request import Request
from karui.core.study import Made, ModelProfile, ModelVersion, Screening
from karui.core.study.choice import Axis
from karui.measure.cost_model import CostModel
from karui.profiling.profile import AT_ONCE, profile
from karui.runners.replay import Replay
from karui.selection.evidence import Evidence, split
from karui.selection.halving import RUNGS, Sample, halve
from karui.study.loop import interruptible
from karui.study.options import StudyOptions
from karui.study.progress import build_progress
from karui.study.variants.default_trainings import share
from karui.study.variants.plans import weighs
from karui.study.workspace import Workspace

_KEPT = 2
"""Versions of each kind recorded in full, at most."""


@dataclass(frozen=True)
class Variant:
    """One version of the model.

    Attributes:
        plan: The techniques that make it.
        artifact: What they made; None where they could not.
        weight: Weighed on this machine; None where it could not be, or has the weights' old format.
        refused: Why it could not be made or run, "" if it could.
    """

    plan: Plan
    artifact: Artifact | None = None
    weight: ModelProfile | None = None
    refused: str = ""


@dataclass(frozen=True)
class VariantSearch:
    """What looking for lighter and shorter-thinking versions came to.

    Attributes:
        name: The model's.
        base: The model as it came, weighed; None where no version has other weights than it in kind.
        versions: All that were tried.
        screening: The races among those that run.
        recorded: Recordings of those that were kept, by plan id.
    """

    name: str
    base: ModelProfile | None
    versions: tuple[Variant, ...]
    screening: Screening
    recorded: Mapping[str, Recording]

    def weights(self, label: str) -> Path | None:
        """Returns the folder of the weights that a plan runs on; None where it is the model as it came."""
        made = [v for v in self.versions if v.artifact and f"{label} + ".startswith(f"{v.plan.label} + ")]
        best = max(made, key=lambda v: len(v.plan.techniques), default=None)
        return best.artifact.folder if best and best.artifact else None

    def models(self, evidence: Evidence) -> tuple[ModelVersion, ...]:
        """Returns the rows of the report's table of models, the model as it came first."""
        first = ModelVersion(self.name, "", self.base, measurement=evidence.measured[evidence.baseline])
        return (
            first,
            *(
                ModelVersion(
                    self.name,
                    version.plan.label,
                    version.weight,
                    _made(version.artifact),
                    evidence.measured.get(version.plan.id),
                    evidence.compared.get(version.plan.id),
                    version.refused,
                )
                for version in self.versions
            ),
        )


async def search_variants(
    session: Workspace,
    task: Task,
    main: Recording,
    plans: Sequence[Plan],
    options: StudyOptions,
    out: Path,
    *,
    lessons: Recording | None = None,
    minutes: float | None = None,
) -> VariantSearch:
    """Makes versions of the session's model, weighs and screens them, and records the best.

    Screening sees the quarter of the questions that a choice without a pilot sets aside, and so do
    calibration and training where there are no lessons: none of them is a test question. Versions with
    other weights in kind race among themselves, those that only think shorter among themselves; where both
    have a winner, the two together are a version as well.

    Args:
        session: Of the model as it came.
        task: The questions that are judged by.
        main: Their recording.
        plans: The versions.
        options: What is to be minimised, and what that is measured on.
        out: Artifacts and recordings go below it.
        lessons: What is learned from and calibrated on, none of it in `main`; None is the pilot part.
        minutes: For all trainings together; None is each technique's own default.
    """
    pilot, _ = split(main)
    axis, footing = options.rule.minimize, options.footing
    session.artifacts, session.lessons = out / "artifacts", lessons or pilot
    session.minutes = None if minutes is None else share(minutes, plans)
    asks = [Request(q.id, task.prompt(q), session.sampling) for q in task.questions[: max(AT_ONCE)]]
    await session.free(Plan())  # it would lie beside every training, and is loaded again where it is needed
    base = None
    if axis is Axis.LATENCY or any(map(weighs, plans)):
        session.progress.begin("Profiling the model as it is")
        base = _weighed(session, Plan(), asks)
    versions = [_version(session, plan, asks) for plan in plans]
    race = _Race(session, task, pilot, base, axis, footing, out)
    kinds = [[v for v in versions if not v.refused and weighs(v.plan) is heavy] for heavy in (True, False)]
    screened = [await race.run(running) for running in kinds if running]
    kept = [next(v for v in versions if v.plan.label == name) for s in screened for name in s.kept]
    if (both := _both(kept)) is not None:
        versions.append(_version(session, both, asks))
        kept += [v for v in versions[-1:] if not v.refused]
    recorded = {}
    for number, version in enumerate(kept, 1):
        plan, label = version.plan, f"Recording {version.plan.label}"
        recorded[plan.id] = await session.record(task, out / f"version-{number}", label, plan)
        await session.free(plan)
    return VariantSearch(session.model, base, tuple(versions), _together(screened), recorded)


def _both(kept: Sequence[Variant]) -> Plan | None:
    """Returns the best version that thinks shorter, in the best format; None where one of them is missing."""
    formats = [v.plan for v in kept if weighs(v.plan)]
    thinkers = [v.plan for v in kept if not weighs(v.plan)]
    if not formats or not thinkers:
        return None
    return Plan((*thinkers[0].techniques, *formats[0].techniques))


def _together(screened: Sequence[Screening]) -> Screening:
    return Screening(
        tuple(standing for s in screened for standing in s.standings),
        sum(s.asked for s in screened),
        sum(s.spared for s in screened),
    )


def _version(session: Workspace, plan: Plan, asks: Sequence[Request]) -> Variant:
    """Makes and weighs one version. What cannot be made here is told, in the report too, and left out."""
    artifact = None
    try:
        artifact = session.artifact(plan, build_progress(session.progress))
        if not weighs(plan):
            return Variant(plan, artifact)
        session.progress.begin(f"Profiling {plan.label}")
        return Variant(plan, artifact, _weighed(session, plan, asks))
    except KaruiError as error:
        session.progress.say(f"   {plan.label} is left out: {error.what} {error.why}".rstrip())
        return Variant(plan, artifact, refused=f"{error.what} {error.why}".strip())


@interruptible()
def _weighed(session: Workspace, plan: Plan, asks: Sequence[Request]) -> ModelProfile:
    folder, options = session.loading(plan)
    options = {name: value for name, value in options.items() if name not in {"slots", "seed"}}
    return profile(folder, asks, at_once=[n for n in AT_ONCE if n <= session.streams], **options)


@dataclass(frozen=True)
class _Race:
    """What races among versions have in common."""

    session: Workspace
    task: Task
    pilot: Recording
    base: ModelProfile | None
    axis: Axis
    footing: CostModel
    out: Path

    async def run(self, running: Sequence[Variant]) -> Screening:
        """Races versions against each other until few enough are left."""
        questions = {q.id: q for q in self.task.questions}
        few = self.pilot.questions[: RUNGS[-1]]
        named = {v.plan.label: v for v in running}
        once = replace(self.session, samples=1)

        async def ask(name: str, first: int, last: int) -> Sample:
            version = named[name]
            some = replace(self.task, questions=tuple(questions[q.id] for q in few[first:last]))
            folder = self.out / "screening" / f"{version.plan.id}-{first}"
            found = await once.record(some, folder, f"Screening {name}", version.plan)
            await self.session.free(version.plan)  # several models at once would not fit on every GPU
            return self._look(found, version.weight or self.base)

        before = self._look(Recording(self.pilot.manifest, few), self.base)
        return await halve(
            list(named),
            ask,
            before,
            keep=_KEPT,
            full=self.session.samples * len(self.task.questions),
            rungs=sorted({min(n, len(few)) for n in RUNGS}),
        )

    def _look(self, recording: Recording, weight: ModelProfile | None) -> Sample:
        """Returns verdicts and costs; a version that was not weighed takes the seconds of the base."""
        outcomes = Replay({"main": recording}).outcomes(catalog.plan_from_spec(recording.manifest.style))
        if self.axis is Axis.LATENCY:
            assert weight is not None
            # A rung has too few streams to fill the engine: the seconds a token took there say little.
            cost = np.nanmean(outcomes.time, axis=1, dtype=np.float64) / weight.speed[min(weight.speed)]
        else:
            cost = self.footing.measure(self.axis, [outcomes])(outcomes)
        return Sample(outcomes.accuracy, np.asarray(cost, dtype=np.float64))


def _made(artifact: Artifact | None) -> Made | None:
    if artifact is None:
        return None
    return Made(
        seconds=artifact.seconds,
        key=artifact.key,
        folder=str(artifact.folder),
        minutes=artifact.minutes,
        peak_bytes=artifact.peak_gpu_bytes or artifact.peak_resident_bytes,
        device=artifact.device,
        machine=artifact.machine,
        notes=dict(artifact.notes),
    )
