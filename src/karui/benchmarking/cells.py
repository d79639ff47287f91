"""The cells of a run: which there are, by what each is known as done, and measuring one."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

from karui import catalog
from karui.benchmarking.measuring import Bench, Measured
from karui.benchmarking.results import Cell, Evidence, SetInfo
from karui.benchmarking.results import Family as Kind
from karui.benchmarking.sources import Found, SourceMissing, digest_of, find, like, load, replied, set_digest
from karui.benchmarking.suite import Method, Places, Run, Suite, Variant
from karui.codec.files import load_study
from karui.core.errors import KaruiError, NotRecorded, RecordingMismatch
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.technique import Family
from karui.runners.replay import Replay, beside

MEASURED = 2
"""Counts up when a change of karui's code changes figures: every cell is then measured anew."""
FULL = "full-thinking"
CHOSEN = "chosen-plan"
_FLATTERED = "plan chosen on these questions"
_SAMPLES = re.compile(r"--samples \d+")


@dataclass(frozen=True)
class Job:
    """A cell to be measured.

    Attributes:
        method: Its name.
        plans: As the suite writes them, where it is replayed.
        control: Whether it is one of the suite's controls.
        variant: Its recordings, where it has its own.
        key: What it is known by.
        lacking: Sources that are not there.
    """

    method: str
    plans: tuple[str, ...] = ()
    control: bool = False
    variant: Variant | None = None
    key: str = ""
    lacking: SourceMissing | None = None


def methods_of(suite: Suite, run: Run) -> Iterator[Method]:
    """Yields the methods of a run, without those that ask a further model that it does not have."""
    there = {"main", *run.aux}
    for method in suite.methods_of(run):
        if any(catalog.parse(plan).models.keys() <= there for plan in method.settings(1000)):
            yield method


