"""Short requests to a server that is being tried, and what they cost."""

from collections.abc import Iterable, Mapping
from typing import Any

from karui.core.errors import EngineError, RequestRejected
from karui.core.prompt import Prompt
from karui.engines.chat.format import ThinkingFormat
from karui.engines.chat.markers import Markers, plain
from karui.engines.chat.override import NOTHING_SAID, Override
from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.protocol.client import Client
from karui.engines.openai.protocol.schema import Chunk, read_chunk
from karui.engines.openai.requests.render import FolderRenderer, Renderer
from karui.engines.openai.requests.request_builder import CONTINUE, PATHS, chat_body

QUESTION = "A farmer has 13 cows, buys 5 more and sells 3. How many cows does the farmer have now?"
"""Asked of every model: it needs a thought, and little of it."""


class ProbeClient:
    """A server being tried.

    Attributes:
        client: The server.
        model: The model asked for.
        folder: The folder with its tokenizer, "" where none was named.
        limit: What the limit of tokens is called.
        override: What the user says of how the model thinks.
        thinking: How the model thinks, as far as is known.
        renderer: What renders prompts; None where nothing can.
        why: For what is missing, what the server said or did.
        failed: The error that an endpoint ("completions" or "chat") answered with, where one is out of use.
        spent: Tokens it has cost, prompts included.
        fingerprint: What the server says of its version.
        identity: By what the server is known again, once all has been tried.
        inferred: Which counts of its usage follow from others only, as it was seen last.
    """

    def __init__(
        self, client: Client, model: str, folder: str = "", override: Override = NOTHING_SAID
    ) -> None:
        """Takes what the user said."""
        self.client, self.model, self.folder, self.override = client, model, folder, override
        self.limit = "max_tokens"
        self.thinking = ThinkingFormat(plain("nothing has been seen of the model yet"))
        self.renderer: Renderer | None = None
        self.why: dict[str, str] = {}
        self.failed: dict[str, EngineError] = {}
        self.spent = 0
        self.fingerprint = self.inferred = self.identity = ""

    @property
    def markers(self) -> Markers:
        """Where its thinking begins and ends, as far as is known."""
        return self.thinking.markers

    async def said(self, way: str, body: Mapping[str, Any]) -> Chunk:
        """Returns the reply to a request.

        Raises:
            EngineError: It failed; `RequestRejected` where the server will not do it.
        """
        answer = await self.client.post(PATHS[way], {"model": self.model, **body})
        if not isinstance(answer, dict) or "choices" not in answer:
            raise RequestRejected(
                f"{self.client.url} does not implement the OpenAI API.",
                why=f"It answered {str(answer)[:200]!r}.",
                remedy="Check the address: that of an OpenAI-compatible API usually ends in /v1.",
            )
        return self._counted(read_chunk(answer))

    async def lenient(self, way: str, body: Mapping[str, Any], spare: Iterable[str]) -> Chunk:
        """Returns the reply to a request, asked again without the parameters `spare` where it is refused."""
        try:
            return await self.said(way, body)
        except RequestRejected:
            return await self.said(way, {k: v for k, v in body.items() if k not in set(spare)})

    async def streamed(self, way: str, body: Mapping[str, Any]) -> list[Chunk]:
        """Returns the events of a stream."""
        request = {"model": self.model, **body, "stream": True}
        async with self.client.stream(PATHS[way], request) as events:
            chunks = [chunk async for chunk in events]
        if told := [c for c in chunks if c.usage is not None]:
            self._counted(told[-1])
        return chunks

    async def prompt_length(self, user: str, began: str = "", **more: Any) -> int:
        """Returns the length of chat's prompt for a question and a partial answer; 0 where it is not told."""
        body = self.chat(user) | {self.limit: 1}
        if began:
            body["messages"].append({"role": "assistant", "content": began})
            more |= CONTINUE
        chunk = await self.said("chat", body | more)
        return chunk.usage.prompt if chunk.usage else 0

    async def question(self, can: Capabilities) -> dict[str, Any]:
        """Returns a request of `QUESTION` the way the engine goes."""
        if not can.raw:
            return {**can.extras, **self.chat(QUESTION)}
        assert self.renderer is not None
        shown = await self.renderer.render(Prompt(QUESTION))
        return {**can.extras, "prompt": list(shown.ids)}

    def chat(self, user: str) -> dict[str, Any]:
        """Returns what a chat request holds that asks a question with full thinking."""
        return chat_body(Prompt(user), self.thinking)

    def within(self, can: Capabilities, tokens: int) -> int:
        """Returns a limit of tokens that fits into the model's context beside a short question."""
        return min(tokens, can.context // 2) if can.context else tokens

    async def length_behind(self, suffix: str) -> int:
        """Returns the length of a trial suffix by what it adds to a prompt; 0 where nothing can tell."""
        without, behind = await self.prompt_length(QUESTION), await self.prompt_length(QUESTION + suffix)
        return max(0, behind - without) if behind and without else 0

    def config(self) -> dict[str, Any]:
        """Returns the model's configuration where a folder was named, else {}."""
        return self.renderer.config if isinstance(self.renderer, FolderRenderer) else {}

    def _counted(self, chunk: Chunk) -> Chunk:
        if chunk.usage is not None:
            self.spent += chunk.usage.prompt + chunk.usage.completion
            self.inferred = chunk.usage.inferred or self.inferred
        self.fingerprint = chunk.fingerprint or self.fingerprint
        return chunk


def messages_for(user: str) -> list[dict[str, str]]:
    """Returns a user's message as chat takes it."""
    return [{"role": "user", "content": user}]


def listing(can: Capabilities, count: int) -> dict[str, Any]:
    """Returns what asks for the likeliest tokens the way the engine goes."""
    return {"logprobs": count} if can.raw else {"logprobs": True, "top_logprobs": count}
