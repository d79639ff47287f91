"""After an update: what of a promise has to be measured again, what not, and what that costs at least.

Figures are estimates from the passport's own: tokens per question, and the questions it rested on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from karui import catalog
from karui.passport.acceptance import most_needed
from karui.passport.document import Passport, PassportModel
from karui.passport.model_files import changes
from karui.passport.verify import Finding, Problem


class Part(StrEnum):
    """What is another one."""

    WEIGHTS = "weights"
    FORMAT = "format"
    """A model of as many parameters in another number format: quantized, say. Whether it is the same model
    otherwise, no digest tells."""
    TEMPLATE = "template"
    ENGINE = "engine"
    SERVER = "server"
    VERSIONS = "versions"
    SAMPLING = "sampling"
    STYLE = "style"
    """Another prompt, or other techniques that need a recording of their own."""
    PLAN = "plan"
    MARGIN = "margin"
    QUESTIONS = "questions"
    EXPIRY = "expiry"


class Effort(StrEnum):
    """What has to be done, from the least to the most."""

    SIGN = "sign"
    """Nothing is measured; the passport is issued anew."""
    REPLAY = "replay"
    """Plans are replayed over the recording that is there: no token is generated."""
    ACCEPT = "accept"
    """Plan and full thinking run live on some questions; where that does not accept, they are recorded."""
    RECORD = "record"
    """Full thinking is recorded anew, and plans are chosen again."""


_EFFORTS: Mapping[Part, Effort] = {
    Part.EXPIRY: Effort.SIGN,
    Part.PLAN: Effort.REPLAY,
    Part.MARGIN: Effort.REPLAY,
    Part.VERSIONS: Effort.ACCEPT,
    Part.SERVER: Effort.ACCEPT,
    Part.ENGINE: Effort.ACCEPT,
    Part.FORMAT: Effort.ACCEPT,
    Part.WEIGHTS: Effort.RECORD,
    Part.TEMPLATE: Effort.RECORD,
    Part.SAMPLING: Effort.RECORD,
    Part.STYLE: Effort.RECORD,
    Part.QUESTIONS: Effort.RECORD,
}
"""What another one asks for. Another format, engine or server means to compute the same: whether it does, an
acceptance shows. Other weights, prompts, samplings and questions mean to do something else."""
_FORMATS = "weights format"
"""Slot of the techniques that store a model's weights in another number format."""
_PARTS = {
    Problem.WEIGHTS: Part.WEIGHTS,
    Problem.TEMPLATE: Part.TEMPLATE,
    Problem.ENGINE: Part.ENGINE,
    Problem.SERVER: Part.SERVER,
    Problem.VERSIONS: Part.VERSIONS,
    Problem.SAMPLING: Part.SAMPLING,
    Problem.TRAFFIC: Part.QUESTIONS,
    Problem.EXPIRED: Part.EXPIRY,
}


@dataclass(frozen=True, slots=True)
class Reevaluation:
    """What an update asks for.

    Attributes:
        changed: What is another one, each with what it asks for.
        effort: The most that any asks for; None where nothing changed.
        questions: To ask, at least; None where 20,000 are not enough.
        tokens: To generate, about; None likewise.
        full_tokens: That measuring everything anew would take.
    """

    changed: Mapping[Part, Effort]
    effort: Effort | None
    questions: int | None
    tokens: float | None
    full_tokens: float


def diff(old: Passport, new: Passport, *, tolerance: float = 0.05) -> Reevaluation:
    """Compares two passports.

    Args:
        old: What is measured.
        new: What it is to be.
        tolerance: How much worse than promised an acceptance has to find out.
    """
    return _reevaluation(old, dict.fromkeys(_differing(old, new)), tolerance)


def of_findings(old: Passport, findings: tuple[Finding, ...], *, tolerance: float = 0.05) -> Reevaluation:
    """Returns what the findings of a check ask for (`karui.passport.verify`)."""
    found = [_PARTS[f.problem] for f in findings if f.problem in _PARTS]
    return _reevaluation(old, dict.fromkeys(found), tolerance)


def _differing(old: Passport, new: Passport) -> Iterator[Part]:
    yield from _model(old, new)
    one, other = old.conditions, new.conditions
    pairs = {
        Part.TEMPLATE: (old.model.template, new.model.template),
        Part.STYLE: (_style(old.model), _style(new.model)),
        Part.ENGINE: (one.engine, other.engine),
        Part.SERVER: (one.server, other.server),
        Part.VERSIONS: (one.versions, other.versions),
        Part.SAMPLING: (one.sampling, other.sampling),
        Part.PLAN: (old.plan.id, new.plan.id),
        Part.MARGIN: (old.promise.margin, new.promise.margin),
        Part.QUESTIONS: (old.questions.digest, new.questions.digest),
        Part.EXPIRY: (old.expires, new.expires),
    }
    yield from (part for part, (before, after) in pairs.items() if before != after)


def _model(old: Passport, new: Passport) -> Iterator[Part]:
    before, after = old.model, new.model
    named = (
        {change.name for change in changes(before.files, after.files)}
        if before.files and after.files
        else set()
    )
    templates = {name for name in named if name.rpartition("/")[2].startswith("chat_template")}
    if before.dtype != after.dtype:
        # A file of another format has its template inside: only one that both have beside the weights tells.
        if templates & before.files.keys() & after.files.keys():
            yield Part.TEMPLATE
        yield Part.FORMAT if before.parameters == after.parameters else Part.WEIGHTS
        return
    if templates:
        yield Part.TEMPLATE
    if named - templates or (not (before.files and after.files) and before.digest != after.digest):
        yield Part.WEIGHTS


def _style(model: PassportModel) -> list[Mapping[str, Any]]:
    """Returns what a model was recorded with, number formats aside: its dtype tells those."""
    known = set(catalog.names())
    return [
        each
        for each in model.style
        if each.get("technique") not in known or catalog.technique(each["technique"]).slot != _FORMATS
    ]


def _reevaluation(old: Passport, parts: Mapping[Part, None], tolerance: float) -> Reevaluation:
    changed = {part: _EFFORTS[part] for part in parts}
    order = list(Effort)
    effort = max(changed.values(), key=order.index, default=None)
    plan, full = _tokens(old)
    asked = old.questions.tested
    whole = asked * full
    if effort in {None, Effort.SIGN, Effort.REPLAY}:
        return Reevaluation(changed, effort, 0, 0.0, whole)
    if effort is Effort.RECORD:
        return Reevaluation(changed, effort, asked, whole, whole)
    needed, _ = most_needed(old, tolerance)
    cost = None if needed is None else needed * (plan + full)
    return Reevaluation(changed, effort, needed, cost, whole)


def _tokens(passport: Passport) -> tuple[float, float]:
    """Returns tokens per question of the plan and of full thinking."""
    used = passport.consumption
    ratio = used.token_ratio.value if used.token_ratio else 1.0
    return used.tokens.value, used.tokens.value / ratio if ratio else used.tokens.value
