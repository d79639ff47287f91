"""The keys that a gateway asks for: three from the environment, and those of teams and operators by name.

None is ever shown, and of a named key nothing is kept but its digest.
"""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from karui.core.errors import InputError
from karui.gateway.named_keys import NamedKeys, Team, digest

CLIENT_KEY, OPERATOR_KEY, METRICS_KEY = "KARUI_SERVE_KEY", "KARUI_OPERATOR_KEY", "KARUI_METRICS_KEY"
"""Environment variables: what clients give, what the operator gives, and what may only read the metrics."""
EVERYBODY = Team("")
"""Whoever asks without a key of a team's: no limits but the gateway's own."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys; "" where none is asked for.

    Attributes:
        client: Of whoever asks for completions.
        operator: Of whoever sees the monitor, reads conversations, and changes stage and guard.
        metrics: Of whoever reads the metrics only.
        named: Of teams, who ask for completions, and of operators by name.
    """

    client: str = field(default="", repr=False)
    operator: str = field(default="", repr=False)
    metrics: str = field(default="", repr=False)
    named: NamedKeys = field(default_factory=NamedKeys, repr=False)

    @property
    def any(self) -> bool:
        """Whether one is set."""
        return bool(self.asks_clients or self.asks_operators or self.metrics)

    @property
    def asks_clients(self) -> bool:
        """Whether clients have to give a key."""
        return bool(self.client or self.named.teams)

    @property
    def asks_operators(self) -> bool:
        """Whether there is a key that an operator can give."""
        return bool(self.operator or self.named.operators)

    @staticmethod
    def read(environment: Mapping[str, str] = os.environ, file: str = "") -> "Keys":
        """Reads them.

        Args:
            environment: The variables.
            file: A file with the keys of teams and operators; "" for none.

        Raises:
            InputError: A variable is set and holds no key, or one that no header can carry; or the file
                cannot be used.
        """
        client, operator, metrics = (
            _key(name, environment) for name in (CLIENT_KEY, OPERATOR_KEY, METRICS_KEY)
        )
        keys = Keys(client, operator, metrics, NamedKeys.read(environment, file))
        keys.named.ensure_apart(keys.client, keys.operator, keys.metrics)
        return keys

    def team(self, given: str) -> Team | None:
        """Returns whose key a client has given; None where it is nobody's and one is asked for."""
        if not self.asks_clients or (self.client and same_key(given, self.client)):
            return EVERYBODY
        return self.named.teams.get(digest(given))

    def operator_of(self, given: str) -> str:
        """Returns the name of the operator whose key was given; "" where it is none's."""
        if self.operator and same_key(given, self.operator):
            return OPERATOR_KEY
        return self.named.operators.get(digest(given), "")

    def knows_operator(self, name: str) -> bool:
        """Returns whether there is an operator of a name, as `operator_of` gives it."""
        return bool(self.operator) if name == OPERATOR_KEY else name in self.named.operators.values()


class KeyRing:
    """The keys of a gateway that runs, which may be read anew.

    Attributes:
        now: The keys.
    """

    def __init__(self, now: Keys | None = None, file: str = "") -> None:
        """Takes the keys, or reads them.

        Args:
            now: The keys; None reads them.
            file: The file that they are read from; "" for none.

        Raises:
            InputError: They cannot be used.
        """
        self._file = file
        self.now = Keys.read(file=file) if now is None else now

    def reload(self) -> None:
        """Reads them anew; the environment is that of the start.

        Raises:
            InputError: They cannot be used: the ones of before stay.
        """
        self.now = Keys.read(file=self._file)


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


def given_key(headers: Mapping[str, str]) -> str:
    """Returns the key in a request's headers, whose names are lower case: a bearer token, or `x-api-key`."""
    return bearer(headers.get("authorization", "")) or headers.get("x-api-key", "").strip()


def bearer(authorization: str) -> str:
    """Returns the key in an Authorization header; "" where it holds no bearer token."""
    kind, _, value = authorization.partition(" ")
    return value.strip() if kind.casefold() == "bearer" else ""


def same_key(given: str, key: str) -> bool:
    """Returns whether a key is the right one, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), key.encode())
