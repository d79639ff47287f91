"""Parallel probe: traces side by side that stop when their running consensus holds."""

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
from karui.faster._boards import BoardKnobs, Boards
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
        knobs = BoardKnobs(self.k, self.stable, self.patience, self.warm, self.every)
        return Boards(knobs, runs).replies()


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
