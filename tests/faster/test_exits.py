import pytest

from karui import catalog
from karui.core.ability import Ability
from karui.core.errors import PlanError
from karui.core.trace import End
from tests.helpers.traces import at, ends, play, spent, trace

LONG = trace("7", 200, at(40, "1"), at(80, "2"), at(120, "3"), at(160, "4"))


def row(*answers, sure=0.5, **more):
    """A trace with a checkpoint every 10 tokens."""
    marks = [at(10 * (n + 1), a, sure=sure, **more) for n, a in enumerate(answers)]
    return trace("7", 10 * len(answers) + 5, *marks)


def stopped(outcome):
    """Where the one trace stopped thinking."""
    return outcome.traces[0].thinking_tokens


@pytest.mark.parametrize(
    ("tokens", "answer", "thought"), [(80, "2", 80), (81, "3", 120), (0, "1", 40), (161, "7", 200)]
)
def test_token_budget_answers_at_the_first_checkpoint_at_or_after(tokens, answer, thought):
    outcome = play(f"token-budget:tokens={tokens}", LONG)
    assert (outcome.answer, stopped(outcome)) == (answer, thought)
    assert spent(outcome, "trial") == 0  # the forced answer is adopted, and billed once
    assert spent(outcome, "answer") == (5 if thought == 200 else 4)


@pytest.mark.parametrize(
    ("tokens", "end", "thought"),
    [
        (80, End.DROPPED, 80),  # still thinking at 80: it outlives it
        (81, End.DROPPED, 120),
        (199, End.DROPPED, 200),  # ended by itself, but longer
        (200, End.FINISHED, 200),
    ],
)
def test_token_cap_drops_what_is_longer(tokens, end, thought):
    outcome = play(f"token-cap:tokens={tokens}", LONG)
    assert ends(outcome) == [end]
    assert stopped(outcome) == thought
    assert outcome.answer == ("7" if end is End.FINISHED else None)
    assert spent(outcome, "dropped") == (0 if end is End.FINISHED else thought + (5 if thought == 200 else 0))


def test_a_capped_trace_does_not_vote():
    short, lengthy = trace("7", 50, at(40, "7")), trace("1", 100, at(40, "1"), at(80, "1"))
    assert play("self-consistency:k=3", lengthy, lengthy, short).answer == "1"
    capped = play("self-consistency:k=3 + token-cap:tokens=60", lengthy, lengthy, short)
    assert capped.answer == "7"
    assert capped.confidence == pytest.approx(1 / 3)


def test_trial_confidence_answers_once_sure():
    marks = [at(10, "1", sure=0.5), at(20, "2", sure=0.9), at(30, "3", sure=0.96)]
    outcome = play("trial-confidence", trace("7", 40, *marks))
    assert (outcome.answer, stopped(outcome)) == ("3", 30)
    assert (spent(outcome, "trial"), spent(outcome, "answer")) == (8, 4)
    assert play("trial-confidence:threshold=0.9", trace("7", 40, *marks)).answer == "2"
    assert play("trial-confidence:threshold=0.99", trace("7", 40, *marks)).answer == "7"


def test_trial_confidence_never_takes_an_answer_that_cannot_be_read():
    assert play("trial-confidence", row(None, "2", sure=0.99)).answer == "2"


def test_trial_confidence_spaces_its_trials():
    outcome = play("trial-confidence:every=3", row(*"123456", sure=0.1))
    assert spent(outcome, "trial") == 2 * 4  # at the third checkpoint and the sixth
    assert play("trial-confidence:every=3", row(*"123456", sure=0.99)).answer == "3"


def test_trial_confidence_peeks_before_it_tries():
    marks = [at(10, "1", sure=(0.3, 0.99)), at(20, "2", sure=(0.9, 0.5)), at(30, "3", sure=(0.9, 0.99))]
    outcome = play("trial-confidence:gate=0.8", trace("7", 40, *marks))
    assert outcome.answer == "3"
    assert spent(outcome, "trial") == 1 + 4  # a peek that shut the gate, and a trial that was not sure


