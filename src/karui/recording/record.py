"""Recording: every question thinks to its end several times, and is tried at every checkpoint on the way.

Traces go to disk as they finish and are forgotten; killed at any moment, the work goes on from what is there.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import monotonic

from karui.core.ability import Ability
from karui.core.engine import Engine, Reader
from karui.core.errors import EngineError, PlanError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.request import Request
from karui.core.trace import RecordedCheckpoint, Trace
from karui.measure.energy import EnergyMeter
from karui.measure.machine import machine, versions
from karui.recording.columns import answers
from karui.recording.reference import self_reference
from karui.recording.store import Writer, load
from karui.recording.thinking import FEW, refuse_empty
from karui.tasks.worker import timed_out

__all__ = ["Progress", "manifest_of", "record", "self_reference"]

_PART_TRACES, _PART_SECONDS = 200, 20.0
"""A part is written after this many traces or seconds, whichever comes first: what a kill can cost."""
_REPORT_SECONDS = 0.2
_GIVE_UP = 10
"""Failures in a row, none finished between them, after which the engine is taken to be broken."""


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


def manifest_of(
    engine: Engine, task: Task, *, style: Plan, sampling: Sampling, samples: int, seed: int
) -> Manifest:
    """Returns the manifest of a recording about to be made; its speeds are not known yet."""
    return Manifest(
        model=engine.card,
        engine=type(engine).__module__.split(".")[2],
        task=task.name,
        task_digest=task.digest,
        style=tuple(style.spec),
        sampling=sampling,
        rule=engine.rule,
        suffix=engine.suffix,
        suffix_tokens=engine.suffix_tokens,
        samples=samples,
        seed=seed,
        agreement=task.agreement,
        abilities=engine.abilities,
        versions=versions(),
        machine=machine(),
        instruction=task.instruction,
        verifier=Counter(q.verifier.spec for q in task.questions).most_common(1)[0][0],
        thinking=engine.thinks,
    )


async def record(
    engine: Engine,
    task: Task,
    folder: Path | str,
    *,
    style: Plan = Plan(),  # noqa: B008 - frozen
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    samples: int = 4,
    seed: int = 0,
    at_once: int = 32,
    accept_no_thinking: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Recording:
    """Records a task, or what is still missing of its recording.

    Sample 0 of every question comes first, then sample 1 of every question: cut short, the recording holds
    all questions. Where full thinking turns out to be empty, it is broken off after the first few.

    Args:
        engine: The model; it must have been given the same seed.
        task: The questions.
        folder: Where the recording goes, or was begun.
        style: Techniques that need a recording of their own; the bare model without any.
        sampling: How tokens are drawn.
        samples: Traces wanted per question; more than last time adds some.
        seed: What trace seeds are made from.
        at_once: Streams side by side.
        accept_no_thinking: Go on where full thinking is empty; the manifest says so.
        on_progress: Called now and then, and after every trace.

    Returns:
        The recording, with whatever could be made of it; `store.missing` counts what could not.

    Raises:
        PlanError: The style does not need its own recording, or the engine cannot do it.
        RecordingMismatch: The folder holds a recording of something else; names the field.
        RecordingError: Full thinking is empty, and that was not accepted.
        EngineError: The engine failed ten times in a row, or every time.
        StorageError: The folder cannot be written; what was written before is kept.
    """
    if style.recorded != style.techniques:
        spare = next(t for t in style.techniques if t not in style.recorded)
        raise PlanError(
            f"{spare.name()} is not recorded, it is replayed.",
            why="It only decides how thinking is spent, so any recording will do for it.",
            remedy="Leave it out here and give it to `karui replay`.",
        )
    style.check(engine.abilities, f"the engine of {engine.card.name}")
    manifest = manifest_of(engine, task, style=style, sampling=sampling, samples=samples, seed=seed)
    manifest = replace(manifest, no_thinking_accepted=accept_no_thinking)
    asks = {q.id: style.rewrite(Request(q.id, task.prompt(q), sampling)) for q in task.questions}
    questions = [
        RecordedQuestion(q.id, q.kind, q.reference, asks[q.id].prompt, (), {}) for q in task.questions
    ]
    with Writer(folder, manifest, questions) as writer:
        if len(writer.done()) >= FEW:  # what an earlier run was refused for is not recorded again
            refuse_empty(writer.manifest, list(load(folder, signals=False).traces()))
        session = _Session(engine, task, asks, writer, samples, on_progress)
        await session.run(at_once)
        writer.flush()
        recording = load(folder)
        if session.failure is not None and not any(recording.traces()):
            raise session.failure
        measured = session.measured(writer.manifest, recording)
        writer.describe(measured)
    refuse_empty(measured, list(recording.traces()))
    return replace(recording, manifest=measured)


class _Session:
    """One run of recording: the streams, what they have come to, and the clock."""

    def __init__(
        self,
        engine: Engine,
        task: Task,
        asks: dict[str, Request],
        writer: Writer,
        samples: int,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._engine, self._asks, self._writer, self._on_progress = engine, asks, writer, on_progress
        self._judges = {q.id: _Judge(q, agreement=task.agreement) for q in task.questions}
        self._total = samples * len(task.questions)
        done = writer.done()
        self._jobs = [
            (q.id, sample) for sample in range(samples) for q in task.questions if (q.id, sample) not in done
        ]
        self._before = self._total - len(self._jobs)
        # The first few by order, not by time: those that finish first are the short ones.
        self._first, self._early = set(self._jobs[:FEW]), list[Trace]()
        self._finished = self._finished_tokens = self._tokens = 0
        self._failed = self._failed_in_a_row = 0
        self._failure = ""
        self.failure: EngineError | None = None
        self._began = self._flushed = self._reported = monotonic()
        self._seconds = 0.0
        self._energy = EnergyMeter()
        self._timeouts = writer.manifest.timeouts - timed_out()  # those of earlier runs stay counted

    async def run(self, at_once: int) -> None:
        """Makes every trace that is missing."""
        jobs = iter(self._jobs)
        workers = [asyncio.ensure_future(self._work(jobs)) for _ in range(min(at_once, len(self._jobs)))]
        self._report()
        try:
            with self._energy:
                await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._seconds = monotonic() - self._began

    def measured(self, manifest: Manifest, recording: Recording) -> Manifest:
        """Returns the manifest with the speeds; a run without tokens keeps the throughput there was."""
        seconds = sum(t.seconds for t in recording.traces())
        tokens = sum(t.tokens + _trial_tokens(t) for t in recording.traces())
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

    async def _work(self, jobs: Iterator[tuple[str, int]]) -> None:
        for question, sample in jobs:
            judge = self._judges[question]
            try:
                trace = await self._trace(self._asks[question], sample, judge.read)
            except EngineError as failure:
                self._first.discard((question, sample))
                self._fail(failure)
                continue
            self._failed_in_a_row = 0
            self._writer.add(trace, await asyncio.to_thread(judge.verdicts, trace))
            self._finished += 1
            self._finished_tokens += trace.tokens + _trial_tokens(trace)
            now = monotonic()
            if self._writer.pending >= _PART_TRACES or now - self._flushed >= _PART_SECONDS:
                self._writer.flush()
                self._energy.lap()
                self._flushed = now
                if self._writer.manifest.timeouts != (found := self._timeouts + timed_out()):
                    self._writer.describe(replace(self._writer.manifest, timeouts=found))
            self._report()
            self._look(trace)

    def _look(self, trace: Trace) -> None:
        """Breaks off once the first few traces are there and hold no thinking."""
        if (trace.question, trace.sample) in self._first:
            self._early.append(trace)
            if len(self._early) == len(self._first):
                refuse_empty(self._writer.manifest, self._early)

    async def _trace(self, ask: Request, sample: int, read: Reader) -> Trace:
        """Lets one stream think to its end, and tries the answer at every checkpoint."""
        stream = self._engine.open(ask, sample, read)
        tries = Ability.TRIALS in self._engine.abilities
        marks: list[RecordedCheckpoint] = []
        reached = chars = 0
        try:
            while not isinstance(step := await stream.advance(), Trace):
                self._tokens += step.tokens - reached
                reached = step.tokens
                chars += len(step.text)
                trial = await stream.trial() if tries else None
                self._tokens += trial.tokens if trial else 0
                marks.append(RecordedCheckpoint(reached, chars, trial))
                if monotonic() - self._reported >= _REPORT_SECONDS:
                    self._report()
        except BaseException:
            stream.stop()
            raise
        self._tokens += step.tokens - reached
        return replace(step, checkpoints=tuple(marks))

    def _fail(self, failure: EngineError) -> None:
        self._failed += 1
        self._failed_in_a_row += 1
        self._failure, self.failure = str(failure), failure
        self._report()
        if self._failed_in_a_row >= _GIVE_UP:
            raise failure

    def _report(self) -> None:
        self._reported = monotonic()
        if self._on_progress is None:
            return
        pace = self._tokens / max(1e-9, self._reported - self._began)
        left = None
        if self._finished and pace:
            # By tokens, not by traces: the first traces to finish are the short ones, and those still
            # running have done part of their work already.
            wanted = (len(self._jobs) - self._failed) * self._finished_tokens / self._finished
            left = max(0.0, wanted - self._tokens) / pace
        self._on_progress(
            Progress(
                done=self._before + self._finished,
                total=self._total,
                failed=self._failed,
                failure=self._failure,
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
