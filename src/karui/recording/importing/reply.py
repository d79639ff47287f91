"""What a log says of one reply, whatever the log's format: what adapters yield."""

from dataclasses import dataclass, field
from typing import Any

from karui.core.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens as a log counts them; None where it does not say.

    Attributes:
        prompt: Of the prompt.
        cached: Of the prompt, saved by a prefix cache.
        completion: Generated: thinking and answer.
        thinking: Of the completion, thinking.
    """

    prompt: int | None = None
    cached: int | None = None
    completion: int | None = None
    thinking: int | None = None


@dataclass(frozen=True, slots=True)
class LoggedTrial:
    """An answer that a log says was forced within the thinking.

    Attributes:
        tokens: Thinking tokens before it.
        text: The answer; None where there was none.
        confidence: Its probability, None where it was not logged.
        cost: Tokens it took; None where that was not logged.
    """

    tokens: int
    text: str | None
    confidence: float | None = None
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """One reply as it was logged.

    Attributes:
        where: Its place in the log, for people: "line 3", "sample a, epoch 2".
        text: What was generated, or what of it stands outside a field for thinking; None where the log keeps
            no text.
        prompt: What was asked; None where the log does not say.
        question: Id of the question; "" where replies to one prompt belong together.
        sample: Which of the question's replies it is; None where the order in the log says it.
        thinking: Text of a field for thinking; None where there is no such field.
        reference: The right answer; None where the log does not say.
        correct: The log's own verdict; None where there is none.
        kind: Kind of question.
        finish: Why it ended, in the log's word; "" where it does not say.
        opened: Whether the prompt had opened the thinking already.
        counts: Its tokens.
        model: Who replied; "" where the log does not say.
        sampling: How tokens were drawn, by karui's names; what is not told is missing.
        seconds: Wall time of the whole reply, 0 where unknown.
        first_seconds: Wall time to the first token, 0 where unknown.
        answer: The answer, where the log keeps it apart from any text; None takes it from `text`.
        trials: Trials that the log holds, in order.
    """

    where: str
    text: str | None
    prompt: Prompt | None = None
    question: str = ""
    sample: int | None = None
    thinking: str | None = None
    reference: str | None = None
    correct: bool | None = None
    kind: str = ""
    finish: str = ""
    opened: bool = False
    counts: Counts = Counts()
    model: str = ""
    sampling: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    first_seconds: float = 0.0
    answer: str | None = None
    trials: tuple[LoggedTrial, ...] = ()


def prompt_of(messages: Any) -> Prompt | None:
    """Returns the prompt that chat messages make, the replies behind the last question left out.

    None where there is no user's turn, or a turn is no text (tools, pictures): such a dialogue cannot be
    asked again.
    """
    if isinstance(messages, str):
        return Prompt(messages) if messages.strip() else None
    if not isinstance(messages, list):
        return None
    turns: list[tuple[str, str]] = []
    for message in messages:
        if not isinstance(message, dict):
            return None
        text = text_of_content(message.get("content"))
        if text is None:
            return None
        turns.append((str(message.get("role", "")), text))
    while turns and turns[-1][0] == "assistant":
        turns.pop()
    system = "\n\n".join(text for role, text in turns if role in {"system", "developer"})
    asked = [turn for turn in turns if turn[0] not in {"system", "developer"}]
    if not asked or asked[-1][0] != "user" or any(role not in {"user", "assistant"} for role, _ in asked):
        return None
    return Prompt(asked[-1][1], system, history=tuple(asked[:-1]))


def text_of_content(content: Any) -> str | None:
    """Returns the text of a message's content: a string, or parts that are all text or thinking."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type") in {"text", "input_text", "output_text"}:
            texts.append(str(part.get("text") or ""))
        elif not (isinstance(part, dict) and part.get("type") in {"reasoning", "thinking"}):
            return None
    return "".join(texts)
