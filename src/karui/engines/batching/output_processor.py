"""What becomes of a row at which something happened: it runs on, rests at a checkpoint, or is finished."""

import re
from dataclasses import dataclass

from karui.core.trace import End, Peek, Signals, Trace, Trial
from karui.core.usage import UsageMeter
from karui.core.watcher import Checkpoint
from karui.engines.batching.scheduler import Scheduler
from karui.engines.batching.sequence import Awaiting, Mode, SequenceState
from karui.engines.chat.answers import (
    answer_after,
    answer_unsaid,
    as_probability,
    box_end,
    end_pattern,
    forced_head,
    marker_begun,
    mean_probability,
)
from karui.engines.chat.markers import Markers
from karui.engines.chat.vocabulary import CLOSE


@dataclass(frozen=True, slots=True)
class OutputProcessor:
    """Reads what a row wrote. Called by the batch for the few rows of a step at which something happened.

    Attributes:
        markers: Where thinking ends.
        pattern: The same, as a pattern.
        suffix_tokens: Length of the trial suffix.
        head: What of the suffix belongs to the answer's text.
    """

    markers: Markers
    pattern: re.Pattern[str]
    suffix_tokens: int
    head: str

    @staticmethod
    def by(markers: Markers, suffix: str, suffix_tokens: int) -> "OutputProcessor":
        """Returns what settles rows that go by these markers and this trial suffix."""
        return OutputProcessor(markers, end_pattern(markers), suffix_tokens, forced_head(markers, suffix))

    def __call__(
        self, scheduler: Scheduler, row: SequenceState, now: float
    ) -> Checkpoint | Trace | Peek | Trial | None:
        """Returns what the row's stream is given, None where the row runs on."""
        slot = row.slot
        mode = Mode(int(scheduler.mode[slot]))
        if mode is Mode.TRYING:
            return self._tried(scheduler, row)
        written = int(scheduler.written[slot])
        ended = scheduler.last_token(row) in scheduler.vocabulary.turn_ends
        spent = now - row.asked - row.idle
        if written == 1:
            row.first = spent
        self._hear(scheduler, row, ended=ended)
        if mode is Mode.UNDECIDED:
            mode = self._decide(row)
        elif mode is Mode.THINKING and not ended and self._closed(scheduler, row):
            row.thinking, mode = written, Mode.ANSWERING
            scheduler.alarm[slot] = written + 1  # the first token of the answer is timed
        elif mode is Mode.ANSWERING and not row.thought:
            row.thought = spent
            scheduler.alarm[slot] = row.limit
        scheduler.mode[slot] = mode
        if ended:
            return self._finish(scheduler, row, mode, End.FINISHED, spent)
        if written >= row.limit:
            return self._finish(scheduler, row, mode, End.TRUNCATED, spent)
        if mode is Mode.THINKING and scheduler.due(row):
            return self._rest(scheduler, row, now)
        return None

    def _hear(self, scheduler: Scheduler, row: SequenceState, *, ended: bool) -> None:
        """Brings the row's text up to date; the token that ends the turn is no part of it."""
        written = int(scheduler.written[row.slot])
        row.text += row.writer.write(scheduler.tokens(row, row.heard, written - ended), last=ended)
        row.heard = written

    def _decide(self, row: SequenceState) -> Mode:
        said, opening = row.text.lstrip(), self.markers.open
        if said.startswith(opening):
            row.begin = row.shown = len(row.text) - len(said) + len(opening)
            return Mode.THINKING
        if opening.startswith(said):
            return Mode.UNDECIDED
        row.thinking, row.thought = 0, row.first
        return Mode.ANSWERING

    def _closed(self, scheduler: Scheduler, row: SequenceState) -> bool:
        """Looks for the end of thinking in what was written last."""
        if not scheduler.vocabulary.flags[scheduler.last_token(row)] & CLOSE:
            return False
        longest = max(map(len, self.markers.endings or (self.markers.close,)))
        recent = len(scheduler.vocabulary.texts[scheduler.last_token(row)]) + longest
        found = self.pattern.search(row.text, max(row.begin, len(row.text) - recent))
        if not found:
            return False
        row.end = found.start()
        # What ends a plain model's reasoning is already part of its answer.
        row.resume = found.start() if self.markers.plain else found.end()
        return True

    def _rest(self, scheduler: Scheduler, row: SequenceState, now: float) -> Checkpoint:
        self._skip_line(row)
        # What may be the beginning of a marker of several tokens is not shown before it turned out not to be.
        stop = max(row.shown, len(row.text) - marker_begun(self.markers, row.text[row.begin :]))
        text, row.shown = row.text[row.shown : stop], stop
        written = int(scheduler.written[row.slot])
        here = Checkpoint(row.checkpoints, written, text, Signals.of(*scheduler.signals(row, 0, written)))
        row.checkpoints += 1
        row.rested = now
        scheduler.pause(row)
        return here

    def _skip_line(self, row: SequenceState) -> None:
        """Leaves out the line break after an opening marker that the model wrote itself."""
        if row.begin and row.shown == row.begin and row.text.startswith("\n", row.begin):
            row.begin = row.shown = row.begin + 1

    def _finish(self, scheduler: Scheduler, row: SequenceState, mode: Mode, end: End, spent: float) -> Trace:
        row.text += row.writer.write((), last=True)
        self._skip_line(row)
        written = int(scheduler.written[row.slot])
        thinking_tokens = 0 if mode is Mode.UNDECIDED else row.thinking if row.thinking >= 0 else written
        answer_tokens = written - thinking_tokens
        thinking = text = ""
        if thinking_tokens:
            thinking = row.text[row.begin : row.end if row.end >= 0 else len(row.text)]
        if end is End.FINISHED:
            text = self._answer(row, mode)
        logprobs, entropy, confidence = scheduler.signals(row, 0, written)
        tally = UsageMeter(len(row.prompt), 0, self.suffix_tokens)
        tally.think(thinking_tokens)
        bill = tally.finished(answer_tokens)
        trace = Trace(
            question=row.ask.question,
            sample=row.sample,
            end=end,
            thinking=thinking,
            text=text,
            answer=row.read(text) if text else None,
            confidence=mean_probability(logprobs[thinking_tokens:]) if text else None,
            signals=Signals.of(*(s[:thinking_tokens] for s in (logprobs, entropy, confidence))),
            checkpoints=(),
            thinking_tokens=thinking_tokens,
            answer_tokens=answer_tokens,
            usage=bill,
            time=tally.time,
            seconds=spent,
            first_seconds=row.first,
            thought_seconds=row.thought,
        )
        scheduler.release(row)
        return trace

    def _answer(self, row: SequenceState, mode: Mode) -> str:
        if mode is Mode.THINKING:
            return answer_unsaid(self.markers, row.text, row.read)
        return answer_after(self.markers, row.text[row.resume :])

    def _tried(self, scheduler: Scheduler, row: SequenceState) -> Peek | Trial | None:
        fork = row.fork
        assert fork is not None
        written = int(scheduler.written[row.slot])
        tokens = scheduler.tokens(row, fork.written, written)
        if fork.peek is None:
            first = scheduler.signals(row, fork.written, fork.written + 1)
            entropy = float(Signals.of(*first).entropy[0])
            fork.peek = Peek(
                scheduler.vocabulary.text(tokens[:1]), as_probability(float(first[0, 0])), entropy
            )
        ended = tokens[-1] in scheduler.vocabulary.turn_ends
        text = scheduler.vocabulary.text(tokens[:-1] if ended else tokens)
        stop = box_end(text, boxed=self.head.endswith("{"))
        if ended or stop is not None or len(tokens) >= scheduler.trial_tokens:
            answer = self.head + text[:stop]
            probability = mean_probability(scheduler.signals(row, fork.written, written)[0])
            fork.trial = Trial(row.read(answer), answer, len(tokens), probability, fork.peek)
        if row.want is Awaiting.TRIAL and fork.trial is None:
            return None
        scheduler.pause(row)
        return fork.peek if row.want is Awaiting.PEEK else fork.trial
