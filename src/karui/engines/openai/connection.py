"""What the streams of one engine share."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from karui.core.engine import CheckpointPolicy
from karui.core.prompt import Prompt
from karui.engines.openai.capabilities import Capabilities
from karui.engines.openai.protocol.client import Client
from karui.engines.openai.requests.request_builder import RequestBuilder

_KEPT = 1024


class Prompts:
    """Lengths of prompts as servers tell them, for when one has to be known before it is told."""

    def __init__(self) -> None:
        """Knows none."""
        self._known: OrderedDict[Prompt, int] = OrderedDict()
        self._tokens = self._characters = 0

    def learn(self, prompt: Prompt, tokens: int) -> None:
        """Takes a prompt's length."""
        if prompt not in self._known:
            self._known[prompt] = tokens
            self._tokens += tokens
            self._characters += _length(prompt)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)

    def knows(self, prompt: Prompt) -> bool:
        """Whether a prompt's length has been told."""
        return prompt in self._known

    def guess(self, prompt: Prompt) -> int:
        """Returns a prompt's length, or that of as many characters of those known; 0 where none is."""
        if prompt in self._known or not self._characters:
            return self._known.get(prompt, 0)
        return round(_length(prompt) * self._tokens / self._characters)


def _length(prompt: Prompt) -> int:
    """Returns the characters that a prompt consists of."""
    return sum(
        map(
            len,
            (
                prompt.system,
                prompt.user,
                prompt.prefill,
                *prompt.thoughts,
                *(text for _, text in prompt.history),
            ),
        )
    )


@dataclass
class Connection:
    """What the streams of an engine share.

    Attributes:
        client: The server.
        can: What it does.
        wording: Words requests.
        rule: Where streams stop.
        suffix: The trial suffix.
        suffix_ids: The same as tokens; empty where they are not known.
        suffix_tokens: How many they are.
        head: What of the suffix belongs to a trial's text.
        trial_tokens: Tokens that a trial takes at most.
        seed: What trace seeds are made from.
        closing: How thinking is closed in a chat with parameters: `karui.engines.openai.requests.closing`.
        prompts: Lengths of prompts.
        readers: The tasks that read streams.
    """

    client: Client
    can: Capabilities
    wording: RequestBuilder
    rule: CheckpointPolicy
    suffix: str
    suffix_ids: tuple[int, ...]
    suffix_tokens: int
    head: str
    trial_tokens: int
    seed: int
    closing: str = ""
    prompts: Prompts = field(default_factory=Prompts)
    readers: "set[asyncio.Task[None]]" = field(default_factory=set)
