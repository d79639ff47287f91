"""in-toto statements: the passport itself, and what it says as a test result and as a verification result.

Sources: in-toto.io/Statement/v1; predicates test-result/v0.1 and svr/v0.1 of github.com/in-toto/attestation.
"""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

from karui.codec.values import Misfit, decode, encode
from karui.core.errors import InputError
from karui.core.study.choice import Verdict
from karui.passport.document import FORMAT, Passport
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
        InputError: It holds none, or one of a later version.
    """
    try:
        statement = json.loads(payload)
        kind, predicate = statement["predicateType"], statement["predicate"]
        version = predicate["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("The file holds no passport.", why=f"{type(error).__name__}: {error}") from error
    if kind != PASSPORT or not isinstance(version, int):
        raise InputError("The file holds no passport.", why=f"It is a statement of the type {kind!r}.")
    if version > FORMAT:
        raise InputError(
            f"The passport was written by a later version of karui ({predicate.get('karui')}).",
            remedy="Use that version or a later one.",
        )
    try:
        return decode(Passport, predicate)
    except Misfit as misfit:
        raise InputError("The file holds no whole passport.", why=f"{misfit}.") from misfit


def _statement(passport: Passport, kind: str, predicate: Any) -> dict[str, Any]:
    return {
        "_type": STATEMENT,
        "subject": subjects(passport),
        "predicateType": kind,
        "predicate": predicate,
    }
