"""Parallel probe: traces side by side that stop when their running consensus holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from karui.core.ability import Ability
from karui.core.arrays.columns import Bools, Ints
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.flow.flow_tree import Flow
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique, knob, require
from karui.core.trace import Reply
from karui.core.watcher import Action, Checkpoint
from karui.faster import _ballots
from karui.faster._branches import Branches, Event, pairs
from karui.faster._votes import vote


@dataclass(frozen=True)
class ParallelProbe(Technique):
    """Probes k traces as they run, drops those that keep disagreeing, and stops once the majority holds.

    Trades away minorities that were right late, and a trial at every probe of every trace: with few or short
    traces those cost more than they save. Its gain is in waiting as much as in tokens. Not for engines that
    cannot run k traces side by side, and not where thinking has fewer than some ten checkpoints. What it
    drops shows as dropped tokens although those traces took part in the consensus.

    Confidence is the share of the k traces that stood behind the answer when it stopped.

    Zheng et al., "Parallel-Probe", arXiv 2602.03845, whose setting is k = 64 with a probe every 500 tokens
    (`every` is smaller here, so that every checkpoint is one). As in their code a first probe is not voted
    on; from probe `warm` + 2 on a trace that disagrees with the majority `patience` times in a row is
    dropped and loses its vote; it stops when the majority repeated `stable` times. Two things differ: traces
    here do not wait for each other, so a probe counts with the others' latest answers, and a trace learns of
    the stop at its next checkpoint.
    """

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})
    slot: ClassVar[str] = "vote"

    k: int = knob(16, low=2, high=64, log=True, of_recorded=True, help="Traces.")
    stable: int = knob(40, low=3, high=40, log=True, help="Repeats of the majority at which to stop.")
    patience: int = knob(7, low=2, high=8, log=True, help="Disagreements in a row that drop a trace.")
    warm: int = knob(15, low=1, high=15, log=True, help="Probes before any disagreement counts.")
    every: int = knob(64, help="Tokens between two probes, at least.")

    def __post_init__(self) -> None:
        require(
            self.k >= 1 and self.stable >= 1 and self.patience >= 1,
            self,
            "k, stable and patience start at 1",
        )
        require(self.every >= 1, self, "every must be at least 1")

    @property
    def traces(self) -> int:
        return self.k

    def flow(self, ask: Request) -> Flow:
        board = Board(self)
        replies = yield Gather((ask.watched(board),) * self.k)
        assert isinstance(replies, list)
        return vote(replies) if board.consensus is None else board.reply(replies)

    def flow_all(self, runs: Runs) -> ReplyColumns:
        return _Boards(self, runs).replies()


class Board:
    """The view that the traces of one question share: their latest answers, and how long the majority held.

    Attributes:
        consensus: The majority's answer at which all stop; None while none has held long enough.
        share: The share of all traces whose latest answer it was then.
    """

    shared = True

    def __init__(self, knobs: ParallelProbe) -> None:
        self.consensus: str | None = None
        self.share = 0.0
        self._knobs = knobs
        self._branches: list[_Branch] = []  # in the order of starting
        self._round = 0  # the furthest any trace has come, in units of `every` tokens
        self._closed = True  # whether the majority of that round has been taken
        self._rounds = 0  # majorities taken
        self._majority: str | None = None
        self._repeats = 0

    def watch(self, ask: Request) -> "_Branch":
        """Returns the watcher of one more trace."""
        branch = _Branch(self, self._knobs)
        self._branches.append(branch)
        return branch

    def leader(self) -> str | None:
        """Returns the majority's answer now; ties go to the trace started first."""
        counts: dict[str, int] = {}
        for branch in self._branches:
            answer = branch.answer
            if answer is not None and self._votes(branch):
                counts[answer] = counts.get(answer, 0) + 1
        return max(counts, key=counts.__getitem__) if counts else None

    def reply(self, replies: Sequence[Reply]) -> Reply:
        """Returns what the traces came to after a consensus."""
        ended = list(zip(self._branches, replies, strict=False))
        others = [r for b, r in ended if not b.done and r.answer is not None]
        if not others:
            return Reply(self.consensus, self.share)
        # Another technique of the plan made traces answer before the consensus; that answer is their vote.
        standing = [Reply(b.answer) for b in self._branches if b.done and not b.dropped]
        return vote([*standing, *others], asked=len(self._branches))

    def reach(self, place: int) -> None:
        """Takes note that a trace has come to round `place`: the round before can wait for nobody else."""
        if place > self._round:
            if not self._closed:
                self._close()
            self._round, self._closed = place, False

    def posted(self, branch: "_Branch") -> None:
        """Takes the majority of this round if this was the last answer it waited for."""
        branch.seen = self._rounds
        if not self._closed and not self._waits():
            self._close()

    def _waits(self) -> bool:
        for branch in self._branches:  # noqa: SIM110 - any() over a generator takes twice as long, here at every probe
            if branch.place < self._round and not branch.done:
                return True
        return False

    def _close(self) -> None:
        self._closed = True
        self._rounds += 1
        if self._rounds == 1:
            return  # the first probe is not voted on
        leader = self.leader()
        self._repeats = self._repeats + 1 if leader == self._majority and leader is not None else 0
        self._majority = leader
        if self._repeats >= self._knobs.stable and self.consensus is None:
            self.consensus = leader
            agree = sum(b.answer == leader and self._votes(b) for b in self._branches)
            self.share = agree / len(self._branches)

    def _votes(self, branch: "_Branch") -> bool:
        # A trace that has been silent for two rounds and did not end was ended by another technique of the
        # plan, which nobody tells us; it no longer counts.
        return not branch.dropped and (branch.done or self._rounds - branch.seen <= 2)


