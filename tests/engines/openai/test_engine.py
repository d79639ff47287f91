"""The engine for OpenAI-compatible servers, against a fake one that can do and fail in every known way."""

import asyncio
import time
from dataclasses import replace

import pytest

from karui import catalog, engines
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy
from karui.core.errors import EngineError, InputError, ModelError, PlanError, RequestRejected
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling
from karui.core.question import Question, Task
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.core.usage import TokenUsage
from karui.engines.openai import HttpEngine
from karui.engines.openai.capabilities import Cache, Thinking
from karui.engines.openai.protocol.client import Client
from karui.engines.options import RetryPolicy
from karui.measure.cost import TokenPrices, per_thousand_questions
from karui.recording.record import record
from karui.recording.store import load
from karui.runners.live import run_live, solve_live
from karui.runners.replay import Replay
from karui.tasks.verifiers.numeric import Numeric
from tests.helpers import fake_server

serving = fake_server.serving

RULE = CheckpointPolicy(max_interval=24, min_interval=8)
HASTY = RetryPolicy(connect_seconds=2, silence_seconds=2, tries=3, backoff_seconds=0.01, total_seconds=5)
QUESTIONS = ("What is 3 and 4?", "Add 10 and 20.", "Put 7 on 7, and 1 on it.")


def connect(fake, **options):
    return HttpEngine.load(fake.url, **{"rule": RULE, "retry": HASTY, **options})


def ask(question=QUESTIONS[0], *, temperature=0.0, limit=400, **options):
    return Request(question, Prompt(question, **options), Sampling(temperature, max_tokens=limit))


def read(text):
    found = text.rpartition("\\boxed{")[2].partition("}")[0]
    return found if "boxed" in text and found else None


async def follow(engine, asked, sample=0, *, look=""):
    """Runs a stream to its end; returns the trace and what was seen at its checkpoints."""
    stream, seen = engine.open(asked, sample, read), []
    try:
        while not isinstance(step := await stream.advance(), Trace):
            peek = await stream.peek() if "peek" in look else None
            trial = await stream.trial() if "trial" in look else None
            seen.append((step, peek, trial))
    finally:
        stream.stop()
    return step, seen


def run(engine, *asks, **options):
    async def main():
        try:
            return await asyncio.gather(*(follow(engine, a, n, **options) for n, a in enumerate(asks)))
        finally:
            await engine.close()

    return asyncio.run(main())


# What is found out.


@pytest.mark.parametrize(
    ("behaviour", "found"),
    [
        ({}, {"route": "completions", "logprobs": 20, "ids": True, "counting": "listed", "agrees": True}),
        ({}, {"cache": Cache.REPORTED, "cache_block": 16, "seeds": True, "switch": "enable_thinking=False"}),
        ({}, {"effort": False, "budget": None, "before_temperature": True}),
        ({"template": "apply-template"}, {"route": "completions", "template": "apply-template"}),
        (
            {"template": ""},
            {"route": "chat", "prefill": True, "logprobs": 20, "thinking": Thinking.FIELD},
        ),
        ({"completions": False}, {"route": "chat", "thinking_field": "reasoning", "thinking_counted": True}),
        ({"completions": False, "thinking": "reasoning_content"}, {"thinking_field": "reasoning_content"}),
        ({"completions": False, "thinking": "inline"}, {"thinking": Thinking.INLINE, "thinking_field": ""}),
        ({"completions": False, "thinking": "opened"}, {"thinking": Thinking.OPENED}),
        ({"completions": False, "thinking": "hidden"}, {"thinking": Thinking.HIDDEN}),
        ({"completions": False, "prefill": "closes"}, {"prefill": False}),
        ({"completions": False, "prefill": "drops"}, {"prefill": False}),
        ({"completions": False, "prefill": "refuses"}, {"prefill": False}),
        ({"top": 5}, {"logprobs": 5}),
        ({"top": 0}, {"logprobs": 0, "counting": "listed"}),
        ({"top": 0, "ids": False}, {"counting": "usage"}),
        ({"top": 0, "ids": False, "continuous": False}, {"counting": "chunks"}),
        ({"top": 0, "ids": False, "continuous": False, "per_event": 3}, {"counting": ""}),
        ({"top": 0, "ids": False, "usage": False, "continuous": False}, {"counting": "", "usage": False}),
        ({"cached": ""}, {"cache": Cache.METRICS, "cache_block": 16}),
        ({"caches": False}, {"cache": Cache.NONE}),
        ({"seeds": False}, {"seeds": False}),
        ({"scales": True}, {"before_temperature": False}),
        ({"max_completion": True}, {"limit": "max_completion_tokens"}),
        ({"strict": True, "template": ""}, {"extras": {}, "route": "chat", "ids": False}),
        ({"switch": False}, {"switch": "prefill"}),
        ({"switch": False, "completions": False, "prefill": "closes"}, {"switch": ""}),
        ({"effort": "prompt"}, {"effort": True}),
        ({"effort": "prompt", "completions": False}, {"effort": True}),
        ({"effort": "hidden", "completions": False, "thinking": "hidden"}, {"effort": True}),
        ({"metrics": False}, {"frees": None}),
        ({"delay": 0.003}, {"frees": True}),
    ],
)
def test_capabilities_are_found_by_trying(behaviour, found):
    with serving(**behaviour) as fake:
        can = connect(fake).can
    assert {name: getattr(can, name) for name in found} == found
    assert can.spent > 0
    assert all(isinstance(text, str) and text for row in can.rows() for text in row)


