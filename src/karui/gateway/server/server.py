"""Serving: connects to the upstream, listens, and lets requests under way finish when it is told to stop."""

import gc
import logging
import os
import re
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import uvicorn

from karui.core.engine import Engine
from karui.core.errors import InputError
from karui.engines.chat.override import Override
from karui.engines.openai import HttpEngine
from karui.engines.openai.engine import KEY
from karui.engines.options import EngineOptions, Logprobs, RetryPolicy, ServerOptions
from karui.engines.styled import styled
from karui.gateway.assemble import Gateway
from karui.gateway.backends.known_servers import KnownServers
from karui.gateway.deployment import Deployment
from karui.gateway.keys import CLIENT_KEY, Keys
from karui.gateway.routes import RouteTable
from karui.gateway.server.app import app, app_of
from karui.gateway.server.connection import connection_class, connections
from karui.gateway.server.logs import log_json_lines
from karui.gateway.server.workers import inherited, is_worker
from karui.gateway.settings import FALLBACK_KEY, Settings
from karui.serving_profile import CheckpointSettings

_log = logging.getLogger(__name__)
_WAITING = 2048
"""Connections that nobody has taken yet."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def connect(settings: Settings, chosen: Deployment, servers: KnownServers | None = None) -> dict[str, Engine]:
    """Connects to the servers of the plan's models, and finds out what they can do.

    Args:
        settings: What the operator decided.
        chosen: The choice.
        servers: Knows what was found before; None tries each.

    Raises:
        KaruiError: A server does not answer, does not serve the model, or does not accept the key.
    """
    servers = servers or KnownServers()
    bounds = settings.limits
    retry = RetryPolicy(
        connect_seconds=bounds.connect_seconds,
        silence_seconds=bounds.silence_seconds,
        tries=2,
        backoff_seconds=0.2,
        total_seconds=bounds.connect_seconds,
    )
    engines: dict[str, Engine] = {}
    for name in chosen.plan.models:
        address = settings.upstream if name == "main" else settings.beside.get(name, "")
        if not address and chosen.mode_of_main(name):
            address = settings.upstream
        if not address:
            continue  # the check of abilities says which
        footing = chosen.expectation.terms.footings.get(name, CheckpointSettings())
        engine = servers.connect(
            address,
            EngineOptions(
                thinking=Override.of(footing.thinking, "The choice"),
                rule=footing.rule,
                suffix=footing.suffix or None,
            ),
            ServerOptions(
                folder=settings.folder if name == "main" else "",
                route=settings.route,
                key=key_for(name, address, settings.upstream),
                retry=retry,
                logprobs=Logprobs(footing.logprobs or Logprobs.ALL),
            ),
        )
        engines[name] = styled(engine, chosen.style(name))
    if settings.fallback != "full":
        warn_of_plain_http(os.environ.get(FALLBACK_KEY, ""), settings.fallback)
    return engines


def check(settings: Settings, chosen: Deployment, engines: Mapping[str, Engine], origin: str = "") -> None:
    """Refuses engines of another model, or that cannot run the plan.

    Args:
        settings: What the operator decided.
        chosen: The choice.
        engines: By the names that the plan's asks use.
        origin: Digest of the model that the plan's own techniques made the main one from; "" where none did.

    Raises:
        ModelError: Names both models.
        PlanError: Names the ability, and a plan that would work.
    """
    main = engines["main"]
    served = main.can.model if isinstance(main, HttpEngine) else ""
    chosen.check_model(main.card, served, same=settings.same_model, origin=origin)
    chosen.check_abilities(engines)


def key_for(name: str, address: str, upstream: str) -> str:
    """Returns the key to send to a model's server: its own, or the upstream's where it is the same server.

    Args:
        name: By which the plan asks the model; "main" is the upstream's.
        address: The server's.
        upstream: The main model's server's.
    """
    own = f"{KEY}_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    same = name == "main" or _origin(address) == _origin(upstream)
    key = os.environ.get(own, "") or (os.environ.get(KEY, "") if same else "")
    if not key and os.environ.get(KEY):
        _log.warning("%s gets no key: %s is for %s only, and %s is not set", address, KEY, upstream, own)
    warn_of_plain_http(key.strip(), address)
    return key.strip()


def warn_of_plain_http(key: str, address: str) -> None:
    """Warns of a key that others on the way can read."""
    told = urlsplit(address)
    if key and told.scheme == "http" and (told.hostname or "") not in _LOOPBACK:
        _log.warning("the key for %s goes over plain http, where others on the way can read it", address)


def _origin(address: str) -> tuple[str, str]:
    told = urlsplit(address)
    return told.scheme, told.netloc.rpartition("@")[2]


def ensure_guarded(settings: Settings) -> None:
    """Refuses to serve everybody unasked.

    Raises:
        InputError: Others than this machine would reach the gateway, and no key is asked of them.
    """
    if Keys.read(file=settings.keys).asks_clients or settings.open_to_all or settings.host in _LOOPBACK:
        return
    raise InputError(
        f"At {settings.host} everybody who reaches the port could use the model: no key is set.",
        remedy=f"Set {CLIENT_KEY} to a key that clients have to give, name a file of keys, or say --open.",
    )


def listen(host: str, port: int) -> socket.socket:
    """Takes an address to listen at; a worker takes what its supervisor has.

    Raises:
        InputError: It is taken, or is none of this machine's.
    """
    if (taken_before := inherited()) is not None:
        return taken_before
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small pieces at once only where a socket says that it is TCP; else each waits for an
    # acknowledgement, which a client may put off for 40 ms.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(_WAITING)
    except OverflowError as error:
        taken.close()
        raise InputError(f"{port} is no port.", remedy="Choose a --port from 0 to 65535.") from error
    except OSError as error:
        taken.close()
        raise InputError(
            f"The gateway cannot listen at {host}:{port}.",
            why=str(error),
            remedy="Another program uses that port, or a gateway is running already: choose another --port.",
        ) from error
    return taken


def run(
    gateway: Gateway | RouteTable, taken: socket.socket, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serves until SIGTERM or SIGINT; requests under way may finish within the drain time.

    Changes of state are logged to stderr as lines of JSON meanwhile. What is there by the time that requests
    are taken is left alone by the garbage collector: a full collection would look at all of it, some 100,000
    objects, and no stream goes on meanwhile.

    Args:
        gateway: What answers, one choice or several routes.
        taken: Where to listen.
        on_ready: Called when requests are taken.
    """

    def ready() -> None:
        gc.collect()
        gc.freeze()
        on_ready()

    server = _server(gateway, ready)
    handler = log_json_lines()
    try:
        server.run(sockets=[taken])
    finally:
        logging.getLogger("karui.gateway").removeHandler(handler)


async def serve(
    gateway: Gateway | RouteTable, taken: socket.socket, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Serves on the running event loop; cancelled, it stops as well. Logging is left to its process."""
    await _server(gateway, on_ready).serve(sockets=[taken])


def _server(gateway: Gateway | RouteTable, on_ready: Callable[[], None]) -> "_Server":
    settings = gateway.file.settings if isinstance(gateway, RouteTable) else gateway.settings
    config = uvicorn.Config(
        app_of(gateway) if isinstance(gateway, RouteTable) else app(gateway),
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=round(settings.limits.drain_seconds),
        server_header=False,
        http=connection_class(settings.limits.head_seconds),
        ws="none",
        # asyncio takes as many connections at a time: a worker takes one, and leaves the next to the others.
        backlog=1 if is_worker() else _WAITING,
        limit_concurrency=connections(settings.limits.connections),
    )
    return _Server(config, on_ready)


class _Server(uvicorn.Server):
    """Says when it is up."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(_WAITING)  # asyncio has set that to `backlog` as well
        if self.started:
            self._on_ready()