class _Branch:
    """One trace's watcher, and its line on the board."""

    __slots__ = ("_board", "_knobs", "_off", "_probes", "answer", "done", "dropped", "place", "seen")

    def __init__(self, board: Board, knobs: ParallelProbe) -> None:
        self._board, self._knobs = board, knobs
        self._probes = self._off = 0
        self.answer: str | None = None
        self.place = 0  # the round of the last probe
        self.seen = 0  # majorities taken when it last answered
        self.done = self.dropped = False

    def see(self, checkpoint: Checkpoint) -> Action:
        """Posts this trace's answer, unless it has only just done so, and leaves when it is time."""
        board = self._board
        if checkpoint.final:
            self.answer = checkpoint.trial.answer if checkpoint.trial else None
            self.done = True
            board.posted(self)
            return Action.GO
        if board.consensus is not None:
            self.done = True
            return Action.DROP
        place = checkpoint.tokens // self._knobs.every
        if place <= self.place:
            return Action.GO
        if checkpoint.trial is None:
            return Action.TRIAL
        board.reach(place)
        self.answer, self.place = checkpoint.trial.answer, place
        self._probes += 1
        if self._probes >= self._knobs.warm + 2:
            self._off = 0 if self.answer == board.leader() else self._off + 1
            if self._off >= self._knobs.patience:
                self.done = self.dropped = True
        board.posted(self)
        if board.consensus is not None:
            self.done = True
            return Action.ANSWER if board.consensus == self.answer else Action.DROP
        return Action.DROP if self.dropped else Action.GO