@pytest.mark.parametrize(
    ("behaviour", "has", "lacks"),
    [
        ({}, "trials confidence signals text switch", "effort budget ban"),
        ({"top": 0}, "trials text switch", "confidence signals"),
        ({"completions": False, "prefill": "closes"}, "signals text switch", "trials confidence"),
        ({"completions": False, "thinking": "hidden", "effort": "prompt"}, "effort", "text trials signals"),
        ({"top": 0, "ids": False, "continuous": False, "per_event": 3}, "text", "trials confidence"),
        ({"budget": "works"}, "budget trials", ""),
    ],
)
def test_abilities_follow_from_them(behaviour, has, lacks):
    names = {"switch": Ability.THINKING_SWITCH}
    with serving(**behaviour) as fake:
        engine = connect(fake)
    assert engine.abilities >= {names.get(n) or Ability(n) for n in has.split()}
    for name in lacks.split():
        assert Ability(name) not in engine.abilities
        assert engine.can.lacking[Ability(name)]
    plan = catalog.parse("trial-confidence:threshold=0.9")
    if Ability.CONFIDENCE not in engine.abilities:
        with pytest.raises(PlanError, match="cannot run"):
            plan.check(engine.abilities, "this server")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("works", "95% probability. Tool calls stay clean"),
        ("ignored", None),
        ("marker", "puts </think> into the answer"),
        ("reopens", "begins to think again"),
        ("again", "thinks on in the content and closes its thinking a second time"),
        ("tools", "does NOT leave tool calls clean"),
        ("fails", "the server failed with status 500: The model's output does not match the expected format"),
    ],
)
@pytest.mark.parametrize("route", ["completions", "chat"])
def test_a_budget_is_offered_only_where_it_is_clean(kind, words, route):
    with serving(budget=kind) as fake:
        engine = connect(fake, route=route)
    budget = engine.can.budget
    assert (Ability.BUDGET in engine.abilities) is (kind == "works")
    if words is None:
        assert budget is None
    else:
        assert words in budget.found
    if kind != "works":
        assert "karui's own cut" in engine.can.lacking[Ability.BUDGET]


@pytest.mark.parametrize(
    "field",
    [
        "thinking_token_budget",
        "reasoning_budget_tokens",
        "thinking_budget_tokens",
        "custom_params.thinking_budget",
        "nvext.max_thinking_tokens",
        "chat_template_kwargs.thinking_budget",
        "thinking.budget_tokens",
    ],
)
def test_a_budget_is_found_wherever_the_server_reads_it(field):
    plan = catalog.parse("server-budget:tokens=30")
    with serving(budget="works", budget_field=field, completions=False) as fake:
        engine = connect(fake)
        assert engine.can.budget.field == field
        ((trace, seen),) = run(engine, plan.rewrite(ask(thinking=True)), look="trial")
        bodies = [b for b in fake.requests if b.get("stream") is False]
    assert trace.thinking_tokens <= 34
    assert trace.answer == "7"
    assert seen  # trials go without it
    assert not any(field.split(".")[-1] in str(b) for b in bodies[-len(seen) :])


