"""Traces: what one generation left behind, and the places inside it where it could have stopped."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import inf

import numpy as np
from numpy.typing import NDArray

from karui.core.usage import TokenUsage, UsageMeter

SIGNAL_UNIT = 1 / 256
"""Signals are rounded to this (nats) at the engine, so that a stored recording equals the live run."""


class End(StrEnum):
    """How a trace ended."""

    FINISHED = "finished"
    """By itself, with its own answer."""
    TRUNCATED = "truncated"
    """Cut by the token limit, or by its server; it has no answer."""
    ANSWERED = "answered"
    """A watcher ended the thinking; the answer was forced."""
    DROPPED = "dropped"
    """A watcher abandoned it; it has no answer."""
    STOPPED = "stopped"
    """Its flow no longer needed it; it has no answer."""


@dataclass(frozen=True)
class Signals:
    """What the model's distribution looked like at each thinking token.

    Three float32 arrays of one length, read-only, in nats, multiples of `SIGNAL_UNIT`; all empty where
    nothing was measured.

    Attributes:
        logprob: Log-probability of the token that was drawn.
        entropy: Entropy of the whole next-token distribution, before temperature.
        confidence: Minus the mean log-probability of the 20 likeliest tokens (DeepConf, 2508.15260):
            large where the model is sure.
    """

    logprob: NDArray[np.float32]
    entropy: NDArray[np.float32]
    confidence: NDArray[np.float32]

    @staticmethod
    def of(logprob: object, entropy: object, confidence: object) -> "Signals":
        """Returns signals from three sequences of floats, rounded and frozen."""
        arrays = []
        for values in (logprob, entropy, confidence):
            array = np.round(np.asarray(values, np.float32) / SIGNAL_UNIT) * np.float32(SIGNAL_UNIT)
            array.flags.writeable = False
            arrays.append(array)
        return Signals(*arrays)

    def prefix(self, tokens: int) -> "Signals":
        """Returns views of the first `tokens` values."""
        short = Signals(self.logprob[:tokens], self.entropy[:tokens], self.confidence[:tokens])
        if "confidence_sums" in self.__dict__:
            short.__dict__["confidence_sums"] = self.confidence_sums[: tokens + 1]
        return short

    def __len__(self) -> int:
        return len(self.logprob)

    @cached_property
    def confidence_sums(self) -> NDArray[np.float64]:
        """Running sums of `confidence` with a leading zero, for window means without a loop.

        They are exact, being sums of a few million multiples of `SIGNAL_UNIT` at most: it does not matter
        where a sum began.
        """
        return np.concatenate(([0.0], np.cumsum(self.confidence, dtype=np.float64)))

    def lowest(self, window: int, tokens: int) -> float:
        """Returns the smallest mean confidence of any `window` consecutive of the first `tokens` tokens.

        That of all of them where they are fewer; infinity where nothing was measured.
        """
        sums = self.confidence_sums
        tokens = min(tokens, len(self))
        if tokens <= window:
            return float(sums[tokens]) / tokens if tokens else inf
        lows = self._lows.get(window)
        if lows is None:
            lows = self._lows[window] = np.minimum.accumulate(sums[window:] - sums[:-window])
        return float(lows[tokens - window]) / window

    @cached_property
    def _lows(self) -> dict[int, NDArray[np.float64]]:
        """By window: the smallest sum of any group that has ended, after each token from the window's on."""
        return {}


NO_SIGNALS = Signals.of((), (), ())


