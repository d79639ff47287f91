"""An engine that plays a synthetic recording in real time, in any process: for tests of workers.

`karui.engines.scripted` plays in virtual time, which exists in one process only.
"""

import asyncio
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from karui.core.engine import OnText, Reader, ignore_text
from karui.core.errors import EngineError
from karui.core.recording import Recording
from karui.core.request import Request
from karui.core.trace import Peek, Trace, Trial
from karui.core.watcher import Checkpoint
from karui.testing.synthetic import synthetic


class PlayedStream:
    """One trace being played."""

    def __init__(self, trace: Trace, read: Reader, seconds: float) -> None:
        """Takes a trace, and how long each of its steps takes."""
        self.on_text: OnText = ignore_text
        self.prompt_tokens, self.cached_tokens = trace.usage.prompt, trace.usage.cached
        self._trace, self._read, self._seconds = trace, read, seconds
        self._here = -1

    async def advance(self) -> Checkpoint | Trace:
        """Thinks up to the next mark, or to the end."""
        await asyncio.sleep(self._seconds)
        self._here += 1
        trace = self._trace
        if self._here == len(trace.checkpoints):
            return replace(trace, checkpoints=(), answer=self._answer(trace.answer))
        mark = trace.checkpoints[self._here]
        before = trace.checkpoints[self._here - 1].chars if self._here else 0
        return Checkpoint(self._here, mark.tokens, trace.thinking[before : mark.chars], trace.signals)

    async def peek(self) -> Peek:
        """Returns the peek at this mark."""
        peek = (await self.trial()).peek
        assert peek is not None
        return peek

    async def trial(self) -> Trial:
        """Returns the trial at this mark."""
        trial = self._trace.checkpoints[self._here].trial
        assert trial is not None
        return replace(trial, answer=self._answer(trial.answer))

    def stop(self) -> int:
        """Nothing is held."""
        return 0

    def _answer(self, text: str | None) -> str | None:
        return None if text is None else self._read(text)


class PlayingEngine:
    """Plays a recording.

    Attributes:
        server: What it says of a server.
    """

    name: ClassVar[str] = "playing"

    def __init__(
        self,
        recording: Recording,
        *,
        seconds: float = 0.0,
        faults: Collection[tuple[str, int]] = (),
        deadly: Collection[tuple[str, int]] = (),
        rate: float = 0.0,
        server: Mapping[str, str] | None = None,
        stamped: bool = False,
    ) -> None:
        """Takes the recording.

        Args:
            recording: What is played.
            seconds: How long each step takes.
            faults: (question, sample) of the traces that fail with an `EngineError`.
            deadly: Likewise, of those that end the process at once, as running out of memory does.
            rate: What it says is its tokens per second.
            server: What it says of a server.
            stamped: Whether each trace says in `seconds` when it was made (seconds since 1970).
        """
        told = recording.manifest
        self.card, self.abilities, self.rule = told.model, told.abilities, told.rule
        self.suffix, self.suffix_tokens = told.suffix, told.suffix_tokens
        self.thinks: Mapping[str, Any] = {}
        self.server = dict(server or {})
        self._traces = {(q.id, t.sample): t for q in recording.questions for t in q.traces}
        self._seconds, self._faults, self._deadly = seconds, frozenset(faults), frozenset(deadly)
        self._rate, self._stamped = rate, stamped

    def tokens_per_second_now(self, rows: int) -> float:
        """Returns what it was told to say; of no sequences nothing."""
        return self._rate if rows else 0.0

    def open(self, ask: Request, sample: int, read: Reader) -> PlayedStream:
        """Plays the question's trace number `sample`.

        Raises:
            EngineError: It is one of the faults.
        """
        key = (ask.question, sample)
        if key in self._deadly:
            os._exit(9)
        if key in self._faults:
            raise EngineError(f"The script fails on question {ask.question!r}, trace {sample}.")
        trace = self._traces[key]
        return PlayedStream(
            replace(trace, seconds=time.time()) if self._stamped else trace, read, self._seconds
        )

    async def close(self) -> None:
        """Nothing is held."""


def playing(
    questions: int, samples: int, *, seed: int = 0, tokens: int = 250, **options: Any
) -> PlayingEngine:
    """Returns an engine that plays `karui.testing.synthetic.synthetic`: what workers can be told to load."""
    return PlayingEngine(synthetic(questions, samples, seed=seed, tokens=tokens), **options)
