"""What becomes known of one request while it is answered; closed exactly once, into its record."""

from time import perf_counter, time
from typing import Any

from karui.gateway.openai_api.replies import Usage
from karui.gateway.records.record import FallbackReason, RequestRecord


class RecordBuilder:
    """One request's record in the making.

    Attributes:
        id: Of the request.
        at: When it came, seconds since the epoch.
        thinking: Text of the thinking, where somebody wants it.
        answer: Text of the answer, likewise.
        wants_text: Whether somebody does.
        cut: Thinking tokens at which a plan cut it; None where none did.
    """

    def __init__(self, id: str, model: str, **known: Any) -> None:  # noqa: A002 - the record's name for it
        """Opens it; the clock starts now."""
        self._began = perf_counter()
        self.id, self.at = id, time()
        self._known: dict[str, Any] = {"plan": "", "ran": "full", **known, "model": model}
        self.thinking = self.answer = ""
        self.wants_text = False
        self.cut: int | None = None

    @property
    def served(self) -> RequestRecord:
        """The record as far as it is known."""
        return RequestRecord(id=self.id, at=self.at, **self._known)

    def note(self, **known: Any) -> None:
        """Takes what has become known."""
        self._known.update(known)

    def fell(self, why: FallbackReason, detail: str = "") -> None:
        """Takes why something else than the plan answers."""
        self.note(ran="full", why=why, detail=detail)

    def came(self, *, answer: bool) -> None:
        """Marks the time of a token; only the first of the request and the first of the answer count."""
        known = self._known
        if "first_token_seconds" not in known:
            known["first_token_seconds"] = perf_counter() - self._began
        if answer and "first_answer_seconds" not in known:
            known["first_answer_seconds"] = perf_counter() - self._began

    def thought_on(self) -> None:
        """Takes back the time of the answer's first token: what came so far was thinking after all."""
        self._known.pop("first_answer_seconds", None)

    def counted(self, usage: Usage) -> None:
        """Takes the usage of what answered; what karui spent before, it keeps."""
        self.note(
            prompt_tokens=usage.prompt,
            thinking_tokens=usage.thinking,
            answer_tokens=usage.completion - usage.thinking,
            extra_tokens=self._known.get("extra_tokens", 0) + usage.extra,
        )

    def close(self) -> RequestRecord:
        """Returns the finished record."""
        self.note(seconds=perf_counter() - self._began)
        return self.served
