"""From a prompt to the very tokens a server shows its model, so that karui can go on where it stopped."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from karui.core.errors import EngineError, RequestRejected
from karui.core.prompt import Prompt
from karui.engines.chat.discovery import Known, discover
from karui.engines.chat.format import Raised, Rendering, ThinkingFormat, turns
from karui.engines.chat.markers import Start, plain
from karui.engines.chat.override import NOTHING_SAID, Override
from karui.engines.chat.source import by_source
from karui.engines.chat.template import ChatTemplate, arguments_of, begin, find_format, messages_of
from karui.engines.chat.vocabulary import spell
from karui.engines.openai.protocol.client import Client

_KEPT = 8192
_TRIES = 2
"""Times that a discovery asks for a rendering: a template that raises does so whenever it is asked."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model is shown.

    Attributes:
        text: Up to where it goes on.
        ids: The same as tokens.
        start: What it does first.
    """

    text: str
    ids: tuple[int, ...]
    start: Start


class Renderer(Protocol):
    """Renders prompts with the model's own chat template."""

    @property
    def source(self) -> str:
        """Where template and tokenizer are: "folder", "tokenize" or "apply-template"."""

    @property
    def thinking(self) -> ThinkingFormat:
        """How the model thinks, as its template and tokenizer tell."""

    def learn(self, thinking: ThinkingFormat) -> None:
        """Takes what the model's own words have shown of how it thinks."""

    async def render(self, prompt: Prompt) -> Shown:
        """Returns what the model is shown."""

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Returns the tokens of a text in the middle of others."""

    async def pieces(self, text: str) -> list[tuple[int, bytes]]:
        """Returns the tokens of a text with what each of them says; empty where that cannot be told."""

    async def spelled(self, ids: Sequence[int], text: str) -> list[bytes]:
        """Returns what each of the tokens of a reply says; `text` is what all of them say.

        Raises:
            KeyError: One of them cannot be told.
        """


class FolderRenderer:
    """A chat template and tokenizer from a folder that the user names."""

    source = "folder"

    def __init__(self, folder: str, override: Override = NOTHING_SAID) -> None:
        """Loads the tokenizer.

        Raises:
            ModelError: There is none in the folder, or its chat template cannot show a question.
        """
        from karui.engines.chat.tokenizer import load_tokenizer
        from karui.models.folder import find_folder

        found = find_folder(folder)
        config = found / "config.json"
        self.config: dict[str, Any] = json.loads(config.read_text()) if config.is_file() else {}
        self.tokenizer = load_tokenizer(found)
        self.thinking = find_format(self.tokenizer, override=override)
        self._template = ChatTemplate(self.tokenizer, self.thinking)
        self._bytes: dict[int, bytes] = {}

    def learn(self, thinking: ThinkingFormat) -> None:
        """Takes what the model's own words have shown of how it thinks."""
        self.thinking = thinking
        self._template = ChatTemplate(self.tokenizer, thinking)

    async def render(self, prompt: Prompt) -> Shown:
        """Returns what the model is shown."""
        text, start = self._template.render(prompt)
        return Shown(text, await self.tokenize(text), start)

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Returns the tokens of a text."""
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    async def pieces(self, text: str) -> list[tuple[int, bytes]]:
        """Returns the tokens of a text with what each of them says."""
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        return list(zip(ids, spell(self.tokenizer.convert_ids_to_tokens(ids)), strict=True))

    async def spelled(self, ids: Sequence[int], text: str) -> list[bytes]:
        """Returns what each of the tokens says."""
        fresh = [number for number in dict.fromkeys(ids) if number not in self._bytes]
        if fresh:
            self._bytes |= dict(zip(fresh, spell(self.tokenizer.convert_ids_to_tokens(fresh)), strict=True))
        return [self._bytes[number] for number in ids]


class ServerRenderer:
    """The server's own template and tokenizer, behind endpoints that some servers have.

    vLLM's `/tokenize` takes messages and gives tokens, `/detokenize` their text; llama.cpp's
    `/apply-template` takes messages and gives text, `/tokenize` its tokens. Both are tried.

    Attributes:
        source: "tokenize" or "apply-template".
        thinking: How the model thinks, found out through them.
    """

    def __init__(self, client: Client, model: str, source: str) -> None:
        """Takes what has been found; see `find`."""
        self._client, self._model, self.source = client, model, source
        self.thinking = ThinkingFormat(plain("nothing has been rendered yet"))
        self._kept: OrderedDict[Prompt, Shown] = OrderedDict()
        self._bytes: dict[int, bytes] = {}
        self._tries = 0

    @classmethod
    async def find(
        cls, client: Client, model: str, override: Override = NOTHING_SAID
    ) -> "ServerRenderer | None":
        """Tries the endpoints out, and finds out through them how the model thinks; None where neither works.

        Raises:
            ModelError: The model's chat template cannot show a question, or two findings contradict.
        """
        for source in ("tokenize", "apply-template"):
            made = cls(client, model, source)
            try:
                await made._template(Rendering(turns(("user", "Hi"))))
                await made.tokenize("Hi")
            except (EngineError, KeyError, TypeError, ValueError):
                continue
            template, named = await made._source()
            known = Known(template, override=override)
            made._tries = _TRIES
            made.thinking = by_source(await made._discover(known), known, named)
            made._tries = 0
            return made
        return None

    def learn(self, thinking: ThinkingFormat) -> None:
        """Takes what the model's own words have shown of how it thinks."""
        self.thinking = thinking
        self._kept.clear()

    async def render(self, prompt: Prompt) -> Shown:
        """Returns what the model is shown; asked once for each prompt.

        Raises:
            EngineError: The prompt asks for a level of effort that the model does not have.
        """
        if prompt not in self._kept:
            messages = messages_of(prompt, self.thinking)
            made, ids = await self._template(Rendering(messages, arguments_of(prompt, self.thinking)))
            text, start = begin(made, prompt, self.thinking)
            if text.startswith(made):
                ids += await self.tokenize(text.removeprefix(made)) if text != made else ()
            else:
                ids = await self.tokenize(text)
            self._kept[prompt] = Shown(text, ids, start)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[prompt]

    async def _discover(self, known: Known) -> ThinkingFormat:
        discovery = discover(known)
        wanted = next(discovery)
        while True:
            shown: str | Raised
            try:
                shown, _ = await self._template(wanted)
            except EngineError as error:
                # Templates that raise are refused by some servers, and end others' request with a status of
                # 500; one that is gone does not show the bare question any more, either.
                if not isinstance(error, RequestRejected):
                    await self._template(Rendering(turns(("user", "Hi"))))
                shown = Raised(error.why)
            try:
                wanted = discovery.send(shown)
            except StopIteration as found:
                thinking: ThinkingFormat = found.value
                return thinking

    async def _source(self) -> tuple[str, dict[str, str]]:
        """Returns the chat template's source and the tokens it names, where the server shows them.

        llama.cpp's does. Where it does not, both are empty.
        """
        try:
            shown = await self._client.get(f"{self._client.root}/props")
        except EngineError:
            return "", {}
        if not isinstance(shown, dict):
            return "", {}
        named = {n: str(shown[n]) for n in ("bos_token", "eos_token") if isinstance(shown.get(n), str)}
        return str(shown.get("chat_template") or ""), named

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Returns the tokens of a text in the middle of others."""
        if self.source == "tokenize":
            body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        else:
            body = {"content": text, "add_special": False, "parse_special": True}
        return _numbers((await self._ask("tokenize", body))["tokens"])

    async def pieces(self, text: str) -> list[tuple[int, bytes]]:
        """Returns the tokens of a text with what each of them says; empty where the server does not tell."""
        if self.source == "tokenize":
            asked = {"prompt": text, "add_special_tokens": False, "return_token_strs": True}
            found = await self._ask("tokenize", {"model": self._model, **asked})
            names = found.get("token_strs") or []
            return list(zip(_numbers(found["tokens"]), spell(list(map(str, names))), strict=False))
        asked = {"content": text, "add_special": False, "parse_special": True, "with_pieces": True}
        listed = (await self._ask("tokenize", asked))["tokens"]
        if not all(isinstance(token, dict) for token in listed):
            return []
        return [(int(t["id"]), _said(t["piece"])) for t in listed]

    async def spelled(self, ids: Sequence[int], text: str) -> list[bytes]:
        """Returns what each of the tokens says, as learnt from the texts of replies so far, and this one."""
        if not self._bytes.keys() >= set(ids):
            self._bytes |= dict(await self.pieces(text) if text else ())
        for number in dict.fromkeys(ids):
            if number not in self._bytes:  # text is not always cut again as it was drawn
                self._bytes[number] = await self._alone(number)
        return [self._bytes[number] for number in ids]

    async def _alone(self, number: int) -> bytes:
        if self.source != "tokenize":
            raise KeyError(number)
        found = await self._ask("detokenize", {"model": self._model, "tokens": [number]})
        return str(found["prompt"]).encode()

    async def _template(self, wanted: Rendering) -> tuple[str, tuple[int, ...]]:
        body: dict[str, Any] = {"messages": list(wanted.messages), "add_generation_prompt": wanted.generate}
        if wanted.arguments:
            body["chat_template_kwargs"] = wanted.arguments
        if self.source == "tokenize":
            ids = _numbers((await self._ask("tokenize", {"model": self._model, **body}))["tokens"])
            found = await self._ask("detokenize", {"model": self._model, "tokens": ids})
            return str(found["prompt"]), ids
        text = str((await self._ask("apply-template", body))["prompt"])
        listed = {"content": text, "add_special": True, "parse_special": True}
        return text, _numbers((await self._ask("tokenize", listed))["tokens"])

    async def _ask(self, path: str, body: dict[str, Any]) -> Any:
        return await self._client.post(f"{self._client.root}/{path}", body, tries=self._tries)


def _numbers(values: Any) -> tuple[int, ...]:
    found = tuple(int(v) for v in values)
    if not found:
        raise ValueError("no tokens")
    return found


def _said(piece: Any) -> bytes:
    """Returns a token's bytes: llama.cpp writes those that are no text by themselves as numbers."""
    return piece.encode() if isinstance(piece, str) else bytes(piece)
