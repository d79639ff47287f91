from dataclasses import dataclass
from typing import ClassVar

import pytest
from scipy.stats import beta

from karui import catalog
from karui.core.ability import Ability
from karui.core.errors import InputError, PlanError, UnknownName
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.core.technique import Family, Technique
from karui.core.trace import End, Reply
from karui.core.watcher import Action
from karui.faster import _confidence
from karui.faster._votes import single, vote, weighted_vote
from karui.faster.adaptive_consistency import _leads
from karui.runners.replay import Replay
from karui.testing.synthetic import synthetic
from tests.helpers.traces import at, ends, play, spent, trace


def traces(answers, tokens=50):
    """Traces of one length; "." has no answer."""
    return [trace(None if a == "." else a, tokens, cut=a == ".") for a in answers]


def test_votes_compare_answers_and_ties_go_to_the_first_reached():
    assert vote([Reply("a"), Reply("b"), Reply("b")]) == Reply("b", 2 / 3)
    assert vote([Reply("b"), Reply("a"), Reply("a"), Reply("b")]) == Reply("b", 0.5)
    assert vote([Reply(None), Reply("a"), Reply(None), Reply(None)]) == Reply("a", 0.25)
    assert vote([Reply(None), Reply(None)]) == Reply(None, 0.0)


def test_weights_decide_and_fall_back_to_counting():
    replies = [Reply("a"), Reply("b"), Reply("b"), Reply(None)]
    assert weighted_vote(replies, [5.0, 2.0, 2.0, 1.0]) == Reply("a", 0.5)
    assert weighted_vote(replies, [0.0, 0.0, 0.0, 0.0]) == Reply("b", 0.5)
    assert weighted_vote([Reply(None)], [3.0]) == Reply(None, 0.0)


def test_self_consistency_counts_all_it_asked():
    outcome = play("self-consistency:k=5", *traces("17.71"), trace("7", 9))
    assert (outcome.answer, outcome.confidence, outcome.started) == ("1", 0.4, 5)
    assert play("self-consistency:k=4", *traces("7171")).answer == "7"
    assert play("self-consistency:k=2", *traces("..")).answer is None


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (4, 0), (5, 1), (9, 7), (40, 24)])
def test_adaptive_consistency_weighs_as_the_beta_distribution(first, second):
    assert _leads(first, second) == pytest.approx(1 - beta.cdf(0.5, first + 1, second + 1))


@pytest.mark.parametrize(
    ("answers", "threshold", "started", "answer"),
    [
        ("7777777777", 0.95, 4, "7"),  # 1 - 0.5^5 > 0.95
        ("7777777777", 0.9, 3, "7"),
        ("1777777777", 0.95, 7, "7"),
        ("17171717", 0.95, 8, "1"),
        (".7.7777", 0.95, 6, "7"),
        ("........", 0.95, 8, None),
        ("7777777777", 1, 6, "7"),  # four more cannot catch up with six
        ("1777777711", 1, 7, "7"),
        ("77711.", 1, 6, "7"),  # at 3 to 0 the other three could draw level
        ("17171717", 1, 8, "1"),
    ],
)
def test_adaptive_consistency_stops_when_the_leader_is_safe(answers, threshold, started, answer):
    outcome = play(f"adaptive-consistency:k={len(answers)},threshold={threshold}", *traces(answers))
    assert (outcome.started, outcome.answer) == (started, answer)
    assert outcome.time >= started * 50  # one after the other


@pytest.mark.parametrize("batch", [1, 4])
def test_adaptive_consistency_that_is_certain_answers_as_the_full_vote(batch):
    replay = Replay({"main": synthetic(20, 12, seed=4)}, runs=5)
    full = replay.outcomes(catalog.parse("self-consistency:k=12"))
    plan = catalog.parse(f"adaptive-consistency:k=12,threshold=1,batch={batch}")
    found = replay.outcomes(plan)
    assert (found.correct == full.correct).all()
    assert (found.answered == full.answered).all()
    assert (found.tokens <= full.tokens).all()
    assert found.tokens.sum() < full.tokens.sum()


def test_adaptive_consistency_in_batches_saves_time_and_not_tokens():
    outcome = play("adaptive-consistency:k=8,batch=3", *traces("77777777"))
    assert outcome.started == 6
    assert outcome.time == 2 * 55
    assert play("adaptive-consistency:k=4,batch=3", *traces("1717")).started == 4


