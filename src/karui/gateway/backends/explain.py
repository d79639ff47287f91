"""Explaining a short answer: the kept question thought through in full beside it, the cut marked.

Where the full thinking begins with the very words of the short one (the same seed on an engine that repeats
itself), the mark stands exactly where the plan cut. Else both were sampled on their own, and the mark stands
at the same share of tokens; `Explanation.same` tells which it is.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from karui.gateway.records.conversation_store import ConversationStore
from karui.gateway.records.events import Kept

_REMEMBERED = 32
"""Explanations that are shown again without thinking again."""


@dataclass(frozen=True, slots=True)
class Thought:
    """What full thinking came to.

    Attributes:
        thinking: Its text.
        answer: Likewise.
        thinking_tokens: How many it took.
    """

    thinking: str
    answer: str
    thinking_tokens: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A short answer and the full thinking beside it.

    Attributes:
        kept: What was asked and answered.
        full: The same thought through in full.
        same: Whether the full thinking begins with the words of the short one.
        cut_chars: Where in the full thinking's text the plan ended; None where it cut nothing.
        agree: Whether both answers say the same.
    """

    kept: Kept
    full: Thought
    same: bool
    cut_chars: int | None
    agree: bool

    @staticmethod
    def of(kept: Kept, full: Thought, read: Callable[[str], str | None] = lambda _: None) -> "Explanation":
        """Compares both.

        Args:
            kept: What was kept.
            full: The full thinking.
            read: Returns the canonical answer in a text; None where it finds none.
        """
        same = full.thinking.startswith(kept.thinking)
        cut = None
        if kept.cut is not None:
            cut = len(kept.thinking) if same else _place(full, kept.cut)
        answers = [read(text) or text.strip() for text in (kept.answer, full.answer)]
        return Explanation(kept, full, same, cut, answers[0] == answers[1])

    def as_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return asdict(self)


class Explainer:
    """Explains kept requests.

    Attributes:
        keep: Where they are kept.
    """

    def __init__(
        self,
        keep: ConversationStore,
        think: Callable[[Kept], Awaitable[Thought]],
        read: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """Takes what thinks in full, and what reads canonical answers."""
        self.keep = keep
        self._think, self._read = think, read
        self._made: OrderedDict[str, asyncio.Task[Thought]] = OrderedDict()

    def forget(self) -> None:
        """Lets go of explanations of conversations that are kept no more: their time ends here too."""
        for id in [id for id, task in self._made.items() if task.done() and self.keep.get(id) is None]:  # noqa: A001
            self._made.pop(id, None)

    async def explain(self, id: str) -> Explanation | None:  # noqa: A002 - the record's name for it
        """Returns the explanation of a request; None where nothing is kept of it.

        However many ask, a request is thought through once.

        Raises:
            Exception: What `think` raises; the next call tries again.
        """
        kept = await asyncio.to_thread(self.keep.get, id)
        if kept is None:
            self._made.pop(id, None)
            return None
        task = self._made.get(id)
        if task is None:
            task = self._made[id] = asyncio.ensure_future(self._think(kept))
            while len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        try:
            # Shielded: one who stops waiting must not stop it for the others.
            thought = await asyncio.shield(task)
        except Exception:
            self._made.pop(id, None)
            raise
        return await asyncio.to_thread(Explanation.of, kept, thought, self._read)


def _place(full: Thought, tokens: int) -> int:
    """Returns the character at a share of the tokens, moved on to the end of its word."""
    if tokens >= full.thinking_tokens:
        return len(full.thinking)
    at = round(len(full.thinking) * tokens / max(full.thinking_tokens, 1))
    ends = [place for mark in " \n。" if (place := full.thinking.find(mark, at)) >= 0]
    return min(ends, default=len(full.thinking))
