"""Sentences that other parts of the gateway wrote, in the page's language; one not known stays as it is."""

import re

from karui.i18n.monitor import Words

_FEW = re.compile(r"only (\d+) of (\d+) probes were as recorded")
_WAITS = re.compile(r"Waits for: (.*)\.")
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(shape, re.DOTALL), key)
    for shape, key in (
        (r"the guard finds all well", "waits_guard"),
        (r"(\d+) more runs compared with full thinking", "waits_runs"),
        (r"(\d+) more requests answered", "waits_requests"),
        (r"([\d.]+) more hours", "waits_hours"),
        (r"(\d+%) of the runs say what full thinking says, (\d+%) wanted", "waits_same"),
        (r"stage shadow", "what_shadow"),
        (r"stage (\d+)", "what_stage"),
        (r"guard watching", "what_watching"),
        (r"guard tripped", "what_tripped"),
        (r"guard probing", "what_probing"),
        (r"breaker open", "what_open"),
        (r"breaker half-open", "what_half_open"),
        (r"breaker closed", "what_closed"),
        (r"stale", "what_stale"),
        (r"not stale", "what_not_stale"),
        (r"history", "what_history"),
        (r"rule", "who_rule"),
        (r"guard", "who_guard"),
        (r"breaker", "who_breaker"),
        (r"upstream", "who_upstream"),
        (r"operator (.+)", "who_operator"),
        (r"operator, by option", "who_option"),
        (r"set at the start", "why_start"),
        (r"the rule holds after (\d+) requests", "why_rule"),
        (r"the rest is over", "why_rest"),
        (r"(\d+) of (\d+) probes were as recorded", "why_probes"),
        (r"the model is back", "why_back"),
        (r"(.+) is no longer served", "why_gone"),
        (r"(.+) was (.+) and is (.+)", "why_changed"),
        (r"full thinking of the served model", "deed_full"),
        (r"full thinking on the fallback server", "deed_server"),
        (r"refused with status 503 and Retry-After", "deed_refuse"),
        (r"([\d.]+) hours?", "hours"),
        (r"(\S+) cannot be written: (.+) \((\d+) rows wait, (\d+) are lost\)", "told_unwritten"),
        (r"(\S+) is written again; (\d+) rows were lost", "told_again"),
        (r"(\S+) could not be read at the start: (.+)", "told_unread"),
        (r"(\S+): closed with (\d+) rows that could not be written", "told_closed"),
    )
)


def reason(w: Words, text: str) -> str:
    """Returns why the guard tripped, as a sentence."""
    if text.startswith("probes: "):
        return w("trip probes", reason=reason(w, text.removeprefix("probes: ")))
    if found := _FEW.fullmatch(text):
        return w("trip few", good=found[1], n=found[2])
    known = w.known("trip", text)
    return said(w, text) if known == text else known


def said(w: Words, text: str) -> str:
    """Returns a sentence of another part of the gateway."""
    if found := _WAITS.fullmatch(text):
        return w("waits_join").join(said(w, part) for part in found[1].split("; "))
    for shape, key in _SHAPES:
        if found := shape.fullmatch(text):
            return w(key, **{f"v{n}": value for n, value in enumerate(found.groups(), 1)})
    return text


def why(w: Words, text: str) -> str:
    """Returns the reason of a change: the guard's reasons are names of tests."""
    told = reason(w, text)
    return told if told != text else said(w, text)
