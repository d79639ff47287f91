"""Checking a passport: its signature, its time, and whether what is there is what was promised of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from scipy.stats import binom

from karui.core.errors import InputError
from karui.domain.domain import allowed
from karui.passport.document import Passport, Voids
from karui.passport.dsse import opened, signed_by
from karui.passport.keys import Checker
from karui.passport.model_files import changes
from karui.passport.statement import passport_of


class Problem(StrEnum):
    """What is wrong with a passport, or has to be said of it."""

    OTHER_KEY = "signed by another key"
    CHANGED = "changed after it was signed"
    NOT_YET = "not valid yet"
    EXPIRED = "expired"
    WEIGHTS = "other weights"
    TEMPLATE = "another template"
    ENGINE = "another engine"
    SERVER = "another server"
    SAMPLING = "another sampling"
    TRAFFIC = "other traffic"
    """More of the questions asked now are unlike the study's than of questions like them."""
    DOMAIN = "another expectation"
    """What questions were compared by is not what the study found."""
    STUDY = "another study"
    NOT_SEEN = "model not seen"
    """A remark: no model was given, so nothing is known of it."""
    VERSIONS = "other versions"
    """A remark: libraries have other versions; whether that matters an acceptance shows."""
    UNKNOWN_SERVER = "server says nothing"
    """A remark: neither digest nor fingerprint tells the model behind a server from another."""
    NO_DIGEST = "model not known"
    """A remark: the passport holds no digest of the model, so files that are there cannot be compared."""
    NO_DOMAIN = "questions not known"
    """A remark: the study had too few questions to tell others from them."""
    ALIKE = "traffic as it was"
    """A remark: the questions asked now are not shown to be unlike the study's."""


REMARKS = frozenset(
    {
        Problem.NOT_SEEN,
        Problem.VERSIONS,
        Problem.UNKNOWN_SERVER,
        Problem.NO_DIGEST,
        Problem.NO_DOMAIN,
        Problem.ALIKE,
    }
)
"""What is said without refusing the passport."""


UPDATES = frozenset({Problem.WEIGHTS, Problem.TEMPLATE, Problem.ENGINE, Problem.SERVER, Problem.SAMPLING})
"""What an update changes; an acceptance shows whether the promise holds all the same."""


DRIFT = 0.05
"""Chance at most that traffic like the study's questions is called another one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        problem: Which.
        values: What its sentence names.
    """

    problem: Problem
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def refuses(self) -> bool:
        """Whether the passport does not hold because of it."""
        return self.problem not in REMARKS


@dataclass(frozen=True, slots=True)
class Traffic:
    """Questions that are asked now, compared with the study's.

    Attributes:
        asked: How many different ones.
        unlike: How many of them are unlike the study's.
        domain: Digest of what they were compared by.
    """

    asked: int
    unlike: int
    domain: str


@dataclass(frozen=True, slots=True)
class Present:
    """What is there now: of each, None is not known and not compared.

    Attributes:
        digest: karui's own of the model.
        files: SHA-256 of the model's files.
        template: Digest of how it is asked to think.
        engine: Name of the engine.
        server: What the server says of itself.
        versions: Of karui and of what it runs on.
        sampling: How tokens are drawn.
        study: SHA-256 of the study's file.
        traffic: What is asked now.
    """

    digest: str | None = None
    files: Mapping[str, str] | None = None
    template: str | None = None
    engine: str | None = None
    server: Mapping[str, str] | None = None
    versions: Mapping[str, str] | None = None
    sampling: Mapping[str, Any] | None = None
    study: str | None = None
    traffic: Traffic | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A passport that was checked.

    Attributes:
        passport: What it says; None where it is not the issuer's.
        findings: What was found, refusals first.
    """

    passport: Passport | None
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing refuses it."""
        return not any(f.refuses for f in self.findings)

    @property
    def updated(self) -> bool:
        """Whether it is the issuer's and in force, and only an update of what it is about refuses it."""
        refusing = {f.problem for f in self.findings if f.refuses}
        return self.passport is not None and bool(refusing) and refusing <= UPDATES


def verify(envelope: Any, checker: Checker, present: Present, now: datetime | None = None) -> Checked:
    """Checks a passport; what is not signed by this key is not read any further.

    Args:
        envelope: The file, parsed.
        checker: The issuer's public key.
        present: What is there.
        now: The time; None is that of this machine.

    Raises:
        InputError: The file is no passport.
    """
    payload, signatures = opened(envelope)
    if not signed_by(envelope, checker):
        named = any(key == checker.id for key, _ in signatures)
        problem = Problem.CHANGED if named else Problem.OTHER_KEY
        return Checked(None, (Finding(problem, {"key": checker.id[:16]}),))
    passport = passport_of(payload)
    found = [
        *_time(passport, now or datetime.now(UTC)),
        *_model(passport, present),
        *_run(passport, present),
        *_traffic(passport, present.traffic),
    ]
    return Checked(passport, tuple(sorted(found, key=lambda f: not f.refuses)))