def test_a_budget_that_ends_at_line_breaks_is_one():
    with serving(budget="line", budget_field="nvext.max_thinking_tokens", completions=False) as fake:
        budget = connect(fake, budget_chats=30).can.budget
    assert (budget.works, budget.field) == (True, "nvext.max_thinking_tokens")
    assert "at the end of the line" in budget.found
    assert 4 < budget.overshoot <= 96  # a step of the fake model is longer than a marker


def test_a_budget_that_adds_a_text_of_the_server_is_one():
    with serving(budget="text", completions=False) as fake:
        budget = connect(fake).can.budget
    assert budget.works, budget
    assert "adds 'Time is up: I answer now.'" in budget.found


def test_why_a_budget_is_refused_is_told():
    hint = "thinking_token_budget needs the V1 runner: set VLLM_USE_V2_MODEL_RUNNER=0."
    with serving(hint=hint) as fake:
        can = connect(fake).can
    assert can.budget is None
    assert "VLLM_USE_V2_MODEL_RUNNER=0" in can.lacking[Ability.BUDGET]
    assert any("VLLM_USE_V2_MODEL_RUNNER=0" in found for _, found in can.rows())
    with serving(strict=True, template="") as fake:  # each of them is refused, and none says why
        assert "Unrecognized" not in connect(fake).can.lacking[Ability.BUDGET]


@pytest.mark.parametrize("kind", ["again", "marker", "reopens"])
def test_a_fault_of_one_chat_in_twenty_five_is_found_by_asking_long_enough(kind):
    with serving(budget=kind, every=25) as fake:
        few = connect(fake, budget_chats=12).can.budget
        fake.budgets = 0
        many = connect(fake, budget_chats=75).can.budget
    assert few.works  # and says what it could not have seen
    assert few.detects == pytest.approx(1 - 0.05 ** (1 / few.chats))
    assert few.detects > 0.1
    assert not many.works
    assert "of those asked with a budget" in many.found
    assert 12 < many.chats < 75  # it asks no further


def test_what_a_clean_budget_rules_out_is_stated():
    with serving(budget="works") as fake:
        budget = connect(fake, budget_chats=75).can.budget
    assert budget.works
    assert budget.chats >= 75
    assert budget.detects <= 0.04
    assert f"in {budget.chats} chats" in budget.found


@pytest.mark.parametrize(
    ("behaviour", "found"),
    [
        (
            {},
            {
                "seeds": True,
                "seeds_beside": True,
                "several": "those of the seed and the seeds that follow it",
            },
        ),
        ({"crowded": True}, {"seeds": True, "seeds_beside": False}),
        ({"seeds": False}, {"seeds": False, "seeds_beside": None, "several": ""}),
        ({"completions": False}, {"continued": "in content"}),
        (
            {"completions": False, "misplaces": True},
            {"continued": "in reasoning; streamed, in content"},
        ),
        ({"completions": False, "thinking": "inline"}, {"continued": ""}),
    ],
    ids=str,
)
def test_draws_and_continued_answers_are_looked_at(behaviour, found):
    with serving(**behaviour) as fake:
        can = connect(fake).can
    assert {name: getattr(can, name) for name in found} == found


def test_a_budget_is_used_where_it_is_clean():
    plan = catalog.parse("server-budget:tokens=30")
    with serving(budget="works") as fake:
        engine = connect(fake)
        ((trace, _),) = run(engine, plan.rewrite(ask()))
    assert trace.thinking_tokens <= 34
    assert trace.answer == "7"


# Streams.

