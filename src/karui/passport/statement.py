"""in-toto statements: the passport itself, and what it says as a test result and as a verification result.

Sources: in-toto.io/Statement/v1; predicates test-result/v0.1 and svr/v0.1 of github.com/in-toto/attestation.
"""

import json
from base64 import b64encode
from hashlib import sha256
from math import isfinite
from typing import Any

from karui.codec.values import Misfit, decode, encode
from karui.core.errors import InputError
from karui.core.study.choice import Verdict
from karui.passport.document import FORMAT, Passport
from karui.passport.dsse import parsed
from karui.passport.model_files import root

STATEMENT = "https://in-toto.io/Statement/v1"
PASSPORT = "urn:karui:passport:1"
"""Type of the predicate that holds a whole passport."""
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SVR = "https://in-toto.io/attestation/svr/v0.1"
CYCLONEDX = "https://cyclonedx.org/bom"
_RESULTS = {
    Verdict.CERTIFIED.value: "PASSED",
    Verdict.BASELINE.value: "WARNED",
    Verdict.PROMISING.value: "WARNED",
}


def subjects(passport: Passport) -> list[dict[str, Any]]:
    """Returns what a statement is about: the model's files as one, each file, and the study."""
    files = passport.model.files
    found = [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())]
    whole = [{"name": passport.model.name, "digest": {"sha256": root(files)}}] if files else []
    study = [{"name": "study.json", "digest": {"sha256": passport.evidence["study.json"]}}]
    return [*whole, *found, *study]


def of_passport(passport: Passport) -> dict[str, Any]:
    """Returns the statement that holds the whole passport."""
    return _statement(passport, PASSPORT, encode(passport))


def of_test_result(passport: Passport) -> dict[str, Any]:
    """Returns the study's verdict as the result of a test."""
    result = _RESULTS.get(passport.promise.verdict, "FAILED")
    named = {"PASSED": "passedTests", "WARNED": "warnedTests", "FAILED": "failedTests"}
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    tests[named[result]] = [promised(passport)]
    spec = json.dumps(passport.plan.spec, sort_keys=True, ensure_ascii=False).encode()
    asked = "\n".join(passport.questions.texts).encode()
    configuration: list[dict[str, Any]] = [
        {
            "name": "plan",
            "digest": {"sha256": sha256(spec).hexdigest()},
            "content": b64encode(spec).decode(),
            "mediaType": "application/json",
        },
        {
            "name": "questions",
            "digest": {"sha256": sha256(asked).hexdigest()},
            "annotations": {"task": passport.questions.name, "task_digest": passport.questions.digest},
        },
    ]
    return _statement(passport, TEST_RESULT, {"result": result, "configuration": configuration, **tests})


def of_verification(passport: Passport) -> dict[str, Any]:
    """Returns the properties that the study verified; none where its verdict is no certificate."""
    verified = _RESULTS.get(passport.promise.verdict) == "PASSED"
    predicate = {
        "verifier": {"id": f"urn:karui:{passport.karui}"},
        "timeCreated": passport.issued,
        "properties": [promised(passport)] if verified else [],
    }
    return _statement(passport, SVR, predicate)


def of_bom(passport: Passport, bom: dict[str, Any]) -> dict[str, Any]:
    """Returns the statement that holds a CycloneDX BOM of the passport."""
    return _statement(passport, CYCLONEDX, bom)


def promised(passport: Passport) -> str:
    """Returns what was tested, in one word for programs."""
    p = passport.promise
    about = "AGREEMENT" if passport.questions.agreement else "ACCURACY"
    return f"KARUI_{about}_LOSS_BELOW_{100 * p.margin:g}_POINTS_AT_{100 * p.confidence:g}_PERCENT"


def passport_of(payload: bytes) -> Passport:
    """Reads the passport that a statement holds.

    Raises:
        InputError: It holds none, or one of a later version, or one whose figures cannot be.
    """
    try:
        statement = parsed(payload)
        kind, predicate = statement["predicateType"], statement["predicate"]
        version = predicate.get("format") if kind == PASSPORT else None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise InputError("The file holds no passport.", why=f"{type(error).__name__}: {error}") from error
    if kind != PASSPORT:
        raise InputError(
            "The file holds no passport.",
            why=f"It is a statement of the type {kind!r}.",
            remedy="Give the passport.json that `karui passport` wrote.",
        )
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError("The file holds no passport.", why=f"Its format is {version!r}, no number.")
    if version > FORMAT:
        raise InputError(
            f"The passport was written by a later version of karui ({predicate.get('karui')}).",
            remedy="Use that version or a later one.",
        )
    try:
        passport = decode(Passport, predicate)
    except Misfit as misfit:
        raise InputError("The file holds no whole passport.", why=f"{misfit}.") from misfit
    if wrong := _unsound(passport):
        raise InputError(
            "The passport says what cannot be.", why=f"{wrong}.", remedy="Ask its issuer for another one."
        )
    if not _digests(passport) <= _named(statement):
        raise InputError(
            "The passport is about other files than its statement.",
            why="Tools that know in-toto alone would check others than karui.",
            remedy="Ask its issuer for another one.",
        )
    return passport


def _unsound(passport: Passport) -> str:
    """Returns the first figure that cannot be, in words; "" where there is none.

    A number that is missing is read as NaN: where the promise or its tests rest on it, nothing is promised.
    """
    p = passport.promise
    if p.verdict not in set(Verdict):
        return f"Its verdict is {p.verdict!r}"
    ranges = {
        "margin": (p.margin, 0),
        "confidence": (p.confidence, 0),
        "discordant": (p.discordant, 0),
        "accuracy": (p.accuracy.value, 0),
        "accuracy of full thinking": (p.baseline.value, 0),
        "loss": (p.loss, -1),
        "low": (p.low, -1),
        "bound": (p.bound, -1),
    }
    for name, (value, least) in ranges.items():
        if not least <= value <= 1:
            return f"Its {name} is {value:g}, which is not between {least} and 1"
    if not isfinite(passport.consumption.tokens.value):
        return "Its tokens per question are no number"
    for d in p.differences:
        parts = (d.lost, d.won, d.right, d.questions)
        if min(*parts, d.replies - 1) < 0 or sum(parts[:3]) > d.replies:
            return f"It counts {d.lost} replies lost, {d.won} won and {d.right} right of {d.replies}"
    counted, tested = sum(d.questions for d in p.differences), passport.questions.tested
    return f"It counts {counted} of {tested} questions" if counted > tested else ""


def _digests(passport: Passport) -> set[str]:
    study = passport.evidence.get("study.json")
    return {*passport.model.files.values(), *([study] if study else [])}


def _named(statement: Any) -> set[str]:
    """Returns the digests that a statement is about."""
    try:
        return {str(each["digest"]["sha256"]) for each in statement["subject"]}
    except (KeyError, TypeError):
        return set()


def _statement(passport: Passport, kind: str, predicate: Any) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": subjects(passport),
        "predicateType": kind,
        "predicate": predicate,
    }
