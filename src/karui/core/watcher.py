"""What a watcher sees at a checkpoint, and the moves it can make."""

from enum import Enum, auto
from typing import Protocol

from karui.core.trace import Peek, Signals, Trace, Trial


class Action(Enum):
    """What a watcher wants at a checkpoint."""

    GO = auto()
    """Think on."""
    PEEK = auto()
    """Look at the first answer token that would come now, then ask me again; one token."""
    TRIAL = auto()
    """Force the whole answer on a fork, then ask me again; billed as long as it is."""
    ANSWER = auto()
    """Stop thinking and answer now, with this checkpoint's trial."""
    DROP = auto()
    """Abandon this trace: it will have no answer."""


class Checkpoint:
    """A place inside the thinking, as its watchers see it.

    Attributes:
        index: Which checkpoint of its trace, from 0.
        tokens: Thinking tokens so far.
        text: The thinking since the checkpoint before.
        final: True once, after the trace has come to its end: `trial` is then its own answer (None if it
            was truncated), it costs nothing, and the only move that still counts is `DROP`.
        peek: Set after `Action.PEEK` or `Action.TRIAL`.
        trial: Set after `Action.TRIAL`.
    """

    __slots__ = ("_signals", "final", "index", "peek", "text", "tokens", "trial")

    def __init__(self, index: int, tokens: int, text: str, signals: Signals, *, final: bool = False) -> None:
        """Takes signals of at least `tokens` values (or none at all); what lies beyond is never shown."""
        self.index, self.tokens, self.text, self.final = index, tokens, text, final
        self._signals = signals
        self.peek: Peek | None = None
        self.trial: Trial | None = None

    @property
    def signals(self) -> Signals:
        """Read-only views of the thinking so far, one value a token."""
        return self._signals.prefix(self.tokens)

    def lowest_confidence(self, window: int) -> float:
        """Returns the smallest mean of `Signals.confidence` over `window` tokens in a row, all if fewer."""
        return self._signals.lowest(window, self.tokens)

    @staticmethod
    def at_end(index: int, trace: Trace) -> "Checkpoint":
        """Returns the final checkpoint of a trace that ended by itself."""
        here = Checkpoint(index, trace.thinking_tokens, "", trace.signals, final=True)
        if trace.answer is not None or trace.text:
            here.trial = Trial(trace.answer, trace.text, trace.answer_tokens, trace.confidence)
        return here


class Watcher(Protocol):
    """Watches one generation. Fresh, small, pure; it keeps its own state between checkpoints."""

    def see(self, checkpoint: Checkpoint) -> Action:
        """Returns the next move. Called once a checkpoint, and again after each `PEEK` or `TRIAL`."""