ROUTES = [
    {},
    {"template": "apply-template"},
    {"ids": False},
    {"completions": False},
    {"completions": False, "thinking": "inline"},
    {"completions": False, "thinking": "opened"},
    {"completions": False, "thinking": "reasoning_content", "echo": True},
    {"unlists": True},
    {"completions": False, "thinking": "inline", "echo": True, "unlists": True},
    {"per_event": 3},
    {"per_event": 4, "completions": False},
    {"top": 0, "ids": False},
    {"top": 0, "ids": False, "continuous": False, "completions": False},
]


@pytest.mark.parametrize("behaviour", ROUTES, ids=str)
def test_every_way_gives_the_same_trace_and_trials(behaviour):
    with serving(**behaviour) as fake:
        engine = connect(fake)
        ((trace, seen), (again, looked)) = run(engine, ask(), ask(), look="peek trial")
        said = fake.model.whole(QUESTIONS[0], 0)
        thinking, _, _ = said.partition("</think>")
        thinking = thinking.removeprefix("<think>\n")
    assert (trace.end, trace.answer, trace.text) == (End.FINISHED, "7", "\\boxed{7}")
    assert trace.thinking == thinking
    assert again.thinking == trace.thinking
    assert "".join(step.text for step, _, _ in seen) == trace.thinking[: sum(len(s.text) for s, _, _ in seen)]
    assert [step.tokens for step, _, _ in seen] == [step.tokens for step, _, _ in looked]
    for step, peek, trial in seen:
        steps = trace.thinking[: sum(len(s.text) for s, _, _ in seen[: step.index + 1])].count("step ")
        assert trial.answer == ("7" if steps >= fake_server.RIGHT_FROM else "8")
        assert trial.text == f"\\boxed{{{trial.answer}}}"
        assert trial.tokens == 2
        assert peek.token == trial.answer
        assert trial.sent > step.tokens
        if Ability.CONFIDENCE in engine.abilities:
            assert 0 < trial.confidence < 1
            assert 0 < peek.probability < 1
    if Ability.SIGNALS in engine.abilities:
        assert len(trace.signals) == trace.thinking_tokens
        assert trace.confidence is not None
        assert (trace.signals.logprob < 0).all()
        assert (trace.signals.entropy > 0).all()
    assert 0 < trace.first_seconds <= trace.thought_seconds <= trace.seconds


@pytest.mark.parametrize("behaviour", ROUTES, ids=str)
def test_tokens_are_billed_as_the_server_counts_them(behaviour):
    with serving(**behaviour) as fake:
        engine = connect(fake)
        before = fake.generated
        ((trace, _),) = run(engine, ask())
        assert trace.usage.generated == fake.generated - before
        shown = fake_server.pieces(f"<|user|>{QUESTIONS[0]}{fake_server.END}<|assistant|>")
        assert trace.usage.prompt == len(shown)
        thinking = fake_server.pieces(fake.model.whole(QUESTIONS[0], 0).partition("</think>")[0])
    # Where tokens are not listed one by one, markers that a parser takes out cannot be seen.
    slack = {"listed": behaviour.get("per_event", 1) - 1}.get(engine.can.counting, 2)
    assert abs(trace.thinking_tokens - len(thinking) - 1) <= slack


def test_checkpoints_lie_where_the_rule_says():
    with serving() as fake:
        engine = connect(fake)
        ((trace, seen),) = run(engine, ask())
        whole = fake_server.pieces(fake.model.whole(QUESTIONS[0], 0))
    wanted, last = [], 0
    for n in range(1, trace.thinking_tokens):
        if RULE.due(n - last, "\n\n" in whole[n - 1]):
            wanted.append(n)
            last = n
    assert [step.tokens for step, _, _ in seen] == wanted


def test_a_trace_cut_by_the_limit_has_no_answer():
    with serving() as fake:
        ((trace, _),) = run(connect(fake), ask(limit=30))
    assert (trace.end, trace.answer, trace.text, trace.tokens) == (End.TRUNCATED, None, "", 30)


def test_the_limit_leaves_room_in_the_context():
    for completions in (True, False):
        with serving(context=300, completions=completions) as fake:
            ((trace, _),) = run(connect(fake), ask(limit=4000))
        assert trace.answer == "7" or trace.end is End.TRUNCATED


