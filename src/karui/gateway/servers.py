"""The servers behind a gateway, and full thinking as it is asked of them."""

import os
from dataclasses import dataclass
from typing import Any

from karui import tasks
from karui.core.engine import Engine
from karui.core.errors import InputError
from karui.core.prompt import FORMAT, TOOLS
from karui.core.question import Verifier
from karui.engines.openai import HttpEngine
from karui.engines.openai.engine import KEY, split_address
from karui.gateway.backends.circuit_breaker import Breaker
from karui.gateway.backends.proxy import ProxyBackend
from karui.gateway.backends.upstream import Upstream
from karui.gateway.backends.upstream_identity import UpstreamIdentity
from karui.gateway.settings import FALLBACK_KEY, Settings
from karui.serving_profile import ServingContract

_READ = {
    TOOLS: frozenset({"tool-call", "python", "judge"}),
    FORMAT: frozenset({"json", "python", "judge", "regex"}),
}
"""Verifiers that read tool calls, and answers in a format."""


@dataclass(frozen=True)
class Servers:
    """The servers behind a gateway.

    Attributes:
        upstream: The model's; None where the model runs in this process.
        fallback: The one to fall back to; None without.
        identity: What the upstream said of its model; None without an upstream.
    """

    upstream: Upstream | None = None
    fallback: Upstream | None = None
    identity: UpstreamIdentity | None = None

    @property
    def key_refused(self) -> str:
        """Address of a server that did not accept the gateway's key the last time; "" without one."""
        both = (self.upstream, self.fallback)
        return next((server.url for server in both if server is not None and server.key_refused), "")

    def close(self) -> None:
        """Closes every connection."""
        for server in (self.upstream, self.fallback):
            if server is not None:
                server.close()


def build_servers(settings: Settings, main: Engine) -> Servers:
    """Returns the servers behind a gateway; no connection is made yet.

    Raises:
        InputError: The fallback's address names no model.
    """
    upstream = fallback = identity = None
    if isinstance(main, HttpEngine):
        upstream = Upstream(
            split_address(settings.upstream)[0].rstrip("/"),
            main.can.model,
            frozenset({main.can.model}),
            os.environ.get(KEY, "").strip(),
            settings.limits,
            Breaker(settings.breaker),
            main.can.limit,
            main.can.usage,
        )
        identity = UpstreamIdentity(main.can.model)
    if settings.fallback != "full":
        address, model = split_address(settings.fallback)
        if not model:
            raise InputError(
                f"The fallback {settings.fallback} names no model.",
                remedy="Name it after a #: --fallback http://HOST:PORT/v1#model.",
            )
        fallback = Upstream(
            address.rstrip("/"),
            model,
            frozenset(),
            os.environ.get(FALLBACK_KEY, "").strip(),
            settings.limits,
            Breaker(settings.breaker),
        )
    return Servers(upstream, fallback, identity)


def full_thinking(upstream: Upstream, terms: ServingContract, main: HttpEngine | None = None) -> ProxyBackend:
    """Returns full thinking by a server, asked as it was when the plan was compared with it."""
    drawn = terms.sampling
    usual: dict[str, Any] = {
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        upstream.limit: drawn.max_tokens,
    }
    usual |= {"top_k": drawn.top_k} if drawn.top_k else {}
    if main is None:
        return ProxyBackend(upstream, terms.instruction, usual)
    markers = None if main.markers.plain else main.markers
    return ProxyBackend(
        upstream,
        terms.instruction,
        usual,
        markers,
        main.to_think,
        main.thinking_words,
        context=main.can.context,
    )


def readers(spec: str) -> dict[str, Verifier]:
    """Returns what reads tool calls and formats, where the certified verifier does not."""
    name = spec.partition(":")[0]
    usual = {TOOLS: "tool-call", FORMAT: "json"}
    return {kind: tasks.verifier(usual[kind]) for kind in usual if name not in _READ[kind]}