def test_trial_confidence_waits_for_a_turn():
    marks = [
        at(10, "1", sure=0.99, text="we add "),
        at(20, "2", sure=0.99, text="Wait, no. "),
        at(30, "3", sure=0.99),
    ]
    outcome = play("trial-confidence:turns=true", trace("7", 40, *marks))
    assert outcome.answer == "2"
    assert spent(outcome, "trial") == 0
    assert Ability.TEXT in catalog.parse("trial-confidence:turns=true").needs
    assert Ability.TEXT not in catalog.parse("trial-confidence").needs


@pytest.mark.parametrize(
    ("k", "answers", "answer", "thought"),
    [
        (2, "1223", "2", 30),
        (3, "122333", "3", 60),
        (3, "122112", "7", 65),
        (2, ["1", None, None, "2", "2"], "2", 50),
        (2, ["1", None, "1", "7"], "7", 45),  # what cannot be read breaks the row
    ],
)
def test_trial_stability_answers_after_k_equal_in_a_row(k, answers, answer, thought):
    outcome = play(f"trial-stability:k={k}", row(*answers))
    assert (outcome.answer, stopped(outcome)) == (answer, thought)


def test_trial_stability_counts_every_nth_checkpoint():
    outcome = play("trial-stability:k=2,every=2", row(*"12324252"))
    assert (outcome.answer, stopped(outcome)) == ("2", 40)
    assert spent(outcome, "trial") == 4


def test_trial_stability_compares_peeks_first():
    outcome = play("trial-stability:k=3,peek=true", row("10", "21", "22", "23", "30"))
    assert (outcome.answer, stopped(outcome)) == ("23", 40)  # the first tokens 2, 2, 2 agree
    assert (spent(outcome, "trial"), spent(outcome, "answer")) == (3, 4)
    unread = [at(10, None, first="2"), at(20, None, first="2"), at(30, "2"), at(40, "2")]
    assert stopped(play("trial-stability:k=2,peek=true", trace("7", 50, *unread))) == 40
    assert Ability.PEEKS in catalog.parse("trial-stability:peek=true").needs
    assert catalog.parse("trial-stability").needs == {Ability.TRIALS}


def entropies(*values):
    return trace(
        "7", 10 * len(values) + 5, *(at(10 * (n + 1), str(n), entropy=e) for n, e in enumerate(values))
    )


def test_exit_entropy_waits_until_it_has_settled():
    settled = entropies(2.0, 2.0, 2.0, 2.0, 2.0, 2.0)
    outcome = play("exit-entropy:least=4", settled)
    assert stopped(outcome) == 50  # the first look after the fourth
    assert (spent(outcome, "trial"), spent(outcome, "answer")) == (
        4,
        4,
    )  # four peeks, and one that became the answer
    restless = entropies(2.0, 0.1, 3.0, 0.2, 2.5, 0.3, 2.0)
    assert play("exit-entropy:least=2", restless).answer == "7"
    assert play("exit-entropy:least=2,delta=5", restless).answer == "2"


def test_exit_entropy_follows_the_formula():
    mean, variance = 2.0, 0.0
    for value in (1.0, 1.5):
        mean = 0.2 * value + 0.8 * mean
        variance = 0.2 * (value - mean) ** 2 + 0.8 * variance
    seen = entropies(2.0, 1.0, 1.5, 9.0)
    assert play(f"exit-entropy:least=2,delta={variance + 1e-9}", seen).answer == "2"
    assert play(f"exit-entropy:least=2,delta={variance - 1e-9}", seen).answer == "7"


