"""State and changes as plain JSON values, as `/api/state` tells them: reasons in plain English."""

from dataclasses import asdict
from enum import Enum
from math import isfinite
from typing import Any

from karui.gateway.records.events import Event
from karui.gateway.rollout.stages import needs_in_words
from karui.gateway.status import GatewayStatus
from karui.i18n.monitor.plain import ACTIONS


def status(now: GatewayStatus) -> dict[str, Any]:
    """Returns the gateway's state."""
    told: dict[str, Any] = value(asdict(now))
    keep_hours = told.pop("keep_hours")
    told.pop("needs")
    guard = now.guard
    changes = [{"at": c.at, "phase": c.phase.value, "why": str(c.because)} for c in guard.changes]
    return told | {
        "stage_next": needs_in_words(now.needs),
        "guard": told["guard"] | {"reason": str(guard.reason or ""), "changes": changes},
        "key_refused": now.key_refused,
        "stale": str(now.stale or ""),
        "table": [[why.value, ACTIONS[action]] for why, action in now.table],
        "keeping": f"{keep_hours:g} hours" if keep_hours else "",
        "degraded": [str(because) for because in now.degraded],
    }


def event(changed: Event) -> dict[str, Any]:
    """Returns a change, its parts as values and in plain English."""
    return {
        "at": changed.at,
        "what": changed.what,
        "who": changed.who,
        "why": changed.why,
        "kind": changed.kind.value,
        "by": changed.by.value,
        "name": changed.name,
        "stage": changed.stage.value if changed.stage else None,
        "cause": changed.because.cause.value,
        "values": value(dict(changed.because.values)),
        "request": changed.request,
        "key": changed.via.key,
        "origin": changed.via.origin,
    }


def value(given: Any) -> Any:
    """Returns a value with what JSON cannot say (NaN, infinity) as null."""
    if isinstance(given, dict):
        return {str(k): value(v) for k, v in given.items()}
    if isinstance(given, list | tuple):
        return [value(v) for v in given]
    if isinstance(given, Enum):
        return given.value
    if isinstance(given, float) and not isfinite(given):
        return None
    return given
