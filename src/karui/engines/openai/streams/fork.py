"""Trials: short requests that send the thinking so far again, and force the answer behind it.

Where a server has a prefix cache, most of what is sent again costs little; where it has none, every trial
pays for its whole prefix. Both is billed as the server reports it.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from karui.core.engine import Reader
from karui.core.trace import SIGNAL_UNIT, Peek, Trial
from karui.engines.chat.answers import as_probability, box_end, mean_probability
from karui.engines.openai.parsing.signals import entropy
from karui.engines.openai.protocol.schema import Chunk, Token, read_chunk
from karui.engines.openai.requests.request_builder import RenderedPrompt

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection

_ROUNDS = 8
"""Requests that one trial takes at most: one, and one more for every inner brace that closes."""


class Fork:
    """A trial at one checkpoint.

    Attributes:
        tokens: Generated for it so far.
    """

    def __init__(
        self, parts: "Connection", opening: RenderedPrompt, said: str, ids: tuple[int, ...], read: Reader
    ) -> None:
        """Takes the thinking so far as text, and as tokens where the server has told them."""
        self._parts, self._opening, self._said, self._ids, self._read = parts, opening, said, ids, read
        self._head = parts.head
        self._text = ""
        self._own_ids: list[int] = []
        self._logprobs: list[float] = []
        self._sent = self._cached = 0
        self.tokens = self._unlisted = 0
        self._peek: Peek | None = None
        self._trial: Trial | None = None
        self._over = False

    async def peek(self) -> Peek:
        """Returns the look at the first token."""
        if self._peek is None:
            await self._ask(1)
        assert self._peek is not None
        return self._peek

    async def trial(self) -> Trial:
        """Returns the whole trial; after a peek it goes on behind its token."""
        if self._trial is None:
            self._sent = self._cached = 0  # a peek before it has been billed by itself
            peeked = self.tokens
            await self.go_on()
            # That the peek's token was sent again is counted by the tally.
            self._sent = max(0, self._sent - peeked)
            self._cached = min(self._cached, self._sent)
            self._trial = await asyncio.to_thread(self.made)
        return self._trial

    async def go_on(self) -> None:
        """Asks until the answer is complete, or as long as a trial may be."""
        for _ in range(_ROUNDS):
            if self._complete():
                break
            await self._ask(self._parts.trial_tokens - self.tokens)

    def _complete(self) -> bool:
        return (
            self._over
            or self.tokens >= self._parts.trial_tokens
            or (self.tokens > 0 and box_end(self._text, boxed=self._boxed) is not None)
        )

    @property
    def _boxed(self) -> bool:
        return self._head.endswith("{")

    async def _ask(self, most: int) -> None:
        """Sends one request and takes what came."""
        known = self.prompt_tokens
        chunk = read_chunk(await self._parts.client.post(self._opening.path, self.body(most)))
        usage = chunk.usage
        # Where it does not say, none were cached.
        self.take(chunk, *((usage.prompt, usage.cached or 0) if usage is not None else (known, 0)))

    def body(self, most: int) -> dict[str, Any]:
        """Returns the request for its next tokens, at most so many."""
        parts = self._parts
        suffix = parts.suffix + self._text
        body = parts.wording.tries(self._opening, self._said, self._ids, suffix, self._forced_ids)
        return body | {parts.can.limit: most, "stop": ["}", "\n"] if self._boxed else ["\n"]}

    @property
    def _forced_ids(self) -> tuple[int, ...]:
        """What is forced behind the thinking, as tokens; empty where they are not known."""
        told = self._parts.suffix_ids and len(self._own_ids) == self.tokens
        return (*self._parts.suffix_ids, *self._own_ids) if told else ()

    @property
    def prompt_tokens(self) -> int:
        """Tokens of its next request's prompt, as far as karui knows them; 1 where it does not."""
        shown = self._opening.shown
        known = len(shown.ids) + len(self._ids) + len(self._forced_ids) if shown is not None else 0
        return max(1, known)

    def take(self, chunk: Chunk, sent: int, cached: int) -> None:
        """Takes the reply to a request, and what of its prompt was sent and cached."""
        self._take(chunk)
        self._sent += sent
        self._cached += min(cached, sent)
        if self._peek is None:
            self._peek = self._looked(chunk.tokens[0] if chunk.tokens else None)

    def _take(self, chunk: Chunk) -> None:
        """Adds what was generated; a `}` that was a stop word has been cut from the text and is put back."""
        said = chunk.thinking + chunk.text  # which field it comes in depends on the server's parser only
        told = chunk.usage.completion if chunk.usage else 0
        generated = max(chunk.count, told)
        # llama.cpp's counts the token of a stop word, and neither lists it nor shows it.
        unlisted = generated - (len(chunk.tokens) or chunk.count)
        self._over = chunk.finish != "length" or not generated
        listed = [t.text for t in chunk.tokens]
        if listed and not "".join(listed).startswith(said):
            # llama.cpp's chat repeats the partial answer in front of what it adds, and sorts both anew.
            said = _added(said, listed)
        elif not listed:
            said = said.removeprefix(self._said + self._parts.suffix + self._text)
        # Without a listing, and without a word of the server, the end of the box is the likelier of the two.
        closed = chunk.stopped_by != "\n" and (bool(unlisted) or not listed or "}" in listed[-1])
        if chunk.finish == "stop" and self._boxed and generated and closed:
            whole = "".join(listed)
            said = said + "}" if unlisted or not listed or not whole.startswith(said) else whole
            # An inner brace may have been closed, and not yet the box.
            self._over = box_end(self._text + said, boxed=True) is not None
        self._text += said
        self._own_ids += chunk.ids or [t.id for t in chunk.tokens if t.id is not None]
        self._logprobs += [t.logprob for t in chunk.tokens if t.logprob is not None]
        self.tokens += generated
        self._unlisted += unlisted if self._logprobs else 0

    def _looked(self, first: Token | None) -> Peek:
        """Returns the look at the first token; without a listing nothing is known but its text."""
        if first is None or not first.top:
            return Peek(first.text if first else self._text, 0.0, 0.0, self._sent, self._cached)
        spread = round(entropy(first.top[: self._parts.wording.listing.trial]) / SIGNAL_UNIT) * SIGNAL_UNIT
        # Greedily drawn, it is the likeliest; some servers list it with the text of a special token.
        return Peek(first.text, as_probability(first.top[0]), spread, self._sent, self._cached)

    def made(self) -> Trial:
        """Returns the trial as far as it has come; reading its answer may take a tenth of a second."""
        text = self._text[: box_end(self._text, boxed=self._boxed)]
        answer = self._head + text
        known = len(self._logprobs) == self.tokens - self._unlisted
        sure = mean_probability(self._logprobs) if known else None
        peek = self._peek if self._parts.wording.listing.trial else None
        sent, cached = self._sent, self._cached
        return Trial(self._read(answer), answer, self.tokens, sure, peek, sent, cached)


def _added(said: str, listed: list[str]) -> str:
    """Returns what of the tokens a text ends with: the token that ends a turn is listed, and not shown."""
    shown = ("".join(listed[:n]) for n in range(len(listed), -1, -1))
    return next(text for text in shown if said.endswith(text))