class _Boards:
    """The boards of many runs at once; what `Board` and `_Branch` have by these names, [runs, branches]."""

    def __init__(self, knobs: ParallelProbe, runs: Runs) -> None:
        self._knobs, self._runs = knobs, runs
        self._traces = Branches(runs, knobs.every, knobs.k)
        shape = (len(runs), knobs.k)
        self.answer: Ints = np.full(shape, -1, np.int64)
        self.place, self.seen, self.probes, self.off = np.zeros((4, *shape), np.int64)
        self.done, self.dropped = np.zeros((2, *shape), np.bool_)
        self.round, self.rounds, self.repeats = np.zeros((3, len(runs)), np.int64)
        self.closed: Bools = np.ones(len(runs), np.bool_)
        self.majority, self.consensus = np.full((2, len(runs)), -1, np.int64)
        self.share = np.zeros(len(runs))

    def replies(self) -> ReplyColumns:
        """Lets every watcher look in turn, and returns what the runs came to."""
        runs, traces = self._runs.all(), self._traces
        for _ in range(self._knobs.k):
            traces.begin(runs, self._runs.now)
        going = runs
        while len(going):
            branch, time, kind = traces.look(going)
            over = traces.over(time)
            if over.any():
                going, branch, time, kind = (values[~over] for values in (going, branch, time, kind))
            self._look(going, branch, time, kind)
        return self._reply()

    def _look(self, runs: Ints, branch: Ints, time: Ints, kind: Ints) -> None:
        agreed = self.consensus[runs] >= 0
        self._leave(*(values[kind == Event.ARRIVAL] for values in (runs, branch, kind)))
        final = kind == Event.FINAL
        ended, finished = runs[final], branch[final]
        self.answer[ended, finished] = self._traces.probe(ended, finished)[1]
        self.done[ended, finished] = True
        self._traces.finish(ended, finished)
        probed = kind == Event.PROBE
        self._post(runs[probed], branch[probed])
        looked = kind != Event.ARRIVAL
        self._posted(runs[looked], branch[looked])
        self._decide(runs[probed], branch[probed], kind[probed])
        fresh = ~agreed & (self.consensus[runs] >= 0)
        if fresh.any():
            called, others, place = pairs(self._traces.running[runs[fresh]], runs[fresh])
            others_only = others != branch[fresh][place]
            place = place[others_only]
            self._traces.call(called[others_only], others[others_only], time[fresh][place], branch[fresh][place])

    def _leave(self, runs: Ints, branch: Ints, kind: Ints) -> None:
        self.done[runs, branch] = True
        self._traces.end(runs, branch, kind, np.zeros(len(runs), np.bool_))

    def _post(self, runs: Ints, branch: Ints) -> None:
        place, answer = self._traces.probe(runs, branch)
        further = place > self.round[runs]
        self._close(runs[further & ~self.closed[runs]])
        self.round[runs] = np.maximum(self.round[runs], place)
        self.closed[runs[further]] = False
        self.answer[runs, branch], self.place[runs, branch] = answer, place
        self.probes[runs, branch] += 1
        counts = self.probes[runs, branch] >= self._knobs.warm + 2
        runs, branch, answer = runs[counts], branch[counts], answer[counts]
        if len(runs):
            # An answer that cannot be read agrees with a board on which there is none.
            self.off[runs, branch] = np.where(answer == self._leader(runs), 0, self.off[runs, branch] + 1)
            out = self.off[runs, branch] >= self._knobs.patience
            self.done[runs[out], branch[out]] = self.dropped[runs[out], branch[out]] = True

    def _posted(self, runs: Ints, branch: Ints) -> None:
        self.seen[runs, branch] = self.rounds[runs]
        still = runs[~self.closed[runs]]
        waits = ((self.place[still] < self.round[still][:, None]) & ~self.done[still]).any(axis=1)
        self._close(still[~waits])

    def _decide(self, runs: Ints, branch: Ints, kind: Ints) -> None:
        """Ends the branches that have just posted where it is time, and lets the others go on."""
        consensus = self.consensus[runs]
        agreed = consensus >= 0
        self.done[runs[agreed], branch[agreed]] = True
        out = agreed | self.dropped[runs, branch]
        answers = agreed & (consensus == self.answer[runs, branch])
        self._traces.end(runs[out], branch[out], kind[out], answers[out])
        self._traces.go_on(runs[~out], branch[~out])

    def _votes(self, runs: Ints) -> Bools:
        """Whether the answer of a branch counts."""
        heard = self.rounds[runs][:, None] - self.seen[runs] <= 2
        return ~self.dropped[runs] & (self.done[runs] | heard)

    def _leader(self, runs: Ints) -> Ints:
        return _ballots.vote(self.answer[runs], counted=self._votes(runs)).answer

    def _close(self, runs: Ints) -> None:
        if not len(runs):
            return
        self.closed[runs] = True
        self.rounds[runs] += 1
        runs = runs[self.rounds[runs] > 1]
        leader = self._leader(runs)
        again = (leader == self.majority[runs]) & (leader >= 0)
        self.repeats[runs] = np.where(again, self.repeats[runs] + 1, 0)
        self.majority[runs] = leader
        held = (self.repeats[runs] >= self._knobs.stable) & (self.consensus[runs] < 0)
        runs, leader = runs[held], leader[held]
        self.consensus[runs] = leader
        agree = (self.answer[runs] == leader[:, None]) & self._votes(runs)
        self.share[runs] = agree.sum(axis=1) / self._knobs.k

    def _reply(self) -> ReplyColumns:
        answer = self._traces.gathered().answer
        agreed = self.consensus >= 0
        others = ~self.done & (answer >= 0)
        reply = _ballots.vote(answer)
        reply.put(np.flatnonzero(agreed), ReplyColumns(self.consensus[agreed], self.share[agreed]))
        # Another technique of the plan made traces answer before the consensus; that answer is their vote.
        mixed = np.flatnonzero(agreed & others.any(axis=1))
        if len(mixed):
            standing = np.where(self.done & ~self.dropped, self.answer, -1)[mixed]
            votes = np.concatenate((standing, np.where(others, answer, -1)[mixed]), axis=1)
            reply.put(mixed, _ballots.vote(votes, self._knobs.k))
        return reply
