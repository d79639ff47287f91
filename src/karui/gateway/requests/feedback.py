"""Feedback: what a user says of a reply, taken once, counted where it may be, and kept.

A second feedback on the same request is refused: what has been counted cannot be taken back, and a
comparison in which some may change their mind and others not would be none.
"""

import asyncio
from dataclasses import dataclass
from time import time
from typing import Literal

from karui.core.errors import InputError
from karui.gateway.arms.book import Drawn, Feedback, FeedbackBook, Found
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.openai_api.feedback import FeedbackReply, Said
from karui.gateway.records.conversation_store import ConversationStore
from karui.gateway.rollout.controller import RolloutController
from karui.gateway.rollout.shared import SharedRollout
from karui.gateway.rollout.standing import StandingKeeper

_NOT_DRAWN = "nothing was drawn for this request, so it cannot be compared"
_OTHER_CHOICE = "the request belongs to another choice than the one that is served now"
_LOOKS, _LOOK_SECONDS = 3, 0.15
_CAPPED = "this caller has counted already under the same draw"


@dataclass(frozen=True)
class FeedbackIntake:
    """Takes feedback.

    Attributes:
        book: Knows the requests, and keeps what is said.
        rollout: Learns from it.
        conversations: Keep references, where anything is kept.
        standing: Keeps guard and roll-out.
    """

    book: FeedbackBook
    rollout: RolloutController
    conversations: ConversationStore
    standing: StandingKeeper | SharedRollout

    async def take(self, said: Said, at: float | None = None) -> FeedbackReply:
        """Takes one feedback.

        Args:
            said: What was said.
            at: Now, seconds since the epoch.

        Raises:
            ApiError: 404 where there is no such request, or it is too old; 409 where there was feedback on
                it.
        """
        now = time() if at is None else at
        found = await self._find(said.request)
        drawn = found.drawn
        if drawn is None or now - drawn.at > 86_400 * self._days:
            message = f"There is no request {said.request[:64]}, or it is more than {self._days:g} days old."
            raise ApiError(404, message, param="request_id", code="unknown_request")
        if found.given:
            raise _given(said.request)
        why = self._left_out(drawn, counted=found.counted)
        taken = Feedback(said.request, now, said.value, drawn, counted=not why)
        if not isinstance(self.standing, SharedRollout):
            self._count(taken)
        elif not await self._share(taken, self.standing) and not why:
            why = _CAPPED
        kept: Literal["", "kept", "not kept"] = ""
        if said.reference:
            there = await asyncio.to_thread(self.conversations.refer, said.request, said.reference)
            kept = "kept" if there else "not kept"
        return FeedbackReply(request_id=said.request, counted=not why, why=why, reference=kept)

    @property
    def given(self) -> int:
        """How many feedbacks there were on this choice."""
        return self.standing.given if isinstance(self.standing, SharedRollout) else self.book.given

    async def _find(self, request: str) -> Found:
        """Returns what is known of a request; another process may just be writing it."""
        found = await self.book.find(request)
        if isinstance(self.standing, SharedRollout):
            for _ in range(_LOOKS):
                if found.drawn is not None:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
                found = await self.book.find(request)
            if self.standing.lost:
                raise _unavailable()
        return found

    async def _share(self, said: Feedback, shared: SharedRollout) -> bool:
        """Keeps a feedback that another process may be taking as well; returns whether it counts."""
        try:
            counted = await shared.say(said)
        except InputError as error:
            raise _unavailable() from error
        if counted is None:
            raise _given(said.id)
        return counted

    @property
    def _days(self) -> float:
        comparison = self.rollout.comparison
        return comparison.rule.days if comparison is not None else 0.0

    def _left_out(self, drawn: Drawn, *, counted: bool) -> str:
        """Returns why the comparison does not count a feedback; "" where it does."""
        if not drawn.arm:
            return _NOT_DRAWN
        if drawn.choice != self.rollout.choice:
            return _OTHER_CHOICE
        return _CAPPED if counted else ""

    def _count(self, said: Feedback) -> None:
        comparison = self.rollout.comparison
        changes = self.rollout.changes
        if said.counted:
            self.rollout.hear(said.drawn, said.value, said.at, request=said.id)
        self.book.keep(said, comparison.standing() if comparison is not None and said.counted else None)
        if self.rollout.changes != changes:
            self.standing.keep()


def _unavailable() -> ApiError:
    message = "Feedback cannot be taken now: the history that all processes share cannot be used."
    return ApiError(503, message, code="history_unavailable", retry_after=1.0)


def _given(request: str) -> ApiError:
    message = f"Feedback on {request[:64]} was given before; the first one stays."
    return ApiError(409, message, param="request_id", code="feedback_given")
