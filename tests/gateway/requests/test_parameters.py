"""Requests with tools, formats, stop words, several answers and log-probabilities, before a gateway."""

import json

import pytest

from karui.core.prompt import Sampling
from karui.serving_profile import CheckpointSettings, ServingContract
from tests.helpers.fake_server import serving
from tests.helpers.gateways import RULE, chosen, opened

SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
TOOLS = [{"type": "function", "function": {"name": "answer", "parameters": SCHEMA}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
INSTRUCTION = "Put it in a box."
ASKED = {
    "tools": {"tools": TOOLS, "tool_choice": "required"},
    "response_format": {"response_format": FORMAT},
    "stop": {"stop": ["}"]},
}


def covering(*kinds, plan="trial-stability:k=3"):
    terms = ServingContract(
        "numeric",
        INSTRUCTION,
        Sampling(0.0, 1.0, max_tokens=400),
        {"main": CheckpointSettings(RULE)},
        tuple(sorted(kinds)),
    )
    return chosen(plan, terms=terms)


def content(choice):
    """Returns what a message says, or calls."""
    if choice.message.tool_calls:
        return choice.message.tool_calls[0].function.arguments
    return choice.message.content


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("server", [{}, {"completions": False}], ids=["raw", "chat"])
def test_a_choice_made_with_such_questions_covers_them(server, kind):
    with serving(**server) as fake, opened(fake, covering(kind)) as house:
        reply, headers = house.ask(**ASKED[kind])
        assert headers["x-karui-ran"] == "plan"
        (choice,) = reply.choices
        assert content(choice) == {"stop": "\\boxed{7"}.get(kind, '{"number": 7}')
        assert choice.finish_reason == ("tool_calls" if kind == "tools" else "stop")
        assert "step 1" in choice.message.reasoning
        (served,) = house.records
        assert served.moves.startswith("trial=")
        thinking, answer, chunks = house.stream(**ASKED[kind])
        assert "step 1" in thinking
        calls = [c.choices[0].delta.tool_calls for c in chunks if c.choices and c.choices[0].delta.tool_calls]
        said = "".join(call.function.arguments for found in calls for call in found) or answer
        assert said == content(choice)


@pytest.mark.parametrize("kind", ASKED)
def test_a_choice_made_without_them_is_shadow_only(kind):
    with serving(completions=False) as fake, opened(fake, covering(), stage="100") as house:
        _, headers = house.ask(**ASKED[kind])
        assert headers["x-karui-ran"] == "full"
        assert headers["x-karui-fallback"] == f"not covered by the certificate: {kind}"
        assert INSTRUCTION not in str(fake.requests[-1]), "the client's own request, unchanged"
        (served,) = house.records
        assert (served.why, served.detail, served.comparable) == (
            "not covered by the certificate",
            kind,
            False,
        )
    with serving(completions=False) as fake, opened(fake, covering(), stage="shadow") as house:
        house.ask(**ASKED[kind])
        silent, *_ = [s for s in house.records.wait(2) if s.shadow]
        assert (silent.ran, silent.status, silent.comparable) == ("plan", 200, False)


def test_calls_and_formats_are_read_as_such_whatever_verifier_the_choice_has():
    with serving(completions=False) as fake, opened(fake, covering("tools")) as house:
        runner = house.gateway.handler.dispatcher.backends.runner
        read = {kind: runner.reader({kind}).spec for kind in ("tools", "response_format", "stop")}
        assert read == {"tools": "tool-call", "response_format": "json", "stop": "numeric"}


def test_the_operator_may_have_the_plan_answer_all_of_them():
    with serving(completions=False) as fake, opened(fake, covering(), any_parameters=True) as house:
        reply, headers = house.ask(**ASKED["tools"])
        assert headers["x-karui-ran"] == "plan"
        assert content(reply.choices[0]) == '{"number": 7}'


def test_a_server_that_does_not_answer_behind_closed_thinking_answers_itself():
    with serving(completions=False, calls=False) as fake, opened(fake, covering("tools")) as house:
        _, headers = house.ask(**ASKED["tools"])
        assert headers["x-karui-fallback"] == (
            "not for a plan: tools: the server does not continue closed thinking with a tool call"
        )


def test_log_probabilities_are_the_servers_own_and_need_no_certificate():
    with serving(completions=False) as fake, opened(fake, covering()) as house:
        reply, headers = house.ask(logprobs=True, top_logprobs=2)
        assert headers["x-karui-ran"] == "plan"
        (choice,) = reply.choices
        assert choice.message.content == "\\boxed{7}"
        assert len(choice.logprobs.content[0].top_logprobs) == 2
        (served,) = house.records
        assert reply.usage.completion_tokens == served.thinking_tokens + served.answer_tokens
        assert served.extra_tokens > 0, "what the plan's own answer took is not hidden"


def test_several_answers_share_the_thinking_of_the_plan():
    with serving(completions=False) as fake, opened(fake, covering(), any_parameters=True) as house:
        reply, headers = house.ask(n=2, **ASKED["response_format"])
        assert headers["x-karui-ran"] == "plan"
        assert [c.index for c in reply.choices] == [0, 1]
        assert json.loads(reply.choices[0].message.content) == {"number": 7}
        thinking, _, chunks = house.stream(n=2, **ASKED["response_format"])
        ends = [c.choices[0].index for c in chunks if c.choices and c.choices[0].finish_reason]
        assert ends == [0, 1]
        assert "step 1" in thinking
    with serving(completions=False) as fake, opened(fake, covering()) as house:
        _, headers = house.ask(n=2)
        assert headers["x-karui-fallback"] == "not covered by the certificate: n"
