"""The gateway's own keys: from the environment only, never shown."""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from karui.core.errors import InputError

CLIENT_KEY, OPERATOR_KEY, METRICS_KEY = "KARUI_SERVE_KEY", "KARUI_OPERATOR_KEY", "KARUI_METRICS_KEY"
"""Environment variables: what clients give, what the operator gives, and what may only read the metrics."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys; "" where none is asked for.

    Attributes:
        client: Of whoever asks for completions.
        operator: Of whoever sees the monitor, reads conversations, and changes stage and guard.
        metrics: Of whoever reads the metrics only.
    """

    client: str = field(default="", repr=False)
    operator: str = field(default="", repr=False)
    metrics: str = field(default="", repr=False)

    @property
    def any(self) -> bool:
        """Whether one is set."""
        return bool(self.client or self.operator or self.metrics)

    @staticmethod
    def read(environment: Mapping[str, str] = os.environ) -> "Keys":
        """Reads them.

        Raises:
            InputError: A variable is set and holds no key, or one that no header can carry.
        """
        return Keys(*(_key(name, environment) for name in (CLIENT_KEY, OPERATOR_KEY, METRICS_KEY)))


def _key(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        return ""
    key = environment[name].strip()
    if not key:
        raise InputError(
            f"{name} is set, but empty.",
            why="An empty key would let everybody in.",
            remedy=f"Give it a key, such as `openssl rand -hex 32` makes, or unset {name}.",
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InputError(
            f"{name} holds characters that no header can carry.",
            remedy="Make a key of letters, digits and signs without blanks: `openssl rand -hex 32`.",
        )
    return key


def bearer(authorization: str) -> str:
    """Returns the key in an Authorization header; "" where it holds no bearer token."""
    kind, _, value = authorization.partition(" ")
    return value.strip() if kind.casefold() == "bearer" else ""


def given_key(headers: Mapping[str, str]) -> str:
    """Returns the key that a request gives: a bearer token, or Anthropic's header; "" without one."""
    return bearer(headers.get("authorization", "")) or headers.get("x-api-key", "").strip()


def same_key(given: str, key: str) -> bool:
    """Returns whether a key is the right one, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), key.encode())
