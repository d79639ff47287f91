"""From a prompt to the very tokens a server shows its model, so that karui can go on where it stopped."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Protocol

from karui.core.ask import Prompt
from karui.core.errors import EngineError, Refused
from karui.engines.chat.discovery import Known, discover
from karui.engines.chat.format import Raised, Rendering, ThinkingFormat, turns
from karui.engines.chat.markers import Start, plain
from karui.engines.chat.override import Override
from karui.engines.chat.template import (
    FOUND_NOTHING,
    ChatTemplate,
    arguments_of,
    begin,
    find_format,
    messages_of,
)
from karui.engines.openai_http.client import Client

_KEPT = 1024


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


class FolderRenderer:
    """A chat template and tokenizer from a folder that the user names."""

    source = "folder"

    def __init__(self, folder: str, override: Override = FOUND_NOTHING) -> None:
        """Loads the tokenizer.

        Raises:
            ModelError: There is none in the folder, or its chat template cannot show a question.
        """
        from karui.engines.transformers.load import find_folder, load_tokenizer

        found = find_folder(folder)
        config = found / "config.json"
        self.config: dict[str, Any] = json.loads(config.read_text()) if config.is_file() else {}
        self.tokenizer = load_tokenizer(found)
        self.thinking = find_format(self.tokenizer, override=override)
        self._template = ChatTemplate(self.tokenizer, self.thinking)

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

    @classmethod
    async def find(
        cls, client: Client, model: str, override: Override = FOUND_NOTHING
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
            await made._discover(Known(await made._source(), override=override))
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

    async def _discover(self, known: Known) -> None:
        discovery = discover(known)
        wanted = next(discovery)
        while True:
            shown: str | Raised
            try:
                shown, _ = await self._template(wanted)
            except Refused as error:
                shown = Raised(error.why)
            try:
                wanted = discovery.send(shown)
            except StopIteration as found:
                self.thinking = found.value
                return

    async def _source(self) -> str:
        """Returns the source of the chat template where the server shows it, as llama.cpp's does; else ""."""
        try:
            shown = await self._client.get(f"{self._client.root}/props")
        except EngineError:
            return ""
        return str(shown.get("chat_template") or "") if isinstance(shown, dict) else ""

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Returns the tokens of a text in the middle of others."""
        if self.source == "tokenize":
            body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        else:
            body = {"content": text, "add_special": False, "parse_special": True}
        return _numbers((await self._ask("tokenize", body))["tokens"])

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
        return await self._client.post(f"{self._client.root}/{path}", body)


def _numbers(values: Any) -> tuple[int, ...]:
    found = tuple(int(v) for v in values)
    if not found:
        raise ValueError("no tokens")
    return found