def test_random_exit_has_its_chance_and_its_seed():
    many = [
        trace("7", 105, *(at(10 * (n + 1), "1", text=f"{s} {n} ") for n in range(10))) for s in range(400)
    ]
    stops = [stopped(play("random-exit:chance=0.25", t)) for t in many]
    assert stops.count(10) / len(stops) == pytest.approx(0.25, abs=0.06)
    assert sum(s < 105 for s in stops) / len(stops) == pytest.approx(1 - 0.75**10, abs=0.05)
    assert stops == [stopped(play("random-exit:chance=0.25", t)) for t in many]
    assert stops != [stopped(play("random-exit:chance=0.25,seed=1", t)) for t in many]
    assert {stopped(play("random-exit:chance=0", t)) for t in many} == {105}
    assert {stopped(play("random-exit:chance=1", t)) for t in many} == {10}


def test_a_trial_made_in_front_is_free_behind():
    sure = row(*"1122", sure=0.1)
    alone = play("trial-stability:k=2", sure)
    behind = play("trial-confidence:threshold=0.99 + trial-stability:k=2", sure)
    assert alone.answer == behind.answer == "1"
    assert behind.tokens == alone.tokens


def test_the_first_exit_to_decide_wins():
    both = row(*"1222", sure=0.5)
    assert play("token-budget:tokens=10 + trial-stability:k=2", both).answer == "1"
    assert play("trial-stability:k=2 + token-budget:tokens=40", both).answer == "2"
    capped = play("token-cap:tokens=20 + token-budget:tokens=20", both)
    assert capped.answer is None
    assert play("token-budget:tokens=20 + token-cap:tokens=20", both).answer == "2"


@pytest.mark.parametrize(
    "text",
    [
        "token-budget:tokens=-1",
        "token-cap:tokens=-1",
        "trial-confidence:every=0",
        "trial-confidence:gate=2",
        "trial-stability:k=0",
        "trial-stability:every=0",
        "exit-entropy:alpha=0",
        "exit-entropy:every=0",
        "random-exit:chance=1.5",
    ],
)
def test_parameters_that_cannot_run_are_refused(text):
    with pytest.raises(PlanError):
        catalog.parse(text)


SAID = "But for the sake of this problem, we will assume the cost is based on what is given. "


def looping(sayings, *, answer="7", leaves=""):
    """A trace with a checkpoint after every saying, which then goes on with `leaves`."""
    marks = [at(20 * (n + 1), str(n), text=SAID) for n in range(sayings)]
    if leaves:
        marks.append(at(20 * (sayings + 1), "5", text=leaves))
    return trace(answer, 20 * len(marks) + 40, *marks)


@pytest.mark.parametrize(("patience", "sayings"), [(0, 4), (2, 6)])
def test_loop_exit_answers_or_drops_where_a_loop_is_seen(patience, sayings):
    seen = 20 * (sayings + 1)  # a saying is complete once the next one has begun
    answered = play(f"loop-exit:patience={patience}", looping(30))
    assert (ends(answered), stopped(answered)) == ([End.ANSWERED], seen)
    assert answered.answer == str(sayings)
    assert spent(answered, "trial") == 0
    dropped = play(f"loop-exit:then=drop,patience={patience}", looping(30))
    assert (ends(dropped), stopped(dropped), dropped.answer) == ([End.DROPPED], seen, None)
    assert spent(dropped, "dropped") == seen
    assert answered.looped == dropped.looped == 1


def test_loop_exit_leaves_alone_what_does_not_loop():
    for plan in ("loop-exit", "loop-exit:then=drop"):
        outcome = play(plan, looping(3))
        assert (ends(outcome), outcome.answer, outcome.looped) == ([End.FINISHED], "7", 0)


def test_loop_exit_waits_for_a_trace_that_leaves_its_loop():
    trace = looping(5, leaves="So there are 3 + 4 of them, and that makes 7. ")
    assert ends(play("loop-exit", trace)) == [End.ANSWERED]
    outcome = play("loop-exit:patience=3", trace)
    assert (ends(outcome), outcome.answer, outcome.looped) == ([End.FINISHED], "7", 1)


def test_a_dropped_loop_does_not_vote():
    wrong, right = looping(20, answer="1"), row("7", "7")
    assert play("self-consistency:k=3", wrong, wrong, right).answer == "1"
    assert play("self-consistency:k=3 + loop-exit:then=drop", wrong, wrong, right).answer == "7"