@pytest.mark.parametrize(
    ("answers", "started", "answer", "share"),
    [
        ("777111", 3, "7", 1.0),
        ("771777111", 6, "7", 5 / 6),
        ("77.777111", 6, "7", 5 / 6),  # a trace without an answer breaks the agreement
        ("717171177", 9, "7", 5 / 9),
        ("...777", 6, "7", 0.5),
    ],
)
def test_windowed_stop_stops_when_a_whole_window_agrees(answers, started, answer, share):
    outcome = play(f"windowed-stop:k={len(answers)},window=3", *traces(answers))
    assert (outcome.started, outcome.answer) == (started, answer)
    assert outcome.confidence == pytest.approx(share)


def test_windowed_stop_ends_with_a_smaller_window():
    assert play("windowed-stop:k=4,window=3", *traces("7177")).started == 4


def test_first_of_takes_the_shortest_and_pays_for_the_rest():
    mixed = [trace("1", 90), trace("7", 20), trace("2", 60), trace(None, 10, cut=True), trace("7", 40)]
    outcome = play("first-of:k=5,m=2", *mixed)
    assert (outcome.answer, outcome.confidence) == ("7", 1.0)
    assert ends(outcome) == [End.STOPPED, End.FINISHED, End.STOPPED, End.TRUNCATED, End.FINISHED]
    assert outcome.time == 45
    assert spent(outcome, "dropped") == 45 + 45  # both ran until the second answer


def test_first_of_breaks_ties_by_finish_and_counts_answers_that_never_came():
    tie = play("first-of:k=3,m=3", trace("1", 90), trace("7", 20), trace("2", 60))
    assert (tie.answer, tie.confidence) == ("7", pytest.approx(1 / 3))
    lone = play("first-of:k=3,m=3", trace(None, 90, cut=True), trace("7", 20), trace(None, 60, cut=True))
    assert (lone.answer, lone.confidence) == ("7", pytest.approx(1 / 3))


def test_confidence_measures():
    signals = trace("7", 20, sure=[10.0] * 8 + [2.0] * 4 + [6.0] * 8).signals
    assert _confidence.mean(signals) == pytest.approx((80 + 8 + 48) / 20)
    assert _confidence.tail(signals, 8) == pytest.approx(6.0)
    assert _confidence.lowest(signals, 4) == pytest.approx(2.0)
    assert _confidence.lowest(signals, 100) == _confidence.mean(signals)
    means = sorted(sum(signals.confidence[n : n + 4]) / 4 for n in range(17))
    assert _confidence.bottom(signals, 4) == pytest.approx(means[0])  # a tenth of 17 is one
    assert _confidence.quantile([3, 1, 2], 0.25) == pytest.approx(1.5)
    assert _confidence.quantile([5], 0.9) == 5
    empty = signals.prefix(0)
    assert [f(empty, 4) for f in (_confidence.tail, _confidence.lowest, _confidence.bottom)] == [0, 0, 0]


def test_windows_follow_the_median_length():
    assert _confidence.window_of([trace("7", n) for n in (100, 900, 300)], 0.1) == 30
    assert _confidence.window_of([trace("7", n) for n in (100, 300)], 0.1) == 20
    assert _confidence.window_of([trace("7", 10)], 0.1) == 8


def test_confidence_vote_lets_the_sure_outvote_the_many():
    few = [trace("7", 100, sure=16.0), trace("1", 100, sure=6.0), trace("1", 100, sure=7.0)]
    assert play("self-consistency:k=3", *few).answer == "1"
    weighed = play("confidence-vote:k=3,keep=1", *few)
    assert weighed.answer == "7"
    assert weighed.confidence == pytest.approx(16 / 29)


def test_confidence_vote_keeps_the_surest():
    many = [trace("1", 100, sure=5.0)] * 4 + [trace("7", 100, sure=9.0), trace("1", 100, sure=8.0)]
    assert play("confidence-vote:k=6,keep=1", *many).answer == "1"
    kept = play("confidence-vote:k=6,keep=0.1", *many)
    assert (kept.answer, kept.confidence) == ("7", 1.0)


def test_confidence_vote_looks_where_it_is_told():
    waning = trace("1", 100, sure=[20.0] * 80 + [5.0] * 20)  # mean 17, tail 5
    growing = trace("7", 100, sure=[2.0] * 20 + [10.0] * 80)  # mean 8.4, tail 10, lowest 2
    assert play("confidence-vote:k=2,keep=1,by=tail", waning, growing).answer == "7"
    assert play("confidence-vote:k=2,keep=1,by=mean", waning, growing).answer == "1"
    assert play("confidence-vote:k=2,keep=1,by=lowest", waning, growing).answer == "1"
    assert play("confidence-vote:k=2,keep=1,by=bottom", waning, growing).answer == "1"