@dataclass
class RunCells:
    """The cells of one run of a suite. Nothing is read before a cell has to be measured.

    Attributes:
        suite: The suite.
        run: The run.
        places: From the suite's paths to files.
        found: The run's own source.
    """

    suite: Suite
    run: Run
    places: Places
    found: Found
    _aux: Mapping[str, Found] = field(default_factory=dict)

    @staticmethod
    def of(suite: Suite, run: Run, places: Places) -> "RunCells":
        """Returns a run with its source.

        Raises:
            SourceMissing: The source is not there.
        """
        by_name = {r.name: r for r in suite.models}
        further = {name: find(by_name[other].source, places) for name, other in run.aux.items()}
        return RunCells(suite, run, places, find(run.source, places), further)

    def jobs(self) -> Iterator[Job]:
        """Yields every cell: full thinking, controls, methods, variants."""
        yield self._job(Job(FULL))
        if self._choice:
            yield self._job(Job(CHOSEN))
        controls = {c.name for c in self.suite.controls}
        for method in methods_of(self.suite, self.run):
            yield self._job(Job(method.name, method.plans, method.name in controls))
        for variant in self.run.variants:
            yield self._job(Job(variant.method, variant=variant))

    def command(self, job: Job) -> str:
        """Returns the command that makes what a method lacks: a recording with as many traces as it needs."""
        make = self.places(self.run.source.make)
        wanted = min((catalog.parse(p).traces for p in self._settings(job)), default=0)
        if self.run.source.log or wanted <= self.bench.recording.samples:
            return ""
        more = _SAMPLES.sub(f"--samples {wanted}", make)
        return more if more != make else f"{make} (with {wanted} samples)"

    def _settings(self, job: Job) -> tuple[str, ...]:
        return self._method(job.method).settings(self.bench.length) if job.plans else ()

    def _job(self, job: Job) -> Job:
        try:
            digests = [find(s, self.places).digest for s in job.variant.sources] if job.variant else []
        except SourceMissing as lacking:
            return replace(job, lacking=lacking)
        told = {
            "measured": MEASURED,
            "run": self.run.model_dump(mode="json", exclude={"variants", "methods", "source"}),
            "sources": [self.found.digest, *(f.digest for f in self._aux.values()), *digests],
            "method": [job.method, *job.plans, *(job.variant.settings if job.variant else ())],
            "controls": [c.model_dump(mode="json") for c in self.suite.controls],
            "levels": self.suite.levels,
            "runs": self.suite.runs,
        }
        return replace(job, key=sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24])

    @cached_property
    def info(self) -> SetInfo:
        """Returns what is to be said of the run's questions."""
        asked = next(s for s in self.suite.sets if s.name == self.run.set)
        return SetInfo(
            name=asked.name,
            digest=set_digest(self.bench.recording),
            questions=len(self.bench.recording.questions),
            title={"en": asked.title.en, "ja": asked.title.ja},
            licence=asked.licence,
            source=asked.source,
        )

    @cached_property
    def _choice(self) -> Plan | None:
        """The plan that a study chose; None where the run is no study, or full thinking stays."""
        if not self.found.source.study:
            return None
        choice = load_study(self.found.study).choice
        return catalog.plan_from_spec(choice.spec) if choice.spec and not choice.withdrawn else None

    @cached_property
    def bench(self) -> Bench:
        """The run's recording, with its controls replayed.

        Raises:
            KaruiError: A recording cannot be read.
        """
        main = load(self.found, self.run, self.places)
        recordings = {"main": main}
        by_name = {r.name: r for r in self.suite.models}
        for name, found in self._aux.items():
            other = load(found, by_name[self.run.aux[name]], self.places)
            try:
                beside(main, other, name)
            except RecordingMismatch:
                continue  # plans that ask it are refused, with the reason
            recordings[name] = other
        bench = Bench(main, Replay(recordings, self.suite.runs))
        for control in self.suite.controls:
            settings, _ = bench.measured(control.settings(bench.length))
            if settings:
                bench.controls = {**bench.controls, control.name: settings}
        return bench

    def measure(self, job: Job) -> Cell:
        """Measures a cell.

        Raises:
            KaruiError: None of its settings can be measured; says why.
        """
        bench, refused = self.bench, list[str]()
        if job.variant is not None:
            settings = self._variant(job.variant)
        elif job.method == FULL:
            settings = [bench.full]
        elif job.method == CHOSEN:
            assert self._choice is not None
            settings = [bench.played(self._choice, self._choice.label)]
        else:
            settings, refused = bench.measured(self._settings(job))
            if not settings:
                raise NotRecorded(refused[0])
        return self._cell(job, settings, refused)

    def _method(self, name: str) -> Method:
        return next(m for m in (*self.suite.controls, *self.suite.methods) if m.name == name)

    def _variant(self, variant: Variant) -> list[Measured]:
        settings = []
        for number, source in enumerate(variant.sources):
            found = find(source, self.places)
            run = self.run.model_copy(update={"only_of": "", "config": {}})
            recording = like(self.bench.recording, load(found, run, self.places))
            style = catalog.plan_from_spec(recording.manifest.style)
            label = variant.settings[number] if variant.settings else _names(style) or variant.method
            outcomes = Replay({"main": recording}, self.suite.runs).outcomes(style)
            settings.append(Measured(label, outcomes, recording))
        return settings

    def _cell(self, job: Job, settings: Sequence[Measured], refused: Sequence[str]) -> Cell:
        bench, run = self.bench, self.run
        control = job.method if job.control else ""
        full = job.method == FULL
        caveats = tuple(c.value for c in bench.recording.manifest.caveats)
        return Cell(
            set=run.set,
            set_digest=self.info.digest,
            model=run.model,
            engine=run.engine or _engine(settings[0].recording),
            method=job.method,
            family=job.variant.family if job.variant else _family(job, settings[0].outcomes.plan),
            measured="imported" if bench.recording.manifest.source else "replayed",
            questions=self.info.questions,
            unit="words" if bench.in_words else "tokens",
            evidence=self._evidence(job, settings),
            points=tuple(bench.point(one, control) for one in settings),
            levels=() if full else tuple(bench.levels(settings, self.suite.levels, control)),
            refused=tuple(refused),
            caveats=(*caveats, _FLATTERED) if job.method == CHOSEN else caveats,
            by="karui",
            key=job.key,
        )

    def _evidence(self, job: Job, settings: Sequence[Measured]) -> Evidence:
        sources = [find(s, self.places) for s in job.variant.sources] if job.variant else [self.found]
        asked = {m for one in settings for m in one.outcomes.models_billed if m != "main"}
        digests = [*(f.digest for f in sources), *(self._aux[m].digest for m in sorted(asked))]
        permuted = any(one.outcomes.plan.flows for one in settings)
        return Evidence(
            kind=sources[0].kind,
            digest=digests[0] if len(digests) == 1 else digest_of(digests),
            samples=replied([one.recording for one in settings]),
            runs=self.suite.runs if permuted else 1,
        )


def _names(style: Plan) -> str:
    """Returns a style's techniques by name: what they were told stands in the recording."""
    return " + ".join(t.name() for t in style.techniques)


def _engine(recording: Recording) -> str:
    """Returns what a recording says it ran on."""
    return "not stated" if recording.manifest.source else recording.manifest.engine


def _family(job: Job, plan: Plan) -> Kind:
    if job.method == FULL:
        return "baseline"
    return "control" if job.control else family_of(plan)


def family_of(plan: Plan) -> Kind:
    """Returns the family of a plan: that of its last technique, of full thinking "baseline"."""
    families: dict[Family, Kind] = {
        Family.SHORTER: "shorter",
        Family.SMALLER: "smaller",
        Family.FASTER: "faster",
        Family.CONTROL: "control",
    }
    own = [families[t.family] for t in plan.techniques]
    return own[-1] if own else "baseline"


def refused(error: KaruiError) -> str:
    """Returns an error in one line, for the results."""
    return " ".join(part for part in (error.what, error.why) if part)
