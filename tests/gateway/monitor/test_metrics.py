from prometheus_client.parser import text_string_to_metric_families

from karui.gateway.backends.circuit_breaker import Circuit
from karui.gateway.monitor.metrics import Metrics
from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.record import FallbackReason
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.guard_status import Phase
from tests.helpers.gateway_records import guard, now, served


def read(metrics, status=None, lost=0):
    """The samples as Prometheus's own parser reads them."""
    samples = {}
    for family in text_string_to_metric_families(metrics.text(status, lost).decode()):
        for sample in family.samples:
            samples[(sample.name, *sorted(sample.labels.items()))] = sample.value
    return samples


PLAN = (("model_name", "karui/plan"), ("ran", "plan"))
FULL = (("model_name", "karui/plan"), ("ran", "full"))


def test_the_text_says_what_was_served():
    metrics = Metrics({"karui/plan", "karui/full"})
    metrics.see(served(0))
    metrics.see(served(1, first_token_seconds=float("nan"), truncated=True))
    metrics.see(served(2, ran="full", why=FallbackReason.GUARD, thinking_tokens=380, confidence=None))
    metrics.see(served(3, status=502, ran="full", why=FallbackReason.UPSTREAM))
    found = read(metrics)
    assert found["karui:requests_total", *PLAN, ("status", "200")] == 2
    assert found["karui:requests_total", *FULL, ("status", "502")] == 1
    assert found["karui:thinking_tokens_total", *PLAN] == 201
    assert found["karui:generation_tokens_total", *PLAN] == 231
    assert found["karui:full_tokens_estimate_total", *PLAN] == 800
    assert found["karui:full_tokens_estimate_total", *FULL] == 0
    assert found["karui:time_to_first_token_seconds_count", *PLAN] == 1
    assert found["karui:time_to_first_answer_token_seconds_count", *PLAN] == 2
    assert found["karui:e2e_request_latency_seconds_count", *FULL] == 1  # an error has no latency
    assert found["karui:e2e_request_latency_seconds_bucket", ("le", "1.0"), *PLAN] == 1
    assert found["karui:fallbacks_total", ("why", "guard tripped")] == 1
    assert found["karui:truncated_total", *PLAN] == 1
    assert found["karui:confidence_count", *PLAN] == 2


def test_what_nobody_saw_is_counted_apart():
    metrics = Metrics({"karui/plan", "karui/full"})
    metrics.see(served(0, shadow=True, agrees=True))
    metrics.see(served(1, shadow=True, status=500))
    metrics.see(served(2, canary=True, correct=False))
    found = read(metrics)
    assert found["karui:silent_runs_total", ("kind", "shadow"), ("well", "yes")] == 1
    assert found["karui:silent_runs_total", ("kind", "shadow"), ("well", "no")] == 1
    assert found["karui:silent_runs_total", ("kind", "canary"), ("well", "no")] == 1
    assert found["karui:silent_tokens_total", ("kind", "canary")] == 117
    assert not [key for key in found if key[0].startswith("karui:requests")]


def test_gauges_show_the_moment_of_the_scrape():
    metrics = Metrics({"karui/plan", "karui/full"})
    assert read(metrics, now(in_flight=3, stage=Stage.SHADOW))["karui:num_requests_running",] == 3
    tripped = guard(Phase.TRIPPED, Because.of(Cause.TEST, test="thinking"), evidence=812.0)
    broken = (Because.stated("a"), Because.stated("b"))
    state = now(in_flight=0, queued=2, guard=tripped, breaker=Circuit.OPEN, degraded=broken)
    found = read(metrics, state, 7)
    assert found["karui:num_requests_waiting",] == 2
    assert found["karui:stage_percent",] == 25
    assert found["karui:guard", ("state", "tripped")] == 1
    assert found["karui:guard", ("state", "watching")] == 0
    assert found["karui:guard_evidence", ("test", "thinking")] == 812
    assert found["karui:breaker", ("state", "open")] == 1
    assert found["karui:degraded",] == 2
    assert found["karui:history_rows_lost",] == 7


def test_names_that_clients_make_up_have_no_series():
    metrics = Metrics({"karui/plan", "karui/full"})
    for n in range(500):
        metrics.see(served(n, model=f"made-up-{n}"))
    names = {dict(key[1:])["model_name"] for key in read(metrics) if key[0] == "karui:requests_total"}
    assert names == {"other"}


def test_two_gateways_in_one_process_count_apart():
    one, other = Metrics({"karui/plan", "karui/full"}), Metrics({"karui/plan", "karui/full"})
    one.see(served(0))
    assert ("karui:requests_total", *PLAN, ("status", "200")) not in read(other)
