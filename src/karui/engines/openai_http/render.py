"""From a prompt to the very tokens a server shows its model, so that karui can go on where it stopped."""

import json
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, Protocol

from karui.core.ask import Prompt
from karui.core.errors import EngineError
from karui.engines.chat.markers import Markers
from karui.engines.chat.template import Start, Template, begin
from karui.engines.openai_http.client import Client

SWITCHES = ("enable_thinking", "thinking")
"""What chat templates call the switch that leaves the thinking out."""
_KEPT = 1024
_HI = Prompt("Hi")
_SYSTEM = "KARUI-SYSTEM"


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
    def switch(self) -> str:
        """The template's switch for thinking, "" where it has none."""

    @property
    def takes_effort(self) -> bool:
        """Whether levels of reasoning effort change what it makes."""

    async def render(self, prompt: Prompt, markers: Markers) -> Shown:
        """Returns what the model is shown."""

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Returns the tokens of a text in the middle of others."""


class FolderRenderer:
    """A chat template and tokenizer from a folder that the user names."""

    source = "folder"

    def __init__(self, folder: str) -> None:
        """Loads the tokenizer.

        Raises:
            ModelError: There is none in the folder.
        """
        from karui.engines.chat.markers import markers_of
        from karui.engines.transformers.load import find_folder, load_tokenizer

        found = find_folder(folder)
        config = found / "config.json"
        self.config: dict[str, Any] = json.loads(config.read_text()) if config.is_file() else {}
        self.tokenizer = load_tokenizer(found)
        self.markers = markers_of(self.tokenizer)
        self._template = Template(self.tokenizer, self.markers)
        self.switch = self._template.switch
        self.takes_effort = self._template.takes_effort

    async def render(self, prompt: Prompt, markers: Markers) -> Shown:
        """Returns what the model is shown; `markers` are the folder's own."""
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
        switch: The template's switch for thinking.
        takes_effort: Whether levels of reasoning effort change the text.
    """

    def __init__(self, client: Client, model: str, source: str) -> None:
        """Takes what has been found; see `find`."""
        self._client, self._model, self.source = client, model, source
        self.switch = ""
        self.takes_effort = False
        self._system = True
        self._kept: OrderedDict[tuple[Prompt, Markers], Shown] = OrderedDict()

    @classmethod
    async def find(cls, client: Client, model: str) -> "ServerRenderer | None":
        """Tries the endpoints out; returns None where neither way works."""
        for source in ("tokenize", "apply-template"):
            made = cls(client, model, source)
            try:
                usual = await made._template(_HI, {})
                await made.tokenize("Hi")
            except (EngineError, KeyError, TypeError, ValueError):
                continue
            try:
                made._system = (
                    "KARUI-SYSTEM" in (await made._template(replace(_HI, system="KARUI-SYSTEM"), {}))[0]
                )
            except EngineError:
                made._system = False  # some templates raise an error of their own
            for name in SWITCHES:
                if (await made._template(_HI, {name: False})) != usual:
                    made.switch = name
                    break
            levels = {await made._template(_HI, {"reasoning_effort": level}) for level in ("low", "high")}
            made.takes_effort = len(levels) > 1
            return made
        return None

    async def render(self, prompt: Prompt, markers: Markers) -> Shown:
        """Returns what the model is shown; asked once for each prompt."""
        key = (prompt, markers)
        if key not in self._kept:
            switches: dict[str, Any] = {}
            if not prompt.thinking and self.switch:
                switches[self.switch] = False
            if prompt.effort:
                switches["reasoning_effort"] = prompt.effort
            made, ids = await self._template(prompt, switches)
            text, start = begin(made, prompt, markers, switched=bool(self.switch))
            if text.startswith(made):
                ids += await self.tokenize(text.removeprefix(made)) if text != made else ()
            else:
                ids = await self.tokenize(text)
            self._kept[key] = Shown(text, ids, start)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """Returns the tokens of a text in the middle of others."""
        if self.source == "tokenize":
            body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        else:
            body = {"content": text, "add_special": False, "parse_special": True}
        return _numbers((await self._ask("tokenize", body))["tokens"])

    async def _template(self, prompt: Prompt, switches: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
        messages = prompt.messages(apart=self._system)
        body: dict[str, Any] = {"messages": messages, "add_generation_prompt": True}
        if switches:
            body["chat_template_kwargs"] = switches
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
