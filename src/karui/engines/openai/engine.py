"""The engine for servers with OpenAI's API: vLLM, SGLang, llama.cpp's server, hosted ones."""

import asyncio
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from karui.core.ability import Ability
from karui.core.engine import GivenReply, ModelInfo, OnTokens, Reader
from karui.core.errors import EngineError, InputError
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.core.trace import Trace
from karui.engines.chat.answers import forced_head
from karui.engines.chat.markers import Markers
from karui.engines.openai.capabilities import Capabilities, Findings
from karui.engines.openai.connection import Connection
from karui.engines.openai.protocol.client import Client
from karui.engines.openai.requests.closing import answer_body, closed
from karui.engines.openai.requests.listing import Listing
from karui.engines.openai.requests.request_builder import RequestBuilder, chat_body
from karui.engines.openai.streams.given_stream import GivenHttpStream
from karui.engines.openai.streams.stream import HttpStream
from karui.engines.openai.streams.whole import Unspelled, WholeTrace
from karui.engines.options import EngineOptions, Logprobs, ServerOptions

if TYPE_CHECKING:
    from karui.engines.openai.probe import ProbeClient

_UNASKED = "Its log-probabilities are not asked for (--logprobs)."
KEY = "KARUI_API_KEY"
"""The environment variable that an API key is read from."""


