"""The guard: quiet while all is well, loud soon after it is not, and back by rule."""

from dataclasses import replace

import numpy as np
import pytest

from karui.gateway.records.cause import Because, Cause
from karui.gateway.records.record import FallbackReason, RequestRecord
from karui.gateway.rollout.drift_guard import Guard
from karui.gateway.rollout.guard_status import GuardConfig, Phase
from karui.serving_profile import ServingProfile

LABEL = "trial-confidence:threshold=0.9"


def drawn(rng, n, *, longer=1.0, less_sure=0.0):
    """Thinking tokens, confidences and agreements of n questions of a model that does not exist."""
    ease = rng.beta(3, 2, n)
    thinking = (longer * np.exp(rng.normal(5.5 - ease, 0.4))).astype(int)
    confidence = np.clip(rng.beta(8, 1.2, n) - less_sure, 0, 1)
    agreement = rng.integers(1, 5, n) / 4
    return thinking, confidence, agreement


def expected(rng, n=200, **more):
    thinking, confidence, agreement = (tuple(v.tolist()) for v in drawn(rng, n))
    values = {"truncated": 0.01, "full_tokens": 500.0, "full_accuracy": 0.9, "accuracy": 0.895}
    return ServingProfile("id", LABEL, thinking, confidence, agreement, **{**values, "margin": 0.02, **more})


def stream(rng, n, *, start=0, wrong=0.1, canaries=0.05, truncated=0.01, **drift):
    thinking, confidence, agreement = drawn(rng, n, **drift)
    for k in range(n):
        canary = bool(rng.random() < canaries)
        yield RequestRecord(
            id=f"r{start + k}-{rng.integers(1 << 40)}",
            at=float(start + k),
            plan=LABEL,
            model="karui/plan",
            ran="plan",
            canary=canary,
            correct=bool(rng.random() >= wrong) if canary else None,
            canary_of=f"q{rng.integers(30)}" if canary else "",
            thinking_tokens=int(thinking[k]),
            confidence=float(confidence[k]),
            trial_agreement=float(agreement[k]),
            truncated=bool(rng.random() < truncated),
        )


def trips_at(guard, records):
    for number, served in enumerate(records, 1):
        guard.see(served)
        if guard.tripped():
            return number, guard.tripped().values["test"]
    return None


def test_a_healthy_stream_of_10000_trips_at_most_at_the_stated_rate():
    rng, runs, limits = np.random.default_rng(7), 16, GuardConfig(alpha=0.05)
    alarms = [trips_at(Guard(expected(rng), limits), stream(rng, 10_000)) for _ in range(runs)]
    print("healthy:", alarms)
    # Were the rate alpha, more than 4 of 16 would happen once in a thousand.
    assert sum(a is not None for a in alarms) <= 4


def test_many_short_healthy_streams_trip_at_most_at_the_stated_rate():
    rng, runs, limits = np.random.default_rng(8), 200, GuardConfig(alpha=0.2)
    alarms = [trips_at(Guard(expected(rng, 60), limits), stream(rng, 500)) for _ in range(runs)]
    print("alarms at alpha 0.2:", sum(a is not None for a in alarms), "of", runs)
    assert sum(a is not None for a in alarms) <= 0.2 * runs + 3 * np.sqrt(0.16 * runs)


POISON = {
    "half as long": ({"longer": 0.5}, 250),
    "twice as long": ({"longer": 2.0}, 250),
    "half as long again": ({"longer": 1.5}, 500),
    "less sure": ({"less_sure": 0.15}, 250),
    "truncated": ({"truncated": 0.3}, 250),
}


@pytest.mark.parametrize("healthy", [0, 3000])
@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_stream_trips_soon(name, healthy):
    drift, within = POISON[name]
    rng = np.random.default_rng(3)
    found = []
    for _ in range(3):
        guard = Guard(expected(rng))
        guard.replay(stream(rng, healthy))
        assert not guard.tripped()
        found.append(trips_at(guard, stream(rng, 2 * within, start=healthy, **drift)))
    print(f"{name} after {healthy}:", found)
    assert all(f is not None and f[0] <= within for f in found)


