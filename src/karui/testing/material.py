"""What the conformance suite runs techniques on: one small synthetic recording, and its siblings."""

from dataclasses import replace
from functools import cache

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion, Recording
from karui.core.request import Request
from karui.testing.synthetic import sibling, synthetic

QUESTIONS, SAMPLES, TOKENS = 24, 16, 250


@cache
def small_recording() -> Recording:
    """Returns a small recording in which every way to end occurs."""
    policy = CheckpointPolicy(max_interval=48, min_interval=26)
    made = synthetic(QUESTIONS, SAMPLES, seed=1, tokens=TOKENS, policy=policy, truncated=0.08)
    return replace(made, manifest=replace(made.manifest, abilities=frozenset(Ability)))


@cache
def _sibling(model: str) -> Recording:
    """Returns a recording of the same questions by the further model of this name."""
    made = sibling(small_recording(), seed=sum(map(ord, model)), samples=SAMPLES)
    return replace(made, manifest=replace(made.manifest, abilities=frozenset(Ability)))


def recorded_with(plan: Plan, model: str) -> Recording:
    """Returns a model's recording as if it had been made with the plan's prompt."""
    bare = small_recording() if model == "main" else _sibling(model)
    style = tuple(t.spec for t in plan.recorded)
    if not style:
        return bare

    def styled(question: RecordedQuestion) -> RecordedQuestion:
        request = Request(question.id, question.prompt, bare.manifest.sampling)
        return replace(question, prompt=plan.rewrite(request).prompt)

    return Recording(replace(bare.manifest, style=style), tuple(map(styled, bare.questions)))


def request(question: str) -> Request:
    """Returns a request for one trace of a question."""
    return Request(question, Prompt(user="How many?"))
