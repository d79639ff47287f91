import asyncio
import socket

import pytest

from karui.core.errors import EngineError
from karui.gateway.backends.explain import Explainer, Explanation, Thought
from karui.gateway.client import explanation
from karui.gateway.monitor import explained
from karui.gateway.records.conversation_store import ConversationStore
from karui.gateway.records.events import Kept

SHORT = "First 6 × 7 is 42."
FULL = SHORT + " Let me check it again: 42. Yes."


def kept(**given):
    usual = {
        "id": "r1",
        "at": 1000.0,
        "plan": "cap",
        "model": "karui/plan",
        "messages": ({"role": "user", "content": "6 × 7?"},),
        "thinking": SHORT,
        "answer": "\\boxed{42}",
        "cut": 9,
        "thinking_tokens": 9,
        "moves": "answer@9",
    }
    return Kept(**{**usual, **given})


def number(text):
    return "".join(c for c in text if c.isdigit()) or None


def test_the_cut_is_where_the_short_thinking_ends():
    made = Explanation.of(kept(), Thought(FULL, "It is 42", 21), number)
    assert (made.same, made.agree) == (True, True)
    assert FULL[: made.cut_chars] == SHORT


def test_sampled_anew_the_mark_stands_at_the_same_length():
    other = "Well. 40 + 2 makes 42, so that is what it is, I think."
    made = Explanation.of(kept(), Thought(other, "41", 18), number)
    assert (made.same, made.agree) == (False, False)
    assert made.cut_chars == other.index(" ", len(other) // 2)
    assert Explanation.of(kept(cut=30), Thought(other, "42", 18)).cut_chars == len(other)


def test_what_was_not_cut_has_no_mark():
    made = Explanation.of(kept(cut=None), Thought(FULL, "\\boxed{42}", 21))
    assert (made.cut_chars, made.agree) == (None, True)


@pytest.fixture
def keep(tmp_path):
    made = ConversationStore(tmp_path / "k.db", 60.0, clock=lambda: 1001.0)
    made.keep(kept())
    yield made
    made.close()


def test_however_many_ask_it_is_thought_once(keep):
    calls = []

    async def think(asked):
        calls.append(asked.id)
        await asyncio.sleep(0)
        return Thought(FULL, "42", 21)

    async def ask():
        explainer = Explainer(keep, think)
        both = await asyncio.gather(explainer.explain("r1"), explainer.explain("r1"))
        return [*both, await explainer.explain("r1"), await explainer.explain("none")]

    one, two, three, none = asyncio.run(ask())
    assert one == two == three
    assert none is None
    assert calls == ["r1"]


def test_what_failed_is_tried_again(keep):
    calls = []

    async def think(asked):
        calls.append(asked.id)
        if len(calls) == 1:
            raise RuntimeError("the server is down")
        return Thought(FULL, "42", 21)

    async def ask():
        explainer = Explainer(keep, think)
        with pytest.raises(RuntimeError):
            await explainer.explain("r1")
        return await explainer.explain("r1")

    assert asyncio.run(ask()).full.answer == "42"


def test_one_who_leaves_does_not_stop_it_for_others(keep):
    async def ask():
        begun, release = asyncio.Event(), asyncio.Event()

        async def think(asked):
            begun.set()
            await release.wait()
            return Thought(FULL, "42", 21)

        explainer = Explainer(keep, think)
        gone = asyncio.ensure_future(explainer.explain("r1"))
        stays = asyncio.ensure_future(explainer.explain("r1"))
        await begun.wait()
        gone.cancel()
        release.set()
        return await stays

    assert asyncio.run(ask()).full.answer == "42"


def test_a_gateway_that_is_not_there_or_is_none_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(EngineError, match="does not answer"):
        explanation(nobody, "r1")
    with pytest.raises(EngineError, match="does not answer"):
        explanation("not an address", "r1")


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_escapes_what_was_said(lang):
    evil = "<script>alert(1)</script>"
    poisoned = kept(thinking=evil, answer=evil, moves=evil, messages=({"role": evil, "content": evil},))
    for text in (
        explained.page(evil, poisoned, lang),
        explained.page(evil, None, lang),
        *explained.shown(Explanation.of(poisoned, Thought(evil + "x", evil, 12)), lang)["shown"].values(),
    ):
        assert evil not in text


def test_the_page_marks_the_cut():
    made = Explanation.of(kept(redacted=2), Thought(FULL, "42", 21), number)
    assert "✂" in explained.short(made.kept, "en")
    assert f"{SHORT}<mark>" in explained.full(made, "en")
    assert "Masked before this was kept: 2." in explained.page("r1", made.kept, "en")
    assert "Nothing is kept under r1." in explained.page("r1", None, "en")


def test_explanations_end_with_what_was_kept():
    class Keep:
        here = True

        def get(self, _):
            return kept() if self.here else None

    async def run():
        async def think(_):
            return Thought("long", "8", 2)

        keep = Keep()
        explainer = Explainer(keep, think)
        assert await explainer.explain("r0") is not None
        explainer.forget()
        assert len(explainer._made) == 1
        keep.here = False
        explainer.forget()
        return explainer._made

    assert not asyncio.run(run())


def test_a_terminal_is_not_commanded_by_a_models_text():
    from karui.cli.commands.explain import _harmless

    assert _harmless({"a": ["x\x1b]0;title\x07y\n\t\x9b31m", 3]}) == {"a": ["x]0;titley\n\t31m", 3]}