def test_loop_exit_needs_the_text_and_trials_only_to_answer():
    assert catalog.parse("loop-exit").needs == {Ability.TEXT, Ability.TRIALS}
    assert catalog.parse("loop-exit:then=drop").needs == {Ability.TEXT}
    with pytest.raises(PlanError, match="answer or drop"):
        catalog.parse("loop-exit:then=stop")


def unsure(*levels, answer="7"):
    """A trace with a checkpoint every 10 tokens whose peeks and trials are this sure."""
    marks = [at(10 * (n + 1), "3", sure=s) for n, s in enumerate(levels)]
    return trace(answer, 10 * len(levels) + 5, *marks)


LATE = "give-up:floor=0.8,after=50,alpha=1"


def test_give_up_drops_what_does_not_become_surer():
    # The threshold at 10, 20 … tokens: 0.03, 0.07, 0.13, 0.25, 0.4, 0.55, 0.67, 0.73.
    outcome = play(LATE, unsure(*[0.3] * 8))
    assert (ends(outcome), stopped(outcome), outcome.answer, outcome.correct) == (
        [End.DROPPED],
        50,
        None,
        False,
    )
    assert spent(outcome, "trial") == 5  # one token a look
    assert spent(outcome, "dropped") == 50
    assert stopped(play(LATE, unsure(*[0.6] * 8))) == 70
    assert ends(play(LATE, unsure(*[0.9] * 8))) == [End.FINISHED]
    assert ends(play(LATE, unsure(0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9))) == [End.FINISHED]


def test_give_up_costs_whole_trials_where_these_are_looked_at():
    outcome = play(f"{LATE},by=trial", unsure(*[0.3] * 8))
    assert (stopped(outcome), spent(outcome, "trial")) == (50, 5 * 4)
    unread = trace("7", 85, *(at(10 * (n + 1), None, sure=0.99) for n in range(8)))
    assert ends(play(f"{LATE},by=trial", unread)) == [
        End.DROPPED
    ]  # what cannot be read is no sign of anything
    assert ends(play(LATE, unread)) == [End.FINISHED]


def test_give_up_smooths_and_skips():
    dip = unsure(0.9, 0.9, 0.9, 0.9, 0.9, 0.3, 0.9, 0.9)
    assert ends(play(LATE, dip)) == [End.DROPPED]
    assert ends(play("give-up:floor=0.8,after=50,alpha=0.3", dip)) == [End.FINISHED]
    assert spent(play(f"{LATE},every=3", unsure(*[0.95] * 8)), "trial") == 2


def test_give_up_takes_its_vote_away_and_goes_with_an_upper_threshold():
    lost = unsure(*[0.3] * 8, answer="1")
    assert play("self-consistency:k=3", lost, lost, row("7", "7", sure=0.9)).answer == "1"
    assert play(f"self-consistency:k=3 + {LATE}", lost, lost, row("7", "7", sure=0.9)).answer == "7"
    both = f"trial-confidence:threshold=0.9 + {LATE}"
    assert ends(play(both, unsure(0.3, 0.5, 0.95, 0.99))) == [End.ANSWERED]
    assert ends(play(both, unsure(*[0.3] * 8))) == [End.DROPPED]


def test_its_threshold_rises_from_nothing_to_the_floor():
    give_up = catalog.parse(LATE).techniques[0]
    levels = [give_up.threshold(n) for n in (0, 25, 50, 75, 100_000)]
    assert levels == sorted(levels)
    assert levels[0] < 0.02
    assert levels[2] == pytest.approx(0.4)
    assert levels[-1] == pytest.approx(0.8)
    for wrong in ("floor=0", "floor=1.1", "after=0", "width=0", "by=luck", "every=0", "alpha=0"):
        with pytest.raises(PlanError):
            catalog.parse(f"give-up:{wrong}")
