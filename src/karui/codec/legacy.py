"""Studies and choices of format 1, whose reasons were English sentences: the same as values of format 2.

The sentences are those that karui wrote until 2026-11. One that is not among them is kept as it is, as
`Reason.OTHER`.
"""

import re
from collections.abc import Mapping
from typing import Any

from karui.codec.values import Misfit, encode
from karui.core.study import ActionTaken
from karui.core.study.reasons import Because, Reason
from karui.core.trace import End

_REASONS = {
    "a certified plan saves more": Reason.CERTIFIED_SAVES_MORE,
    "its test did not pass": Reason.TEST_NOT_PASSED,
    "its loss exceeds the margin": Reason.LOSS_EXCEEDS_MARGIN,
    "not tested: testing stops at the first failure": Reason.NOT_TESTED,
    "saves nothing": Reason.SAVES_NOTHING,
    "loses more than the margin on the pilot": Reason.PILOT_LOSS,
    "another plan in the order of testing promises more": Reason.LESS_PROMISING,
}
_CONFIDENT = re.compile(r"wrong with confidence (-?[\d.]+) points more often than full thinking")
_ENDS = {
    "finished by itself": End.FINISHED,
    "cut by the token limit": End.TRUNCATED,
    "answered": End.ANSWERED,
    "dropped": End.DROPPED,
    "stopped": End.STOPPED,
}
_ACTION = re.compile(r"trace \d+(?: of (.+?))?: ([a-z ]+) after (\d+) thinking tokens")


def upgraded_choice(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a choice of format 1 as one of format 2."""
    candidate = values.get("candidate")
    return {
        **values,
        "tested": [_tested(t) for t in values.get("tested") or ()],
        "rejected": [{**r, "reason": encode(because(r["reason"]))} for r in values.get("rejected") or ()],
        "candidate": _tested(candidate) if candidate else None,
    }


def upgraded_study(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a study of format 1 as one of format 2."""
    given = {key: value for key, value in values.items() if value is not None}
    given["choice"] = upgraded_choice(given["choice"])
    given["examples"] = [_example(e) for e in given.get("examples", ())]
    assumed = {k: v for k, v in given.get("assumptions", {}).items() if v is not None}
    if not assumed.get("machine_tokens_per_second"):
        assumed["machine_tokens_per_second"] = None  # zero was written where it was not known
    given["assumptions"] = assumed
    return given


def because(sentence: str) -> Because:
    """Returns the reason that a sentence gave."""
    if sentence in _REASONS:
        return Because(_REASONS[sentence])
    if found := _CONFIDENT.fullmatch(sentence):
        return Because(Reason.CONFIDENTLY_WRONG, {"points": float(found[1]) / 100})
    return Because(Reason.OTHER, text=sentence)


def actions(sentence: str) -> tuple[ActionTaken, ...]:
    """Returns what a plan did to the traces of a question, of a sentence that said so."""
    taken = []
    for part in filter(None, sentence.split("; ")):
        found = _ACTION.fullmatch(part)
        if not found or found[2] not in _ENDS:
            raise Misfit(f"an example's moves are {sentence!r}, which no karui wrote")
        taken.append(ActionTaken(_ENDS[found[2]], int(found[3]), found[1] or "main"))
    return tuple(taken)


def _tested(values: Mapping[str, Any]) -> dict[str, Any]:
    reason = values.get("reason")
    return {**values, "reason": encode(because(reason)) if reason else None}


def _example(values: Mapping[str, Any]) -> dict[str, Any]:
    sides = {}
    for name in ("full", "plan"):
        side = {**values[name]}
        sides[name] = {**side, "actions": encode(actions(side.pop("moves", "") or ""))}
        sides[name].pop("moves", None)
    return {**values, **sides}
