import pytest

from karui import catalog
from karui.core.ability import Ability
from karui.core.errors import PlanError
from karui.core.prompt import Prompt
from karui.core.request import Request

ASK = Request("q", Prompt("How many?\n\nBox it."))


def rewritten(text):
    return catalog.parse(text).rewrite(ASK).prompt


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("concise-cot", "Be concise."),
        ("chain-of-draft:words=4", "4 words at most"),
        ("token-budget-hint:tokens=60", "less than 60 tokens"),
    ],
)
def test_styles_follow_the_question_and_change_nothing_else(text, added):
    prompt = rewritten(text)
    assert prompt.user.startswith(ASK.prompt.user)
    assert added in prompt.user
    assert prompt == Prompt(prompt.user)
    assert catalog.parse(text).techniques[0].needs_recording()


def test_no_thinking_turns_thinking_off():
    assert rewritten("no-thinking") == Prompt(ASK.prompt.user, thinking=False)
    assert catalog.parse("no-thinking").needs == {Ability.THINKING_SWITCH}


def test_suppression_bans_words_once_and_keeps_the_prompt():
    assert rewritten("reflection-suppression:words=wait hmm") == Prompt(
        ASK.prompt.user, banned=("wait", "hmm")
    )
    both = catalog.parse("reflection-suppression:words=wait hmm + reflection-suppression:words=hmm but")
    assert both.rewrite(ASK).prompt.banned == ("wait", "hmm", "but")
    assert "alternatively" in rewritten("reflection-suppression").banned
    assert catalog.parse("reflection-suppression").needs == {Ability.BAN}


def test_hesitation_words_are_lowered_in_both_languages():
    lowered = rewritten("hesitation-penalty:penalty=3,words=wait hmm,japanese=待って")
    assert lowered == Prompt(ASK.prompt.user, penalties=(("wait", 3.0), ("hmm", 3.0), ("待って", 3.0)))
    both = catalog.parse("hesitation-penalty:words=wait,japanese= + hesitation-penalty:words=but,japanese=")
    assert both.rewrite(ASK).prompt.penalties == (("wait", 2.0), ("but", 2.0))
    words = dict(rewritten("hesitation-penalty").penalties)
    assert {"wait", "alternatively", "待って", "もう一度"} <= words.keys()
    assert catalog.parse("hesitation-penalty").needs == {Ability.PENALTY}
    assert catalog.parse("hesitation-penalty").recorded


def test_suppression_goes_with_a_style():
    prompt = rewritten("reflection-suppression + concise-cot")
    assert prompt.banned
    assert prompt.user.endswith("Be concise.")


@pytest.mark.parametrize(
    "text",
    [
        "chain-of-draft:words=0",
        "token-budget-hint:tokens=0",
        "reflection-suppression:words=",
        "hesitation-penalty:penalty=0",
        "hesitation-penalty:penalty=-1",
        "hesitation-penalty:words=,japanese=",
    ],
)
def test_parameters_that_cannot_run_are_refused(text):
    with pytest.raises(PlanError):
        catalog.parse(text)
