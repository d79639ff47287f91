"""Thresholds from shares: what is found on a pilot, and what of it a plan keeps."""

import pytest

from karui import catalog
from karui.core.plan import Plan
from karui.core.technique import Knob
from karui.runners.replay import Replay
from karui.selection.calibration import ThresholdCalibration
from karui.selection.search_space import variants
from karui.testing.synthetic import sibling, synthetic

SHARES = Knob(low=0.1, high=0.4, share_below="sureness")


@pytest.fixture(scope="module")
def recordings():
    main = synthetic(40, 4)
    return {"main": main, "small": sibling(main)}


def escalated(plan, recordings):
    """Returns the share of runs in which the main model was asked."""
    billed = Replay(recordings, runs=60).outcomes(plan).billed("prompt", model="main")
    whole = [q.traces[0].usage.prompt for q in recordings["main"].questions]
    return float((billed / whole).mean())


def test_a_share_becomes_a_value_that_so_many_scores_lie_below():
    scores = [n / 100 for n in range(100)]
    assert SHARES.below(4, scores) == [0.095, 0.195, 0.295, 0.395]
    for share, value in zip((0.1, 0.2, 0.3, 0.4), SHARES.below(4, scores), strict=True):
        assert sum(s < value for s in scores) / 100 == pytest.approx(share)


def test_equal_scores_stay_together():
    few = SHARES.below(4, [0.5] * 20 + [1.0] * 80)
    assert few == [0.5, 0.75]  # none of them, or the twenty
    assert SHARES.below(4, [1.0] * 10) == [1.0]
    assert SHARES.below(4, []) == []


def test_without_scores_a_technique_keeps_its_default():
    cascade = catalog.technique("cascade")
    found = list(variants(cascade, (3, 3, 3), length=100, recorded=4, replies=lambda _: []))
    assert {t.threshold for t in found} == {cascade().threshold}
    assert len(found) == 3 * 3


def test_first_replies_are_those_of_the_small_model_alone(recordings):
    rehearsal = ThresholdCalibration(recordings)
    by_entropy = rehearsal.first_replies(catalog.parse("cascade").techniques[0])
    assert len(by_entropy) == 40 * 4
    there = {q.id: q.traces for q in recordings["small"].questions}
    taped = [t.answer for q in recordings["main"].questions for t in there[q.id][:4]]
    assert [group[0].answer for group in by_entropy] == taped
    pairs = rehearsal.first_replies(catalog.parse("cascade:by=agreement,k=2").techniques[0])
    assert [len(group) for group in pairs] == [2] * 40 * 2


def test_a_threshold_is_found_under_the_exits_that_it_will_run_under(recordings):
    rehearsal = ThresholdCalibration(recordings)
    cascade = catalog.parse("cascade").techniques[0]
    under = catalog.parse("token-budget:tokens=40").techniques
    whole, cut = rehearsal.first_replies(cascade), rehearsal.first_replies(cascade, under)
    assert max(g[0].trace.thinking_tokens for g in cut) < max(g[0].trace.thinking_tokens for g in whole)


def test_as_many_are_escalated_as_were_meant_to_be(recordings):
    rehearsal = ThresholdCalibration(recordings, traces=100)
    cascade = catalog.parse("cascade").techniques[0]
    knob = cascade.knobs()["threshold"][1]
    scores = [cascade.sureness(group) for group in rehearsal.first_replies(cascade)]
    for value in knob.below(3, scores):
        meant = sum(s < value for s in scores) / len(scores)
        plan = Plan((catalog.parse(f"cascade:threshold={value}").techniques[0],))
        unanswered = sum(g[0].answer is None for g in rehearsal.first_replies(cascade)) / len(scores)
        assert meant - 0.02 < escalated(plan, recordings) < meant + unanswered + 0.02


def test_what_was_not_recorded_gives_no_scores(recordings):
    alone = ThresholdCalibration({"main": recordings["main"]})
    assert alone.first_replies(catalog.parse("cascade").techniques[0]) == []
