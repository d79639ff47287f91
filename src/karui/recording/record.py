"""Recording: every question thinks to its end several times, and is tried at every checkpoint on the way.

Traces go to disk as they finish and are forgotten; killed at any moment, the work goes on from what is there.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from karui.core.engine import Engine, Reader, prepare_parameters
from karui.core.errors import PlanError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.core.recording import Manifest, Recording
from karui.core.request import Request
from karui.core.trace import Trace
from karui.measure.energy import EnergyMeter
from karui.measure.machine import machine, versions
from karui.recording.columns import answers
from karui.recording.growth import append, arrange
from karui.recording.jobs import TraceJobs
from karui.recording.reference import self_reference
from karui.recording.store import Writer, load
from karui.recording.thinking import FEW, refuse_empty
from karui.recording.tracing import EngineInfo, OwnEngine, TraceSource
from karui.tasks.worker import timed_out

__all__ = ["Progress", "manifest_of", "record", "self_reference"]

_PART_TRACES = 200
"""A part is written after this many traces or seconds, whichever comes first: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is.

    Attributes:
        done: Traces that are there, those of earlier runs included.
        total: Traces wanted.
        failed: Traces that the engine failed on in this run; recording again tries them again.
        failure: What it said last; "" if it never failed.
        tokens: Tokens generated in this run, trials included.
        tokens_per_second: Of this run, all streams together.
        seconds_left: At the present pace; None until a trace of this run has finished.
    """

    done: int
    total: int
    failed: int
    failure: str
    tokens: int
    tokens_per_second: float
    seconds_left: float | None


def manifest_of(engine: Engine | EngineInfo, task: Task, options: "RecordingOptions") -> Manifest:
    """Returns the manifest of a recording about to be made; its speeds are not known yet."""
    engine = engine if isinstance(engine, EngineInfo) else EngineInfo.of(engine)
    return Manifest(
        model=engine.card,
        engine=engine.name,
        task=task.name,
        task_digest=task.digest,
        style=tuple(options.style.spec),
        sampling=options.sampling,
        rule=engine.rule,
        suffix=engine.suffix,
        suffix_tokens=engine.suffix_tokens,
        samples=options.samples,
        seed=options.seed,
        agreement=task.agreement,
        abilities=engine.abilities,
        versions=versions(),
        machine=machine(),
        instruction=task.instruction,
        verifier=Counter(q.verifier.spec for q in task.questions).most_common(1)[0][0],
        thinking=engine.thinks,
        no_thinking_accepted=options.accept_no_thinking,
        server=engine.server,
        workers=engine.workers,
        batch_invariant=options.batch_invariant,
    )


@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """How a task is recorded.

    Attributes:
        style: Techniques that need a recording of their own; the bare model without any.
        sampling: How tokens are drawn.
        samples: Traces wanted per question; more than last time adds some.
        seed: Seed that trace seeds are derived from; the engine must have been given the same.
        at_once: Largest number of concurrent generations.
        accept_no_thinking: Whether to go on where full thinking is empty; the manifest says so.
        shard: Which part of the questions is recorded, (2, 3) for the second third; None for all. The
            recording is one of the whole task, to be merged with the others (`karui.recording.merging`).
        batch_invariant: As `Manifest.batch_invariant`.
        on_progress: Called now and then, and after every trace.
    """

    style: Plan = field(default_factory=Plan)
    sampling: Sampling = field(default_factory=Sampling)
    samples: int = 4
    seed: int = 0
    at_once: int = 32
    accept_no_thinking: bool = False
    shard: tuple[int, int] | None = None
    batch_invariant: bool | None = None
    on_progress: Callable[[Progress], None] | None = None


async def record(
    engine: Engine | TraceSource,
    task: Task,
    folder: Path | str,
    options: RecordingOptions | None = None,
    **changes: Any,
) -> Recording:
    """Records a task, or what is still missing of its recording.

    Sample 0 of every question comes first, then sample 1 of every question: cut short, the recording holds
    all questions. Where full thinking turns out to be empty, it is broken off after the first few.

    Args:
        engine: The model: an engine in this process, or workers that have one each.
        task: The questions.
        folder: Where the recording goes, or was begun. Questions that the task has beyond those recorded
            there are added to it.
        options: How it is recorded.
        **changes: Single options, by name.

    Returns:
        The recording, with whatever could be made of it; `store.missing` counts what could not.

    Raises:
        PlanError: The style does not need its own recording, or the engine cannot do it.
        RecordingMismatch: The folder holds a recording of something else; names the field.
        RecordingError: Full thinking is empty, and that was not accepted.
        EngineError: The engine failed ten times in a row, or every time.
        StorageError: The folder cannot be written; what was written before is kept.
    """
    options = replace(options or RecordingOptions(), **changes)
    style = options.style
    if style.recorded != style.techniques:
        spare = next(t for t in style.techniques if t not in style.recorded)
        raise PlanError(
            f"{spare.name()} is not recorded, it is replayed.",
            why="It only decides how thinking is spent, so any recording will do for it.",
            remedy="Leave it out here and give it to `karui replay`.",
        )
    source: TraceSource = engine if isinstance(engine, TraceSource) else OwnEngine(engine)
    style.check(source.info.abilities, f"the engine of {source.info.card.name}")
    arranged = arrange(folder, task, style)
    task = arranged.task
    manifest = manifest_of(source.info, task, options)
    asks = {q.id: style.rewrite(Request(q.id, task.prompt(q), options.sampling)) for q in task.questions}
    await prepare_parameters(engine, (ask.prompt for ask in asks.values()))
    questions = arranged.questions(style)
    if arranged.grown:
        append(folder, manifest, questions)
    with Writer(folder, manifest, questions, private=task.private) as writer:
        if len(writer.done()) >= FEW:  # what an earlier run was refused for is not recorded again
            refuse_empty(writer.manifest, load(folder, signals=False).traces())
        session = _Session(source, task, asks, writer, options)
        await session.run(options.at_once)
        writer.flush()
        recording = load(folder)
        if session.failure is not None and not any(recording.traces()):
            raise session.failure
        measured = session.measured(writer.manifest, recording)
        writer.describe(measured)
    refuse_empty(measured, recording.traces())
    return replace(recording, manifest=measured)


class _Session(TraceJobs[tuple[str, int]]):
    """One run of recording: each job is a question's id and the number of a trace."""

    def __init__(
        self,
        source: TraceSource,
        task: Task,
        asks: dict[str, Request],
        writer: Writer,
        options: RecordingOptions,
    ) -> None:
        samples, done = options.samples, writer.done()
        which, of = options.shard or (1, 1)
        questions = task.questions[which - 1 :: of]
        jobs = [(q.id, sample) for sample in range(samples) for q in questions if (q.id, sample) not in done]
        super().__init__(jobs, writer, _PART_TRACES)
        self._source, self._asks, self._on_progress = source, asks, options.on_progress
        self._made_by: dict[tuple[str, int], str] = {}
        self._judges = {q.id: _Judge(q, agreement=task.agreement) for q in task.questions}
        self._total = samples * len(questions)
        self._before = self._total - len(jobs)
        # The first few by order, not by time: those that finish first are the short ones.
        self._first, self._early = set(jobs[:FEW]), list[Trace]()
        self._finished = self._finished_tokens = self._tokens = 0
        self._timeouts = writer.manifest.timeouts - timed_out()  # those of earlier runs stay counted
        self._energy = EnergyMeter(here=source.info.here)

    async def run(self, at_once: int) -> None:
        """Makes every trace that is missing, and measures the energy it takes."""
        with self._energy:
            await super().run(at_once)

    def measured(self, manifest: Manifest, recording: Recording) -> Manifest:
        """Returns the manifest with the speeds; a run without tokens keeps the throughput there was."""
        seconds, tokens = 0.0, 0
        for trace in recording.traces():
            seconds, tokens = seconds + trace.seconds, tokens + trace.tokens + _trial_tokens(trace)
        throughput = (
            self._tokens / self._seconds if self._tokens and self._seconds else manifest.tokens_per_second
        )
        return replace(
            manifest,
            seconds_per_token=seconds / tokens if tokens else 0.0,
            tokens_per_second=throughput,
            joules_per_token=self._energy.per(self._tokens) or manifest.joules_per_token,
            timeouts=self._timeouts + timed_out(),
        )

    async def make(self, job: tuple[str, int]) -> Trace:
        """Has a trace made: to its end, with a trial at every checkpoint."""
        question, sample = job
        read = self._judges[question].read
        made, self._made_by[job] = await self._source.trace(self._asks[question], sample, read, self._count)
        return made

    def made_by(self, job: tuple[str, int]) -> str:
        """Returns the worker that made it."""
        return self._made_by.pop(job)

    def verdicts(self, job: tuple[str, int], trace: Trace) -> dict[str, bool]:
        """Returns whether each answer in the trace is right."""
        return self._judges[job[0]].verdicts(trace)

    def on_written(self, trace: Trace) -> None:
        """Counts it."""
        self._finished += 1
        self._finished_tokens += trace.tokens + _trial_tokens(trace)

    def on_flushed(self) -> None:
        """Reads the energy meter, and writes down how many answers took too long to be read."""
        self._energy.lap()
        if self._writer.manifest.timeouts != (found := self._timeouts + timed_out()):
            self._writer.describe(replace(self._writer.manifest, timeouts=found))

    def on_failed(self, job: tuple[str, int]) -> None:
        """Waits for it no longer."""
        self._first.discard(job)

    def check(self, trace: Trace) -> None:
        """Breaks off once the first few traces are there and hold no thinking."""
        if (trace.question, trace.sample) in self._first:
            self._early.append(trace)
            if len(self._early) == len(self._first):
                refuse_empty(self._writer.manifest, self._early)

    def _count(self, tokens: int) -> None:
        self._tokens += tokens
        self.reports_due()

    def report(self) -> None:
        """Calls `on_progress`, if there is one."""
        if self._on_progress is None:
            return
        pace = self._tokens / max(1e-9, self._reported - self._began)
        left = None
        if self._finished and pace:
            # By tokens, not by traces: the first traces to finish are the short ones, and those still
            # running have done part of their work already.
            wanted = (len(self.jobs) - self.failed) * self._finished_tokens / self._finished
            left = max(0.0, wanted - self._tokens) / pace
        self._on_progress(
            Progress(
                done=self._before + self._finished,
                total=self._total,
                failed=self.failed,
                failure=str(self.failure or ""),
                tokens=self._tokens,
                tokens_per_second=pace,
                seconds_left=left,
            )
        )


class _Judge:
    """Reads and judges the answers to one question, each distinct one once."""

    def __init__(self, question: Question, *, agreement: bool) -> None:
        self.read: Reader = cache(question.verifier.read)
        self._agreement = agreement  # references come from the recording itself, when it is loaded
        self._verify = cache(lambda answer: question.verifier.verify(question.reference, answer))

    def verdicts(self, trace: Trace) -> dict[str, bool]:
        """Returns whether each answer in the trace is right."""
        if self._agreement:
            return {}
        return {answer: self._verify(answer) for answer in answers(trace)}


def _trial_tokens(trace: Trace) -> int:
    return sum(m.trial.tokens for m in trace.checkpoints if m.trial is not None)
