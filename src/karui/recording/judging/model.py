"""The model that judges: behind OpenAI's API, or in this process."""

import os
from dataclasses import dataclass
from typing import Protocol

from karui.core.errors import EngineError, InputError
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import Trace

VARIABLE, KEY = "KARUI_JUDGE", "KARUI_JUDGE_KEY"
"""Environment variables: the judge, as `karui judge --judge` takes it, and its server's key."""
MOST_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge answered.

    Attributes:
        text: What it said behind its thinking.
        prompt_tokens: What it read.
        generated_tokens: What it wrote, thinking included.
    """

    text: str
    prompt_tokens: int = 0
    generated_tokens: int = 0


class JudgeModel(Protocol):
    """A model that can be asked."""

    @property
    def name(self) -> str:
        """What tells it from others."""

    async def ask(self, text: str, *, seed: int, temperature: float) -> Reply:
        """Returns its answer.

        Raises:
            EngineError: It failed.
        """

    async def close(self) -> None:
        """Lets go of it."""


class ServerJudge:
    """A judge behind OpenAI's API.

    Attributes:
        name: The model's name.
    """

    def __init__(self, address: str, key: str = "") -> None:
        """Takes `http://HOST:PORT/v1#name`; nothing is sent yet.

        Raises:
            InputError: The address names no model.
        """
        from karui.engines.openai.protocol.client import Client

        url, _, self.name = address.partition("#")
        if not self.name:
            raise InputError(
                f"Which model of {url} is to judge is not said.", remedy=f"Write {url.rstrip('/')}#NAME."
            )
        self._client = Client(url, key=key)

    async def ask(self, text: str, *, seed: int, temperature: float) -> Reply:
        """Returns its answer; a reply without text is an empty one."""
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": text}],
            "temperature": temperature,
            "seed": seed,
            "max_tokens": MOST_TOKENS,
        }
        found = await self._client.post("chat/completions", body)
        try:
            said = found["choices"][0]["message"].get("content") or ""
            used = found.get("usage") or {}
            spent = int(used.get("prompt_tokens") or 0), int(used.get("completion_tokens") or 0)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise EngineError(
                f"The judge {self.name} answers in a form that karui does not know.", why=repr(error)
            ) from error
        return Reply(said if isinstance(said, str) else "", *spent)

    async def close(self) -> None:
        """Closes every connection."""
        await self._client.close()


class LocalJudge:
    """A judge in this process: a model folder, a name on the Hub, or a GGUF file.

    Attributes:
        name: The model's name.
    """

    def __init__(self, model: str) -> None:
        """Loads it.

        Raises:
            ModelError: There is no such model, or it cannot be run here.
        """
        from karui import engines
        from karui.core.engine import CheckpointPolicy
        from karui.models import place

        never = CheckpointPolicy(max_interval=1_000_000, min_interval=1_000_000)
        self._engine, self.name = engines.load(place(model), rule=never), model

    async def ask(self, text: str, *, seed: int, temperature: float) -> Reply:
        """Returns its answer."""
        asked = Request("judge", Prompt(text), Sampling(temperature, max_tokens=MOST_TOKENS))
        stream = self._engine.open(asked, seed, str.strip)
        while not isinstance(step := await stream.advance(), Trace):
            pass
        return Reply(step.text, step.usage.prompt, step.tokens)

    async def close(self) -> None:
        """Lets go of it."""
        await self._engine.close()


def judge_model(named: str = "") -> JudgeModel:
    """Returns the judge of a name; without one, that of the environment.

    Raises:
        InputError: There is none in the environment either.
        ModelError: It cannot be loaded.
    """
    name = named or os.environ.get(VARIABLE, "")
    if not name:
        raise InputError(
            "No judge is named.",
            remedy=f"Give --judge (or {VARIABLE}) as http://HOST:PORT/v1#NAME, a folder or a GGUF file; a "
            f"server's key is read from {KEY}.",
        )
    if name.startswith(("http://", "https://")):
        return ServerJudge(name, os.environ.get(KEY, "").strip())
    return LocalJudge(name)
