"""What a model is shown and how its tokens are drawn; and a dialogue's messages as a prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""What a message calls its thinking, the most usual name first."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that decides which tokens a model is shown, and which it may not say.

    Attributes:
        user: The user's message.
        system: The system message; none where empty.
        thinking: Whether the model is allowed to think before it answers.
        prefill: Text the assistant's turn is made to begin with.
        banned: Words that may not be generated while thinking (suppressed in the logits).
        penalties: Words whose logits are lowered while thinking, each with what is taken off, in nats.
        effort: Level of reasoning effort that the model or its server is told; none where empty.
        budget: Thinking tokens after which the server itself ends the thinking; 0 leaves it alone.
        told_budget: Thinking tokens that the model itself is told to keep to, by its own chat template; 0
            tells it nothing.
        history: The turns before the user's message, oldest first: role (user or assistant) and text.
        thoughts: The thinking of those turns, one for each; empty where none is known.
        parameters: Tools, response format and stop words, as JSON (`karui.core.parameters`); "" for none.
    """

    user: str
    system: str = ""
    thinking: bool = True
    prefill: str = ""
    banned: tuple[str, ...] = ()
    penalties: tuple[tuple[str, float], ...] = ()
    effort: str = ""
    budget: int = 0
    told_budget: int = 0
    history: tuple[tuple[str, str], ...] = ()
    thoughts: tuple[str, ...] = ()
    parameters: str = ""

    def messages(self, *, apart: bool, thoughts_field: str = "") -> list[dict[str, Any]]:
        """Returns what a chat template is given.

        Args:
            apart: Whether it takes a system message; else that goes before the first of the user's.
            thoughts_field: The field in which it takes the thinking of earlier turns, "parts" for a part of
                the content, "blocks" for Apertus' blocks of it; "" where the model is not trained to see it.
        """
        made: list[dict[str, Any]] = [{"role": r, "content": text} for r, text in self.history]
        for message, thought in zip(made, self.thoughts, strict=False):
            if thought and thoughts_field == "parts":
                said = {"type": "text", "text": message["content"]}
                message["content"] = [{"type": "thinking", "thinking": thought}, said]
            elif thought and thoughts_field == "blocks":
                blocks = (("thoughts", thought), ("response", message["content"]))
                message["content"] = {"blocks": [{"type": kind, "text": text} for kind, text in blocks]}
            elif thought and thoughts_field:
                message[thoughts_field] = thought
        made.append({"role": "user", "content": self.user})
        if self.system and apart:
            made.insert(0, {"role": "system", "content": self.system})
        elif self.system:
            made[0]["content"] = f"{self.system}\n\n{made[0]['content']}"
        return made


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: 0 is greedy.
        top_p: Smallest set of tokens with at least this probability; 1 keeps all.
        top_k: At most this many tokens; 0 keeps all.
        max_tokens: Thinking and answer together; a trace that reaches it is truncated.
    """

    temperature: float = 0.6
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 2048


def prompt_of(messages: Sequence[Mapping[str, Any]]) -> Prompt | str:
    """Returns the prompt of a dialogue, or in words why it is none that a plan can show to a model.

    Args:
        messages: At least one, each with `role` and `content`: perhaps a system message, then user and
            assistant by turns, the user's last; content is text, or a list of parts of text. A turn of the
            assistant's may bring its thinking, in a field of its own or as parts.
    """
    texts: list[tuple[str, str]] = []
    thoughts: list[str] = []
    for number, message in enumerate(messages):
        role = str(message.get("role"))
        ours = role == "assistant"
        known = {"role", "content", *(THOUGHT_FIELDS if ours else ())}
        # Replies are sent back as they came: with fields that are there and hold nothing.
        nothing: tuple[Any, ...] = (None, [], {}, "") if ours else (None,)
        if strange := sorted(k for k, v in message.items() if k not in known and v not in nothing):
            return f"messages[{number}].{strange[0]}"
        text = _joined(message.get("content"), "text", "thinking" if ours else "")
        if text is None:
            return f"messages[{number}].content is more than text"
        thought = next((v for f in THOUGHT_FIELDS if (v := message.get(f))), None)
        thought = thought or _joined(message.get("content"), "thinking", "text") or ""
        if not isinstance(thought, str):
            return f"messages[{number}]'s thinking is more than text"
        texts.append((role, text))
        thoughts.append(thought if ours else "")
    system = ""
    if texts and texts[0][0] == "system":
        system = texts.pop(0)[1]
        thoughts.pop(0)
    roles = [role for role, _ in texts]
    if roles != [("user", "assistant")[n % 2] for n in range(len(roles))] or not len(roles) % 2:
        return "turns other than user and assistant by turns, the user's last"
    told = tuple(thoughts[:-1]) if any(thoughts) else ()
    return Prompt(texts[-1][1], system, history=tuple(texts[:-1]), thoughts=told)


def _joined(content: Any, kind: str, beside: str) -> str | None:
    """Returns a message's parts of one kind, joined; None where it holds others than these and `beside`."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    if not isinstance(content, list) or not content:
        return None
    found = []
    for part in content:
        if not isinstance(part, Mapping) or part.get("type") not in {kind, beside}:
            return None
        if part.get("type") == kind:
            said = part.get(kind)
            if isinstance(said, list):  # Mistral nests the text of its thinking
                said = _joined(said, "text", "")
            if not isinstance(said, str):
                return None
            found.append(said)
    return "\n".join(found)
