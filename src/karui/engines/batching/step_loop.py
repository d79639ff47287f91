"""Streams, and the task that steps the batch while any of them is awaited."""

import asyncio
from time import perf_counter
from typing import Any

from karui.core.engine import OnText, ignore_text
from karui.core.errors import EngineError, KaruiError
from karui.core.trace import Peek, Trace, Trial
from karui.core.watcher import Checkpoint
from karui.engines.batching.scheduler import Scheduler
from karui.engines.batching.sequence import Awaiting, SequenceState
from karui.engines.batching.thread_governor import ThreadGovernor

_QUIET = 4
"""Turns of the event loop without a new request after which the next step is taken."""
_TURNS = 64
"""Turns at most between two steps."""


class StepLoop:
    """Steps a batch, inline, in a task of the running event loop that lives only while there is work.

    Attributes:
        scheduler: The batch.
        governor: Told of every step, where the engine may have another number of threads.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        """Takes the batch; nothing runs yet."""
        self.scheduler = scheduler
        self.governor: ThreadGovernor | None = None
        self._task: asyncio.Task[None] | None = None
        self._requests = 0

    async def ask(self, row: SequenceState, want: Awaiting) -> Any:
        """Lets a row run until it has what is wanted.

        Raises:
            EngineError: The step failed.
        """
        loop = asyncio.get_running_loop()
        row.future = loop.create_future()
        self._requests += 1
        self.scheduler.request(row, want)
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._serve())
        try:
            return await row.future
        except asyncio.CancelledError:
            # Nobody will ask for this row again: a cancelled stream is a stopped one.
            self.scheduler.release(row)
            raise
        finally:
            row.future = None

    def release(self, row: SequenceState) -> None:
        """Ends a row, and whoever awaits it."""
        self.scheduler.release(row)
        if row.future is not None and not row.future.done():
            row.future.cancel()

    def close(self) -> None:
        """Ends every row and lets go of the model."""
        for row in self.scheduler.waiting:
            self.release(row)
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self.scheduler.close()

    async def _serve(self) -> None:
        overflow = False
        while self.scheduler.busy:
            began, rows = perf_counter(), self.scheduler.running
            try:
                results = self.scheduler.step(overflow=overflow)
            except Exception as error:  # noqa: BLE001 - whatever the machine throws ends all that wait, and is told
                self._fail(error)
                return
            if self.governor is not None:
                self.governor.after(perf_counter() - began, rows)
            for row, result in results:
                if row.future is not None and not row.future.done():
                    row.future.set_result(result)
            await self._turns(patient=bool(results) or overflow)
            overflow = self.scheduler.stuck

    async def _turns(self, *, patient: bool) -> None:
        """Gives the tasks that were woken time to ask for more, so that their rows miss no step."""
        seen, quiet = self._requests, 0
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._requests == seen else 0
            seen = self._requests
            if not patient or quiet >= _QUIET:
                return

    def _fail(self, error: Exception) -> None:
        failure = error
        if not isinstance(error, KaruiError):
            failure = EngineError(
                "The model failed while generating.",
                why=f"{type(error).__name__}: {error}",
                remedy="If memory ran out, use fewer slots or a smaller limit of tokens.",
            )
            failure.__cause__ = error
        for row in self.scheduler.waiting:
            self.scheduler.release(row)
            if row.future is not None and not row.future.done():
                row.future.set_exception(failure)


class SequenceStream:
    """One generation. It holds a row of the batch from its first `advance` to its end or `stop`."""

    def __init__(self, loop: StepLoop, row: SequenceState) -> None:
        """Takes a row that has not begun."""
        self.on_text: OnText = ignore_text
        self._loop, self._row = loop, row

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""
        return len(self._row.prompt)

    @property
    def cached_tokens(self) -> int:
        """Always 0: rows of one prompt share its reading, but which ones do depends on what else runs."""
        return 0

    async def advance(self) -> Checkpoint | Trace:
        """Thinks up to the next checkpoint, or to the end."""
        result: Checkpoint | Trace = await self._loop.ask(self._row, Awaiting.ADVANCE)
        return result

    async def peek(self) -> Peek:
        """Generates the first token of a trial."""
        fork = self._row.fork
        if fork is not None and fork.peek is not None:
            return fork.peek
        peek: Peek = await self._loop.ask(self._row, Awaiting.PEEK)
        return peek

    async def trial(self) -> Trial:
        """Generates a trial, or the rest of one that a peek began."""
        fork = self._row.fork
        if fork is not None and fork.trial is not None:
            return fork.trial
        trial: Trial = await self._loop.ask(self._row, Awaiting.TRIAL)
        return trial

    def stop(self) -> int:
        """Frees the row; returns all tokens it generated: thinking, answer and trials."""
        self._loop.release(self._row)
        return self._row.generated + self._row.spent

    def __del__(self) -> None:
        """Frees the row of a stream that was forgotten."""
        self._loop.release(self._row)
