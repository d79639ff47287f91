"""A chat completion read for its translation, whole or chunk by chunk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from karui.engines.chat.hearing import Hearing
from karui.engines.openai.protocol.schema import CallPart, Chunk, read_chunk
from karui.engines.openai.protocol.usage import Usage
from karui.gateway.openai_api.chunks import Answer, Thinking

Piece = Thinking | Answer | CallPart
_NO_USAGE = Usage(0, 0)


@dataclass
class ChatEnd:
    """What is known of a completion in its end.

    Attributes:
        finish: Why it ended, in one word; "" where nothing said so.
        stopped_by: The stop word that ended it; "" for none, or where the server does not say.
        usage: Its tokens.
        karui: karui's own object; empty where full thinking answered.
    """

    finish: str = ""
    stopped_by: str = ""
    usage: Usage = _NO_USAGE
    karui: Mapping[str, Any] = field(default_factory=dict)

    @property
    def as_fields(self) -> dict[str, Any]:
        """Karui's own object as a field of a reply."""
        return {"karui": dict(self.karui)} if self.karui else {}


class ChatReading:
    """Reads the chunks of one completion, or a whole one.

    Attributes:
        id: The completion's, without what says that it is one.
        model: As the reply names it.
        created: When it was made, seconds since the epoch.
        end: What is known of its end by now.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.id = self.model = ""
        self.created = 0
        self.end = ChatEnd()
        self._hearing = Hearing()
        self._thought = self._said = False

    def take(self, data: Mapping[str, Any]) -> list[Piece]:
        """Returns what a chunk, or a whole completion, says; markers that may begin are held back."""
        chunk = read_chunk(data)
        self.id = self.id or str(data.get("id") or "").removeprefix("chatcmpl-")
        self.model = self.model or str(data.get("model") or "")
        self.created = self.created or _seconds(data.get("created"))
        self._note(chunk, data)
        made: list[Piece] = []
        for text, apart in chunk.parts:
            made += self._pieces(self._hearing.take(text, apart=apart))
        return [*made, *(self.rest() if chunk.calls else ()), *chunk.calls]

    def rest(self) -> list[Piece]:
        """Returns what was held back."""
        return self._pieces(self._hearing.end())

    def _pieces(self, said: list[tuple[str, bool]]) -> list[Piece]:
        """Returns texts as pieces; line breaks between thinking and answer belong to neither."""
        made: list[Piece] = []
        for text, thinks in said:
            self._thought = self._thought or thinks
            answer = text if self._said or not self._thought else text.lstrip("\n")
            self._said = self._said or (not thinks and bool(answer))
            if text and thinks:
                made.append(Thinking(text))
            elif answer and not thinks:
                made.append(Answer(answer))
        return made

    def _note(self, chunk: Chunk, data: Mapping[str, Any]) -> None:
        end = self.end
        end.finish = chunk.finish or end.finish
        end.stopped_by = chunk.stopped_by or end.stopped_by
        if chunk.usage is not None:
            end.usage = chunk.usage.after(None if end.usage is _NO_USAGE else end.usage)
        if isinstance(data.get("karui"), dict):
            end.karui = data["karui"]


def _seconds(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def logprobs_of(data: Mapping[str, Any]) -> list[Any]:
    """Returns the log-probabilities of a chunk's tokens, as chat completions have them."""
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    listed = choice.get("logprobs")
    content = listed.get("content") if isinstance(listed, dict) else None
    return content if isinstance(content, list) else []
