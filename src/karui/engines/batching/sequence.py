"""One generation as the batch sees it: its request, its fork, its text."""

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum
from time import perf_counter
from typing import Any

from karui.core.engine import Reader
from karui.core.request import Request
from karui.core.trace import Peek, Trial
from karui.engines.chat.markers import Start
from karui.engines.chat.vocabulary import Writer


class Mode(IntEnum):
    """What a row is generating."""

    UNDECIDED = Start.UNDECIDED
    THINKING = Start.THINKING
    ANSWERING = Start.ANSWERING
    TRYING = 4


class Awaiting(IntEnum):
    """What a row's stream waits for."""

    NOTHING = 0
    ADVANCE = 1
    PEEK = 2
    TRIAL = 3


@dataclass(slots=True)
class Fork:
    """A trial that is written past the end of its row, and where to set the row back to.

    Attributes:
        written: Tokens the row had generated.
        length: Tokens it had in the cache.
        pending: Its last token, which is not in the cache yet.
        peek: The look at the first token, once it is there.
        trial: The result, once it is complete.
    """

    written: int
    length: int
    pending: int
    peek: Peek | None = None
    trial: Trial | None = None


@dataclass(slots=True, eq=False)
class SequenceState:
    """One generation.

    Attributes:
        number: Counts up in the order of opening.
        ask: What is asked.
        sample: Which of the question's traces.
        read: Reads answers.
        prompt: Its tokens.
        start: What the model does first.
        seed: Of its random numbers.
        limit: Tokens it may generate: what is asked, or what the model's context leaves.
        banned: Key of its ban list, 0 for none.
        penalties: Key of its list of lowered words, 0 for none.
        writer: Turns its tokens into text.
        slot: Its place in the batch's arrays, -1 while it holds none.
        want: What its stream waits for.
        future: Where the result goes.
        fork: The trial under way, or complete, at this checkpoint.
        spent: Tokens of trials at earlier checkpoints.
        generated: Tokens of thinking and answer, set when the row is freed.
        text: What it wrote so far.
        heard: Of its tokens, those in `text`.
        begin: Where the thinking begins in `text`.
        shown: Characters of `text` that checkpoints have shown.
        end: Where the thinking ends in `text`, -1 before.
        resume: Where the answer begins in `text`.
        thinking: Tokens of thinking once they are all there, -1 before.
        checkpoints: How many it came to.
        asked: Clock time of opening.
        rested: Clock time of its last checkpoint, 0 while it runs.
        idle: Seconds spent at checkpoints.
        first: Seconds to the first token.
        thought: Seconds to the first token of the answer.
        given: Tokens that it is given instead of writing them itself; None for a row that writes.
        places: Where a told row rests: tokens and characters of its thinking.
    """

    number: int
    ask: Request
    sample: int
    read: Reader
    prompt: list[int]
    start: Start
    seed: int
    limit: int
    banned: int
    penalties: int
    writer: Writer
    slot: int = -1
    want: Awaiting = Awaiting.NOTHING
    future: "asyncio.Future[Any] | None" = None
    fork: Fork | None = None
    spent: int = 0
    generated: int = 0
    text: str = ""
    heard: int = 0
    begin: int = 0
    shown: int = 0
    end: int = -1
    resume: int = 0
    thinking: int = -1
    checkpoints: int = 0
    asked: float = field(default_factory=perf_counter)
    rested: float = 0.0
    idle: float = 0.0
    first: float = 0.0
    thought: float = 0.0
    given: list[int] | None = None
    places: tuple[tuple[int, int], ...] = ()

    @property
    def cached(self) -> int:
        """Tokens of the prompt that are read ahead; the last one joins the others' step."""
        return len(self.prompt) - 1