def test_a_prompt_that_fills_the_context_is_refused():
    with serving(context=300) as fake, pytest.raises(RequestRejected, match="tokens long"):
        run(connect(fake), ask("word " * 400))


def test_thinking_is_left_out_on_request():
    for behaviour in ({}, {"switch": False}, {"completions": False}, {"completions": False, "switch": False}):
        with serving(**behaviour) as fake:
            ((trace, seen),) = run(connect(fake), ask(thinking=False))
        assert (trace.thinking, trace.thinking_tokens, seen) == ("", 0, [])
        assert trace.answer == "8"  # without a single step


def test_hidden_thinking_is_counted():
    with serving(completions=False, thinking="hidden") as fake:
        engine = connect(fake)
        ((trace, seen),) = run(engine, ask())
    assert (trace.thinking, seen, trace.answer) == ("", [], "7")
    assert trace.thinking_tokens > 20
    assert trace.usage.thinking + trace.usage.answer == trace.tokens


@pytest.mark.parametrize("behaviour", [{}, {"unlists": True}], ids=str)
def test_a_nested_brace_does_not_end_a_trial(behaviour):
    with serving(**behaviour) as fake:
        fake.model.right = lambda question: "\\frac{1}{2}"
        fake.model.said = lambda question, step: "\\frac{1}{2}"
        engine = connect(fake)
        ((_, seen),) = run(engine, ask(), look="trial")
    assert {trial.text for _, _, trial in seen} == {"\\boxed{\\frac{1}{2}}"}
    # Every inner brace is one more request, and every request is billed.
    assert all(trial.sent > 2 * step.tokens for step, _, trial in seen)


def test_an_effort_reaches_the_model():
    plan = catalog.parse("reasoning-effort:level=high")
    for behaviour in ({"effort": "prompt"}, {"effort": "prompt", "completions": False}):
        with serving(**behaviour) as fake:
            engine = connect(fake)
            plan.check(engine.abilities, "this server")
            ((bare, _), (told, _)) = run(engine, ask(), plan.rewrite(ask()))
        assert told.usage.prompt > bare.usage.prompt
    with pytest.raises(PlanError, match="cannot run"):
        catalog.parse("reasoning-effort:level=much")


# Recording, replay and the bill.


def task():
    made = tuple(Question(q, q, str(fake_server.Model().right(q)), Numeric()) for q in QUESTIONS)
    return Task("sums", made)


SAMPLING = Sampling(temperature=0.7, max_tokens=400)
PLANS = (
    "",
    "token-budget:tokens=40",
    "token-cap:tokens=60",
    "trial-confidence:threshold=0.5",
    "trial-confidence:threshold=0.5,gate=0.6",
    "trial-stability:k=2",
    "trial-stability:k=2,peek=true",
    "self-consistency:k=3",
    "adaptive-consistency:k=3 + token-budget:tokens=40",
)


@pytest.mark.parametrize("behaviour", [{}, {"completions": False}, {"per_event": 3}], ids=str)
def test_live_is_replay_where_seeds_hold(behaviour, tmp_path):
    with serving(**behaviour) as fake, asyncio.Runner() as runner:
        engine = engines.load(fake.url, rule=RULE, retry=HASTY, device="cpu", slots=4)
        runner.run(record(engine, task(), tmp_path / "r", sampling=SAMPLING, samples=3, at_once=4))
        recording = load(tmp_path / "r")
        replay = Replay({"main": recording})
        asked = [(q, Request(q.id, task().prompt(q), SAMPLING)) for q in task().questions]
        for words in PLANS:
            plan = catalog.parse(words) if words else Plan()

            async def live(plan=plan):
                return {o.question: o async for o in run_live(plan, asked, {"main": engine}, at_once=2)}

            found = runner.run(live())
            for question in recording.questions:
                told = replay.play(plan, {"main": question}, {"main": [0, 1, 2]})
                did = found[question.id]
                assert not did.error
                assert (did.answer, did.confidence, did.time) == (told.answer, told.confidence, told.time), (
                    words
                )
                assert spent(did) == spent(told), words
        runner.run(engine.close())
    assert recording.manifest.engine == "openai_http"


