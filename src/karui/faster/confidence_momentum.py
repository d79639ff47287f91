"""Confidence momentum: widens while confidence stands still, and stops once it is high and holds."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from karui.core.ability import Ability
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.core.watcher import Action, Checkpoint
from karui.faster._pools import Pools, Schedule
from karui.faster._votes import Votes, leads, vote


@dataclass(frozen=True)
class ConfidenceMomentum(Technique):
    """Starts few traces and more as long as confidence does not grow, and stops once it is high and holds.

    Confidence is how likely the leader among *finished* traces is to stay ahead, smoothed over rounds of one
    probe a trace. It stops where that is high and not falling, starts more traces where it does not rise, and
    drops a trace that has disagreed with the leader for many rounds, keeping two.

    Trades away a trial at every probe of every trace, and far more tokens than votes that wait for each other
    (length-vote, adaptive-consistency), for less waiting. Not for engines that cannot run dozens of traces
    side by side, and not where thinking has fewer than some ten checkpoints.

    The controller that a coding agent found by replay in Zheng et al., "LLMs Improving LLMs: Agentic
    Discovery for Test-Time Scaling" (AutoTTS), arXiv 2605.08083: one number, `beta`, sets all the others, by
    the paper's schedules. Its rounds are 500 tokens (`every` is smaller here, so that every checkpoint is a
    probe). What differs: a started trace has its first probe a round later; a trace learns of the stop, or
    that it is given up, at its next checkpoint; and no trace is held back. There, those that agree with the
    leader advance up to three probes while the others advance one; here agreement only decides which traces
    are given up, since an engine gives every running trace one token a step. `bench/autotts.py` compares
    with the figures that the paper has of its search set.

    Confidence of the reply is the leader's share of the finished traces.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})
    slot: ClassVar[str] = "vote"

    beta: float = knob(0.5, low=0.0, high=1.0, help="How much to spend: 0 least, 1 most.")
    k: int = knob(16, low=8, high=64, log=True, of_recorded=True, help="Traces at most, at beta 1.")
    every: int = knob(64, help="Tokens between two probes, at least.")

    def __post_init__(self) -> None:
        require(0 <= self.beta <= 1, self, "beta lies in [0, 1]")
        require(self.k >= 2 and self.every >= 1, self, "k starts at 2, every at 1")

    @property
    def traces(self) -> int:
        return min(self.k, round(4 + 60 * self.beta))

    def flow(self, ask: Request) -> Flow:
        pool = Pool(self)
        replies = yield Gather((ask.watched(pool),) * pool.of.first, growth=pool)
        assert isinstance(replies, list)
        return pool.reply(replies)

    def flow_all(self, runs: Runs) -> ReplyColumns:
        return Pools(Schedule.by(self.beta, self.traces, self.every), runs).replies()


