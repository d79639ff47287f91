"""Who may do what.

Clients give a key for completions, their team's or the one of all; an operator gives another for everything
else: the monitor, the state, what is kept of conversations, and changes. Metrics may have a key of their own.
A browser gives an operator's key once, in a form, and has a cookie then that no other site's page can use.

Where no key is set, this machine itself is trusted. A browser on it may show anybody's page, so trust wants a
host that is this gateway's by name: a name of another site that has been pointed here is none.
"""

from ipaddress import ip_address

from starlette.requests import Request

from karui.gateway.clean import clean
from karui.gateway.keys import METRICS_KEY, OPERATOR_KEY, KeyRing, Keys, given_key, same_key
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.records.events import Via
from karui.gateway.server.sessions import Sessions

COOKIE = "karui-session"
REQUEST_ID = "karui.request_id"
"""Where a scope has the id that the door gives each request of an operator's."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PASSED_ON = ("x-forwarded-for", "x-real-ip", "forwarded", "via", "x-forwarded-host", "x-forwarded-proto")
"""Headers of requests that a proxy on this machine has passed on for somebody else."""


class Access:
    """Decides who may do what in one gateway."""

    def __init__(self, ring: KeyRing, hosts: frozenset[str] = frozenset()) -> None:
        """Takes the keys, and the names by which this gateway is reached besides addresses and loopback."""
        self._ring, self._hosts = ring, frozenset(host.casefold() for host in hosts)
        self._sessions = Sessions()

    @property
    def _keys(self) -> Keys:
        return self._ring.now

    def client(self, request: Request) -> ApiError | None:
        """Returns an error for a request without a client's key, where one is asked for."""
        if self._keys.team(_given(request)) is None:
            return ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")
        return None

    def operator(self, request: Request) -> ApiError | None:
        """Returns an error for a request that is not an operator's."""
        if self._operator_of(request) or (not self._keys.asks_operators and _from_here(request)):
            return None
        message = f"This needs an operator's key: send {OPERATOR_KEY} as a bearer token, or log in at /."
        return ApiError(401, message, code="operator")

    def via(self, request: Request) -> Via:
        """Returns how an operator's wish comes by a request that `operator` lets in."""
        return Via(self._operator_of(request), origin_of(request), request.scope.get(REQUEST_ID, ""))

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
        path, keys = request.scope["path"], self._keys
        protected = keys.asks_clients if path.startswith("/v1/") else keys.asks_operators
        if path in {"/health", "/openapi.json"} or protected or self._known(request) or self._keyed(request):
            return None
        message = "The gateway is not reached by this host name: allow it with --allowed-host."
        return ApiError(403, message, code="host")

    def login(self, key: str) -> tuple[str, str]:
        """Returns the token of a new session and the operator's name; both are "" for a key of nobody's."""
        name = self._keys.operator_of(key.strip())
        return (self._sessions.open(name), name) if name else ("", "")

    def is_client(self, key: str) -> bool:
        """Returns whether a key is a client's, which opens no monitor."""
        return self._keys.asks_clients and self._keys.team(key.strip()) is not None

    def logout(self, request: Request) -> None:
        """Ends the session that a request has."""
        self._sessions.end(request.cookies.get(COOKIE, ""))

    def _operator_of(self, request: Request) -> str:
        """Returns the operator's name, by key or session; "" where the request has neither."""
        if name := self._keys.operator_of(_given(request)):
            return name
        name = self._sessions.name(request.cookies.get(COOKIE, ""))
        return name if self._keys.knows_operator(name) else ""

    def _keyed(self, request: Request) -> bool:
        given, keys = _given(request), self._keys
        of_client = keys.asks_clients and keys.team(given) is not None
        return bool(of_client or keys.operator_of(given) or (keys.metrics and same_key(given, keys.metrics)))

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


def origin_of(request: Request) -> str:
    """Returns where a request comes from: its address, and what a proxy says of whom it asks for."""
    address = request.client.host if request.client is not None else ""
    passed_on = request.headers.get("x-forwarded-for", "")
    return clean(f"{address} for {passed_on}" if passed_on else address)


def _given(request: Request) -> str:
    return given_key(request.headers)