def test_confidence_vote_counts_traces_without_an_answer():
    outcome = play("confidence-vote:k=2,keep=0.5", trace("7", 100), trace(None, 100, cut=True))
    assert (outcome.answer, outcome.confidence) == ("7", 0.5)
    assert play("confidence-vote:k=2", *traces("..")).answer is None


def places(tokens):
    return [at(n, "1") for n in range(10, tokens, 10)]


def test_confidence_filter_drops_what_sinks_below_the_warm_up():
    warm = [trace("7", 100, *places(100), sure=s) for s in (10.0, 12.0)]
    sinks = trace("1", 100, *places(100), sure=[15.0] * 33 + [1.0] * 10 + [15.0] * 57)
    dips_at_the_end = trace("1", 100, *places(100), sure=[15.0] * 91 + [1.0] * 9)
    outcome = play(
        "confidence-filter:k=5,warm=2,keep=0.9,consensus=2", *warm, sinks, dips_at_the_end, warm[0]
    )
    # The window is 10 tokens and the floor 10.2: the window that ends at token 34 + 3 is the first below.
    assert ends(outcome) == [End.FINISHED, End.FINISHED, End.DROPPED, End.DROPPED, End.DROPPED]
    dropped = [t.thinking_tokens for t in outcome.traces][2:]
    assert dropped == [40, 100, 10]
    assert outcome.answer == "7"
    assert outcome.confidence == 1.0


def test_confidence_filter_sees_a_dip_between_checkpoints():
    warm = [trace("7", 100, *places(100), sure=s) for s in (10.0, 12.0)]
    dips = trace("1", 100, *places(100), sure=[15.0] * 28 + [1.0] * 5 + [15.0] * 67)
    outcome = play("confidence-filter:k=3,warm=2,consensus=2", *warm, dips)
    # Groups of 10 that end at tokens 30 and 40 are above the floor of 10.2; the one that ends at 33 is not.
    assert ends(outcome)[2] is End.DROPPED
    assert outcome.traces[-1].thinking_tokens == 40


def test_confidence_filter_stops_on_consensus():
    sure = [trace("7", 100, *places(100), sure=10.0)] * 6
    assert play("confidence-filter:k=6,warm=2", *sure).started == 2
    split = [trace("7", 100, sure=10.0), trace("1", 100, sure=10.0), *sure]
    outcome = play("confidence-filter:k=8,warm=2,consensus=0.7", *split)
    assert outcome.started == 4  # 3 of 4
    assert outcome.confidence == pytest.approx(0.75)
    assert play("confidence-filter:k=8,warm=2,consensus=0.7,batch=3", *split).started == 5


def test_confidence_filter_learns_only_from_the_surest_where_little_is_kept():
    warm = [trace("1", 100, sure=4.0), trace("1", 100, sure=5.0), trace("7", 100, sure=9.0)]
    outcome = play("confidence-filter:k=3,warm=3,keep=0.1", *warm)
    assert outcome.answer == "7"


def test_best_of_n_takes_the_surest():
    some = [trace("1", 100, sure=8.0), trace("7", 100, sure=9.0), trace(None, 100, cut=True, sure=20.0)]
    outcome = play("best-of-n:k=3,reject=0", *some)
    assert (outcome.answer, outcome.confidence) == ("7", 0.9)
    assert outcome.started == 3
    # hand-made log-probabilities fall where confidence rises
    assert play("best-of-n:k=3,reject=0,by=logprob", *some).answer == "1"
    assert play("best-of-n:k=2,reject=0", *traces("..")).answer is None


def test_best_of_n_drops_the_unpromising_half_way():
    warm = [trace("1", 100, *places(100), sure=8.0), trace("1", 100, *places(100), sure=10.0)]
    poor = trace("1", 100, *places(100), sure=[5.0] * 30 + [20.0] * 70)
    good = trace("7", 100, *places(100), sure=11.0)
    outcome = play("best-of-n:k=4,warm=2,reject=0.5,after=0.3", *warm, poor, good)
    assert ends(outcome) == [End.FINISHED, End.FINISHED, End.DROPPED, End.FINISHED]
    assert spent(outcome, "dropped") == 30
    assert outcome.answer == "7"
    between = trace("1", 100, *places(100), sure=[8.0] * 25 + [20.0] * 75)  # judged on 25 tokens
    assert ends(play("best-of-n:k=3,warm=2,after=0.25", *warm, between))[2] is End.DROPPED
    assert ends(play("best-of-n:k=4,warm=2,reject=0", *warm, poor, good)).count(End.DROPPED) == 0


