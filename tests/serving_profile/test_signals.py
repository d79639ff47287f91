"""What the guard watches is counted live exactly as the recording's profile counted it."""

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from karui import catalog
from karui.core.engine import trace_seed
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.gateway.backends.backend import PlanRequest
from karui.gateway.backends.plan_runner import PlanRunner
from karui.gateway.openai_api.chunks import Finished
from karui.runners.replay import Replay
from karui.serving_profile import ServingProfile
from karui.tasks import verifier
from karui.testing.synthetic import synthetic
from tests.helpers.gateways import chosen

PLANS = (
    "",
    "token-budget:tokens=60",
    "token-cap:tokens=80",
    "trial-confidence:threshold=0.9",
    "trial-confidence:threshold=0.6,gate=0.8",
    "trial-stability:k=2",
    "trial-stability:k=2,peek=true",
    "trial-stability:k=3 + token-cap:tokens=90",
    "self-consistency:k=3",
    "adaptive-consistency:k=3 + token-budget:tokens=60",
    "confidence-vote:k=3 + token-cap:tokens=80",
)
CHOICE = chosen().choice


def live(plan, recording):
    """Runs the plan as the gateway does, on an engine that plays the traces that the replay took."""
    replay = Replay({"main": recording})
    scripts = {}
    for question in recording.questions:
        traces = question.traces
        first = trace_seed(0, question.id, 0) % len(traces)
        order = replay.permutations(question, "main")[0] if plan.flows else [first]
        scripts[question.id] = [replace(traces[at], sample=n) for n, at in enumerate(order)]
    manifest = recording.manifest

    async def run():
        engine = ScriptedEngine(scripts, suffix_tokens=manifest.suffix_tokens)
        runner = PlanRunner({"main": engine}, verifier("exact"), "")
        asked = PlanRequest(Prompt("?"), manifest.sampling)
        return [
            chunk.result
            for question in recording.questions
            async for chunk in runner.stream(plan, question.id, asked)
            if isinstance(chunk, Finished)
        ]

    return run_virtual(run())


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(PLANS),
    st.integers(0, 2**16),
    st.integers(30, 150),
    st.sampled_from([1, 3]),
    st.floats(0.0, 0.3),
)
@example("trial-stability:k=2", 1, 120, 3, 0.3)
def test_live_and_recorded_are_counted_alike(words, seed, tokens, samples, cut):
    plan = catalog.parse(words) if words else Plan()
    made = synthetic(3, max(samples, 3 if plan.flows else 1), seed=seed, tokens=tokens, truncated=cut)
    profile = ServingProfile.of({"main": made}, plan, CHOICE)
    results = live(plan, made)
    assert [r.failure for r in results] == [None] * 3
    seen = [r.signals for r in results]
    assert tuple(s.thinking_tokens for s in seen) == profile.thinking
    assert tuple(s.confidence for s in seen) == profile.confidence
    assert tuple(s.agreement for s in seen) == profile.agreement
    assert sum(s.truncated for s in seen) / 3 == profile.truncated
    # What the record holds, and the guard reads, is the same again.
    assert [(r.usage.thinking, r.confidence, r.truncated) for r in results] == [
        (s.thinking_tokens, s.confidence, s.truncated) for s in seen
    ]
