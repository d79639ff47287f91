"""Causes, changes and actions as text in the page's language."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.events import Actor, Event, EventKind
from karui.gateway.records.stage import Stage
from karui.gateway.routing.fallback_policy import Action
from karui.i18n.monitor import MonitorTranslator

_OPTION = re.compile(r"--[a-z-]+(?: [\w.]+)?")


def options(text: str) -> Markup:
    """Returns a sentence with the options in it as code, so that no line breaks within one."""
    found = _OPTION.sub(lambda match: f"<code>{match[0]}</code>", str(escape(text)))
    return Markup(found)  # noqa: S704 - escaped, and an option holds nothing that markup is made of


def because(w: MonitorTranslator, reason: Because | None) -> str:
    """Returns a reason as a sentence; "" for none. What somebody said stays as they said it."""
    if reason is None:
        return ""
    cause, values = reason.cause, reason.values
    if cause is Cause.STATED:
        return str(values["text"])
    if cause is Cause.TEST:
        return w(f"cause test {values['test']}")
    if cause in {Cause.PROBES_TEST, Cause.ARM_DRIFT}:
        key = "cause probes" if cause is Cause.PROBES_TEST else f"cause {cause}"
        return w(key, plan=values.get("plan", ""), reason=w(f"cause test {values['test']}"))
    if cause is Cause.PROBES_FEW:
        return w("cause probes", reason=w("cause probes_few", **values))
    return w(f"cause {cause}", **values)


def needs(w: MonitorTranslator, reasons: Sequence[Because]) -> str:
    """Returns what the next stage waits for, in one line."""
    return w("waits_join").join(because(w, reason) for reason in reasons)


def what(w: MonitorTranslator, event: Event) -> str:
    """Returns what changed."""
    if event.kind is EventKind.OTHER:
        return event.text
    if event.stage is Stage.SHADOW:
        return w("event stage_shadow")
    return w(f"event {event.kind}", **({"stage": event.stage} if event.stage else {}))


def who(w: MonitorTranslator, event: Event) -> str:
    """Returns who changed it."""
    return event.who if event.by is Actor.KARUI else w(f"actor {event.by}", name=event.name)


def action(w: MonitorTranslator, done: Action) -> str:
    """Returns what is done instead of the plan."""
    return w(f"action {done}")