def test_errors_trip_and_those_of_clients_do_not():
    rng = np.random.default_rng(6)
    good = list(stream(rng, 400, canaries=0))
    bad = [
        replace(s, status=502, ran="full", why=FallbackReason.UPSTREAM) if n % 3 == 0 else s
        for n, s in enumerate(good)
    ]
    assert trips_at(Guard(expected(rng)), bad)[1] == "errors"
    assert trips_at(Guard(expected(rng)), [replace(s, status=400) for s in good]) is None
    assert trips_at(Guard(expected(rng)), [replace(s, status=499) for s in good]) is None


def test_what_is_escalated_for_low_confidence_is_expected():
    rng = np.random.default_rng(9)
    limits = GuardConfig(floor=0.7)

    def escalated(records):
        for s in records:
            low = s.confidence < limits.floor and not s.canary
            yield replace(s, ran="full", why=FallbackReason.UNSURE, thinking_tokens=9999) if low else s

    assert trips_at(Guard(expected(rng), limits), escalated(stream(rng, 4000))) is None
    number, why = trips_at(Guard(expected(rng), limits), escalated(stream(rng, 1000, less_sure=0.2)))
    assert number <= 250
    assert why in {"unsure", "confidence"}


def tripped_guard(rng):
    guard = Guard(expected(rng))
    number, _ = trips_at(guard, stream(rng, 500, longer=2.0))
    return guard, number


def test_it_comes_back_only_when_probes_pass():
    rng = np.random.default_rng(10)
    guard, number = tripped_guard(rng)
    rest, probes = guard.limits.rest_seconds, guard.limits.probes
    assert guard.state.phase is Phase.TRIPPED
    assert not guard.wants_probe(number + rest / 2)
    begin = int(guard.state.probe_at) + 1
    assert guard.wants_probe(begin)
    # Shown answers and full thinking are no probes; silent runs are.
    for s in stream(rng, 2 * probes, start=begin, canaries=0):
        guard.see(replace(s, ran="full", why=FallbackReason.GUARD))
    assert guard.state.phase is Phase.TRIPPED
    for s in stream(rng, probes, start=begin + 100, canaries=0):
        assert guard.tripped()
        guard.see(replace(s, shadow=True))
    assert guard.state.phase is Phase.WATCHING
    assert guard.tripped() is None
    assert [c.phase for c in guard.state.changes] == [Phase.TRIPPED, Phase.PROBING, Phase.WATCHING]


def test_bad_probes_send_it_back_for_twice_as_long():
    rng = np.random.default_rng(11)
    guard, _ = tripped_guard(rng)
    begin = int(guard.state.probe_at) + 1
    for s in stream(rng, guard.limits.probes, start=begin, canaries=0, longer=6.0):
        guard.see(replace(s, shadow=True))
    state = guard.state
    assert state.phase is Phase.TRIPPED
    assert state.probe_at - state.since == 2 * guard.limits.rest_seconds
    assert guard.tripped().cause in {Cause.PROBES_TEST, Cause.PROBES_FEW}


def test_the_same_records_give_the_same_guard():
    rng = np.random.default_rng(12)
    expectation, records = expected(rng), list(stream(rng, 800, longer=1.3))
    first, second = Guard(expectation), Guard(expectation)
    for s in records:
        first.see(s)
    second.replay(records)
    assert first.state == second.state


def test_a_command_trips_and_resets():
    guard = Guard(expected(np.random.default_rng(13)))
    guard.trip(5.0, Because.stated("upstream changed"))
    assert guard.tripped() == Because.stated("upstream changed")
    guard.reset(6.0, Because.stated("ada: checked by hand"))
    assert not guard.tripped()
    assert str(guard.state.changes[-1].because) == "ada: checked by hand"
