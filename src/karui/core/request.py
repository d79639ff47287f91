"""What a flow asks for, and what it is sent back."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from karui.core.trace import Trace
    from karui.core.watcher import Watcher


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
        before: The turns before the user's message, oldest first: role (user or assistant) and text.
        thoughts: The thinking of those turns, one for each; empty where none is known.
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
    before: tuple[tuple[str, str], ...] = ()
    thoughts: tuple[str, ...] = ()

    def messages(self, *, apart: bool, history: str = "") -> list[dict[str, Any]]:
        """Returns what a chat template is given.

        Args:
            apart: Whether it takes a system message; else that goes before the first of the user's.
            history: The field in which it takes the thinking of earlier turns, "parts" for a part of the
                content, "blocks" for Apertus' blocks of it; "" where the model is not trained to see it.
        """
        made: list[dict[str, Any]] = [{"role": r, "content": text} for r, text in self.before]
        for message, thought in zip(made, self.thoughts, strict=False):
            if thought and history == "parts":
                said = {"type": "text", "text": message["content"]}
                message["content"] = [{"type": "thinking", "thinking": thought}, said]
            elif thought and history == "blocks":
                blocks = (("thoughts", thought), ("response", message["content"]))
                message["content"] = {"blocks": [{"type": kind, "text": text} for kind, text in blocks]}
            elif thought and history:
                message[history] = thought
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


class Watch(Protocol):
    """Makes a fresh watcher for one generation. Hashable by value, unless `shared`."""

    @property
    def shared(self) -> bool:
        """Whether its watchers see each other's traces, so that the order of events matters."""

    def watch(self, ask: "Request") -> "Watcher | None":
        """Returns a fresh watcher for this ask, None where there is nothing to watch."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question put to one model. The reference answer is nowhere in it.

    Attributes:
        question: The question's id.
        prompt: What the model is shown.
        sampling: How its tokens are drawn.
        model: Which of the plan's models is asked; "main" unless a cascade names another.
        watches: Attached by flows, innermost first; they see a checkpoint before the plan's own.
    """

    question: str
    prompt: Prompt
    sampling: Sampling = field(default_factory=Sampling)
    model: str = "main"
    watches: tuple[Watch, ...] = ()

    def watched(self, *watches: Watch) -> "Request":
        """Returns this ask with `watches` attached in front of those it has."""
        return replace(self, watches=(*watches, *self.watches))


@dataclass(frozen=True, slots=True)
class Gather:
    """Asks that run side by side.

    Attributes:
        asks: At least one.
        first: None waits for all and is sent their replies in ask order. A number m waits for the
            first m to finish *with an answer*, is sent those in finish order (ties: the lower index
            first), and stops the rest; where fewer than m answer, it is sent those that did.
    """

    asks: tuple[Request, ...]
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What an ask came to.

    Attributes:
        answer: Canonical; None when the ask abstained, was dropped or was cut by the token limit.
        confidence: Probability of the answer's tokens (geometric mean), or a share of votes, in [0, 1];
            None where nothing measured it.
        trace: The one trace behind it, None where several were combined.
    """

    answer: str | None
    confidence: float | None = None
    trace: "Trace | None" = None
