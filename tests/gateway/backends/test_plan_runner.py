"""Streams: what is heard is what was thought, and no stream says one thing and then another."""

import asyncio

import pytest

from karui import catalog
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling
from karui.core.question import Question
from karui.core.request import Request
from karui.core.trace import End
from karui.engines.openai import HttpEngine
from karui.runners.live import solve_live
from karui.tasks import verifier
from tests.helpers.fake_server import serving
from tests.helpers.gateways import QUESTION, RULE, chosen, opened


class Ears:
    """Hears everything, by leaf."""

    def __init__(self):
        self.thought, self.looked, self.ended, self.calls = {}, {}, {}, []

    def on_thinking(self, leaf, text):
        assert text
        assert leaf.id not in self.ended
        self.thought[leaf.id] = self.thought.get(leaf.id, "") + text
        self.calls.append(text)

    def on_checkpoint(self, leaf, checkpoint):
        self.looked.setdefault(leaf.id, []).append(checkpoint)

    def on_end(self, leaf, trace, prompt_tokens):
        assert leaf.id not in self.ended
        self.ended[leaf.id] = (trace, prompt_tokens)


def solved(fake, *texts, **options):
    """Solves one question by several plans on one engine; returns what came of each, and what was heard."""
    engine = HttpEngine.load(fake.url, rule=RULE, **options)
    asked = Question("q", QUESTION, "7", verifier("numeric"))
    ask = Request("q", Prompt(QUESTION), Sampling(0.7, max_tokens=400))

    async def main():
        found = []
        try:
            for text in texts:
                ears, plan = Ears(), catalog.parse(text) if text else Plan()
                found.append((await solve_live(plan, asked, ask, {"main": engine}, ears), ears))
        finally:
            await engine.close()
        return found

    return asyncio.run(main())


@pytest.mark.parametrize("thinking", ["reasoning", "reasoning_content", "inline", "opened"])
@pytest.mark.parametrize("route", ["completions", "chat"])
def test_what_is_heard_is_what_was_thought(thinking, route):
    plans = ("", "trial-stability:k=2", "token-budget:tokens=30")
    with serving(thinking=thinking, per_event=3 if thinking == "inline" else 1) as fake:
        found = solved(fake, *plans, route=route)
    for plan, (outcome, ears) in zip(plans, found, strict=True):
        (trace,) = outcome.traces
        assert ears.thought.get(0, "") == trace.thinking
        assert trace.thinking
        assert ears.ended[0][0] is trace
        assert ears.ended[0][1] > 0
        assert len(ears.calls) > 5  # as it comes, not only at checkpoints
        assert trace.end is (End.ANSWERED if plan else End.FINISHED)
        if plan:
            assert ears.looked[0][-1].trial.answer == outcome.answer


def test_every_trace_of_a_vote_is_heard_by_itself():
    with serving() as fake:
        ((outcome, ears),) = solved(fake, "self-consistency:k=3")
    assert [ears.thought[n] for n in range(3)] == [t.thinking for t in outcome.traces]


@pytest.mark.parametrize(
    "plan", ["self-consistency:k=3", "first-of:k=3,m=1", "trial-stability:k=2 + self-consistency:k=2"]
)
def test_plans_of_several_traces_speak_when_they_are_decided(plan):
    with serving() as fake, opened(fake, chosen(plan)) as house:
        thinking, answer, chunks = house.stream(stream_options={"include_usage": True})
        reply, headers = house.ask()
        assert headers["x-karui-moves"].startswith("traces=")
        usage = chunks[-1].usage.to_dict()
        assert usage["karui"]["extra_tokens"] > 0
        assert answer.strip().startswith("\\boxed{")
        assert sum(bool(getattr(c.choices[0].delta, "reasoning", None)) for c in chunks if c.choices) == 1
        assert answer.strip() == reply.choices[0].message.content.strip()
        assert "step 1" in thinking
        served = house.records[-1]
        if not plan.startswith("first-of"):  # what its losers had thought when they were stopped is chance
            assert served.extra_tokens >= served.thinking_tokens // 2
        assert served.trial_agreement is None


def test_a_cascade_asks_two_servers():
    with serving() as large, serving() as small:
        choice = chosen("cascade:model=small", beside=("small",))
        beside = {"small": f"{small.url}#toy"}
        with opened(large, choice, beside=beside) as house:
            before = len(large.requests), len(small.requests)
            house.ask()
            asked = len(large.requests) - before[0], len(small.requests) - before[1]
            assert asked[1] >= 1  # the small one first
            served = house.records[-1]
            assert (served.ran, served.status) == ("plan", 200)


def test_a_stream_is_one_completion():
    with serving() as fake, opened(fake) as house:
        _, answer, chunks = house.stream(stream_options={"include_usage": True})
        assert len({c.id for c in chunks}) == 1
        assert [c.choices[0].delta.role for c in chunks if c.choices and c.choices[0].delta.role] == [
            "assistant"
        ]
        finishes = [c.choices[0].finish_reason for c in chunks if c.choices]
        assert finishes == [None] * (len(finishes) - 1) + ["stop"]
        kinds = ["answer" if c.choices[0].delta.content else "thinking" for c in chunks[1:-2]]
        assert kinds == sorted(kinds, reverse=True)  # all thinking before all answer
        assert answer
        raw = house.http.post(
            "/v1/chat/completions",
            json={
                "model": "karui/plan",
                "stream": True,
                "messages": [{"role": "user", "content": QUESTION}],
            },
        ).text
        assert raw.count("data: [DONE]") == 1
        assert raw.endswith("data: [DONE]\n\n")
        assert '"usage":{' not in raw
