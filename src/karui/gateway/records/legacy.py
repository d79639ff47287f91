"""Changes as older history files have them: sentences, read once into typed events.

Up to schema 1 a change was four values: when, what ("stage 25"), who ("operator aoi") and why (a sentence).
Only this module knows these sentences; one that matches no pattern is kept as it stands.
"""

import re

from karui.gateway.records.cause import Because, Cause, Value
from karui.gateway.records.events import Actor, Event, EventKind
from karui.gateway.records.stage import Stage

_KINDS = {
    "guard watching": EventKind.GUARD_WATCHING,
    "guard tripped": EventKind.GUARD_TRIPPED,
    "guard probing": EventKind.GUARD_PROBING,
    "breaker closed": EventKind.BREAKER_CLOSED,
    "breaker open": EventKind.BREAKER_OPEN,
    "breaker half-open": EventKind.BREAKER_HALF_OPEN,
    "stale": EventKind.MODEL_CHANGED,
    "not stale": EventKind.MODEL_BACK,
    "history": EventKind.HISTORY,
    **{f"stage {stage}": EventKind.STAGE_SET for stage in Stage},
}
_ACTORS = {
    "rule": Actor.RULE,
    "guard": Actor.GUARD,
    "breaker": Actor.BREAKER,
    "upstream": Actor.UPSTREAM,
    "operator, by option": Actor.OPTION,
    "karui": Actor.KARUI,
}
_OPERATOR = re.compile(r"operator (?P<name>.+)", re.DOTALL)
_TESTS = "thinking|confidence|agreement|truncated|errors|unsure|canaries"
_CAUSES: tuple[tuple[Cause, re.Pattern[str]], ...] = tuple(
    (cause, re.compile(pattern, re.DOTALL))
    for cause, pattern in (
        (Cause.SET_AT_START, r"set at the start"),
        (Cause.RULE_HOLDS, r"the rule holds after (?P<requests>\d+) requests"),
        (Cause.TEST, rf"(?P<test>{_TESTS})"),
        (Cause.PROBES_TEST, rf"probes: (?P<test>{_TESTS})"),
        (Cause.PROBES_FEW, r"probes: only (?P<good>\d+) of (?P<probes>\d+) probes were as recorded"),
        (Cause.PROBES_PASSED, r"(?P<good>\d+) of (?P<probes>\d+) probes were as recorded"),
        (Cause.REST_OVER, r"the rest is over"),
        (Cause.MODEL_GONE, r"(?P<model>.+) is no longer served"),
        (Cause.MODEL_CHANGED, r"(?P<field>\S+) was (?P<before>.+) and is (?P<now>.+)"),
        (Cause.MODEL_BACK, r"the model is back"),
        (
            Cause.UNWRITABLE,
            (
                r"(?P<file>\S+) cannot be written: (?P<error>.+) "
                r"\((?P<waiting>\d+) rows wait, (?P<lost>\d+) are lost\)"
            ),
        ),
        (Cause.WRITABLE_AGAIN, r"(?P<file>\S+) is written again; (?P<lost>\d+) rows were lost"),
        (Cause.UNREADABLE, r"(?P<file>\S+) could not be read at the start: (?P<error>.+)"),
        (Cause.CLOSED_UNWRITTEN, r"(?P<file>\S+): closed with (?P<rows>\d+) rows that could not be written"),
    )
)
_COUNTS = frozenset({"requests", "good", "probes", "waiting", "lost", "rows"})


def legacy(at: float, what: str, who: str, why: str) -> Event:
    """Returns the change that a row of schema 1 tells."""
    kind = _KINDS.get(what, EventKind.OTHER)
    operator = _OPERATOR.fullmatch(who)
    actor = _ACTORS.get(who, Actor.OPERATOR if operator else Actor.KARUI)
    because = _because(why)
    # What an operator or a server said is theirs, even where it reads like one of the gateway's sentences.
    if actor in {Actor.OPERATOR, Actor.BREAKER} and because.cause is not Cause.RULE_HOLDS:
        because = Because.stated(why)
    known = who in _ACTORS or operator
    return Event(
        kind,
        at,
        actor,
        because,
        name=operator["name"] if operator and actor is Actor.OPERATOR else "",
        stage=Stage(what.removeprefix("stage ")) if kind is EventKind.STAGE_SET else None,
        text=(what if known else f"{what}, by {who}") if kind is EventKind.OTHER else "",
    )


def _because(sentence: str) -> Because:
    for cause, pattern in _CAUSES:
        if found := pattern.fullmatch(sentence):
            values: dict[str, Value] = {
                name: int(value) if name in _COUNTS else value for name, value in found.groupdict().items()
            }
            return Because(cause, values)
    return Because.stated(sentence)