class HttpEngine:
    """Runs a model behind a server. Make one with `load` or `connect`.

    Attributes:
        card: The model, as far as it is known.
        abilities: What follows from what the server was found to do.
        rule: Where its streams stop.
        suffix: The trial suffix.
        suffix_tokens: Its length.
        can: What the server was found to do.
        lacking: What it cannot do, by ability, with the reason: the server cannot, or is not asked.
        notes: What a user should know, one sentence each.
        resends: Whether each trial sends its whole prefix: it does.
        lacks_parameters: What `try_parameters` has found; None before it was called.
        findings: What was found out, for the next engine of this server; None where it was made by hand.
    """

    name: ClassVar[str] = "openai_http"

    resends = True

    def __init__(self, parts: Connection, card: ModelInfo, level: Logprobs = Logprobs.ALL) -> None:
        """Takes what `connect` has found out, and of which tokens log-probabilities are asked for."""
        self._level = level
        self._parts = parts
        self._with_parameters: Connection | None = None
        self.lacks_parameters: Mapping[str, str] | None = None
        self._made_with: tuple[EngineOptions, ServerOptions] | None = None
        self.findings: Findings | None = None
        self.card, self.can, self.rule = card, parts.can, parts.rule
        self.suffix, self.suffix_tokens = parts.suffix, parts.suffix_tokens
        self.lacking = {**dict.fromkeys(sorted(level.leaves_out), _UNASKED), **parts.can.lacking}
        self.abilities: frozenset[Ability] = frozenset(Ability) - self.lacking.keys()
        self.notes = [
            parts.wording.markers.found_how,
            *parts.wording.thinking.notes,
            *(f"{a}: {why}" for a, why in self.lacking.items()),
        ]

    @property
    def server(self) -> dict[str, str]:
        """What the server told of itself and its model, and what it is asked for (`logprobs`).

        With another of these it is another recording.
        """
        can = self.can
        told = {"model": can.model, "fingerprint": can.fingerprint, "weights": can.weights, **can.facts}
        told |= {"context": str(can.context)} if can.context else {}
        return {name: said for name, said in {**told, "logprobs": self._level.value}.items() if said}

    @property
    def connection(self) -> Connection:
        """What its streams share."""
        return self._parts

    @property
    def here(self) -> bool:
        """Whether the server runs on this machine."""
        return self._parts.client.here

    @property
    def repeats(self) -> bool:
        """Whether the server was seen to draw the same again by a seed, beside other requests."""
        return bool(self.can.seeds_beside)

    @property
    def markers(self) -> Markers:
        """Where its model's thinking begins and ends, as far as it is known."""
        return self._parts.wording.markers

    @classmethod
    def load(
        cls,
        address: str,
        options: EngineOptions | None = None,
        server: ServerOptions | None = None,
        found: Findings | None = None,
        **changes: Any,
    ) -> "HttpEngine":
        """Connects to a server from code that is not asynchronous; see `connect`."""
        # Its own loop, in its own thread where this one has a loop that is running.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, cls.connect(address, options, server, found, **changes)).result()

    @classmethod
    async def connect(
        cls,
        address: str,
        options: EngineOptions | None = None,
        server: ServerOptions | None = None,
        found: Findings | None = None,
        **changes: Any,
    ) -> "HttpEngine":
        """Connects to a server and finds out what it can do, by trying it.

        Args:
            address: Where its API begins, with the model's name behind a `#` where it serves several:
                `http://127.0.0.1:8000/v1#name`.
            options: How streams run. What the server decides for itself (device, dtype, threads, slots,
                compile) has no effect.
            server: How to talk to the server.
            found: What another engine of the same address and options has found: nothing is tried where the
                server is the same one by its list of models, what it says of itself, and a prompt's length.
            changes: Single fields of either, by name.

        Raises:
            InputError: The address or the key is not usable.
            ModelError: The server does not serve this model.
            EngineError: There is no server, or it fails.
        """
        from karui.engines.openai.probe import (
            ProbeClient,
            check_budget,
            find_capabilities,
            recalled,
        )

        url, model = split_address(address)
        ours = {f.name for f in fields(ServerOptions)}
        server = replace(server or ServerOptions(), **{k: v for k, v in changes.items() if k in ours})
        options = replace(options or EngineOptions(), **{k: v for k, v in changes.items() if k not in ours})
        key = os.environ.get(KEY, "") if server.key is None else server.key
        client = Client(url, key=key, retry=server.retry)
        try:
            asking = ProbeClient(client, model, server.folder, options.thinking)
            known = await recalled(asking, found) if found is not None else None
            if known is None:
                asking = ProbeClient(client, model, server.folder, options.thinking)
            can = known or await find_capabilities(asking, route=server.route)
            parts = await _connected(asking, can, options, server.logprobs)
            if known is None or found is None:
                await check_budget(asking, parts, chats=server.budget_chats)
                found = Findings(parts.can, asking.thinking, asking.identity)
            card = ModelInfo(options.name or address, config=asking.config())
            made = cls(parts, card, server.logprobs)
            made._made_with, made.findings = (options, replace(server, key=key)), found
            return made
        finally:
            await client.close()

    @property
    def thinks(self) -> Mapping[str, Any]:
        """How the model thinks, and how that was found out."""
        return self._parts.wording.thinking.as_dict()

    @property
    def to_think(self) -> Mapping[str, Any]:
        """The fields of a chat request that make the model think; empty where it thinks by itself."""
        asked = chat_body(Prompt("-"), self._parts.wording.thinking)
        return {name: value for name, value in asked.items() if name != "messages"}

    @property
    def thinking_words(self) -> tuple[str, str]:
        """The words of a system message that make the model think, and not think; "" where it takes none."""
        thinking = self._parts.wording.thinking
        return thinking.on.word, thinking.off.word if thinking.off is not None else ""

    def open(self, ask: Request, sample: int, read: Reader) -> HttpStream:
        """Starts a stream; nothing is sent before its first `advance`.

        Raises:
            EngineError: The prompt has parameters, and `try_parameters` was not called before.
        """
        if not ask.prompt.parameters:
            return HttpStream(self._parts, ask, sample, read)
        if self._with_parameters is None:
            raise EngineError(
                "It was not tried whether the server answers with tools and formats behind closed thinking.",
                remedy="Call try_parameters first.",
            )
        return HttpStream(self._with_parameters, ask, sample, read)

    async def try_parameters(self, kinds: Collection[str]) -> Mapping[str, str]:
        """Finds out whether the server answers with parameters behind closed thinking; by its chat.

        Args:
            kinds: Of `karui.core.prompt`.

        Returns:
            The kinds with which it does not, each with the reason.

        Raises:
            EngineError: The server fails.
        """
        from karui.engines.openai.probe.closing import find_closing

        if not self.can.chat:
            self.lacks_parameters = dict.fromkeys(kinds, "the server has no chat endpoint")
            return self.lacks_parameters
        parts = self._parts
        assert self._made_with is not None
        options, server = self._made_with
        if self.can.raw:
            address = f"{parts.client.url}#{self.can.model}"
            parts = (
                await HttpEngine.connect(address, options, replace(server, route="chat", budget_chats=1))
            ).connection
        client = Client(parts.client.url, key=server.key or "", retry=server.retry)
        try:
            way, lacking = await find_closing(replace(parts, client=client), kinds)
        finally:
            await client.close()
        if not parts.can.visible:
            lacking = dict.fromkeys(kinds, "the server hides the thinking of its chats")
        self._with_parameters = replace(parts, client=self._parts.client, closing=way)
        self.lacks_parameters = lacking
        return lacking

    async def answers(
        self, prompt: Prompt, thinking: str, sampling: Mapping[str, Any], beside: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Returns the server's own reply behind closed thinking: perhaps several answers, tokens listed.

        Args:
            prompt: With its parameters.
            thinking: What was thought.
            sampling: Fields of the request that say how tokens are drawn.
            beside: Such as `n` and `logprobs`.

        Raises:
            EngineError: The server failed, or `try_parameters` was not called before.
        """
        parts = self._with_parameters
        if parts is None:
            raise EngineError("It was not tried whether the server answers behind closed thinking.")
        opening = await parts.wording.open(prompt)
        turn = closed(parts.closing, parts.wording.markers, thinking)
        body = answer_body(opening, turn, prompt.parameters, {**sampling, **beside})
        reply: Mapping[str, Any] = await parts.client.post(opening.path, body)
        return reply

    async def whole_trace(self, ask: Request, sample: int, read: Reader, on_tokens: OnTokens) -> Trace | None:
        """Returns a trace made of whole replies; None where the server's have to be streamed."""
        if not self._parts.can.whole or ask.prompt.parameters:
            return None
        try:
            return await WholeTrace(self._parts, ask, sample, read, on_tokens).made()
        except Unspelled:
            return None

    def open_given(self, ask: Request, sample: int, given: GivenReply, read: Reader) -> GivenHttpStream:
        """Starts a stream that retells a reply somebody has already; see `Retells`."""
        return GivenHttpStream(self._parts, ask, sample, given, read)

    async def count(self, text: str) -> int:
        """Returns how many tokens a text has.

        Raises:
            EngineError: The server has no tokenizer to ask.
        """
        renderer = self._parts.wording.renderer
        if renderer is None:
            raise EngineError(
                f"{self._parts.client.url} offers no tokenizer to count with.",
                remedy="Name a folder with the model's tokenizer.",
            )
        return len(await renderer.tokenize(text)) if text else 0

    async def close(self) -> None:
        """Ends every stream and closes every connection."""
        readers = list(self._parts.readers)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        await self._parts.client.close()


async def _connected(
    asking: "ProbeClient", can: Capabilities, options: EngineOptions, level: Logprobs
) -> Connection:
    """Returns what the streams of an engine share, before anything was tried with one."""
    suffix = asking.markers.suffix if options.suffix is None else options.suffix
    ids = await asking.renderer.tokenize(suffix) if asking.renderer is not None else ()
    return Connection(
        client=asking.client,
        can=can,
        wording=RequestBuilder(can, asking.thinking, asking.renderer, Listing.of(level, can)),
        rule=options.rule,
        suffix=suffix,
        suffix_ids=ids if can.raw else (),
        suffix_tokens=len(ids) or await asking.length_behind(suffix),
        head=forced_head(asking.markers, suffix),
        trial_tokens=options.trial_tokens,
        seed=options.seed,
    )


def split_address(address: str) -> tuple[str, str]:
    """Returns where a server's API begins, and the name of the model there; "" where none is named.

    Raises:
        InputError: It is no address, or holds a key.
    """
    url, _, model = address.partition("#")
    found = urlsplit(url)
    if found.scheme not in {"http", "https"} or not found.hostname:
        raise InputError(
            f"{url!r} is not the address of a server.",
            remedy="Write http://HOST:PORT/v1, and #model behind it.",
        )
    if found.username or found.password:
        raise InputError(
            "An address must not hold a key or password: it is kept in recordings.",
            remedy=f"Put the key into the environment variable {KEY}.",
        )
    return (url if found.path.strip("/") else f"{url.rstrip('/')}/v1"), model
