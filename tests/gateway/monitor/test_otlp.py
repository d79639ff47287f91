"""Spans as a collector gets them: by the standard exporter, over HTTP, read by the protocol's own decoder."""

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from karui.gateway.monitor.tracing import Telemetry
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened

protocol = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")


@contextmanager
def collector():
    """Receives OTLP over HTTP on a real socket; yields its address and what came."""
    came = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            data = self.rfile.read(int(self.headers["content-length"]))
            data = gzip.decompress(data) if self.headers.get("content-encoding") == "gzip" else data
            request = protocol.ExportTraceServiceRequest()
            request.ParseFromString(data)  # raises on what is none
            came.append((self.path, self.headers["content-type"], request))
            told = protocol.ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", came
    finally:
        server.shutdown()
        server.server_close()


def plain(value):
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [plain(v) for v in found.values] if kind == "array_value" else found


def attributes(of):
    return {a.key: plain(a.value) for a in of.attributes}


def test_a_collector_gets_a_span_of_each_request_and_no_text(monkeypatch):
    with collector() as (address, came), serving() as fake:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("KARUI_KEYS", '[teams.search]\nkey = "sk-search-0123456789"')
        with opened(fake) as house:
            house.client = house.client.with_options(api_key="sk-search-0123456789")
            house.ask("What is 3 and 4? heron")
            house.stream()
            fake.behaviour.faults[:] = [(500, "boom")] * 4
            body = {"model": "karui/full", "messages": [{"role": "user", "content": "heron"}]}
            told = {"authorization": "Bearer sk-search-0123456789"}
            with house.recorded():
                assert house.http.post("/v1/chat/completions", json=body, headers=told).status_code == 502
        records = house.records.of_clients()
    assert {(path, kind) for path, kind, _ in came} == {("/v1/traces", "application/x-protobuf")}
    resources = [r for _, _, request in came for r in request.resource_spans]
    assert {attributes(r.resource)["service.name"] for r in resources} == {"karui"}
    spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    found = {attributes(span)["gen_ai.response.id"]: span for span in spans}
    assert found.keys() >= {r.id for r in records}
    for record in records:
        span, told = found[record.id], attributes(found[record.id])
        assert span.kind == span.SPAN_KIND_SERVER
        assert told["gen_ai.usage.input_tokens"] == record.prompt_tokens
        assert told["gen_ai.usage.output_tokens"] == record.thinking_tokens + record.answer_tokens
        assert told["karui.team"] == "search"
        assert (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 == pytest.approx(
            record.seconds, abs=1e-5
        )
        assert (span.status.code == span.status.STATUS_CODE_ERROR) == (record.status >= 500)
    assert {record.status for record in records} == {200, 502}
    assert b"heron" not in b"".join(request.SerializeToString() for _, _, request in came)


def test_a_span_belongs_to_the_trace_that_its_client_names(monkeypatch):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    body = {"model": "karui/full", "messages": [{"role": "user", "content": "What is 3 and 4?"}]}
    named = [
        {"traceparent": f"00-{trace}-{parent}-01"},
        {"traceparent": f"00-{trace}-{parent}-00"},  # not to be sampled
        {"traceparent": "none of this"},
        {},
    ]
    with collector() as (address, came), serving() as fake:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        with opened(fake) as house:
            for headers in named:
                with house.recorded():
                    house.http.post("/v1/chat/completions", json=body, headers=headers).raise_for_status()
        records = house.records.of_clients()
    resources = [r for _, _, request in came for r in request.resource_spans]
    spans = [span for r in resources for scope in r.scope_spans for span in scope.spans]
    found = {attributes(span)["gen_ai.response.id"]: span for span in spans}
    child, unsampled, *roots = (found.get(record.id) for record in records)
    assert (child.trace_id.hex(), child.parent_span_id.hex()) == (trace, parent)
    assert unsampled is None
    assert all(root.parent_span_id == b"" and root.trace_id.hex() != trace for root in roots)
    assert roots[0].trace_id != roots[1].trace_id


def test_a_collector_that_is_gone_stops_nothing(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with serving() as fake, opened(fake) as house:
        assert house.ask()[0].choices[0].message.content
    assert house.records.of_clients()[0].status == 200


def test_a_missing_exporter_is_said(monkeypatch, caplog):
    monkeypatch.setitem(
        __import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None
    )
    assert Telemetry.found({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}) is None
    assert "pip install 'karui[trace]'" in caplog.text
