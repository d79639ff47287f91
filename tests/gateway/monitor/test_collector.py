"""Spans as another project's collector keeps them: sent to Arize Phoenix, and read back by its REST API."""

import json
import os
import socket
import subprocess
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, opened, until

pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")

PROGRAM = Path(__file__).parents[3] / ".venv-collector" / "bin" / "phoenix"
QUIET = {
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
    "PHOENIX_ENABLE_MCP_SERVER": "false",
    "PHOENIX_ALLOWED_SANDBOX_PROVIDERS": "NONE",
}
"""It asks nothing of the internet."""
WATCH = """
import sys
def see(event, about):
    if event in ("socket.connect", "socket.getaddrinfo"):
        told = about[1] if event == "socket.connect" else about
        open({path!r}, "a").write(f"{{told[0] if isinstance(told, tuple) else 'file'}}\\n")
sys.addaudithook(see)
"""
"""Writes down what its Python connects to, or looks up."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PROGRAM.exists(), reason="No Arize Phoenix: `make collector` installs it in .venv-collector."
    ),
]


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def answers(address):
    try:
        return httpx.get(f"{address}/healthz").is_success
    except httpx.TransportError:
        return False


@contextmanager
def phoenix(folder):
    """Runs Phoenix on loopback, with all it keeps in a folder; gives its address."""
    port, grpc = free_ports(2)
    places = {"PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(grpc)}
    kept = {"HOME": str(folder), "PHOENIX_WORKING_DIR": str(folder), "PATH": os.environ["PATH"]}
    (folder / "sitecustomize.py").write_text(WATCH.format(path=str(folder / "reached")))
    kept["PYTHONPATH"] = str(folder)
    (folder / "reached").touch()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve"], env={**kept, **places, **QUIET}, cwd=folder, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            until(lambda: process.poll() is not None or answers(address), seconds=120)
            assert process.poll() is None, (folder / "log").read_text()[-4000:]
            yield address
        finally:
            process.terminate()
            process.wait(30)


TRACE, CALLER, OTHER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def kept_by(address, project="default"):
    """All spans that it keeps, newest first."""
    reply = httpx.get(f"{address}/v1/projects/{project}/spans", params={"limit": 100})
    return reply.json()["data"] if reply.is_success else []


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Records of a plan's request, a full one, one that failed and one refused; their spans; the traces."""
    with (
        pytest.MonkeyPatch.context() as patch,
        phoenix(folder := tmp_path_factory.mktemp("phoenix")) as address,
        serving() as fake,
    ):
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "openinference.project.name=door")
        with opened(fake) as house:
            house.ask()
            house.stream(model="karui/full", extra_headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
            fake.behaviour.faults[:] = [(500, "boom")] * 4
            body = {"model": "karui/full", "messages": [{"role": "user", "content": QUESTION}]}
            told = {"traceparent": f"00-{TRACE}-{OTHER}-01"}
            with house.recorded():
                assert house.http.post("/v1/chat/completions", json=body, headers=told).status_code == 502
            with house.recorded():
                assert house.http.post("/v1/chat/completions", json={"messages": 3}).status_code == 400
        records = house.records.of_clients()
        until(lambda: len(kept_by(address, "door")) >= len(records))
        found = {span["attributes"]["gen_ai.response.id"]: span for span in kept_by(address, "door")}
        traces = httpx.get(f"{address}/v1/projects/door/traces").raise_for_status().json()["data"]
        assert not kept_by(address)
    assert set((folder / "reached").read_text().split()) <= {"127.0.0.1", "file"}
    assert found.keys() == {record.id for record in records}
    return records, [found[record.id] for record in records], traces


def test_names_and_parents_are_kept(sent):
    _, spans, _ = sent
    assert [s["name"] for s in spans] == ["chat karui/plan", "chat karui/full", "chat karui/full", "chat"]
    assert {s["span_kind"] for s in spans} == {"LLM"}  # Phoenix's own kinds, of what a span is about
    assert [s["parent_id"] for s in spans] == [None, CALLER, OTHER, None]
    first, *named, last = (s["context"]["trace_id"] for s in spans)
    assert named == [TRACE, TRACE]
    assert len({first, TRACE, last}) == 3


def test_tokens_models_plans_and_times_are_those_of_the_records(sent):
    records, spans, traces = sent
    for record, span in zip(records, spans, strict=True):
        has, completed = span["attributes"], record.thinking_tokens + record.answer_tokens
        assert has["llm.token_count.prompt"] == record.prompt_tokens
        assert has["llm.token_count.completion"] == completed
        assert has["gen_ai.usage.reasoning.output_tokens"] == record.thinking_tokens
        assert has["karui.usage.extra_tokens"] == record.extra_tokens
        assert has["karui.usage.saved_tokens_estimate"] == record.saved
        assert has.get("llm.model_name", "") == record.model
        assert has.get("karui.plan", "") == record.plan
        assert has["karui.ran"] == record.ran
        assert QUESTION not in str(span)
        begin, end = (datetime.fromisoformat(span[name]).timestamp() for name in ("start_time", "end_time"))
        assert begin == pytest.approx(record.at, abs=1e-5)
        assert end - begin == pytest.approx(record.seconds, abs=1e-5)
    assert records[0].saved > 0
    totals = {trace["trace_id"]: trace["token_count_total"] for trace in traces}
    counted = [r.prompt_tokens + r.thinking_tokens + r.answer_tokens for r in records]
    ids = [span["context"]["trace_id"] for span in spans]
    assert totals == {ids[0]: counted[0], TRACE: counted[1] + counted[2], ids[3]: counted[3]}


def test_status_and_events_are_kept(sent):
    records, spans, _ = sent
    assert [s["status_code"] for s in spans] == ["UNSET", "UNSET", "ERROR", "UNSET"]
    assert [s["attributes"]["http.response.status_code"] for s in spans] == [200, 200, 502, 400]
    assert spans[2]["status_message"] == records[2].detail
    assert spans[2]["attributes"]["error.type"] == "502"
    assert [s["attributes"].get("llm.finish_reason") for s in spans] == ["stop", "stop", None, None]
    named = ["first token", "first answer token"]
    assert [[e["name"] for e in s["events"]] for s in spans] == [named, named, [], []]


def test_what_phoenix_makes_of_the_rest_is_as_documented(sent):
    """docs/monitor.md says so to those who look at thinking tokens, or for an answer, there."""
    records, spans, _ = sent
    for record, span in zip(records, spans, strict=True):
        assert "llm.token_count.completion_details.reasoning" not in span["attributes"]
        assert json.loads(span["attributes"]["output.value"]) == {"id": record.id}
