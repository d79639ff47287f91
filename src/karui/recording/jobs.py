"""One run over many traces: streams side by side, failures counted, and parts written now and then."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Generic, TypeVar

from karui.core.errors import EngineError
from karui.core.trace import Trace
from karui.recording.store import Writer

Job = TypeVar("Job")

_PART_SECONDS = 20.0
_REPORT_SECONDS = 0.2
_GIVE_UP = 10
"""Failures in a row after which the engine is taken to be broken."""


class TraceJobs(ABC, Generic[Job]):
    """Makes a trace of every job and writes it; what fails is left out, to be tried again by the next run.

    Attributes:
        jobs: What is still to be made, in order.
        failed: Traces that failed.
        failure: What the last of them raised.
    """

    def __init__(self, jobs: Sequence[Job], writer: Writer, part_traces: int) -> None:
        """Takes the jobs, where traces are written, and how many make a part."""
        self.jobs, self._writer, self._part_traces = jobs, writer, part_traces
        self.failed = self._failed_in_a_row = 0
        self.failure: EngineError | None = None
        self._began = self._flushed = self._reported = monotonic()
        self._seconds = 0.0

    async def run(self, at_once: int) -> None:
        """Makes every trace that is missing, at most `at_once` at the same time.

        Raises:
            EngineError: The engine failed ten times in a row.
        """
        jobs = iter(self.jobs)
        workers = [asyncio.ensure_future(self._work(jobs)) for _ in range(min(at_once, len(self.jobs)))]
        self._report()
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._seconds = monotonic() - self._began

    @abstractmethod
    async def make(self, job: Job) -> Trace:
        """Returns the trace of a job."""

    @abstractmethod
    def verdicts(self, job: Job, trace: Trace) -> dict[str, bool]:
        """Returns whether each answer in the trace is right; called in a thread of its own."""

    @abstractmethod
    def report(self) -> None:
        """Tells whoever wants to know how far the run is."""

    def made_by(self, job: Job) -> str:
        """Returns the worker that made a job's trace; "" where this process did. Asked once."""
        return ""

    def on_written(self, trace: Trace) -> None:
        """Called with every trace that was written."""

    def on_flushed(self) -> None:
        """Called after a part was written."""

    def on_failed(self, job: Job) -> None:
        """Called with every job that failed."""

    def check(self, trace: Trace) -> None:
        """May break the run off, by raising, after a trace was written and reported."""

    def reports_due(self) -> None:
        """Reports, if the last report is some time ago: for within a trace."""
        if monotonic() - self._reported >= _REPORT_SECONDS:
            self._report()

    async def _work(self, jobs: Iterator[Job]) -> None:
        for job in jobs:
            try:
                trace = await self.make(job)
            except EngineError as failure:
                self.on_failed(job)
                self._fail(failure)
                continue
            self._failed_in_a_row = 0
            verdicts = await asyncio.to_thread(self.verdicts, job, trace)
            self._writer.add(trace, verdicts, by=self.made_by(job))
            self.on_written(trace)
            now = monotonic()
            if self._writer.pending >= self._part_traces or now - self._flushed >= _PART_SECONDS:
                self._writer.flush()
                self._flushed = now
                self.on_flushed()
            self._report()
            self.check(trace)

    def _fail(self, failure: EngineError) -> None:
        self.failed += 1
        self._failed_in_a_row += 1
        self.failure = failure
        self._report()
        if self._failed_in_a_row >= _GIVE_UP:
            raise failure

    def _report(self) -> None:
        self._reported = monotonic()
        self.report()