def spent(outcome):
    """What is the same live and replayed: all but what a cache happened to hold, and what came too late."""
    bill = outcome.bills["main"]
    return bill.prompt, bill.thinking, bill.answer, bill.trial


def test_trials_without_a_prefix_cache_are_shown_as_a_loss(tmp_path):
    prices = TokenPrices(prompt=1.0, cached=0.1, output=4.0, currency="EUR")
    plan = catalog.parse("trial-stability:k=3")
    long = " Consider it well, from the beginning to the end." * 30
    asked = replace(task(), questions=tuple(replace(q, text=q.text + long) for q in task().questions))
    cost = {}
    for caches in (True, False):
        with serving(caches=caches, block=4) as fake, asyncio.Runner() as runner:
            engine = connect(fake, rule=CheckpointPolicy(max_interval=8, min_interval=4))
            made = record(engine, asked, tmp_path / str(caches), sampling=SAMPLING, samples=2)
            replay = Replay({"main": runner.run(made)})
            runner.run(engine.close())
        bills = {
            name: TokenUsage.total(
                o.bills["main"]
                for q in replay.recordings["main"].questions
                for n in (0, 1)
                for o in [replay.play(p, {"main": q}, {"main": [n]})]
            )
            for name, p in (("full", Plan()), ("plan", plan))
        }
        assert bills["plan"].generated < bills["full"].generated
        cost[caches] = {
            name: per_thousand_questions(prices, b.prompt, b.cached, b.generated) for name, b in bills.items()
        }
    assert cost[False]["plan"] > cost[False]["full"]  # fewer tokens, and dearer
    assert cost[True]["plan"] < cost[False]["plan"] / 2


def test_what_runs_past_a_stop_is_billed_as_dropped():
    with serving(delay=0.001) as fake, asyncio.Runner() as runner:
        engine = connect(fake)
        question = task().questions[0]
        plan = catalog.parse("token-budget:tokens=20")
        before = fake.generated

        async def live():
            outcome = await solve_live(plan, question, ask(question.text), {"main": engine})
            await asyncio.sleep(0.3)
            return outcome

        outcome = runner.run(live())
        runner.run(engine.close())
        made = fake.generated - before
    bill = outcome.bills["main"]
    assert bill.dropped > 0
    assert bill.generated <= made <= bill.generated + 16  # no server tells what was still on its way


def test_stopping_frees_the_server():
    async def main(engine, fake):
        streams = [engine.open(ask(q, limit=4000), n, read) for n, q in enumerate(QUESTIONS)]
        waiting = [asyncio.ensure_future(s.advance()) for s in streams]
        for _ in range(400):
            await asyncio.sleep(0.005)
            if fake.running == 3:
                break
        waiting[0].cancel()
        generated = [s.stop() for s in streams]
        await asyncio.gather(*waiting, return_exceptions=True)
        for _ in range(100):
            if not fake.running:
                break
            await asyncio.sleep(0.01)
        await engine.close()
        return generated

    with serving() as fake:
        engine = connect(fake)
        fake.behaviour.delay = 0.02
        fake.aborted = 0
        generated = asyncio.run(main(engine, fake))
        assert fake.running == 0
        assert fake.aborted == 3
    assert all(n >= 0 for n in generated)


# Faults.


def test_a_busy_server_is_waited_for():
    with serving() as fake:
        engine = connect(fake)
        fake.behaviour.faults = [(429, "slow down", {"Retry-After": "0.05"}), (503, '{"error": "loading"}')]
        began = time.perf_counter()
        ((trace, _),) = run(engine, ask())
        assert trace.answer == "7"
        assert time.perf_counter() - began >= 0.05
        assert engine._parts.client.waited == 2