def _time(passport: Passport, now: datetime) -> Iterator[Finding]:
    try:
        begins, ends = (datetime.fromisoformat(t) for t in (passport.issued, passport.expires))
    except ValueError as error:
        raise InputError("The passport's dates cannot be read.", why=str(error)) from error
    if begins.tzinfo is None or ends.tzinfo is None:
        raise InputError(
            "The passport's dates cannot be read.",
            why=f"They name no time zone ({passport.issued}, {passport.expires}).",
            remedy="Ask its issuer for another one.",
        )
    if now < begins:
        yield Finding(Problem.NOT_YET, {"issued": passport.issued})
    if now >= ends:
        yield Finding(Problem.EXPIRED, {"expires": passport.expires})


def _model(passport: Passport, present: Present) -> Iterator[Finding]:
    promised = passport.model
    if present == Present(study=present.study, traffic=present.traffic):
        yield Finding(Problem.NOT_SEEN)
        return
    if present.files is not None and promised.files:
        problems = {Voids.TEMPLATE: Problem.TEMPLATE, Voids.WEIGHTS: Problem.WEIGHTS}
        for change in changes(promised.files, present.files)[:1]:
            yield Finding(problems[change.voids], {"what": change.name})
            return
    elif present.digest and promised.digest and present.digest != promised.digest:
        yield Finding(Problem.WEIGHTS, {"what": f"{promised.digest} ≠ {present.digest}"})
        return
    elif (present.digest or present.files is not None) and not promised.digest:
        yield Finding(Problem.NO_DIGEST)
    if present.template and promised.template and present.template != promised.template:
        yield Finding(Problem.TEMPLATE, {"what": f"{promised.template[:16]} ≠ {present.template[:16]}"})


def _run(passport: Passport, present: Present) -> Iterator[Finding]:
    c = passport.conditions
    if present.engine is not None and present.engine != c.engine:
        yield Finding(Problem.ENGINE, {"before": c.engine, "now": present.engine})
    yield from _server(passport, present)
    if present.sampling is not None:
        names = sorted(k for k in c.sampling if c.sampling[k] != present.sampling.get(k))
        for name in names[:1]:
            values = {"what": name, "before": str(c.sampling[name]), "now": str(present.sampling.get(name))}
            yield Finding(Problem.SAMPLING, values)
    if present.study is not None and present.study != passport.evidence.get("study.json"):
        yield Finding(Problem.STUDY)
    if present.versions is not None:
        both = sorted(c.versions.keys() & present.versions.keys())
        other = [f"{n} {c.versions[n]} → {present.versions[n]}" for n in both if _differ(n, c, present)]
        if other:
            yield Finding(Problem.VERSIONS, {"what": ", ".join(other)})


def _traffic(passport: Passport, found: Traffic | None) -> Iterator[Finding]:
    """Yields whether more questions are unlike the study's than can be chance (a binomial test, one-sided).

    Half of `DRIFT` is the chance that the study's own questions set the threshold too low, half that of the
    traffic.
    """
    if found is None:
        return
    domain = passport.questions.domain
    if domain is None or not domain.known:
        yield Finding(Problem.NO_DOMAIN)
        return
    if found.domain != domain.digest:
        yield Finding(Problem.DOMAIN)
        return
    most = allowed(domain, DRIFT / 2)
    chance = float(binom.sf(found.unlike - 1, found.asked, most))
    told = {"asked": str(found.asked), "unlike": str(found.unlike), "most": f"{100 * most:.1f}"}
    yield Finding(Problem.TRAFFIC if chance <= DRIFT / 2 else Problem.ALIKE, told)


def _differ(name: str, conditions: Any, present: Present) -> bool:
    return bool(conditions.versions[name] != (present.versions or {})[name])


def _server(passport: Passport, present: Present) -> Iterator[Finding]:
    if present.server is None:
        return
    before = passport.conditions.server
    for name, said in sorted(before.items()):  # what an older passport does not name is no condition of it
        if said != present.server.get(name):
            told = {"what": name, "before": said, "now": present.server.get(name, "–")}
            yield Finding(Problem.SERVER, told)
            return
    if not before and not passport.model.digest:
        yield Finding(Problem.UNKNOWN_SERVER)
