"""What becomes known of one request while it is answered; closed exactly once, into its record."""

from dataclasses import replace
from math import isnan
from time import perf_counter, time
from typing import Any

from karui.gateway.served import Served, Why
from karui.gateway.wire.reply import Usage


class Account:
    """One request's record in the making.

    Attributes:
        served: The record as far as it is known.
        thinking: Text of the thinking, where somebody wants it.
        answer: Text of the answer, likewise.
        wants_text: Whether somebody does.
        cut: Thinking tokens at which a plan cut it; None where none did.
    """

    def __init__(self, id: str, model: str, **known: Any) -> None:  # noqa: A002 - the record's name for it
        """Opens it; the clock starts now."""
        self._began = perf_counter()
        self.served = Served(id=id, at=time(), model=model, **{"plan": "", "ran": "full", **known})
        self.thinking = self.answer = ""
        self.wants_text = False
        self.cut: int | None = None

    def note(self, **known: Any) -> None:
        """Takes what has become known."""
        self.served = replace(self.served, **known)

    def fell(self, why: Why, detail: str = "") -> None:
        """Takes why something else than the plan answers; the first fault is the one that is told."""
        self.note(ran="full", why=why, detail=detail)

    def came(self, *, answer: bool) -> None:
        """Marks the time of a token; only the first of the request and the first of the answer count."""
        seconds = perf_counter() - self._began
        if isnan(self.served.first_token_seconds):
            self.note(first_token_seconds=seconds)
        if answer and isnan(self.served.first_answer_seconds):
            self.note(first_answer_seconds=seconds)

    def counted(self, usage: Usage) -> None:
        """Takes the usage of what answered; what karui spent before, it keeps."""
        self.note(
            prompt_tokens=usage.prompt,
            thinking_tokens=usage.thinking,
            answer_tokens=usage.completion - usage.thinking,
            extra_tokens=self.served.extra_tokens + usage.extra,
        )

    def close(self) -> Served:
        """Returns the finished record."""
        self.note(seconds=perf_counter() - self._began)
        return self.served
