"""The gateway's log: one structured line for each change of state.

Standard library logging, below the logger `karui.gateway`. The message is plain English; everything in it is
also a field of the log record, so that a JSON formatter keeps it: `event`, `actor`, `operator`, `stage`,
`key`, `origin`, `cause`, `why` and `request_id`.
"""

import logging

from karui.gateway.records.cause import Cause
from karui.gateway.records.events import Event, EventKind

_WARNINGS = frozenset(
    {
        EventKind.GUARD_TRIPPED,
        EventKind.BREAKER_OPEN,
        EventKind.MODEL_CHANGED,
        EventKind.LOGIN_REFUSED,
        EventKind.RELOAD_REFUSED,
    }
)


def logged(log: logging.Logger, event: Event) -> None:
    """Writes a change to a log: as a warning where something has stopped working, else as info."""
    broken = event.kind is EventKind.HISTORY and event.because.cause is not Cause.WRITABLE_AGAIN
    log.log(
        logging.WARNING if event.kind in _WARNINGS or broken else logging.INFO,
        "%s, by %s: %s",
        event.what,
        event.who,
        event.why,
        extra={
            "event": event.kind.value,
            "actor": event.by.value,
            "operator": event.name,
            "key": event.via.key,
            "origin": event.via.origin,
            "stage": event.stage.value if event.stage else "",
            "cause": event.because.cause.value,
            "why": event.why,
            "request_id": event.request,
        },
    )
