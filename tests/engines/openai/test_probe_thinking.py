"""How the model behind a server thinks: found out, switched on where it is off, and never taken for plain."""

import asyncio

import pytest

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy
from karui.core.errors import EngineError
from karui.core.prompt import Prompt, Sampling
from karui.core.request import Request
from karui.core.trace import End, Trace
from karui.engines.chat import pairs
from karui.engines.chat.format import turns
from karui.engines.chat.markers import Start
from karui.engines.openai import HttpEngine
from karui.engines.openai.capabilities import Thinking
from karui.engines.openai.parsing.thinking_parser import Piece, ThinkingParser
from karui.engines.openai.protocol.client import Client
from karui.engines.openai.requests.request_builder import chat_body
from karui.engines.options import RetryPolicy
from tests.helpers.fake_server import END, serving

RULE = CheckpointPolicy(max_interval=24, min_interval=8)
HASTY = RetryPolicy(connect_seconds=5, silence_seconds=20, tries=2, backoff_seconds=0.01, total_seconds=5)
CHAT = {"completions": False, "template": ""}
"""A server that chats and shows nothing of its template."""


def connect(fake, **options):
    return HttpEngine.load(fake.url, rule=RULE, retry=HASTY, budget_chats=1, **options)


def think(engine, question="What is 3 and 4?", *, limit=3000, **prompt):
    def read(text):
        return text.rpartition("\\boxed{")[2].partition("}")[0] or None

    async def main():
        asked = Request("q", Prompt(question, **prompt), Sampling(0.0, max_tokens=limit))
        stream = engine.open(asked, 0, read)
        try:
            while not isinstance(step := await stream.advance(), Trace):
                pass
        finally:
            stream.stop()
            await engine.close()
        return step

    return asyncio.run(main())


# Thinking that is longer than a first look.


@pytest.mark.parametrize("longer", [0, 45, 180])
def test_a_long_thinker_without_a_parser_is_taken_as_a_short_one_is(longer):
    """Its template opens the thinking, so that only the end marker shows it: after 100, 600, 2,300 tokens."""
    with serving(**CHAT, thinking="opened", longer=longer, context=32768) as fake:
        engine = connect(fake)
        trace = think(engine, limit=6000)
    assert (engine.can.thinking, engine.markers.close) == (Thinking.OPENED, "</think>")
    assert "step 1:" in trace.thinking
    assert (trace.text, trace.end) == ("\\boxed{7}", End.FINISHED)
    assert trace.thinking_tokens > 10 * longer


def test_where_there_is_no_room_for_its_end_that_is_said():
    with serving(**CHAT, thinking="opened", longer=90, context=1024) as fake:
        engine = connect(fake)
    assert engine.can.thinking is Thinking.PLAIN
    assert "no end of thinking came in 512 tokens" in engine.can.why["thinking"]
    assert any("may be too few" in value for name, value in engine.can.rows() if name == "thinking")


# Levels of effort at which a template raises.


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("template", ["tokenize", "apply-template"])
def test_a_level_that_raises_is_not_offered_and_ends_nothing(template, status):
    with serving(template=template, effort="prompt", raises=("low", "minimal"), raised=status) as fake:
        engine = connect(fake)
        trace = think(engine, effort="high")
        with pytest.raises(EngineError, match="no level of effort 'low'"):
            think(engine, effort="low")
    assert set(engine.thinks["efforts"]) >= {"medium", "high"}
    assert not {"low", "minimal"} & set(engine.thinks["efforts"])
    assert "step 9" in trace.thinking
    assert Ability.EFFORT in engine.abilities


@pytest.mark.parametrize("raises", [("low",), ("medium",), ("high",)])
def test_where_only_chat_can_tell_the_other_levels_are_offered(raises):
    with serving(**CHAT, effort="prompt", raises=raises) as fake:
        engine = connect(fake)
        assert set(engine.thinks["efforts"]) == {"low", "medium", "high"} - set(raises)
        assert Ability.EFFORT in engine.abilities
        assert set(engine.can.efforts_refused) == set(raises)
        assert "no such effort" in engine.can.efforts_refused[raises[0]]
        assert "effort" not in engine.can.why  # what works needs no reason
        with pytest.raises(EngineError, match=f"no level of effort '{raises[0]}'"):
            think(engine, effort=raises[0])


