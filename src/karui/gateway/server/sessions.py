"""Sessions of operators' browsers: a signed token, which every process that shares the secret knows.

It names the operator and its end, and dies with the secret and with the operator's key.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from secrets import token_hex
from time import time

SESSION_SECONDS = 12 * 3600.0
SECRET = "KARUI_SESSION_SECRET"  # noqa: S105 - the variable's name
"""Environment variable with the secret that processes share; drawn where it is not set, and inherited."""
_MOST_ENDED = 10_000


class Sessions:
    """The sessions of one gateway."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        """Draws the secret where none is shared."""
        self._secret, self._clock = os.environ.setdefault(SECRET, token_hex(32)).encode(), clock
        self._ended: dict[str, float] = {}

    def open(self, name: str) -> str:
        """Returns the token of a new session."""
        told = f"{self._clock() + SESSION_SECONDS:.0f}:{token_hex(16)}:{name}"
        return f"{urlsafe_b64encode(told.encode()).decode().rstrip('=')}.{self._signature(told)}"

    def name(self, token: str) -> str:
        """Returns whose session a token is; "" where it is none, or has ended."""
        told = self._told(token)
        until, _, rest = told.partition(":")
        if not told or float(until) <= self._clock() or token in self._ended:
            return ""
        return rest.partition(":")[2]

    def end(self, token: str) -> None:
        """Ends a session in this process; the browser forgets its token."""
        if not self._told(token):
            return
        now = self._clock()
        self._ended = {ended: until for ended, until in self._ended.items() if until > now}
        while len(self._ended) >= _MOST_ENDED:
            self._ended.pop(next(iter(self._ended)))
        self._ended[token] = now + SESSION_SECONDS

    def _told(self, token: str) -> str:
        """Returns what a token says; "" where it is not signed by this secret."""
        coded, _, signature = token.partition(".")
        try:
            told = urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
        except ValueError:
            return ""
        wanted = self._signature(told)
        return told if hmac.compare_digest(signature.encode("utf-8", "replace"), wanted.encode()) else ""

    def _signature(self, told: str) -> str:
        return hmac.new(self._secret, told.encode(), sha256).hexdigest()


def share_sessions() -> None:
    """Draws the secret that this process's workers inherit."""
    os.environ.setdefault(SECRET, token_hex(32))
