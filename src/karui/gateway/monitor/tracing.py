"""OpenTelemetry: one span a request, by the names of the GenAI conventions, where its API is installed.

The conventions are still "in development": their names stand in one table, `NAMES`, and nowhere else. Spans
go to the collector that OpenTelemetry's own variables name (`OTEL_EXPORTER_OTLP_ENDPOINT`), else to the SDK
that the operator configured in this process; without either they cost next to nothing and go nowhere. A span
carries what `RequestRecord` holds: no prompt, no answer. Its parent is the span that the client's
`traceparent` names (W3C Trace Context), which the server behind gets as well; without one it begins a trace.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from math import isnan
from typing import TYPE_CHECKING, Any

from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as Exporting
    from opentelemetry.trace import Tracer, TracerProvider

_log = logging.getLogger(__name__)
_App = Callable[[Any, Any, Any], Awaitable[None]]
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
NAMES: dict[str, str] = {
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "id": "gen_ai.response.id",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "completion_tokens": "gen_ai.usage.output_tokens",
    "thinking_tokens": "gen_ai.usage.reasoning.output_tokens",
    "first_token_seconds": "gen_ai.server.time_to_first_token",
    "finish": "gen_ai.response.finish_reasons",
    "error": "error.type",
    "status": "http.response.status_code",
    # What the conventions have no name for.
    "plan": "karui.plan",
    "ran": "karui.ran",
    "why": "karui.fallback.reason",
    "moves": "karui.moves",
    "stage": "karui.stage",
    "team": "karui.team",
    "extra_tokens": "karui.usage.extra_tokens",
    "saved": "karui.usage.saved_tokens_estimate",
    "first_answer_seconds": "karui.time_to_first_answer_token",
    "confidence": "karui.confidence",
    "shadow": "karui.shadow",
    "canary": "karui.canary",
}
"""karui's word for it, and the attribute."""


class Telemetry:
    """Makes a span of each request. A sink."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        """Takes the tracer from a provider; None is the one that the operator configured for this process.

        Raises:
            ImportError: The OpenTelemetry API is not installed.
        """
        from opentelemetry import trace

        self._own: Exporting | None = None
        self._global = provider is None
        self._tracer: Tracer = trace.get_tracer("karui.gateway", __version__, tracer_provider=provider)

    @staticmethod
    def found(environment: Mapping[str, str] = os.environ) -> "Telemetry | None":
        """Returns one, or None where the OpenTelemetry API is not installed."""
        try:
            made = _exporting() if any(environment.get(name) for name in _ENDPOINTS) else None
            found = Telemetry(made)
        except ImportError as error:
            if any(environment.get(name) for name in _ENDPOINTS):
                _log.warning(
                    "no span is sent, as %s is not installed: pip install 'karui[trace]'", error.name
                )
            return None
        found._own = made
        return found

    def close(self) -> None:
        """Sends what waits, where spans are this object's to send; waits for the collector, up to 10 s."""
        if self._own is not None:
            self._own.shutdown()

    def see(self, served: RequestRecord) -> None:
        """Makes the span of a request that has ended: it begins and ends when the request did."""
        from opentelemetry.trace import ProxyTracerProvider, SpanKind, Status, StatusCode, get_tracer_provider

        if self._global and isinstance(get_tracer_provider(), ProxyTracerProvider):
            return  # no SDK is configured: the span would go nowhere
        span = self._tracer.start_span(
            f"chat {served.model}".rstrip(),
            kind=SpanKind.SERVER,
            start_time=_nanoseconds(served.at),
            attributes={NAMES[key]: value for key, value in _values(served).items()},
        )
        for name, seconds in (
            ("first token", served.first_token_seconds),
            ("first answer token", served.first_answer_seconds),
        ):
            if not isnan(seconds):
                span.add_event(name, timestamp=_nanoseconds(served.at + seconds))
        if served.status >= 500:
            span.set_status(Status(StatusCode.ERROR, served.detail))
        span.end(_nanoseconds(served.at + served.seconds))


class Traced:
    """An ASGI application: whatever becomes a span in it is a child of the span that a request names."""

    def __init__(self, inner: _App) -> None:
        """Takes the application that answers."""
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one HTTP request."""
        told = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        if "traceparent" not in told:
            return await self._inner(scope, receive, send)
        from opentelemetry import context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        before = context.attach(TraceContextTextMapPropagator().extract(told))
        try:
            await self._inner(scope, receive, send)
        finally:
            context.detach(before)


def _exporting() -> "Exporting":
    """Returns a provider that sends spans in batches, on a thread of its own, as the variables say."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME") or "karui"
    about = Resource.create({"service.name": name, "service.version": __version__})
    provider = TracerProvider(resource=about)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _values(served: RequestRecord) -> dict[str, Any]:
    values: dict[str, Any] = {
        "operation": "chat",
        "provider": "karui",
        "id": served.id,
        "prompt_tokens": served.prompt_tokens,
        # Thinking is part of what was completed; karui's own tokens are not, as in the reply's usage.
        "completion_tokens": served.thinking_tokens + served.answer_tokens,
        "thinking_tokens": served.thinking_tokens,
        "status": served.status,
        "ran": served.ran,
        "extra_tokens": served.extra_tokens,
        "saved": served.saved,
        "shadow": served.shadow,
        "canary": served.canary,
    }
    if served.status < 400:
        values["finish"] = ["length" if served.truncated else "stop"]
    if served.status >= 500:
        values["error"] = str(served.status)
    told: tuple[tuple[str, Any, Callable[[Any], bool]], ...] = (
        # A request that could not be read has no model, and one for full thinking no plan.
        ("model", served.model, bool),
        ("plan", served.plan, bool),
        ("why", served.why.value, lambda v: v != FallbackReason.NONE.value),
        ("moves", served.moves, bool),
        ("stage", served.stage, bool),
        ("team", served.team, bool),
        ("first_token_seconds", served.first_token_seconds, lambda v: not isnan(v)),
        ("first_answer_seconds", served.first_answer_seconds, lambda v: not isnan(v)),
        ("confidence", served.confidence, lambda v: v is not None),
    )
    return values | {key: value for key, value, known in told if known(value)}


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