class Pool:
    """The view that the traces of one question share: what finished ones answered, and how that stands.

    Attributes:
        stopped: Whether confidence has been high enough and held.
        of: What `beta` sets.
    """

    shared = True

    def __init__(self, knobs: ConfidenceMomentum) -> None:
        self.stopped = False
        self.of = Schedule.by(knobs.beta, knobs.traces, knobs.every)
        self.round = 0  # rounds that are over
        self._average = 0.0
        self._past: deque[float] = deque(maxlen=self.of.past)
        self._branches: list[_Branch] = []
        self._due: set[_Branch] = set()  # those whose probe this round waits for
        self._votes = Votes()
        self._sure = 0.0  # confidence at the end of the round before
        self._wanted = 0

    def watch(self, ask: Request) -> "_Branch":
        """Returns the watcher of one more trace."""
        branch = _Branch(self)
        self._branches.append(branch)
        self._due.add(branch)
        return branch

    def wanted(self) -> int:
        """Returns how many more traces to start."""
        wanted, self._wanted = self._wanted, 0
        return wanted

    def reply(self, replies: Sequence[Reply]) -> Reply:
        """Returns what the traces came to: the vote of those that finished, else of the latest answers."""
        # Those that another technique of the plan made answer came to no end that their watchers saw.
        ended = [b.done for b in self._branches] + [False] * len(replies)
        others = [r for r, done in zip(replies, ended, strict=False) if r.answer is not None and not done]
        self._votes.add(others)
        return self._votes.reply() if self._votes.counts else self._latest()

    def _latest(self) -> Reply:
        return vote([Reply(b.answer) for b in self._branches if not b.dropped])

    def finished(self, answer: str | None) -> None:
        """Counts the answer of a trace that came to its end."""
        self._votes.add([Reply(answer)])

    def reach(self, place: int) -> None:
        """Takes note that a trace has come to round `place`: the round before it can wait for nobody else."""
        while place > self.round + 1:
            self._close()

    def posted(self, branch: "_Branch") -> None:
        """Ends the round if this was the last answer it waited for."""
        self._due.discard(branch)
        if not self._due:
            self._close()

    def _close(self) -> None:
        self.round += 1
        self._due = {b for b in self._branches if not b.done and b.place <= self.round}
        step = self.round - 2  # the paper counts rounds from the second probe
        if step < 0 or self.stopped:
            return
        self._smooth(self._sure)
        self._past.append(self._average)
        self._sure = leads(*self._votes.top_two()) if self._votes.counts else 0.0
        self._smooth(self._sure)
        self._past[-1] = self._average
        risen = self._past[-1] - self._past[0]
        high = self._average >= self.of.enough
        if step >= self.of.warm and self._votes.asked >= self.of.least and high and risen >= -self.of.slack:
            self.stopped = True
            return
        running = [b for b in self._branches if not b.done and self.round - b.place <= 2]
        if not running:
            return
        if step >= max(1, self.of.warm // 2) and not high and risen <= self.of.rising:
            self._wanted = min(self.of.more, self.of.most - len(self._branches))
        if step + 1 >= self.of.warm and self._votes.counts:
            self._give_up(running)

    def _smooth(self, value: float) -> None:
        self._average += self.of.weight * (value - self._average)

    def _give_up(self, running: Sequence["_Branch"]) -> None:
        leader = self._votes.reply().answer
        for branch in running:
            if branch.place > branch.began:  # it has a probe of its own
                branch.off = 0 if branch.answer == leader else branch.off + 1
        off = sorted((b for b in running if b.off >= self.of.patience), key=lambda b: -b.off)
        for branch in off[: max(0, len(running) - 2)]:
            branch.given_up = True


class _Branch:
    """One trace's watcher, and its line in the pool."""

    __slots__ = ("_pool", "answer", "began", "done", "dropped", "given_up", "off", "place")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.began = pool.round
        self.answer: str | None = None
        self.place = pool.round  # the round of the last probe
        self.off = 0  # rounds in a row in which it disagreed
        self.done = self.dropped = self.given_up = False

    def see(self, checkpoint: Checkpoint) -> Action:
        """Posts this trace's answer, unless it has only just done so, and leaves when it is time."""
        pool = self._pool
        if self.given_up or (pool.stopped and not checkpoint.final):
            self.done = self.dropped = True
            pool.posted(self)
            return Action.DROP
        if checkpoint.final:
            answer = checkpoint.trial.answer if checkpoint.trial else None
            self.answer = answer or self.answer  # one without an end of its own keeps what it last would say
            self.done = True
            if not pool.stopped:
                pool.finished(answer)
                pool.posted(self)
            return Action.GO
        place = self.began + checkpoint.tokens // pool.of.every
        if place <= self.place:
            return Action.GO
        if checkpoint.trial is None:
            return Action.TRIAL
        pool.reach(place)
        self.answer, self.place = checkpoint.trial.answer, place
        pool.posted(self)
        if pool.stopped:
            self.done = self.dropped = True
            return Action.DROP
        return Action.GO
