"""Trials with tools, formats and stop words: what the server answers behind thinking that is closed here."""

import asyncio
from typing import TYPE_CHECKING, Any

from karui.core.engine import Reader
from karui.core.trace import Peek, Trial
from karui.engines.chat.answers import as_probability, mean_probability
from karui.engines.openai.parsing.calls import answer_text
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.requests.closing import ANSWER_TOKENS, answer_body, behind, closed
from karui.engines.openai.requests.request_builder import RenderedPrompt

if TYPE_CHECKING:
    from karui.engines.openai.connection import Connection


class ContinuedFork:
    """A trial at one checkpoint. It is the answer itself, drawn greedily: nothing is forced into a box.

    Attributes:
        tokens: Generated for it so far.
    """

    def __init__(
        self, parts: "Connection", opening: RenderedPrompt, said: str, parameters: str, read: Reader
    ) -> None:
        """Takes the thinking so far, and the prompt's parameters."""
        self._parts, self._opening, self._parameters, self._read = parts, opening, parameters, read
        self._turn = closed(parts.closing, parts.wording.markers, said)
        self.tokens = 0

    async def peek(self) -> Peek:
        """Returns the look at the first token."""
        chunk = await self._ask(1)
        first = chunk.tokens[0] if chunk.tokens else None
        sent, cached = _sent(chunk)
        if first is None or not first.top:
            return Peek(first.text if first else "", 0.0, 0.0, sent, cached)
        return Peek(first.text, as_probability(first.top[0]), 0.0, sent, cached)

    async def trial(self) -> Trial:
        """Returns the whole answer."""
        before = self.tokens
        chunk = await self._ask(ANSWER_TOKENS)
        text = answer_text(chunk, behind(self._turn, chunk.text))
        whole = chunk.finish != "length"
        answer = await asyncio.to_thread(self._read, text) if text and whole else None
        listed = [t.logprob for t in chunk.tokens if t.logprob is not None]
        sure = mean_probability(listed) if listed else None
        return Trial(answer, text, self.tokens - before, sure, None, *_sent(chunk))

    async def _ask(self, most: int) -> Chunk:
        chunk = read_chunk(await self._parts.client.post(self._opening.path, self._body(most)))
        told = chunk.usage.completion if chunk.usage is not None else 0
        self.tokens += max(chunk.count, told, 1)
        return chunk

    def _body(self, most: int) -> dict[str, Any]:
        count = self._parts.wording.listing.trial
        listed = {"logprobs": True, "top_logprobs": count} if count else {}
        drawn = {"temperature": 0.0, self._parts.can.limit: most}
        return answer_body(self._opening, self._turn, self._parameters, {**listed, **drawn})


def _sent(chunk: Chunk) -> tuple[int, int]:
    """Returns the tokens of the request's prompt, and of these the cached ones."""
    usage = chunk.usage
    return (usage.prompt, min(usage.cached or 0, usage.prompt)) if usage is not None else (0, 0)
