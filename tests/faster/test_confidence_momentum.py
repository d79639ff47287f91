from karui import catalog
from karui.core.trace import End
from karui.faster.confidence_momentum import ConfidenceMomentum
from tests.helpers.traces import at, ends, play, trace


def line(answers, answer, every=100):
    """A trace that would answer so at every `every` tokens, and then so."""
    return trace(answer, every * (len(answers) + 1), *[at(every * (n + 1), a) for n, a in enumerate(answers)])


def test_it_widens_while_confidence_stands_still():
    script = [line("7" * 12, "7") for _ in range(16)]
    outcome = play("confidence-momentum:beta=0.2,k=16,every=100", *script)
    started = [t.sample for t in outcome.traces]
    assert outcome.answer == "7"
    assert len(started) == 16  # three at first, and two more a round from the second on
    # Three traces alone would have taken 3 × 1,305 tokens and their trials.
    assert outcome.tokens > 3 * 1305 + 3 * 12 * 4


def mixed(*answers):
    """Two traces that run on, with short ones of these answers between them, and others that run on."""
    short = [line(a * 3, a) for a in answers]
    long = [line("7" * 40, "7") for _ in range(13)]
    return [short[0], *long[:2], *short[1:], *long[2:]]


def test_it_stops_once_finished_traces_agree_and_drops_those_that_run():
    outcome = play("confidence-momentum:beta=0.2,k=16,every=100", *mixed("7", "7", "7", "7"))
    assert (outcome.answer, outcome.confidence) == ("7", 1.0)
    assert {End.DROPPED, End.FINISHED} == set(ends(outcome))
    assert outcome.time < 2000


def test_it_goes_on_while_finished_traces_disagree():
    outcome = play("confidence-momentum:beta=0.2,k=16,every=100", *mixed("6", "7", "8", "9"))
    assert outcome.answer == "7"
    assert outcome.time > 4000


def test_a_trace_that_keeps_disagreeing_is_given_up_and_two_are_kept():
    off = [line("8" * 60, "8") for _ in range(14)]
    quick = [line(a * 3, a) for a in "7977"]  # 7 leads, and not by enough to stop
    script = [quick[0], off[0], *quick[1:], *off[1:12]]
    outcome = play("confidence-momentum:beta=0.2,k=16,every=100", *script)
    whole = [t for t in outcome.traces if t.thinking_tokens > 6000]
    dropped = [t for t in outcome.traces if t.end is End.DROPPED]
    assert dropped
    assert len(whole) <= 2


def test_without_a_finished_trace_the_latest_answers_vote():
    script = [trace(None, 500, *[at(100 * n, "7") for n in (1, 2, 3, 4)], cut=True) for _ in range(16)]
    outcome = play("confidence-momentum:beta=0.2,k=16,every=100", *script)
    assert (outcome.answer, outcome.confidence) == ("7", 1.0)


def test_beta_sets_how_many_it_may_start():
    assert ConfidenceMomentum(beta=1.0, k=64).traces == 64
    assert ConfidenceMomentum(beta=0.5, k=64).traces == 34
    assert catalog.parse("confidence-momentum:beta=0.0,k=64").models == {"main": 4}
