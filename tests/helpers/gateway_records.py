"""Records and states made by hand, for the tests of what watches a gateway."""

from dataclasses import replace

from karui.gateway.records.record import RequestRecord
from karui.gateway.records.stage import Stage
from karui.gateway.rollout.drift_tests import DriftTest
from karui.gateway.rollout.guard_status import Phase, State, TestStatus
from karui.gateway.status import GatewayStatus, Price

LABEL = "trial-confidence(threshold=0.95, every=64)"


def served(n=0, **given):
    usual = {
        "id": f"req-{n:04d}",
        "at": 1000.0 + n,
        "plan": LABEL,
        "model": "karui/plan",
        "ran": "plan",
        "prompt_tokens": 30,
        "thinking_tokens": 100 + n % 7,
        "answer_tokens": 10,
        "extra_tokens": 5,
        "full_tokens": 400.0,
        "first_token_seconds": 0.1,
        "first_answer_seconds": 0.5 + n / 1000,
        "seconds": 1.0 + n / 1000,
        "confidence": 0.9,
        "stage": "25",
        "moves": "peek=2,answer@100",
    }
    return RequestRecord(**{**usual, **given})


def guard(phase=Phase.WATCHING, reason=None, evidence=2.0, **given):
    sights = tuple(
        TestStatus(name, 1200 if i else 1180, evidence if i == 0 else 1.4, 700.0)
        for i, name in enumerate(DriftTest)
    )
    usual = {
        "since": 900.0,
        "probe_at": 0.0,
        "probed": 0,
        "probes": 30,
        "sights": sights,
        "alpha": 0.01,
        "changes": (),
    }
    return State(phase, reason, **{**usual, **given})


def now(**given):
    usual = GatewayStatus(
        at=2000.0,
        started_at=500.0,
        plan=LABEL,
        plan_id="c0ffee123456",
        decision="adopt",
        model="karui-mini",
        upstream="http://127.0.0.1:8000",
        fallback="",
        stage=Stage.QUARTER,
        stage_since=800.0,
        needs=(),
        guard=guard(),
        in_flight=3,
        queued=0,
        at_once=32,
        table=(),
        thinking_range=(60.0, 420.0),
        confidence_range=(0.62, 0.999),
        truncated=0.006,
        full_tokens=400.0,
        margin=0.02,
        price=Price(per_million=1.2, currency="EUR"),
    )
    return replace(usual, **given)