def test_a_template_that_raises_at_every_level_has_none():
    levels = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    with serving(**CHAT, effort="prompt", raises=levels) as fake:
        engine = connect(fake)
        assert think(engine).text == "\\boxed{7}"
    assert Ability.EFFORT not in engine.abilities
    assert {"low", "medium", "high"} <= set(engine.can.efforts_refused)
    assert "refused: low: no such effort" in engine.can.why["effort"]


# What the user's words may be mistaken for.


@pytest.mark.parametrize("question", ["n", "k>", "<think>", "What is 3 and 4? </think>"])
@pytest.mark.parametrize("template", ["tokenize", "apply-template"])
@pytest.mark.parametrize("opens", [True, False])
def test_a_question_like_the_end_of_the_template_changes_nothing(question, template, opens):
    with serving(opens=opens, template=template) as fake:
        engine = connect(fake)
        trace = think(engine, question)
    assert trace.thinking.startswith("So, step 1")
    assert trace.text == f"\\boxed{{{fake.model.right(question)}}}"
    assert trace.thinking_tokens > 20
    assert engine.thinks["start"] == ("thinking" if opens else "undecided")


# Models that do not think by themselves.


@pytest.mark.parametrize(
    "behaviour",
    [{}, {"template": "apply-template"}, CHAT, {**CHAT, "thinking": "inline"}, {"completions": False}],
    ids=str,
)
def test_a_model_that_does_not_think_by_itself_is_switched_on_and_that_is_said(behaviour):
    with serving(off=True, **behaviour) as fake:
        engine = connect(fake)
        trace = think(engine)
        without = think(engine, thinking=False)
    assert engine.thinks["on"]["arguments"] == {"enable_thinking": True}
    assert any("does not think by itself" in note for note in engine.notes)
    assert "step 3" in trace.thinking
    assert without.thinking == ""


def test_what_cannot_be_switched_on_is_not_said_to_think():
    with serving(**CHAT, off=True, switch=False) as fake:
        engine = connect(fake)
    assert engine.can.thinking is Thinking.PLAIN
    assert not engine.thinks["on"]["arguments"]


# A server whose own parser fails on what the model writes.


def test_where_chat_fails_prompts_are_written_raw():
    with serving(mute=500) as fake:
        engine = connect(fake)
        assert think(engine).text == "\\boxed{7}"
    assert (engine.can.route, engine.can.chat) == ("completions", False)
    assert "does not match the expected format" in engine.can.why["chat"]


def test_a_reply_that_the_server_does_not_understand_is_not_generated_again():
    async def waited(url):
        client = Client(url, retry=HASTY)
        with pytest.raises(EngineError, match="failed with status 500"):
            await client.post("chat/completions", {"model": "fake", "messages": []})
        await client.close()
        return client.waited

    with serving(mute=500) as fake:
        assert asyncio.run(waited(fake.url)) == 0


@pytest.mark.parametrize("route", ["", "chat"])
@pytest.mark.parametrize("template", ["tokenize", ""])
@pytest.mark.parametrize(
    ("behaviour", "what", "why"),
    [
        ({"chat": False}, "The server has no chat endpoint.", "Not Found"),
        ({"mute": 500}, "chat endpoint failed with status 500.", "does not match the expected format"),
        ({"mute": 422}, "chat endpoint failed with status 422.", "does not match the expected format"),
    ],
)
def test_a_chat_that_fails_is_not_called_a_missing_one(behaviour, what, why, template, route):
    with serving(template=template, **behaviour) as fake:
        if template and not route:
            assert connect(fake).can.route == "completions"
            return
        with pytest.raises(EngineError) as raised:
            connect(fake, route=route)
    error = raised.value
    assert what in error.what
    assert ("no chat endpoint" in error.what) is ("no chat endpoint" in what)
    assert why in error.why
    assert ("folder of the model's tokenizer" in error.remedy) is not bool(template)
    assert ("route=completions" in error.remedy) is bool(template)


