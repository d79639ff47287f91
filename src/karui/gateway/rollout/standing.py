"""Keeping where guard and roll-out stand, so that a restart takes nothing back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from karui.gateway.records.events import GUARD_KINDS, EventKind
from karui.gateway.records.record import RequestRecord
from karui.gateway.records.request_store import RequestStore
from karui.gateway.rollout.controller import Past, RolloutController

_RECORDS, _SECONDS = 500, 60.0
"""After how many records, and how long, it is kept anew; what came since is seen again after a crash."""


@dataclass
class StandingKeeper:
    """Keeps the standing of a roll-out. A sink: behind the store, which has each record before it.

    Attributes:
        rollout: Whose standing.
        store: Where it is kept.
        beside: What is kept with it.
    """

    rollout: RolloutController
    store: RequestStore
    beside: Callable[[], None] = lambda: None
    _changes: int = field(default=0, init=False)
    _records: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)
    _at: float = field(default_factory=monotonic, init=False)

    def end(self) -> None:
        """Keeps nothing more: another one has taken its place."""
        self._ended = True

    def see(self, served: RequestRecord) -> None:
        """Keeps the standing where it has changed, or has not been kept for some time."""
        self._records += 1
        late = self._records >= _RECORDS or monotonic() - self._at >= _SECONDS
        if late or self.rollout.changes != self._changes:
            self.keep()

    def keep(self) -> None:
        """Keeps the standing."""
        if self._ended:
            return
        self._changes, self._records, self._at = self.rollout.changes, 0, monotonic()
        self.store.keep_standing(self.rollout.choice, self.rollout.standing())
        self.beside()


def past(store: RequestStore, choice: str) -> Past:
    """Returns what a history holds of a choice."""
    standing, records = store.standing(choice)
    return Past(standing, records, store.last({EventKind.STAGE_SET}, choice), store.last(GUARD_KINDS, choice))
