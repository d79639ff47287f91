from math import copysign

import pytest

from karui.gateway.monitor.tracing import NAMES, Telemetry
from karui.gateway.records.record import FallbackReason
from tests.helpers.gateway_records import LABEL, served

sdk = pytest.importorskip("opentelemetry.sdk.trace")
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402 - after the question whether it is there
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402


@pytest.fixture
def spans():
    kept = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    telemetry = Telemetry(provider)

    def see(record):
        kept.clear()
        telemetry.see(record)
        return kept.get_finished_spans()

    return see


def test_a_span_has_the_names_of_the_conventions(spans):
    (span,) = spans(served(4))
    assert span.name == "chat karui/plan"
    assert (span.start_time, span.end_time) == (1004 * 10**9, round((1004 + 1.004) * 1e9))
    a = span.attributes
    assert a["gen_ai.request.model"] == "karui/plan"
    assert a["gen_ai.usage.input_tokens"] == 30
    assert a["gen_ai.usage.output_tokens"] == 114
    assert a["gen_ai.usage.reasoning.output_tokens"] == 104
    assert a["gen_ai.server.time_to_first_token"] == 0.1
    assert a["karui.plan"] == LABEL
    assert a["karui.usage.saved_tokens_estimate"] == 400 - 119
    assert [e.name for e in span.events] == ["first token", "first answer token"]
    assert span.status.is_ok
    assert set(a) <= set(NAMES.values())


def test_failures_and_what_is_not_known(spans):
    nan = float("nan")
    record = served(
        0, status=502, ran="full", why=FallbackReason.UPSTREAM, detail="refused", confidence=None, moves=""
    )
    (span,) = spans(served(0, first_token_seconds=nan, first_answer_seconds=nan))
    assert "gen_ai.server.time_to_first_token" not in span.attributes
    assert span.events == ()
    (span,) = spans(record)
    assert (span.status.is_ok, span.status.description) == (False, "refused")
    assert span.attributes["error.type"] == "502"
    assert span.attributes["karui.fallback.reason"] == "upstream error"
    assert not {"karui.confidence", "karui.moves", "gen_ai.response.finish_reasons"} & set(span.attributes)


def test_what_a_refused_request_does_not_have_is_left_out(spans):
    (span,) = spans(
        served(
            0, status=400, model="", plan="", ran="full", thinking_tokens=0, answer_tokens=0, extra_tokens=0
        )
    )
    assert span.name == "chat"
    assert not {"gen_ai.request.model", "karui.plan"} & set(span.attributes)
    assert copysign(1, span.attributes["karui.usage.saved_tokens_estimate"]) == 1  # 0, and not -0


def test_without_the_package_there_are_no_spans(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry", None)
    assert Telemetry.found() is None
