"""The one place that builds a request's record; it is closed exactly once, whatever becomes of the request.

Whoever learns something of a request says so here in its own type: a route, a result, a usage.
"""

from math import isnan
from time import perf_counter, time
from typing import Literal, TypedDict, Unpack

from karui.gateway.clean import clean
from karui.gateway.openai_api.chunks import Completion
from karui.gateway.openai_api.replies import Usage
from karui.gateway.records.record import FallbackReason, RequestRecord


class Known(TypedDict, total=False):
    """The fields of `RequestRecord` that are set one by one."""

    plan: str
    model: str
    ran: str
    why: FallbackReason
    shadow: bool
    canary: bool
    correct: bool | None
    status: int
    extra_tokens: int
    full_tokens: float
    confidence: float | None
    trial_agreement: float | None
    truncated: bool
    agrees: bool | None
    moves: str
    detail: str
    stage: str
    choice: str
    comparable: bool
    canary_of: str
    full_correct: bool | None
    arm: str
    unit: str
    step: int
    unlikeness: float | None
    unlike_by: str
    team: str


_OF_OTHERS: tuple[Literal["model", "detail"], ...] = ("model", "detail")
"""Fields in the words of clients and servers."""
_KNOWN = frozenset(Known.__annotations__)


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

    def __init__(self, id: str, **known: Unpack[Known]) -> None:  # noqa: A002 - the record's name for it
        """Opens it; the clock starts now."""
        self._began = perf_counter()
        self.id, self.at = id, time()
        self._known: Known = {"plan": "", "ran": "full", "model": ""}
        self._tokens = {"prompt_tokens": 0, "thinking_tokens": 0, "answer_tokens": 0}
        self._first_token = self._first_answer = float("nan")
        self.thinking = self.answer = ""
        self.wants_text = False
        self.cut: int | None = None
        self.set(**known)

    def set(self, **known: Unpack[Known]) -> None:
        """Sets fields of the record.

        Raises:
            TypeError: The record has no such field.
        """
        if not known.keys() <= _KNOWN:
            raise TypeError(f"{sorted(known.keys() - _KNOWN)} are no fields to set.")
        self._known.update(known)
        for name in _OF_OTHERS:
            if name in known:
                self._known[name] = clean(self._known[name])

    def fall_back(self, reason: FallbackReason, detail: str = "") -> None:
        """Takes why something else than the plan answers."""
        self.set(ran="full", why=reason, detail=detail)

    def first_token(self, *, answer: bool) -> None:
        """Marks the time of a token; only the first of the request and the first of the answer count."""
        if self._first_token != self._first_token:
            self._first_token = perf_counter() - self._began
        if answer and self._first_answer != self._first_answer:
            self._first_answer = perf_counter() - self._began

    @property
    def unlike_by(self) -> str:
        """In what the question is most unlike the recorded ones, where it is; "" else."""
        return self._known.get("unlike_by", "")

    def knows_first(self, *, answer: bool) -> bool:
        """Returns whether the time of the first token is known, or that of the answer's first one."""
        return not isnan(self._first_answer if answer else self._first_token)

    def thinking_went_on(self) -> None:
        """Takes back the time of the answer's first token: what came so far was thinking after all."""
        self._first_answer = float("nan")

    def add_usage(self, usage: Usage) -> None:
        """Takes the usage of what answered; what karui spent before, it keeps."""
        self._tokens = {
            "prompt_tokens": usage.prompt,
            "thinking_tokens": usage.thinking,
            "answer_tokens": usage.completion - usage.thinking,
        }
        self.set(extra_tokens=self._known.get("extra_tokens", 0) + usage.extra)

    def answered(self, result: Completion) -> None:
        """Takes the completion that is about to be sent."""
        self.first_token(answer=True)
        self.add_usage(result.usage)
        self.set(truncated=result.truncated)
        self.thinking, self.answer = self.thinking or result.thinking, self.answer or result.answer

    @property
    def record(self) -> RequestRecord:
        """The record as far as it is known."""
        return RequestRecord(
            id=self.id,
            at=self.at,
            first_token_seconds=self._first_token,
            first_answer_seconds=self._first_answer,
            **self._tokens,
            **self._known,
        )

    def close(self) -> RequestRecord:
        """Returns the finished record."""
        return RequestRecord(
            id=self.id,
            at=self.at,
            first_token_seconds=self._first_token,
            first_answer_seconds=self._first_answer,
            seconds=perf_counter() - self._began,
            **self._tokens,
            **self._known,
        )