def test_patience_ends():
    with serving() as fake:
        engine = connect(fake)
        fake.behaviour.faults = [(503, "loading")] * 3
        with pytest.raises(EngineError, match="503") as told:
            run(engine, ask())
        assert told.value.retry
        assert not fake.behaviour.faults
        fake.behaviour.faults = [(429, "later", {"Retry-After": "3600"})]
        with pytest.raises(EngineError, match="too busy"):
            run(engine, ask())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("breaks", "broke"),
        ("error", "the engine died"),
        ("garbage", "unreadable"),
        ("ends", "before its end"),
        ("hangs", "sent nothing"),
        ((200, "<html>hello</html>", {"content-type": "text/html"}), "did not answer with a stream"),
        ((400, '{"error": {"message": "no such thing"}}'), "refused"),
    ],
)
@pytest.mark.parametrize("completions", [True, False])
def test_a_stream_that_fails_is_an_error_and_nothing_hangs(fault, words, completions):
    with serving(completions=completions) as fake:
        engine = connect(fake, retry=RetryPolicy(silence_seconds=0.3, tries=2, backoff_seconds=0.01))
        fake.behaviour.faults = [fault]
        with pytest.raises(EngineError) as told:
            run(engine, ask())
        assert words in str(told.value)
        assert told.value.retry is not isinstance(told.value, RequestRejected)
        ((trace, _),) = run(engine, ask())  # and the next one is well
    assert trace.answer == "7"


def test_a_kept_connection_that_the_server_has_closed_is_made_anew():
    async def main():
        asked = []

        async def serve(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(head)
            if len(asked) == 2:  # closed just when the client uses it again
                writer.transport.abort()
                return
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
            if len(asked) == 1:
                await serve(reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        client = Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", retry=HASTY)
        async with server:
            replies = [await client.get("models"), await client.get("models")]
            await client.close()
        return replies, len(asked)

    assert asyncio.run(main()) == ([{}, {}], 3)


def test_a_failed_question_is_data():
    with serving() as fake, asyncio.Runner() as runner:
        engine = connect(fake)
        fake.behaviour.faults = ["error"]
        outcome = runner.run(solve_live(Plan(), task().questions[0], ask(), {"main": engine}))
        assert "the engine died" in outcome.error
        assert not outcome.correct
        assert outcome.bills["main"].dropped > 0
        runner.run(engine.close())


def test_a_wrong_key():
    with serving(key="right") as fake:
        with pytest.raises(InputError, match="key") as told:
            connect(fake, key="wrong-key-value")
        assert "wrong-key-value" not in str(told.value)
        assert connect(fake, key="right").can.model == "toy"


def test_a_model_that_is_not_served():
    with serving(served=("toy", "other")) as fake:
        with pytest.raises(ModelError, match="does not serve 'tooy'") as told:
            HttpEngine.load(f"{fake.url}#tooy", retry=HASTY)
        assert "other, toy" in str(told.value)
        with pytest.raises(ModelError, match="not clear"):
            HttpEngine.load(fake.url, retry=HASTY)
        assert HttpEngine.load(f"{fake.url}#other", retry=HASTY).can.model == "other"


def test_a_server_that_fails_to_list_its_models_is_asked_for_the_named_one():
    with serving(lists=False) as fake:  # transformers serve does so without a cache of models
        assert HttpEngine.load(f"{fake.url}#toy", retry=HASTY).can.model == "toy"
        with pytest.raises(EngineError, match="status 500"):
            HttpEngine.load(fake.url, retry=HASTY)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("http://127.0.0.1:9/v1", EngineError),
        ("http:///v1", InputError),
        ("http://name:secret@127.0.0.1/v1", InputError),
    ],
)
def test_addresses_that_lead_nowhere(address, kind):
    with pytest.raises(kind) as told:
        HttpEngine.load(address, retry=HASTY)
    assert "secret" not in str(told.value)


def test_what_is_no_such_server():
    with serving(completions=False, chat=False) as fake, pytest.raises(RequestRejected, match="neither"):
        connect(fake)


def test_a_client_serves_one_loop_after_another():
    async def once(client):
        return await client.get("models")

    with serving() as fake:
        client = Client(fake.url, retry=HASTY)
        assert asyncio.run(once(client)) == asyncio.run(once(client))


def test_loading_inside_a_running_loop():
    async def main(fake):
        return connect(fake)

    with serving() as fake:
        assert asyncio.run(main(fake)).can.model == "toy"
