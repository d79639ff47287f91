"""The slot loop: every row that waits for something takes one step, all together."""

from collections.abc import Callable
from heapq import heappop, heappush
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from karui.engines.batching.logits.bad_words import BadWords
from karui.engines.batching.logits.penalties import Penalties
from karui.engines.batching.logits.processors import restrained
from karui.engines.batching.prefill import read_prompts
from karui.engines.batching.runner import ModelRunner, SamplingBatch
from karui.engines.batching.sequence import Awaiting, Fork, Mode, SequenceState
from karui.engines.batching.slots import Slots
from karui.engines.batching.spec_decode.speculation import Speculation
from karui.engines.batching.teacher_forcing import TeacherForcing
from karui.engines.chat.vocabulary import (
    BLANK_LINE,
    CLOSE,
    ENDS_LINE,
    STARTS_LINE,
    TRIAL_END,
    TURN_END,
    Vocabulary,
)
from karui.engines.options import EngineOptions

_PATIENCE = 4
"""Steps that a few rows wait at most for company before their prompts or suffixes are read."""


class Scheduler(Slots):
    """All rows of an engine; `settle` is called only for rows at which something happened.

    Attributes:
        runner: What computes.
        vocabulary: Its tokens.
        bans: Lists of words that may not be written.
        penalties: Lists of words that are to be written less.
        trial_tokens: Tokens a trial takes at most.
    """

    def __init__(
        self,
        runner: ModelRunner,
        vocabulary: Vocabulary,
        options: EngineOptions,
        suffix: list[int],
        settle: "Callable[[Scheduler, SequenceState, float], object]",
    ) -> None:
        """Takes the parts; `settle` returns what a row's stream is given, None where it runs on."""
        super().__init__(options.slots)
        self.vocabulary, self.trial_tokens = vocabulary, options.trial_tokens
        self.bans, self.penalties = BadWords(vocabulary), Penalties(vocabulary)
        self.runner, self._suffix, self._rule = runner, suffix, options.rule
        self._settle = settle
        self._speculation = runner if isinstance(runner, Speculation) else None
        self._ahead = self._speculation.most if self._speculation else 0
        self._fresh: list[SequenceState] = []
        self._forking: list[SequenceState] = []
        self._telling = TeacherForcing(runner, self.written_by, self.give)
        self._patience = 0

    # What streams ask for.

    def request(self, row: SequenceState, want: Awaiting) -> None:
        """Lets a row run until `want` is there."""
        row.want = want
        if want is Awaiting.ADVANCE:
            if row.slot < 0:
                self._fresh.append(row)
                return
            row.idle += perf_counter() - row.rested
            self._take_back(row)
            self._mark[row.slot] = self.written[row.slot]
            self.mode[row.slot] = Mode.THINKING
            self.alarm[row.slot] = row.limit
            self._go(row)
        elif row.fork is None:
            self._forking.append(row)
        else:
            self.alarm[row.slot] = row.fork.written + self.trial_tokens
            self._running[row.slot] = True

    def release(self, row: SequenceState) -> None:
        """Frees what a row holds; it may be anywhere in its life, and may have been freed before."""
        slot = row.slot
        if slot < 0:
            if row in self._fresh:
                self._fresh.remove(row)
            return
        self._take_back(row)
        row.generated = int(self.written[slot])
        self._telling.leave(row)
        if row in self._forking:
            self._forking.remove(row)
        self._running[slot] = False
        self._rows[slot] = None
        heappush(self._free, slot)
        self.runner.free(slot)
        row.slot = -1

    def close(self) -> None:
        """Lets go of the model and its cache; nothing can be asked for afterwards."""
        self.runner.close()

    @property
    def busy(self) -> bool:
        """Whether a step would do something."""
        return bool(self._fresh or self._forking or self._telling or self._running.any())

    @property
    def running(self) -> int:
        """How many rows the next step moves on, fresh ones aside."""
        return int(self._running.sum())

    @property
    def stuck(self) -> bool:
        """Whether rows wait for a slot while every row that holds one rests."""
        return bool(self._fresh) and not self._forking and not self._telling and not self._running.any()

    @property
    def context(self) -> int:
        """Tokens that prompt, thinking and answer may take so that a trial still fits behind them."""
        return self.runner.context - len(self._suffix) - self.trial_tokens

    @property
    def waiting(self) -> list[SequenceState]:
        """Rows that wait for something, in the order of opening."""
        rows = [r for r in self._rows if r is not None] + self._fresh
        return sorted((r for r in rows if r.want), key=lambda r: r.number)

    def pause(self, row: SequenceState) -> None:
        """Lets a row sit out until it is asked for something again."""
        self._running[row.slot] = False

    # The step.

    def step(self, *, overflow: bool = False) -> list[tuple[SequenceState, object]]:
        """Lets every waiting row generate one token, and what was rightly guessed to follow it.

        Args:
            overflow: Whether to open more rows than there are slots: the only way on where every row that
                holds a slot rests at a checkpoint until others come along.

        Returns:
            The rows whose streams now have what they waited for, in the order of opening.
        """
        self._start_rows(overflow=overflow)
        results: list[tuple[SequenceState, object]] = [*self._telling.tell()]
        active = np.flatnonzero(self._running)
        if not len(active):
            return results
        before = self._pending[active]
        tokens, signals, counts = self._forward(active, before)
        happened = self._take(active, before, tokens, signals, counts)
        now = perf_counter()
        for slot in active[happened].tolist():
            row = self._rows[slot]
            assert row is not None
            result = self._settle(self, row, now)
            if result is not None:
                row.want = Awaiting.NOTHING
                results.append((row, result))
        return sorted(results, key=lambda r: r[0].number)

    def due(self, row: SequenceState) -> bool:
        """Whether a checkpoint is due at a row's last token."""
        slot, flags = row.slot, self.vocabulary.flags
        written = int(self.written[slot])
        before = self._tokens[slot, written - 2] if written > 1 else row.prompt[-1]
        now = flags[self._pending[slot]]
        ended = now & BLANK_LINE or (now & STARTS_LINE and flags[before] & ENDS_LINE)
        return self._rule.due(written - int(self._mark[slot]), bool(ended))

    def _take(
        self,
        active: NDArray[np.int64],
        before: NDArray[np.int64],
        tokens: NDArray[np.int64],
        signals: NDArray[np.float32],
        counts: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Writes what was drawn to the rows, each up to where something happens; returns where it did.

        What stands behind that is drawn again: by then the row may think, answer or try under other rules.

        Args:
            active: The rows' slots.
            before: The token before the first one.
            tokens: [rows, places].
            signals: [3, rows, places].
            counts: Of each row, how many tokens stand.
        """
        happened = np.zeros(len(active), bool)
        going = np.arange(len(active))
        taken = place = 0
        while len(going):
            slots, new = active[going], tokens[going, place]
            written = self.written[slots]
            self._tokens[slots, written] = new
            self._signals[slots, :, written] = signals[:, going, place].T
            self._pending[slots] = new
            self._length[slots] += 1
            written += 1
            self.written[slots] = written
            here = self._happened(slots, before, new, written, self.mode[slots])
            happened[going] = here
            taken += len(going)
            place += 1
            goes_on = ~here & (counts[going] > place)
            going, before = going[goes_on], new[goes_on]
        if self._speculation is not None:
            rows, places = tokens.shape
            self._speculation.count(rows, places, taken)
        return happened

    def _happened(
        self,
        active: NDArray[np.int64],
        before: NDArray[np.int64],
        tokens: NDArray[np.int64],
        written: NDArray[np.int64],
        mode: NDArray[np.int8],
    ) -> NDArray[np.bool_]:
        """Returns at which rows something happened."""
        flags = self.vocabulary.flags
        now = flags[tokens]
        thinking, rule = mode == Mode.THINKING, self._rule
        since = written - self._mark[active]
        due = since >= rule.max_interval
        if rule.at_step_ends:
            ended = (now & BLANK_LINE != 0) | ((now & STARTS_LINE != 0) & (flags[before] & ENDS_LINE != 0))
            due |= ended & (since >= rule.min_interval)
        found: NDArray[np.bool_] = (
            (thinking & (due | (now & CLOSE != 0)))
            | (now & TURN_END != 0)
            | (written >= self.alarm[active])
            | ((mode == Mode.TRYING) & (now & TRIAL_END != 0))
            | (mode == Mode.UNDECIDED)
            | (written == 1)
        )
        return found

    def _forward(
        self, active: NDArray[np.int64], before: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        """Returns the next tokens of each row [rows, places], their signals, and how many tokens stand."""
        written, lengths = self.written[active], self._length[active]
        settings = self._settings[active]
        settings[self.mode[active] == Mode.TRYING, 0] = 0.0
        ahead = np.arange(1 + self._ahead)
        draws = SamplingBatch(
            uniforms=self._uniforms[active[:, None], written[:, None] + ahead],
            temperature=settings[:, 0],
            top_p=settings[:, 1],
            top_k=settings[:, 2],
        )
        given = before[:, None]
        if self._speculation is not None:
            room = self.alarm[active] - written - 1
            guesses, counts = self._speculation.propose(active, before, lengths, room, draws)
            given = np.concatenate((given, guesses), 1)
        places = given.shape[1]
        draws = draws.flat(places)
        if settings[:, 3:].any():
            lists = settings[:, 3:].astype(np.int64)
            said = self._said(active, lists)
            draws = restrained(draws, self.bans, self.penalties, lists, said, given[:, 1:])
        if places > 1:
            assert self._speculation is not None
            return self._speculation.verify(active, given, lengths, counts, draws)
        tokens, signals = self.runner.step(active, before, lengths, draws)
        return tokens[:, None], signals[:, :, None], np.ones(len(active), np.int64)

    def _said(self, active: NDArray[np.int64], lists: NDArray[np.int64]) -> dict[int, NDArray[np.int32]]:
        """Returns what rows that think under some list have written last, as much as lists look back on."""
        mode = self.mode[active]
        thinking = (mode == Mode.THINKING) | (mode == Mode.UNDECIDED)
        memory = max(self.bans.memory, self.penalties.memory)
        rows = np.flatnonzero(thinking & lists.any(1)).tolist()
        ends = {row: int(self.written[active[row]]) for row in rows}
        return {row: self._tokens[active[row], max(0, end - memory) : end] for row, end in ends.items()}

    # Where rows begin.

    def _start_rows(self, *, overflow: bool) -> None:
        """Gives slots to new rows, and reads prompts and forced suffixes that are due."""
        held = self.held
        limit = max(self._slots, held + self._slots) if overflow else self._slots
        admitted = self._fresh[: max(0, limit - held)]
        running = int(self._running.sum())
        starting = len(admitted) + len(self._forking)
        if not starting:
            return
        # A forward for one row costs nearly what one for all costs: where many run, some wait for others.
        self._patience += 1
        if running and starting * 8 < running and self._patience < _PATIENCE:
            return
        self._patience = 0
        if admitted:
            del self._fresh[: len(admitted)]
            for row in admitted:
                self._place_row(row)
            read_prompts(self.runner, admitted, [r for r in self._rows if r is not None])
        forking, self._forking = self._forking, []
        if forking:
            self._fork(forking)

    def _place_row(self, row: SequenceState) -> None:
        if not self._free:
            self._grow_rows()
        slot = row.slot = heappop(self._free)
        self._rows[slot] = row
        sampling = row.ask.sampling
        self.runner.allocate(slot)
        self._grow_columns(row.limit + self.trial_tokens + 1 + self._ahead)
        self.mode[slot] = Mode(int(row.start))
        self.alarm[slot] = row.limit
        self.written[slot] = self._mark[slot] = 0
        self._pending[slot] = row.prompt[-1]
        self._length[slot] = row.cached
        self._settings[slot] = sampling.temperature, sampling.top_p, sampling.top_k, row.banned, row.penalties
        self._uniforms[slot, : row.limit] = np.random.default_rng(row.seed).random(row.limit)
        self._go(row)

    def _go(self, row: SequenceState) -> None:
        """Lets a row write on; one that is told what it writes waits to be."""
        if row.given is None:
            self._running[row.slot] = True
        else:
            self._telling.wait(row)

    def give(self, rows: list[SequenceState], texts: list[list[int]]) -> None:
        """Has rows read texts, all as long as each other, as if they had written them."""
        slots, count = [r.slot for r in rows], len(texts[0])
        given = np.column_stack((self._pending[slots], texts))
        self.runner.extend(slots, self._length[slots].tolist(), given[:, :-1].tolist())
        for row, text in zip(rows, texts, strict=True):
            written = int(self.written[row.slot])
            self._tokens[row.slot, written : written + count] = text
        self._pending[slots] = given[:, -1]
        self._length[slots] += count
        self.written[slots] += count

    def _fork(self, rows: list[SequenceState]) -> None:
        """Begins trials: the last token and all of the suffix but its own last token are read now."""
        texts, slots = [], [r.slot for r in rows]
        for row, slot in zip(rows, slots, strict=True):
            row.fork = Fork(int(self.written[slot]), int(self._length[slot]), int(self._pending[slot]))
            texts.append([row.fork.pending, *self._suffix[:-1]])
        self.runner.extend(slots, self._length[slots].tolist(), texts)
        for row, slot in zip(rows, slots, strict=True):
            self._length[slot] += len(self._suffix)
            self._pending[slot] = self._suffix[-1]
            self.mode[slot] = Mode.TRYING
            tokens = 1 if row.want is Awaiting.PEEK else self.trial_tokens
            self.alarm[slot] = self.written[slot] + tokens
            self._running[slot] = True

    def _take_back(self, row: SequenceState) -> None:
        """Sets a row back to where its fork began."""
        fork, slot = row.fork, row.slot
        if fork is None:
            return
        row.spent += int(self.written[slot]) - fork.written
        self.written[slot], self._length[slot], self._pending[slot] = fork.written, fork.length, fork.pending
        row.fork = None