@dataclass(frozen=True, slots=True)
class Peek:
    """One token's look at the answer: the distribution right after the trial suffix.

    Attributes:
        token: Text of the likeliest first answer token.
        probability: Its probability.
        entropy: Entropy of the distribution, nats.
        sent: Prompt tokens of the request it took; 0 where it was a fork, which reads the suffix only.
        cached: Of those, the tokens that a prefix cache saved.
    """

    token: str
    probability: float
    entropy: float
    sent: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer forced at a checkpoint, decoded greedily on a fork.

    Attributes:
        answer: Canonical, None where nothing could be read.
        text: The answer's text: what was generated, behind the box that the suffix opened for it.
        tokens: Tokens generated, the first (the peek's) included.
        confidence: Geometric mean of the answer tokens' probabilities, None where not measured.
        peek: The look at its first token, None where not measured.
        sent: Prompt tokens of the requests it took, a peek's own token not counted; 0 for a fork.
        cached: Of those, the tokens that a prefix cache saved.
    """

    answer: str | None
    text: str
    tokens: int
    confidence: float | None = None
    peek: Peek | None = None
    sent: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class RecordedCheckpoint:
    """A checkpoint as it was recorded.

    Attributes:
        tokens: Thinking tokens up to here.
        chars: Characters of thinking text up to here.
        trial: What the answer would be, None where no trial was recorded.
    """

    tokens: int
    chars: int
    trial: Trial | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What an ask came to.

    Attributes:
        answer: Canonical; None when the ask abstained, was dropped or was cut by the token limit.
        confidence: Probability of the answer's tokens (geometric mean), or a share of votes, in [0, 1];
            None where nothing measured it.
        trace: The one trace behind it, None where several were combined.
    """

    answer: str | None
    confidence: float | None = None
    trace: "Trace | None" = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One generation: whole as recorded, or as far as a plan let it run.

    Attributes:
        question: The question's id.
        sample: Which of the question's traces it is, from 0; it decides the seed.
        end: How it ended.
        thinking: Text of the thinking, markers excluded.
        text: Text of the answer.
        answer: Canonical, None where there is none.
        confidence: Geometric mean of the answer tokens' probabilities.
        signals: One value per thinking token, or empty.
        checkpoints: Its checkpoints in order, fewer than `thinking_tokens` apart from the end.
        thinking_tokens: Tokens of thinking, end marker included when the model wrote it.
        answer_tokens: Tokens of the answer (of the adopted trial where it was forced).
        usage: Everything it cost.
        time: Token-time: thinking, trials and answer, in tokens.
        seconds: Wall time from asking to its end; 0 where not measured.
        first_seconds: Wall time from asking to its first token.
        thought_seconds: Wall time from asking to the first token of its answer.
        finish: Why it ended, in its server's word ("stop", "length", "abort" …); "" where nothing said so.
        remark: What a reader should know of how it was read: leaked markers, inferred counts; "" for nothing.
    """

    question: str
    sample: int
    end: End
    thinking: str
    text: str
    answer: str | None
    confidence: float | None
    signals: Signals
    checkpoints: tuple[RecordedCheckpoint, ...]
    thinking_tokens: int
    answer_tokens: int
    usage: TokenUsage
    time: int
    seconds: float = 0.0
    first_seconds: float = 0.0
    thought_seconds: float = 0.0
    finish: str = ""
    remark: str = ""

    @property
    def reply(self) -> Reply:
        """What the ask behind this trace came to."""
        return Reply(self.answer, self.confidence, self)

    @property
    def tokens(self) -> int:
        """Everything generated for this trace, trials included."""
        return self.usage.generated

    def billed(self, usage: TokenUsage, time: int) -> "Trace":
        """Returns this trace with the usage and time of the run it was part of, trials included."""
        values = [getattr(self, name) for name in Trace.__slots__]  # replace() takes three times as long
        values[_USAGE], values[_TIME] = usage, time
        return Trace(*values)

    @staticmethod
    def short(
        question: str,
        sample: int,
        end: End,
        thinking: str,
        signals: Signals,
        trial: Trial | None,
        tally: UsageMeter,
        usage: TokenUsage,
    ) -> "Trace":
        """Returns a trace cut short where `tally` stands, answering with `trial`."""
        return Trace(
            question=question,
            sample=sample,
            end=end,
            thinking=thinking,
            text=trial.text if trial else "",
            answer=trial.answer if trial else None,
            confidence=trial.confidence if trial else None,
            signals=signals,
            checkpoints=(),
            thinking_tokens=tally.thinking,
            answer_tokens=trial.tokens if trial else 0,
            usage=usage,
            time=tally.time,
        )


_USAGE, _TIME = Trace.__slots__.index("usage"), Trace.__slots__.index("time")