SCORER = """
def longest(question, answer):
    assert question == "How many?"
    return len(answer)

def fails(question, answer):
    raise ValueError("no idea")

def nothing(question, answer):
    return float("nan")
"""


@pytest.fixture
def scorer(tmp_path):
    (tmp_path / "own.py").write_text(SCORER)
    return f"{tmp_path}/own.py"


def test_best_of_scored_takes_what_the_scorer_likes(scorer):
    outcome = play(f"best-of-scored:scorer={scorer}:longest,k=3", *traces(["7", "123", "."]))
    assert outcome.answer == "123"
    tie = play(f"best-of-scored:scorer={scorer}:longest,k=2", *traces(["77", "12"]))
    assert tie.answer == "77"
    assert play(f"best-of-scored:scorer={scorer}:longest,k=1", *traces(".")).answer is None


def test_best_of_scored_refuses_scorers_that_cannot_score(scorer, tmp_path):
    with pytest.raises(UnknownName, match="longest"):
        catalog.parse(f"best-of-scored:scorer={scorer}:longst")
    with pytest.raises(InputError, match="not a function"):
        catalog.parse("best-of-scored:scorer=missing.py:f")
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    with pytest.raises(InputError, match="nothing_of_this_name"):
        catalog.parse(f"best-of-scored:scorer={tmp_path}/broken.py:f")
    for function, said in (("fails", "no idea"), ("nothing", "returned no number")):
        with pytest.raises(PlanError, match=said):
            play(f"best-of-scored:scorer={scorer}:{function},k=2", *traces("71"))


def branch(*answers, final=None, cost=1):
    """A trace that is probed every 10 tokens."""
    marks = [at(10 * (n + 1), a, cost=cost) for n, a in enumerate(answers)]
    return trace(final or answers[-1], 10 * len(answers) + 5, *marks)


PROBE = "parallel-probe:k=3,every=10,warm=1"


def test_parallel_probe_stops_all_when_the_majority_has_held():
    outcome = play(
        f"{PROBE},stable=2,patience=99", branch(*"17777777"), branch(*"12777777"), branch(*"11111111")
    )
    # Majorities of probes 2 to 6: 7 2 1 tie to the first, 7, 7: at probe 4 it has been repeated twice.
    assert outcome.answer == "7"
    assert outcome.confidence == pytest.approx(2 / 3)
    assert max(t.thinking_tokens for t in outcome.traces) <= 50
    assert min(t.thinking_tokens for t in outcome.traces) == 40
    assert ends(outcome).count(End.FINISHED) == 0


def test_parallel_probe_counts_from_the_second_probe():
    outcome = play(f"{PROBE},stable=2", *[branch(*"777777")] * 3)
    # Probe 1 is not voted on, probe 2 sets the majority, 3 and 4 repeat it; the last one adopts its trial.
    assert [t.thinking_tokens for t in outcome.traces if t.end is End.ANSWERED] == [40]
    assert outcome.confidence == 1.0


def test_parallel_probe_drops_those_that_keep_disagreeing():
    outcome = play(
        f"{PROBE},stable=99,patience=2", branch(*"7777777"), branch(*"7777777"), branch(*"1111111")
    )
    assert ends(outcome) == [End.FINISHED, End.FINISHED, End.DROPPED]
    lost = next(t for t in outcome.traces if t.end is End.DROPPED)
    assert lost.thinking_tokens == 40  # probes 3 and 4, the first two that count
    assert (outcome.answer, outcome.confidence) == ("7", pytest.approx(2 / 3))
    late = branch(*"1117777", final="7")
    assert (
        ends(play(f"{PROBE},stable=99,patience=2", branch(*"7777777"), branch(*"7777777"), late))[2]
        is End.FINISHED
    )


def test_parallel_probe_without_consensus_is_a_vote():
    outcome = play(f"{PROBE},stable=99,patience=99", branch(*"12"), branch(*"17"), branch(*"27"))
    assert (outcome.answer, outcome.confidence) == ("7", pytest.approx(2 / 3))
    assert spent(outcome, "trial") == 6


