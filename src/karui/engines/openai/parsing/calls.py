"""Tool calls of a stream as text, piece by piece as they come."""

import json
from dataclasses import replace

from karui.core.prompt import with_calls
from karui.engines.openai.protocol.schema import Chunk


class CallSpeller:
    """Writes the calls of one stream into its text; see `karui.core.prompt`."""

    def __init__(self) -> None:
        """No call has come."""
        self._index = -1
        self._args = False

    def spelled(self, chunk: Chunk) -> Chunk:
        """Returns a chunk whose calls stand in its text."""
        text = ""
        for call in chunk.calls:
            if call.index != self._index:
                text += self.rest() + f'\n<tool_call>\n{{"name": {json.dumps(call.name)}, "arguments": '
                self._index, self._args = call.index, False
            text += call.arguments
            self._args = self._args or bool(call.arguments)
        if not text:
            return chunk
        return replace(chunk, text=chunk.text + text, parts=(*chunk.parts, (text, False)))

    def rest(self) -> str:
        """Returns what ends the call that is under way; "" where there is none."""
        if self._index < 0:
            return ""
        self._index = -1
        return f"{'' if self._args else '{}'}}}\n</tool_call>"


def answer_text(chunk: Chunk, said: str) -> str:
    """Returns the answer of a whole reply as text, its calls behind what it says."""
    return with_calls(said, [(call.name, call.arguments) for call in chunk.calls])
