"""What to do with each proof of concept, the order of all of them, and the page that says so."""

from dataclasses import replace

import pytest

from karui.core.study.choice import Confirmation, Decision
from karui.i18n.portfolio import PORTFOLIO
from karui.portfolios.budget import Budget, Spending
from karui.portfolios.entry import Advice, Entry, State, Wanted, Why, further_questions
from karui.portfolios.page import page
from karui.portfolios.portfolio import portfolio_of
from karui.portfolios.returns import Returns, Stakes
from karui.portfolios.words import Told

GAIN = Returns((90, 110), (0, 0), (80, 100), 50, (910, 1150), (18.2, 23.0), (0.5, 0.6), 2000.0)
OPEN = replace(GAIN, value=(-50, 1150), roi=(-1.0, 23.0))
LOSS = replace(GAIN, value=(-900, -40), roi=(-18.0, -0.8))


def entry(name: str, **changes) -> Entry:
    made = Entry(name, "Team", "karui-mini", "questions.jsonl", Stakes(1000), State.DONE, Spending(1000, 0.1))
    return replace(made, **changes)


def decided(study, decision: Decision, **changes):
    return replace(study, choice=replace(study.choice, decision=decision, **changes))


@pytest.fixture
def entries(certified, unproven) -> dict[str, Entry]:
    lost = Confirmation(20, 0.4, 0.2, 0.6, 0.5, 0.5, 0.9, withdrawn=True)
    promising = decided(certified, Decision.PILOT)
    tested = tuple(replace(t, questions_wanted=240) for t in promising.choice.tested)
    promising = decided(promising, Decision.PILOT, tested=tested)
    hopeless = tuple(replace(t, questions_wanted=None) for t in promising.choice.tested)
    return {
        "gains": entry("gains", study=certified, returns=GAIN),
        "may": entry("may", study=certified, returns=OPEN),
        "unpriced": entry("unpriced", study=certified),
        "loses": entry("loses", study=certified, returns=LOSS),
        "promising": entry(
            "promising", study=promising, returns=OPEN, wanted=Wanted(180, Spending(90_000, 0.4))
        ),
        "hopeless": entry("hopeless", study=decided(promising, Decision.PILOT, tested=hopeless)),
        "withdrawn": entry("withdrawn", study=decided(certified, Decision.ADOPT, confirmation=lost)),
        "failing": entry("failing", study=decided(certified, Decision.FIX)),
        "nothing": entry("nothing", study=decided(certified, Decision.NOTHING)),
        "labels": entry("labels", study=decided(certified, Decision.LABEL), returns=OPEN),
        "killed": entry("killed", state=State.BEGUN, wanted=Wanted(0, Spending(5000, 0.1))),
        "poor": entry(
            "poor", state=State.WAITING, lacking="tokens", wanted=Wanted(0, Spending(9e6, 2)), team=""
        ),
        "next": entry("next", state=State.WAITING),
        "broken": entry("broken", state=State.FAILED, failure="There is no <model>.\nName one."),
    }


ADVICE = {
    "gains": (Advice.SCALE, Why.GAINS),
    "may": (Advice.HOLD, Why.MAY_GAIN),
    "unpriced": (Advice.HOLD, Why.UNPRICED),
    "loses": (Advice.STOP, Why.LOSES),
    "promising": (Advice.MORE, Why.NOT_PROVEN),
    "hopeless": (Advice.STOP, Why.HOPELESS),
    "withdrawn": (Advice.STOP, Why.WITHDRAWN),
    "failing": (Advice.FIX, Why.BASELINE),
    "nothing": (Advice.STOP, Why.NO_PLAN),
    "labels": (Advice.LABEL, Why.LABELS),
    "killed": (Advice.RESUME, Why.UNFINISHED),
    "poor": (Advice.BEGIN, Why.BUDGET),
    "next": (Advice.BEGIN, Why.ITS_TURN),
    "broken": (Advice.FIX, Why.ERROR),
}


@pytest.mark.parametrize("name", ADVICE)
def test_what_to_do(name, entries):
    assert entries[name].advice() == ADVICE[name]


def whole(entries):
    return portfolio_of(
        list(entries.values()),
        made="2026-12-01",
        budget=Budget(tokens=10_000),
        next_month=Budget(tokens=100_000),
        shared={"currency": "EUR", "price_output": 2.0},
        horizon_months=12.0,
    )


def test_the_order_is_by_the_low_end(entries):
    names = [e.name for e in whole(entries).entries]
    assert names[0] == "gains"
    assert names.index("may") < names.index("loses") < names.index("unpriced")
    assert names.index("unpriced") < names.index("killed") < names.index("next") < names.index("nothing")


def test_next_month_is_filled_as_far_as_its_budget_holds(entries):
    steps = {step.name: step for step in whole(entries).plan()}
    assert list(steps)[:2] == ["gains", "killed"]
    assert not set(steps) & {"loses", "hopeless", "withdrawn", "nothing"}
    assert steps["killed"].fits
    assert not steps["poor"].fits
    assert steps["promising"].fits  # what does not fit takes nothing from what comes after it
    assert (steps["promising"].questions, steps["promising"].value) == (180, OPEN.value)
    small = replace(whole(entries), next_month=Budget(tokens=90_000))
    assert not {step.name: step for step in small.plan()}["promising"].fits


def test_how_many_more_questions(unproven):
    wanted = unproven.choice.fewest if unproven.choice.candidate is None else None
    more = further_questions(unproven, 24)
    if wanted is not None:
        assert more == -(-wanted * 24 // unproven.choice.questions) - 24
    candidate = replace(
        next(iter(unproven.choice.tested), None) or unproven.choice.candidate, questions_wanted=90
    )
    asked = replace(unproven, choice=replace(unproven.choice, candidate=candidate, questions=18))
    assert further_questions(asked, 24) == 96  # 90 test questions are three quarters of 120
    never = replace(asked, choice=replace(asked.choice, candidate=replace(candidate, questions_wanted=None)))
    assert further_questions(never, 24) is None


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_says_everything_and_loads_nothing(lang, entries):
    made = whole(entries)
    text, told = page(made, lang), Told(made, lang)
    for each in entries.values():
        assert each.name in text
    assert "&lt;model&gt;" in text
    assert "<model>" not in text
    assert "default-src &#39;none&#39;" in text
    assert told.words("why_gains") in text
    assert "1,820" in told.roi(entries["gains"])
    assert told.why(entries["promising"]).count("180") == 1
    assert "9,000,000" in told.why(entries["poor"])
    assert ("ja" in lang) is ("月間削減額" in text)


def test_every_text_has_the_same_places_in_both_languages():
    from string import Formatter

    for key, texts in PORTFOLIO.items():
        english, japanese = ({name for _, name, _, _ in Formatter().parse(t) if name} for t in texts)
        assert english == japanese, key
    for why in Why:
        assert f"why_{why}" in PORTFOLIO
    for advice in Advice:
        assert advice in PORTFOLIO
