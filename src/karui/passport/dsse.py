"""DSSE envelopes: a payload and its signatures (github.com/secure-systems-lab/dsse, protocol v1.0.2)."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from karui.core.errors import InputError
from karui.passport.keys import Checker, Signer

IN_TOTO = "application/vnd.in-toto+json"
"""Type of the payload: an in-toto statement."""


def parsed(text: str | bytes) -> Any:
    """Returns JSON that every reader reads alike: no key twice, no number that JSON does not have.

    Of a key that is there twice some readers take the first and some the last: each could be shown another
    passport under the same signature.

    Raises:
        ValueError: It is no such JSON.
        RecursionError: It is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if key in {k for k, _ in pairs[:n]})
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def encoded(payload_type: str, payload: bytes) -> bytes:
    """Returns what is signed: the pre-authentication encoding of the protocol."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sealed(statement: Mapping[str, Any], signers: Sequence[Signer]) -> dict[str, Any]:
    """Returns the envelope of a statement, signed."""
    payload = json.dumps(statement, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    signed = encoded(IN_TOTO, payload)
    return {
        "payload": b64encode(payload).decode(),
        "payloadType": IN_TOTO,
        "signatures": [
            {"keyid": signer.public.id, "sig": b64encode(signer.sign(signed)).decode()} for signer in signers
        ],
    }


def opened(envelope: Any) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Returns the payload of an envelope and its signatures with the keys' ids, unverified.

    Raises:
        InputError: It is no envelope of a statement.
    """
    try:
        if envelope["payloadType"] != IN_TOTO:
            raise InputError(
                "The file holds no passport.", why=f"It is of the type {envelope['payloadType']!r}."
            )
        payload = b64decode(envelope["payload"], validate=True)
        found = [
            (str(s.get("keyid", "")), b64decode(s["sig"], validate=True)) for s in envelope["signatures"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            "The file holds no signed passport.",
            why=f"It is no DSSE envelope ({type(error).__name__}: {error}).",
            remedy="Give the passport.json that `karui passport` wrote.",
        ) from error
    return payload, found


def signed_by(envelope: Any, checker: Checker) -> bool:
    """Returns whether one of the signatures is this key's of this very payload.

    Raises:
        InputError: As `opened`.
    """
    payload, signatures = opened(envelope)
    data = encoded(envelope["payloadType"], payload)
    return any(checker.valid(signature, data) for _, signature in signatures)
