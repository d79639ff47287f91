"""One recorded trace, walked again under the watchers of a plan: event by event, or once for all runs."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from karui.core.errors import NotRecorded
from karui.core.flow.run_watchers import run_watchers
from karui.core.plan import Plan
from karui.core.request import Request, Watch
from karui.core.trace import End, Trace
from karui.core.usage import TokenUsage, UsageMeter
from karui.core.watcher import Action, Checkpoint, Watcher

_GO, _PEEK, _TRIAL, _DROP = Action.GO, Action.PEEK, Action.TRIAL, Action.DROP  # as in `walk`


class Playback:
    """One recorded trace being walked again, event by event.

    Attributes:
        time: Token-time of the next event, from the trace's start.
        result: The trace as its watchers left it, once it has ended.
    """

    __slots__ = (
        "_adopting",
        "_here",
        "_log",
        "_mark",
        "_move",
        "_tally",
        "_trace",
        "_walk",
        "result",
        "time",
    )

    def __init__(
        self,
        watchers: Sequence[Watcher],
        trace: Trace,
        suffix_tokens: int,
        log: "list[Moment] | None" = None,
    ) -> None:
        """Begins; the beginning and every event are added to `log` where there is one."""
        bill = trace.usage
        self._trace = trace
        self._tally = UsageMeter(bill.prompt, bill.cached, suffix_tokens)
        self._walk = run_watchers(watchers)
        self._mark = -1
        self._here: Checkpoint | None = None
        self._adopting = False
        self._log = log
        if log is not None:
            log.append(Moment(-1, -1, self._tally.copy()))
        self._move = next(self._walk)
        self.result: Trace | None = None
        self.time = 0
        self._schedule()

    def step(self) -> None:
        """Lets the event at `time` happen, and finds the next one."""
        if self._move is _GO:
            self._mark += 1
            self._here = here = checkpoint(self._trace, self._mark)
            self._tally.think(here.tokens - self._tally.thinking)
        else:
            here = self._look()
        if self._log is not None:
            self._log.append(Moment(self.time, self._mark, self._tally.copy()))
        if self._adopting:
            self._adopt()
            return
        try:
            self._move = self._walk.send(here)
        except StopIteration as end:
            self._finish(end.value)
        else:
            self._schedule()

    def to_end(self) -> Trace:
        """Walks on to the end without regard to other traces."""
        while self.result is None:
            self.step()
        return self.result

    def stopped(self, time: int, *, had_its_turn: bool) -> Trace:
        """Returns the trace as it stands when its flow stops it at token-time `time`.

        Of events at the very same time those of lower leaves come first: `had_its_turn` says that this
        trace's came before the one that stopped it.
        """
        while self.result is None and (self.time < time or (had_its_turn and self.time == time)):
            self.step()
        tally = self._tally
        return cut(self._trace, self._mark, End.STOPPED, tally, tally.dropped(time - tally.time))

    def _schedule(self) -> None:
        """Puts `time` at the moment when what the walk asked for will be there."""
        tally, trace = self._tally, self._trace
        if self._move is _GO:
            following = self._mark + 1
            whole = following == len(trace.checkpoints)
            place = (
                trace.thinking_tokens + trace.answer_tokens if whole else trace.checkpoints[following].tokens
            )
            self.time = tally.time - tally.thinking + place
        elif self._move is _PEEK:
            self.time = tally.time + 1
        else:
            trial = trace.checkpoints[self._mark].trial
            if trial is None:
                raise NotRecorded(
                    f"Question {trace.question}, trace {trace.sample}: no trial was recorded "
                    f"after {trace.checkpoints[self._mark].tokens} tokens.",
                    remedy="Record again with trials, or replay plans without them.",
                )
            peeked = self._here is not None and self._here.peek is not None
            self.time = tally.time + trial.tokens - peeked

    def _look(self) -> Checkpoint:
        """Brings the peek or the trial that was asked for at this checkpoint."""
        here, trace = self._here, self._trace
        assert here is not None
        trial = trace.checkpoints[self._mark].trial
        if self._move is _PEEK:
            if trial is None or trial.peek is None:
                raise NotRecorded(
                    f"Question {trace.question}, trace {trace.sample}: no peek was recorded "
                    f"after {here.tokens} tokens.",
                    remedy="Record again on an engine that reports probabilities.",
                )
            here.peek = trial.peek
            self._tally.attempt(1, trial.peek.sent, trial.peek.cached)
        else:
            assert trial is not None  # `_schedule` has refused it
            here.trial, here.peek = trial, trial.peek
            self._tally.attempt(trial.tokens, trial.sent, trial.cached)
        return here

    def _finish(self, move: Action) -> None:
        trace, tally, here = self._trace, self._tally, self._here
        assert here is not None
        if move is _DROP:
            bill = tally.dropped(trace.answer_tokens if here.final else 0)
            self.result = cut(trace, self._mark, End.DROPPED, tally, bill)
        elif move is _GO:
            bill = tally.finished(trace.answer_tokens)
            self.result = trace if bill == trace.usage else trace.billed(bill, tally.time)
        elif here.trial is not None:
            self._adopt()
        else:
            self._move, self._adopting = _TRIAL, True
            self._schedule()

    def _adopt(self) -> None:
        self.result = cut(self._trace, self._mark, End.ANSWERED, self._tally, self._tally.answered())


class Moment:
    """An event of a walk: when it happened, at which checkpoint, and what had been spent by then."""

    __slots__ = ("mark", "tally", "time")

    def __init__(self, time: int, mark: int, tally: UsageMeter) -> None:
        self.time, self.mark, self.tally = time, mark, tally


class Track:
    """A trace walked to its end under a plan's own watchers, where these look at nothing else.

    It serves every run that meets this trace: what still can happen to it there, a stop by its flow or a
    watcher that the flow attached, is looked up among its moments instead of walking them again.

    Attributes:
        result: The trace as the watchers left it.
        reply: Its reply.
        ends: The trace as it ended under attached watchers too, where it had to be walked anew for them.
    """

    __slots__ = ("_ask", "_log", "_plan", "_suffix_tokens", "_trace", "ends", "reply", "result")

    def __init__(self, plan: Plan, ask: Request, trace: Trace, suffix_tokens: int) -> None:
        """Walks it."""
        self._plan, self._ask, self._trace, self._suffix_tokens = plan, ask, trace, suffix_tokens
        self._log: list[Moment] = []
        self.result = self._playback(None).to_end() if plan.watching else trace
        self.reply = self.result.reply
        self.ends: dict[tuple[Watch, ...], Trace] = {}

    def _playback(self, log: list[Moment] | None) -> Playback:
        return Playback(self._plan.watchers(self._ask), self._trace, self._suffix_tokens, log)

    def _moments(self) -> list[Moment]:
        """Returns every event, from a second walk: few plans want to know."""
        if not self._log:
            self._playback(self._log).to_end()
        return self._log

    def stopped(self, time: int, *, had_its_turn: bool) -> Trace:
        """Returns what `Playback.stopped` would."""
        find = bisect_right if had_its_turn else bisect_left
        moment = self._moments()[find(self._moments(), time, key=_time) - 1]
        tally = moment.tally.copy()
        return cut(self._trace, moment.mark, End.STOPPED, tally, tally.dropped(time - tally.time))

    def attached(self, watchers: Sequence[Watcher]) -> Trace | None:
        """Returns the trace as it ends when `watchers` see each checkpoint before the plan's own.

        None where they want more than to look and to drop: trials are shared with the plan's own watchers,
        so that the trace has to be walked anew.
        """
        trace = self._trace
        walking = run_watchers(watchers)
        move = next(walking)
        for index in range(self._moments()[-1].mark + 1):
            try:
                move = walking.send(checkpoint(trace, index))
            except StopIteration as end:
                move = end.value
                return self._dropped(index) if move is _DROP else self.result if move is _GO else None
            if move is not _GO:
                return None
        return self.result

    def _dropped(self, index: int) -> Trace:
        """Returns the trace dropped on arriving at checkpoint `index`."""
        moment = self._moments()[bisect_left(self._moments(), index, key=_mark)]
        tally = moment.tally.copy()
        final = index == len(self._trace.checkpoints)
        bill = tally.dropped(self._trace.answer_tokens if final else 0)
        return cut(self._trace, index, End.DROPPED, tally, bill)


def _time(moment: Moment) -> int:
    return moment.time


def _mark(moment: Moment) -> int:
    return moment.mark


def checkpoint(trace: Trace, index: int) -> Checkpoint:
    """Returns a fresh look at a trace's checkpoint; the one after its last mark is the final one."""
    if index == len(trace.checkpoints):
        return Checkpoint.at_end(index, trace)
    mark = trace.checkpoints[index]
    before = trace.checkpoints[index - 1].chars if index else 0
    return Checkpoint(index, mark.tokens, trace.thinking[before : mark.chars], trace.signals)


def cut(trace: Trace, index: int, end: End, tally: UsageMeter, bill: TokenUsage) -> Trace:
    """Returns a trace that ended at checkpoint `index` (-1: before the first), or on the way to the next."""
    whole = index == len(trace.checkpoints)
    mark = None if whole or index < 0 else trace.checkpoints[index]
    return Trace.short(
        question=trace.question,
        sample=trace.sample,
        end=end,
        thinking=trace.thinking if whole else trace.thinking[: mark.chars] if mark else "",
        signals=trace.signals.prefix(trace.thinking_tokens if whole else mark.tokens if mark else 0),
        trial=mark.trial if mark and end is End.ANSWERED else None,
        tally=tally,
        usage=bill,
    )