def test_parallel_probe_lets_finished_traces_vote_on():
    early = branch("7", "7", final="7")
    outcome = play(f"{PROBE},stable=3,patience=99", early, early, branch(*"11111111111"))
    assert outcome.answer == "7"
    assert ends(outcome)[:2] == [End.FINISHED, End.FINISHED]
    assert ends(outcome)[2] in {End.DROPPED, End.ANSWERED}


@dataclass(frozen=True)
class DropsOnes(Technique):
    """Another technique of the plan, which drops traces that answer 1 at their third checkpoint."""

    family: ClassVar[Family] = Family.FASTER

    def watch(self, ask):
        return self

    def see(self, checkpoint):
        if checkpoint.index != 2 or checkpoint.final:
            return Action.GO
        if checkpoint.trial is None:
            return Action.TRIAL
        return Action.DROP if checkpoint.trial.answer == "1" else Action.GO


def test_parallel_probe_forgets_traces_that_another_technique_dropped():
    """Nobody says goodbye for a dropped trace; the others do not wait for it, nor count it for long."""
    branches = (branch(*"1" * 15), branch(*"1" * 15), branch(*"7" * 15))
    probe = catalog.parse(f"{PROBE},stable=4,patience=99")
    assert play(probe, *branches).answer == "1"
    outcome = play(Plan((*probe.techniques, DropsOnes())), *branches)
    assert ends(outcome) == [End.DROPPED, End.DROPPED, End.ANSWERED]
    assert (outcome.answer, outcome.confidence) == ("7", pytest.approx(1 / 3))


def test_parallel_probe_counts_traces_that_another_technique_made_answer():
    early = trace(
        "1", 155, at(10, "1", sure=0.5), at(20, "1", sure=0.99), *(at(10 * n, "1") for n in range(3, 15))
    )
    outcome = play(
        f"{PROBE},stable=4,patience=99 + trial-confidence", early, early, branch(*"777777777777777")
    )
    assert ends(outcome) == [End.ANSWERED] * 3
    assert (outcome.answer, outcome.confidence) == ("1", pytest.approx(2 / 3))


def test_parallel_probe_probes_no_oftener_than_told():
    lone = "parallel-probe:k=1,stable=99,patience=99,every="
    assert spent(play(f"{lone}10", branch(*"777777")), "trial") == 6
    assert spent(play(f"{lone}30", branch(*"777777")), "trial") == 2


def test_looking_into_a_combined_reply_is_refused():
    with pytest.raises(PlanError, match="combined reply"):
        single(Reply("7", 0.5))


def test_votes_say_how_many_traces_they_may_ask_for():
    for text in ("self-consistency:k=9", "adaptive-consistency:k=9", "windowed-stop:k=9", "first-of:k=9"):
        assert catalog.parse(text).traces == 9
    for text in ("confidence-vote:k=9", "confidence-filter:k=9", "best-of-n:k=9", "parallel-probe:k=9"):
        assert catalog.parse(text).traces == 9
    assert catalog.parse("token-cap").traces == 1


def test_side_by_side_asks_are_one_object():
    """Replay runs flows by the million: equal asks are not made anew."""
    ask = Request("q", Prompt("How many?"))
    for text in ("self-consistency:k=9", "first-of:k=9", "confidence-vote:k=9"):
        together = next(catalog.parse(text).techniques[0].flow(ask))
        assert {id(a) for a in together.asks} == {id(ask)}


def test_needs_are_declared():
    for text in ("confidence-vote", "confidence-filter", "best-of-n"):
        assert catalog.parse(text).needs == {Ability.SIGNALS}
    assert catalog.parse("parallel-probe").needs == {Ability.TRIALS}
    assert catalog.parse("self-consistency").needs == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "self-consistency:k=0",
        "adaptive-consistency:batch=0",
        "windowed-stop:k=3,window=4",
        "first-of:k=3,m=0",
        "confidence-vote:keep=0",
        "confidence-vote:by=guess",
        "confidence-filter:k=3,warm=4",
        "confidence-filter:batch=0",
        "best-of-n:reject=1",
        "best-of-n:by=luck",
        "parallel-probe:stable=0",
        "parallel-probe:every=0",
    ],
)
def test_parameters_that_cannot_run_are_refused(text):
    with pytest.raises(PlanError):
        catalog.parse(text)
