"""Who may do what.

Clients give a key for completions, the operator another for everything else: the monitor, the state, what is
kept of conversations, and changes. Metrics may have a key of their own. A browser gives the operator's key
once, in a form, and has a cookie then that no other site's page can use.

Where no key is set, this machine itself is trusted. A browser on it may show anybody's page, so trust wants a
host that is this gateway's by name: a name of another site that has been pointed here is none.
"""

from ipaddress import ip_address
from secrets import token_urlsafe
from time import time

from starlette.requests import Request

from karui.gateway.keys import METRICS_KEY, OPERATOR_KEY, Keys, given_key, same_key
from karui.gateway.openai_api.chat_request import ApiError

COOKIE = "karui-session"
SESSION_SECONDS = 12 * 3600.0
_SESSIONS = 1_000
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PASSED_ON = ("x-forwarded-for", "x-real-ip", "forwarded", "via", "x-forwarded-host", "x-forwarded-proto")
"""Headers of requests that a proxy on this machine has passed on for somebody else."""


class Access:
    """Decides who may do what in one gateway."""

    def __init__(self, keys: Keys, hosts: frozenset[str] = frozenset()) -> None:
        """Takes the keys, and the names by which this gateway is reached besides addresses and loopback."""
        self._keys, self._hosts = keys, frozenset(host.casefold() for host in hosts)
        self._sessions: dict[str, float] = {}

    def client(self, request: Request) -> ApiError | None:
        """Returns an error for a request without the clients' key, where one is set."""
        key = self._keys.client
        if key and not same_key(_given(request), key):
            return ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")
        return None

    def operator(self, request: Request) -> ApiError | None:
        """Returns an error for a request that is not the operator's."""
        if self._is_operator(request) or (not self._keys.operator and _from_here(request)):
            return None
        message = f"This needs the operator's key: send {OPERATOR_KEY} as a bearer token, or log in at /."
        return ApiError(401, message, code="operator")

    def reader(self, request: Request) -> ApiError | None:
        """Returns an error for a request that may not see the monitor: once any key is set, it is private."""
        return self.operator(request) if self._keys.any else None

    def scraper(self, request: Request) -> ApiError | None:
        """Returns an error for a request that may not read the metrics."""
        key = self._keys.metrics
        if (key and same_key(_given(request), key)) or self.reader(request) is None:
            return None
        message = f"This needs a key: send {METRICS_KEY} or {OPERATOR_KEY} as a bearer token."
        return ApiError(401, message, code="metrics")

    def host(self, request: Request) -> ApiError | None:
        """Returns an error for a request that no key protects and that comes under a foreign name."""
        path, keys = request.url.path, self._keys
        protected = keys.client if path.startswith("/v1/") else keys.operator
        if path in {"/health", "/openapi.json"} or protected or self._known(request) or self._keyed(request):
            return None
        message = "The gateway is not reached by this host name: allow it with --allowed-host."
        return ApiError(403, message, code="host")

    def login(self, key: str) -> str:
        """Returns a new session for the operator's key; "" for another key, or where there is none."""
        if not self._keys.operator or not same_key(key.strip(), self._keys.operator):
            return ""
        now = time()
        self._sessions = {token: until for token, until in self._sessions.items() if until > now}
        while len(self._sessions) >= _SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        token = token_urlsafe(32)
        self._sessions[token] = now + SESSION_SECONDS
        return token

    def logout(self, request: Request) -> None:
        """Ends the session that a request has."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)

    def _is_operator(self, request: Request) -> bool:
        key = self._keys.operator
        if key and same_key(_given(request), key):
            return True
        return self._sessions.get(request.cookies.get(COOKIE, ""), 0.0) > time()

    def _keyed(self, request: Request) -> bool:
        given, keys = _given(request), self._keys
        return any(key and same_key(given, key) for key in (keys.client, keys.operator, keys.metrics))

    def _known(self, request: Request) -> bool:
        host = _name(request.headers.get("host", ""))
        return host in _LOOPBACK or host in self._hosts or _is_address(host)


def from_elsewhere(request: Request) -> ApiError | None:
    """Returns an error for a request that a page of another site has sent.

    A link that somebody follows to a page is none: its answer is shown to nobody but them.
    """
    headers = request.headers
    site, origin = headers.get("sec-fetch-site", "none"), headers.get("origin", "")
    follows = request.method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    if site not in {"same-origin", "none"} and not follows:
        return ApiError(403, "Pages of other sites may not use this gateway.", code="cross_site")
    if origin and not _same_origin(origin, headers.get("host", "")):
        return ApiError(403, "Pages of other sites may not use this gateway.", code="cross_site")
    return None


def _same_origin(origin: str, host: str) -> bool:
    given = origin.partition("://")[2].casefold()
    host = host.casefold()
    # nginx's $host has no port.
    return given == host or (":" not in host.rpartition("]")[2] and _name(given) == _name(host))


def _name(host: str) -> str:
    """Returns the name in a Host header, without port and brackets."""
    host = host.strip().casefold()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    """Returns whether a host is an address: that cannot be pointed elsewhere, as a name can."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _from_here(request: Request) -> bool:
    here = request.client is not None and request.client.host in _LOOPBACK
    return here and not any(header in request.headers for header in _PASSED_ON)


def _given(request: Request) -> str:
    return given_key(request.headers)