def test_where_chat_is_all_there_is_its_failure_is_told():
    with (
        serving(mute=500, completions=False) as fake,
        pytest.raises(EngineError, match="failed with status 500"),
    ):
        connect(fake)


def test_tags_that_nobody_knows_are_heard_where_a_reply_begins_with_them():
    said = "<my_reasoning>So.</my_reasoning>\n\n\\boxed{7}"
    with serving(**CHAT, thinking="inline") as fake:
        fake.model.whole = lambda *_: said + END
        engine = connect(fake)
        trace = think(engine)
    assert (engine.markers.open, engine.markers.close) == ("<my_reasoning>", "</my_reasoning>")
    assert (trace.thinking, trace.text) == ("So.", "\\boxed{7}")


# Earlier thinking.


THOUGHTS = {
    "history": (("user", "What is 1 and 2?"), ("assistant", "3")),
    "thoughts": ("", "One and two make three."),
}


@pytest.mark.parametrize("template", ["tokenize", "apply-template"])
@pytest.mark.parametrize(
    ("sees", "shown"), [("reasoning_content", 1), ("reasoning", 1), ("thinking", 1), ("", 0)]
)
def test_earlier_thinking_goes_back_to_a_model_that_sees_it(template, sees, shown):
    with serving(sees=sees, template=template) as fake:
        engine = connect(fake)
        think(engine, **THOUGHTS)
        sent = fake.requests[-1]["prompt"]
    assert engine.thinks["history"] == sees
    assert fake.text(sent).count("One and two make three.") == shown


@pytest.mark.parametrize("sees", ["reasoning_content", "reasoning", ""])
def test_in_chat_it_goes_in_the_field_that_the_template_reads(sees):
    with serving(sees=sees, completions=False) as fake:
        engine = connect(fake)
        think(engine, **THOUGHTS)
        told = fake.requests[-1]["messages"][1]
    assert told == {"role": "assistant", "content": "3", **({sees: THOUGHTS["thoughts"][1]} if sees else {})}


def test_a_model_whose_template_shows_parts_is_given_parts():
    with serving() as fake:
        engine = connect(fake)
    thinking = engine._parts.wording.thinking
    from dataclasses import replace

    body = chat_body(Prompt("And now?", **THOUGHTS), replace(thinking, history="parts"))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "One and two make three."},
        {"type": "text", "text": "3"},
    ]
    assert turns(("user", "x")) == ({"role": "user", "content": "x"},)


# A marker that a parser leaves in the field for thinking.


@pytest.mark.parametrize(
    ("markers", "head"),
    [
        ("<|channel>thought", ["<|channel>thought", "\n"]),  # llama.cpp's, where no line break follows
        ("<|channel>thought", ["<|chan", "nel>tho", "ught"]),
        ("<think>", ["<think>", "\n"]),
        ("<think>", ["<", "think", ">\n"]),
    ],
)
def test_an_opening_marker_in_the_field_is_no_thinking(markers, head):
    found = pairs.in_text(markers, "a test")
    split = ThinkingParser(found, RULE, Start.THINKING, fields=True, listed=0)
    heard = told = ""
    body = ["It ", "is ", "7. "] * 12
    for text in [*head, *body]:
        here = split.take(Piece(text, apart=True, tokens=1), last=False)
        heard += split.sure(len(heard))
        if here is not None:
            told += here.text
            assert split.said.count(markers) == 1
    split.take(Piece("\\boxed{7}", apart=False, tokens=1), last=True)
    split.finish(cut=False)
    assert split.thinking == "".join(body)
    assert heard == split.thinking
    assert told
    assert split.thinking.startswith(told)
    assert split.answer == "\\boxed{7}"
