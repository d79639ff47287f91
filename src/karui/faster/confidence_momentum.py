"""Confidence momentum: widens while confidence stands still, and stops once it is high and holds."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.columns import Bools, Floats, Ints
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.core.watcher import Action, Checkpoint
from karui.faster import _ballots
from karui.faster._branches import Branches, Event, pairs
from karui.faster._votes import Votes, all_leads, leads, vote


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
        first = min(round(2 + 6 * self.beta), self.traces)
        replies = yield Gather((ask.watched(pool),) * first, growth=pool)
        assert isinstance(replies, list)
        return pool.reply(replies)

    def flow_all(self, runs: Runs) -> ReplyColumns:
        return _Pools(self, runs).replies()


class Pool:
    """The view that the traces of one question share: what finished ones answered, and how that stands.

    Attributes:
        stopped: Whether confidence has been high enough and held.
    """

    shared = True

    def __init__(self, knobs: ConfidenceMomentum) -> None:
        beta = knobs.beta
        self.stopped = False
        self.every = knobs.every
        self.round = 0  # rounds that are over
        self.most = knobs.traces
        self.warm = round(2 + 8 * beta)
        self.patience = round(3 + 9 * beta)
        self.weight = 0.7 - 0.4 * beta  # of the newest value in the average
        self.enough = 0.85 + 0.12 * beta
        self.slack = 0.04 - 0.03 * beta  # how far confidence may fall, and still count as holding
        self.rising = 0.04 - 0.03 * beta  # how far it has to rise, for no more traces
        self.more = round(1 + 3 * beta)
        self.least = round(2 + 3 * beta)  # finished traces, for a stop
        self._average = 0.0
        self.past = round(2 + 6 * beta)  # averages that a rise is measured over
        self._past: deque[float] = deque(maxlen=self.past)
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
        high = self._average >= self.enough
        if step >= self.warm and self._votes.asked >= self.least and high and risen >= -self.slack:
            self.stopped = True
            return
        running = [b for b in self._branches if not b.done and self.round - b.place <= 2]
        if not running:
            return
        if step >= max(1, self.warm // 2) and not high and risen <= self.rising:
            self._wanted = min(self.more, self.most - len(self._branches))
        if step + 1 >= self.warm and self._votes.counts:
            self._give_up(running)

    def _smooth(self, value: float) -> None:
        self._average += self.weight * (value - self._average)

    def _give_up(self, running: Sequence["_Branch"]) -> None:
        leader = self._votes.reply().answer
        for branch in running:
            if branch.place > branch.began:  # it has a probe of its own
                branch.off = 0 if branch.answer == leader else branch.off + 1
        off = sorted((b for b in running if b.off >= self.patience), key=lambda b: -b.off)
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
        place = self.began + checkpoint.tokens // pool.every
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


class _Pools:
    """The pools of many runs at once; what `Pool` and `_Branch` have by these names, [runs, branches]."""

    def __init__(self, knobs: ConfidenceMomentum, runs: Runs) -> None:
        self._of = Pool(knobs)  # for what beta sets
        self._knobs, self._runs = knobs, runs
        most = knobs.traces
        self._traces = Branches(runs, knobs.every, most)
        shape = (len(runs), most)
        self.answer, self.votes = np.full((2, *shape), -1, np.int64)
        self.leader: Ints = np.full(len(runs), -1, np.int64)  # of the votes, and how likely it is to stay ahead
        self.began, self.place, self.off = np.zeros((3, *shape), np.int64)
        self.done, self.dropped, self.given_up, self.due = np.zeros((4, *shape), np.bool_)
        self.round, self.wanted, self.asked = np.zeros((3, len(runs)), np.int64)
        self.stopped: Bools = np.zeros(len(runs), np.bool_)
        self.average, self.sure, self.confidence = np.zeros((3, len(runs)))
        self.past: Floats = np.zeros((len(runs), self._of.past))
        self.closed: Ints = np.zeros(len(runs), np.int64)  # averages that are in the past
        counts = np.arange(most + 1.0)
        self._leads = all_leads(*np.meshgrid(counts, counts, indexing="ij"))
        self._leads[0, 0] = 0.0  # where nobody has answered yet

    def replies(self) -> ReplyColumns:
        """Lets every watcher look in turn, and returns what the runs came to."""
        runs, traces = self._runs.all(), self._traces
        for _ in range(min(round(2 + 6 * self._knobs.beta), self._knobs.traces)):
            self._begin(runs, self._runs.now)
        going = runs
        while len(going):
            branch, time, kind = traces.look(going)
            over = traces.over(time)
            if over.any():
                going, branch, time, kind = (values[~over] for values in (going, branch, time, kind))
            self._look(going, branch, time, kind)
            while len(more := np.flatnonzero(self.wanted[going] > 0)):
                self.wanted[going[more]] -= 1
                self._begin(going[more], time[more])
        return self._reply()

    def _begin(self, runs: Ints, time: Ints) -> None:
        number = self._traces.begin(runs, time)
        self.began[runs, number] = self.place[runs, number] = self.round[runs]
        self.due[runs, number] = True

    def _look(self, runs: Ints, branch: Ints, time: Ints, kind: Ints) -> None:
        stopped, given_up = self.stopped[runs].copy(), self.given_up[runs].copy()
        final = kind == Event.FINAL
        out = given_up[np.arange(len(runs)), branch] | (stopped & ~final)
        self._drop(runs[out], branch[out], kind[out])
        ended = final & ~out
        self._finish(runs[ended], branch[ended])
        probed = ~out & ~final
        self._post(runs[probed], branch[probed])
        told = out | ~ended | ~stopped
        self._posted(runs[told], branch[told])
        late = probed & self.stopped[runs]
        self._drop(runs[late], branch[late], kind[late])
        on = probed & ~late
        self._traces.go_on(runs[on], branch[on])
        called = self._traces.running[runs] & (
            (self.given_up[runs] & ~given_up) | (self.stopped[runs] & ~stopped)[:, None]
        )
        if called.any():
            whose, which, place = pairs(called, runs)
            self._traces.call(whose, which, time[place], branch[place])

    def _drop(self, runs: Ints, branch: Ints, kind: Ints) -> None:
        self.done[runs, branch] = self.dropped[runs, branch] = True
        self._traces.end(runs, branch, kind, np.zeros(len(runs), np.bool_))

    def _finish(self, runs: Ints, branch: Ints) -> None:
        answer = self._traces.probe(runs, branch)[1]
        self.answer[runs, branch] = np.where(answer >= 0, answer, self.answer[runs, branch])
        self.done[runs, branch] = True
        self._traces.finish(runs, branch)
        counted = ~self.stopped[runs]
        runs, answer = runs[counted], answer[counted]
        self.votes[runs, self.asked[runs]] = answer
        self.asked[runs] += 1
        self.leader[runs] = _ballots.vote(self.votes[runs]).answer
        self.confidence[runs] = self._leads[_ballots.top_two(self.votes[runs])]

    def _post(self, runs: Ints, branch: Ints) -> None:
        place, answer = self._traces.probe(runs, branch)
        place = place + self.began[runs, branch]
        while len(behind := runs[place > self.round[runs] + 1]):
            self._close(behind)
        self.answer[runs, branch], self.place[runs, branch] = answer, place

    def _posted(self, runs: Ints, branch: Ints) -> None:
        self.due[runs, branch] = False
        self._close(runs[~self.due[runs].any(axis=1)])

    def _close(self, runs: Ints) -> None:
        if not len(runs):
            return
        begun = np.arange(self.done.shape[1]) < self._traces.begun[runs][:, None]
        self.round[runs] += 1
        self.due[runs] = begun & ~self.done[runs] & (self.place[runs] <= self.round[runs][:, None])
        going = (self.round[runs] >= 2) & ~self.stopped[runs]
        runs, begun = runs[going], begun[going]
        risen, high = self._measure(runs)
        of, step = self._of, self.round[runs] - 2
        stop = (step >= of.warm) & (self.asked[runs] >= of.least) & high & (risen >= -of.slack)
        self.stopped[runs[stop]] = True
        age = self.round[runs][:, None] - self.place[runs]
        running = begun & ~self.done[runs] & (age <= 2)
        on = ~stop & running.any(axis=1)
        more = on & (step >= max(1, of.warm // 2)) & ~high & (risen <= of.rising)
        self.wanted[runs[more]] = np.minimum(of.more, of.most - self._traces.begun[runs[more]])
        some = on & (step + 1 >= of.warm) & (self.leader[runs] >= 0)
        self._give_up(runs[some], running[some])

    def _measure(self, runs: Ints) -> tuple[Floats, Bools]:
        """Takes confidence as it stands; returns how it has risen, and whether the average is high."""
        of = self._of
        average = self.average[runs]
        average += of.weight * (self.sure[runs] - average)
        sure = self.confidence[runs]
        average += of.weight * (sure - average)
        self.average[runs], self.sure[runs] = average, sure
        self.past[runs, self.closed[runs] % of.past] = average
        self.closed[runs] += 1
        oldest = np.where(self.closed[runs] > of.past, self.closed[runs] % of.past, 0)
        return average - self.past[runs, oldest], average >= of.enough

    def _give_up(self, runs: Ints, running: Bools) -> None:
        if not len(runs):
            return
        agrees = self.answer[runs] == self.leader[runs][:, None]
        off = np.where(agrees, 0, self.off[runs] + 1)
        probed = running & (self.place[runs] > self.began[runs])
        self.off[runs] = off = np.where(probed, off, self.off[runs])
        candidates = running & (off >= self._of.patience)
        some = candidates.any(axis=1)
        if not some.any():
            return
        runs, running, off, candidates = runs[some], running[some], off[some], candidates[some]
        ranked = np.argsort(np.where(candidates, -off, 1), axis=1, kind="stable")
        rank = np.argsort(ranked, axis=1, kind="stable")
        few = rank < np.maximum(0, running.sum(axis=1) - 2)[:, None]
        self.given_up[runs] |= candidates & few

    def _reply(self) -> ReplyColumns:
        ended = self._traces.gathered().answer
        begun = np.arange(ended.shape[1]) < self._traces.begun[:, None]
        others = begun & ~self.done & (ended >= 0)
        votes = np.concatenate((self.votes, np.where(others, ended, -1)), axis=1)
        reply = _ballots.vote(votes, np.maximum(self.asked + others.sum(axis=1), 1))
        nobody = np.flatnonzero((votes < 0).all(axis=1))
        standing = (begun & ~self.dropped)[nobody]
        latest = np.where(standing, self.answer[nobody], -1)
        reply.put(nobody, _ballots.vote(latest, np.maximum(standing.sum(axis=1), 1)))
        return reply
