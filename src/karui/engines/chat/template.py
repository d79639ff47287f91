"""From a prompt to the text the model is shown, and whether it is thinking when that text ends."""

from enum import IntEnum
from typing import Any

from karui.core.ask import Prompt
from karui.engines.chat.markers import Markers


class Start(IntEnum):
    """What the model is doing when it writes its first token."""

    UNDECIDED = 1
    """It may open its thinking or answer at once."""
    THINKING = 2
    ANSWERING = 3


class Template:
    """A tokenizer's chat template, and what it can be asked.

    Attributes:
        notes: What a user should know about it, in sentences.
        switch: Its own switch for thinking, "" where it has none.
        takes_effort: Whether levels of reasoning effort change the text.
    """

    def __init__(self, tokenizer: Any, markers: Markers) -> None:
        """Tries the template out."""
        self._tokenizer, self._markers = tokenizer, markers
        self.notes: list[str] = []
        self._plain_text = not getattr(tokenizer, "chat_template", None)
        if self._plain_text:
            self.notes.append("No chat template: the question is shown as plain text.")
        self.switch = ""
        self.takes_effort = False
        self._system = True
        if not self._plain_text:
            self._system = self._takes_system()
            usual = self._apply(Prompt("Hi"), {})
            names = ("enable_thinking", "thinking")
            self.switch = next((n for n in names if self._apply(Prompt("Hi"), {n: False}) != usual), "")
            levels = {self._apply(Prompt("Hi"), {"reasoning_effort": level}) for level in ("low", "high")}
            self.takes_effort = len(levels) > 1

    @property
    def can_switch(self) -> bool:
        """Whether thinking can be left out, by the template or by closing it at once."""
        return bool(self.switch) or not self._markers.plain

    def render(self, prompt: Prompt) -> tuple[str, Start]:
        """Returns the text up to where the model goes on, and what it is then doing."""
        switches: dict[str, Any] = {}
        if not prompt.thinking and self.switch:
            switches[self.switch] = False
        if prompt.effort:
            switches["reasoning_effort"] = prompt.effort
        text = self._apply(prompt, switches)
        return begin(text, prompt, self._markers, switched=bool(self.switch))

    def turn_end(self) -> int | None:
        """Returns the special token that closes a model's turn in the template, None where there is none."""
        if self._plain_text:
            return None
        said = "KARUI-SAID"
        try:
            text = self._tokenizer.apply_chat_template(
                [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": said}], tokenize=False
            )
        except Exception:  # noqa: BLE001 - templates are programs of strangers; without an answer we do without
            return None
        ids = self._tokenizer.encode(text.rpartition(said)[2], add_special_tokens=False)
        # Converted tokenizers list only the end of text among their special ids, not the end of a turn.
        added = self._tokenizer.added_tokens_decoder
        special = {*self._tokenizer.all_special_ids, *(i for i, token in added.items() if token.special)}
        return ids[0] if ids and ids[0] in special else None

    def _takes_system(self) -> bool:
        try:
            return "KARUI-SYSTEM" in self._apply(Prompt("Hi", "KARUI-SYSTEM"), {})
        except Exception:  # noqa: BLE001 - some templates raise an error of their own
            self.notes.append("The chat template has no system message: it is put before the question.")
            return False

    def _apply(self, prompt: Prompt, switches: dict[str, Any]) -> str:
        messages = prompt.messages(apart=self._system)
        if self._plain_text:
            return "\n\n".join(m["content"] for m in messages) + "\n"
        return str(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, **switches
            )
        )


def begin(text: str, prompt: Prompt, markers: Markers, *, switched: bool) -> tuple[str, Start]:
    """Returns the text that a template made with what the prompt adds to it, and what the model then does.

    Args:
        text: Up to where the model's turn begins.
        prompt: What the template was given.
        markers: Where thinking begins and ends.
        switched: Whether the template itself has left the thinking out where the prompt wants none.
    """
    if not prompt.thinking and not switched and not markers.plain:
        if text.rstrip().endswith(markers.open):  # the template opens the thinking itself
            text = text.rstrip() + markers.empty.removeprefix(markers.open)
        else:
            text += markers.empty
    text += prompt.prefill
    if markers.plain:
        return text, Start.THINKING if prompt.thinking else Start.ANSWERING
    # What the user wrote may hold markers of its own: only what comes after it counts.
    tail = text.rpartition(prompt.user.strip())[2] if prompt.user.strip() in text else text[-200:]
    opened, closed = tail.rfind(markers.open), tail.rfind(markers.close)
    if closed > opened:
        return text, Start.ANSWERING
    return text, Start.THINKING if opened >= 0 else Start.UNDECIDED
