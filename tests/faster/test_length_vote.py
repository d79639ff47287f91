import pytest

from karui import catalog
from karui.core.errors import PlanError
from karui.faster.length_vote import LengthVote
from tests.helpers.traces import ends, play, spent, trace


def traces(*pairs):
    """Traces by answer and thinking tokens; "." has no answer."""
    return [trace(None if a == "." else a, tokens, cut=a == ".") for a, tokens in pairs]


def test_one_short_trace_outweighs_two_long_ones():
    script = traces(("9", 900), ("7", 100), ("9", 900))
    assert play("length-vote:k=3,scale=200,budget=90000,threshold=0.99", *script).answer == "7"
    assert play("length-vote:k=3,scale=100000,budget=90000,threshold=0.99", *script).answer == "9"


def test_equal_lengths_count_as_votes_do():
    outcome = play("length-vote:k=8,scale=100,budget=900000,fall=0", *traces(*[("7", 50)] * 8))
    assert (outcome.answer, outcome.started, outcome.confidence) == ("7", 3, 1.0)  # 1 - 0.5^4 > 0.9
    outcome = play("length-vote:k=8,scale=100,budget=900000,fall=0,threshold=0.95", *traces(*[("7", 50)] * 8))
    assert outcome.started == 4


def test_the_threshold_falls_as_it_spends():
    script = traces(*[(str(n), 95) for n in range(8)])
    # No two agree: the leader is a half likely to stay, which is enough once 0.9 has fallen by 0.4 of 0.8.
    outcome = play("length-vote:k=8,scale=100,budget=1000,threshold=0.9,fall=0.8", *script)
    assert outcome.started == 6
    assert outcome.tokens == 600
    assert play("length-vote:k=8,scale=100,budget=1000,threshold=0.9,fall=0", *script).started == 8


def test_nothing_is_started_after_the_budget():
    script = traces(*[(str(n), 95) for n in range(8)])
    assert play("length-vote:k=8,scale=100,budget=250,fall=0", *script).started == 3


def test_dropped_traces_are_spent_and_lower_the_share():
    script = traces(("7", 50), (".", 300), ("7", 50), ("7", 50))
    outcome = play("length-vote:k=4,scale=100,budget=9000,fall=0", *script)
    assert (outcome.answer, outcome.started, outcome.confidence) == ("7", 4, 0.75)
    outcome = play("length-vote:k=3,scale=100,budget=9000,fall=0 + token-cap:tokens=40", *script[:3])
    assert (outcome.answer, outcome.confidence) == (None, 0.0)
    assert spent(outcome, "dropped") > 0
    assert len(ends(outcome)) == 3


def test_a_batch_runs_side_by_side():
    script = traces(*[("7", 50)] * 8)
    outcome = play("length-vote:k=8,scale=100,budget=900000,batch=4", *script)
    assert (outcome.started, outcome.time) == (4, 55)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"scale": 0}, {"k": 0}, {"threshold": 0.0}, {"fall": -1.0}])
def test_parameters_that_no_run_could_have_are_refused(wrong):
    with pytest.raises(PlanError):
        LengthVote(**wrong)


def test_it_says_how_many_traces_it_may_want():
    assert catalog.parse("length-vote:k=12").models == {"main": 12}
