"""An engine that plays given traces in lock-step virtual time: for tests, and to compare live with replay.

The clock counts tokens: every running stream generates one token per unit of time, so what happens first is
decided by the traces alone. Streams whose events fall on the same token are served in the order in which they
were opened; each waits until its token plus a sliver of its own, far smaller than a token.
"""

import asyncio
import selectors
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, ClassVar, TypeVar

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo, OnText, Reader, ignore_text
from karui.core.errors import EngineError, NotRecorded
from karui.core.recording import Recording
from karui.core.request import Request
from karui.core.trace import Peek, RecordedCheckpoint, Trace, Trial
from karui.core.watcher import Checkpoint

_T = TypeVar("_T")
_SLIVER = 1e-7
"""Virtual time between two streams' turns at one token: above asyncio's resolution of 1e-9, and small enough
that millions of streams stay within half a token."""


class _Jumping(selectors.SelectSelector):
    """Waits for nothing: where asyncio would sleep until its next timer, the clock jumps there."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("Every task waits for something that virtual time cannot bring.")
        self.now += timeout or 0.0
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer whenever nothing else is left to do."""

    def __init__(self) -> None:
        """Starts at time 0."""
        self._jumping = _Jumping()
        self.turns = count()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Returns the virtual time, in tokens."""
        return self._jumping.now

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., _T], *args: Any
    ) -> "asyncio.Future[_T]":
        """Runs it here and now: work takes no virtual time, and nothing here could wait for a thread."""
        done: asyncio.Future[_T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it is told
            done.set_exception(error)
        return done


def run_virtual(main: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine, and all that it starts, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class ScriptedStream:
    """One trace being played."""

    def __init__(self, trace: Trace, loop: VirtualLoop, suffers: bool) -> None:
        """Begins now; one that `suffers` fails where its first checkpoint or its end would be."""
        self.on_text: OnText = ignore_text
        self.prompt_tokens = trace.usage.prompt
        self.cached_tokens = trace.usage.cached
        self._trace, self._loop, self._suffers = trace, loop, suffers
        self._turn = next(loop.turns) * _SLIVER
        self._start = round(loop.time())
        self._spent = 0  # token-time of what has been asked for, trials included
        self._here = -1
        self._peeked = False
        self._ended = False

    async def advance(self) -> Checkpoint | Trace:
        """Thinks up to the next mark, or to the end."""
        trace, reached = self._trace, self._mark.tokens if self._here >= 0 else 0
        self._here += 1
        self._peeked = False
        if self._here < len(trace.checkpoints):
            mark = self._mark
            await self._pass(mark.tokens - reached)
            before = trace.checkpoints[self._here - 1].chars if self._here else 0
            return Checkpoint(self._here, mark.tokens, trace.thinking[before : mark.chars], trace.signals)
        await self._pass(trace.thinking_tokens - reached + trace.answer_tokens)
        self._ended = True
        return replace(trace, checkpoints=())

    async def peek(self) -> Peek:
        """Takes one token."""
        peek = self._trial.peek
        if peek is None:
            raise NotRecorded(
                "The script has no peek here.", remedy="Script one, or play plans without peeks."
            )
        await self._pass(1)
        self._peeked = True
        return peek

    async def trial(self) -> Trial:
        """Takes as many tokens as the trial has, less the one that a peek took."""
        trial = self._trial
        await self._pass(max(0, trial.tokens - self._peeked))
        return trial

    def stop(self) -> int:
        """Returns the tokens generated until now, trials included."""
        return self._spent if self._ended else round(self._loop.time()) - self._start

    @property
    def _mark(self) -> RecordedCheckpoint:
        return self._trace.checkpoints[self._here]

    @property
    def _trial(self) -> Trial:
        if (trial := self._mark.trial) is None:
            raise NotRecorded(
                "The script has no trial here.", remedy="Script one, or play plans without trials."
            )
        return trial

    async def _pass(self, tokens: int) -> None:
        self._spent += tokens
        due = self._start + self._spent + self._turn
        await asyncio.sleep(max(0.0, due - self._loop.time()))
        if self._suffers:
            raise EngineError(
                f"The script fails on question {self._trace.question!r}, trace {self._trace.sample}.",
                remedy="Try again without this fault.",
            )


class ScriptedEngine:
    """Plays traces; it must be used inside `run_virtual`.

    Attributes:
        opened: (question, sample) of every stream opened, in order.
    """

    name: ClassVar[str] = "scripted"

    def __init__(
        self,
        traces: Mapping[str, Sequence[Trace]],
        *,
        abilities: Iterable[Ability] = tuple(Ability),
        rule: CheckpointPolicy = CheckpointPolicy(),  # noqa: B008 - frozen
        suffix: str = "",
        suffix_tokens: int = 0,
        card: ModelInfo | None = None,
        faults: Collection[tuple[str, int]] = (),
    ) -> None:
        """Takes the script.

        Args:
            traces: By question; sample n of a question plays the n-th.
            abilities: What it says it can do.
            rule: What it says about its checkpoints; they lie where the traces have marks.
            suffix: The trial suffix it claims.
            suffix_tokens: Its length.
            card: The model it claims to be.
            faults: (question, sample) of the streams that fail with an `EngineError`.
        """
        self.card = card or ModelInfo("scripted", digest="scripted")
        self.abilities = frozenset(abilities)
        self.rule = rule
        self.suffix = suffix
        self.suffix_tokens = suffix_tokens
        self.thinks: Mapping[str, Any] = {}
        self.opened: list[tuple[str, int]] = []
        self._traces = traces
        self._faults = frozenset(faults)

    @classmethod
    def of(cls, recording: Recording, *, faults: Collection[tuple[str, int]] = ()) -> "ScriptedEngine":
        """Returns an engine that plays a recording, with its abilities, checkpoints and suffix."""
        manifest = recording.manifest
        return cls(
            {q.id: q.traces for q in recording.questions},
            abilities=manifest.abilities,
            rule=manifest.rule,
            suffix=manifest.suffix,
            suffix_tokens=manifest.suffix_tokens,
            card=manifest.model,
            faults=faults,
        )

    def open(self, ask: Request, sample: int, read: Reader) -> ScriptedStream:
        """Starts playing; the answers are the script's, `read` is not asked.

        Raises:
            EngineError: The script has no such trace.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            raise TypeError("A scripted engine runs in virtual time: use run_virtual().")
        script = self._traces.get(ask.question, ())
        if sample >= len(script):
            raise EngineError(f"The script has no trace {sample} of question {ask.question!r}.")
        self.opened.append((ask.question, sample))
        return ScriptedStream(script[sample], loop, (ask.question, sample) in self._faults)

    async def close(self) -> None:
        """Does nothing: there is no model."""
