"""An engine that plays recorded traces at once: ten thousand requests through the real gateway in a minute.

It is asked like any engine, and answers with what a recording holds: the thinking up to each checkpoint,
and the trials that were taped there. Which question a request is about is read from its prompt; each
request takes the question's next trace, in an order drawn beforehand, and when all were played they are
played again.
"""

import random
from collections.abc import Mapping
from dataclasses import replace

from karui.core.engine import OnText, Reader, ignore_text
from karui.core.recording import Recording
from karui.core.request import Request
from karui.core.trace import Peek, Trace, Trial
from karui.core.usage import TokenUsage
from karui.core.watcher import Checkpoint


class Played:
    """One trace, played at once."""

    def __init__(self, trace: Trace) -> None:
        self.on_text: OnText = ignore_text
        self.prompt_tokens, self.cached_tokens = trace.usage.prompt, trace.usage.cached
        self._trace, self._here, self._generated = trace, -1, 0

    async def advance(self) -> Checkpoint | Trace:
        """Goes on to the next mark, or to the end."""
        trace, marks = self._trace, self._trace.checkpoints
        self._here += 1
        if self._here == len(marks):
            self._generated = trace.thinking_tokens + trace.answer_tokens
            bill = TokenUsage(
                prompt=trace.usage.prompt, thinking=trace.thinking_tokens, answer=trace.answer_tokens
            )
            return replace(trace, checkpoints=(), usage=bill, time=self._generated)
        mark = marks[self._here]
        before = marks[self._here - 1].chars if self._here else 0
        self._generated = max(self._generated, mark.tokens)
        return Checkpoint(self._here, mark.tokens, trace.thinking[before : mark.chars], trace.signals)

    async def peek(self) -> Peek:
        """Looks at the taped trial's first token."""
        peek = (await self._taped()).peek
        assert peek is not None, "the recording has no peeks"
        self._generated += 1
        return peek

    async def trial(self) -> Trial:
        """Returns the taped trial."""
        trial = await self._taped()
        self._generated += trial.tokens
        return trial

    def stop(self) -> int:
        """Returns what has been played."""
        return self._generated

    async def _taped(self) -> Trial:
        trial = self._trace.checkpoints[self._here].trial
        assert trial is not None, "the recording has no trials"
        return trial


class ReplayedEngine:
    """Plays a recording."""

    def __init__(self, recording: Recording, seed: int = 0) -> None:
        manifest = recording.manifest
        self.card, self.rule = manifest.model, manifest.rule
        self.suffix, self.suffix_tokens = manifest.suffix, manifest.suffix_tokens
        self.abilities = manifest.abilities
        draw = random.Random(seed)
        self._orders: Mapping[str, list[Trace]] = {
            q.prompt.user.strip(): draw.sample(q.traces, len(q.traces)) for q in recording.questions
        }
        self._next: dict[str, int] = dict.fromkeys(self._orders, 0)

    def open(self, ask: Request, sample: int, read: Reader) -> Played:
        """Plays the question's next trace."""
        asked = ask.prompt.user.strip()
        traces, number = self._orders[asked], self._next[asked]
        self._next[asked] = number + 1
        return Played(traces[number % len(traces)])

    async def close(self) -> None:
        """Holds nothing."""
