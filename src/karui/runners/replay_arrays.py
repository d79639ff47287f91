"""Replay by array programs: what the machines come to on a block of questions, without stepping them.

It serves the plans whose techniques offer array programs (`Technique.watch_all`, `Technique.flow_all`), over
recordings that arrays can hold. Everything else is left to `karui.runners.replay_question`, which also says
what is wrong where something is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from karui.core.arrays.checkpoint_columns import Ints
from karui.core.arrays.columns import Irregular, TraceTable
from karui.core.arrays.runs import Attached, ReplyColumns, Runs
from karui.core.arrays.walks import Walks
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion, Recording
from karui.runners.outcome_columns import OutcomeColumns

TRACES, CHECKPOINTS = 4096, 1 << 17
"""At most so many in a block of questions: enough that arrays are long, few enough that they stay small."""


@dataclass
class ArrayReplay:
    """Replays plans over one recording by array programs.

    Attributes:
        recording: The recording of the main model.
        permutations: The orders of a question's traces.
    """

    recording: Recording
    permutations: Callable[[RecordedQuestion], Sequence[Sequence[int]]]
    _blocks: "list[_Block] | None" = field(default=None, repr=False)
    _irregular: bool = field(default=False, repr=False)

    @cached_property
    def questions(self) -> tuple[str, ...]:
        """The ids of the recording's questions."""
        return tuple(q.id for q in self.recording.questions)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Their kinds."""
        return tuple(q.kind for q in self.recording.questions)

    def outcomes(self, plan: Plan) -> OutcomeColumns | None:
        """Returns the plan's outcomes on every question; None where the machines have to be stepped."""
        if not programmed(plan) or not self.prepare():
            return None
        try:
            return OutcomeColumns.joined([block.outcomes(plan) for block in self.blocks()])
        except Irregular:
            return None

    def prepare(self) -> bool:
        """Puts all traces into columns, once; returns whether they can be."""
        if not self._irregular and self._blocks is None:
            try:
                self.blocks()
            except Irregular:
                self._irregular = True
        return not self._irregular

    def blocks(self) -> "list[_Block]":
        """Returns the recording's questions as columns, made once."""
        if self._blocks is None:
            suffix = self.recording.manifest.suffix_tokens
            parts = _parted(self.recording.questions)
            self._blocks = [_Block(part, suffix, self.permutations) for part in parts]
        return self._blocks


def _parted(questions: Sequence[RecordedQuestion]) -> Iterator[Sequence[RecordedQuestion]]:
    """Yields blocks of questions, of one at least and no more traces and checkpoints than a block has."""
    begin = traces = checkpoints = 0
    for number, question in enumerate(questions):
        more = sum(len(trace.checkpoints) for trace in question.traces)
        full = traces + len(question.traces) > TRACES or checkpoints + more > CHECKPOINTS
        if full and number > begin:
            yield questions[begin:number]
            begin, traces, checkpoints = number, 0, 0
        traces, checkpoints = traces + len(question.traces), checkpoints + more
    yield questions[begin:]


def programmed(plan: Plan) -> bool:
    """Whether all that the plan's techniques do is stated as array programs."""
    return (
        set(plan.models) == {"main"}
        and len(plan.flows) < 2
        and all(t.has_array("flow") for t in plan.flows)
        and all(t.has_array("watch") and not t.shared for t in plan.watching)
    )


class _Block:
    """Some questions, and what was computed of them for the plans that watch alike."""

    def __init__(
        self,
        questions: Sequence[RecordedQuestion],
        suffix_tokens: int,
        permutations: Callable[[RecordedQuestion], Sequence[Sequence[int]]],
    ) -> None:
        self._questions = questions
        self._permutations = permutations
        self._table = TraceTable(
            [q.id for q in questions],
            [q.traces for q in questions],
            suffix_tokens,
            lambda number, answer: questions[number].correct(answer),
        )
        self._orders: Ints | None = None
        self._watching: tuple[object, ...] | None = None
        self._walks: dict[Attached, Walks] = {}

    def outcomes(self, plan: Plan) -> OutcomeColumns:
        """Returns the plan's outcomes on these questions."""
        if self._watching != plan.watching:
            self._watching, self._walks = plan.watching, {}

        def walks(attached: Attached) -> Walks:
            if attached not in self._walks:
                stack = (*attached, *plan.watching)
                self._walks[attached] = Walks(self._table, stack)
            return self._walks[attached]

        if not plan.flows:
            return self._alone(walks(()))
        order = self._order(plan.traces)
        runs = Runs(self._table, order.reshape(-1, order.shape[2]), walks)
        reply = plan.flows[0].flow_all(runs)
        if reply is None:
            raise Irregular
        return _columns(runs, reply, order.shape[:2])

    def _alone(self, walks: Walks) -> OutcomeColumns:
        """Returns the outcomes of a plan without a flow: one run for each trace."""
        rows = self._table.row_of
        runs = Runs(self._table, np.maximum(rows, 0).reshape(-1, 1), lambda _: walks)
        group = runs.gather(runs.all(), 1)
        reply = ReplyColumns(group.answer[:, 0], group.ends.confidence[:, 0])
        return _columns(runs, reply, rows.shape).only(rows >= 0)

    def _order(self, traces: int) -> Ints:
        """Returns [questions, runs, traces] the row that each start takes."""
        if self._orders is None:
            most = self._table.row_of.shape[1]
            rows = self._table.row_of
            orders = [self._permutations(q) for q in self._questions]
            self._orders = np.full((len(orders), len(orders[0]), most), -1, np.int64)
            for number, drawn in enumerate(orders):
                places = np.array(drawn, np.int64)
                self._orders[number, :, : places.shape[1]] = rows[number][places]
        order = self._orders[:, :, :traces]
        if order.shape[2] < traces or (order < 0).any():
            raise Irregular
        return order


def _columns(runs: Runs, reply: ReplyColumns, shape: tuple[int, ...]) -> OutcomeColumns:
    right = np.concatenate((runs.table.right, [False]))[reply.answer]  # the last is that of -1, no answer
    columns: Mapping[str, np.ndarray] = {
        "correct": right,
        "confidence": reply.confidence,
        "answered": reply.answer >= 0,
        "traces": runs.started,
        "truncated": runs.truncated,
        "looped": runs.looped,
        "time": runs.now,
    }
    return OutcomeColumns(
        {name: column.reshape(shape).astype(np.float32) for name, column in columns.items()},
        {"main": runs.usage.reshape((*shape, 7)).astype(np.float64)},
        {"main": runs.held().reshape(shape).astype(np.float32)},
        {"main": runs.busy().reshape(shape).astype(np.float32)},
    )
