"""The cascade: whom it asks, what it believes, what it costs, and that live is what replay said."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from karui import catalog
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import NotRecorded, PlanError, RecordingMismatch
from karui.core.prompt import Prompt, Sampling
from karui.core.question import Question
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.request import Request
from karui.core.trace import NO_SIGNALS, End
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.runners.live import run_live, solve_live
from karui.runners.replay import Replay
from karui.selection.calibration import ThresholdCalibration
from karui.selection.search_space import variants
from karui.testing.conformance import check_plan
from karui.testing.synthetic import sibling, synthetic
from tests.helpers.traces import at, trace

SURE, UNSURE = (0.99, 0.99), (0.4, 0.4)


def recording(*traces, name="hand", suffix_tokens=2, **changed):
    """A recording of one question, "7" being right."""
    numbered = tuple(replace(t, sample=n) for n, t in enumerate(traces))
    answers = {t.answer for t in numbered} | {m.trial.answer for t in numbered for m in t.checkpoints}
    verdicts = {a: a == "7" for a in sorted(filter(None, answers))}
    manifest = Manifest(
        model=ModelInfo(name, digest=name),
        engine="scripted",
        task="hand",
        task_digest="",
        style=(),
        sampling=Sampling(),
        rule=CheckpointPolicy(),
        suffix="",
        suffix_tokens=suffix_tokens,
        samples=len(numbered),
        seed=0,
        abilities=frozenset(Ability),
    )
    return Recording(
        replace(manifest, **changed),
        (RecordedQuestion("q", "", "7", Prompt("How many?"), numbered, verdicts),),
    )


def play(plan, main, small):
    """Returns the outcome of a plan over one question with these traces of the two models."""
    recordings = {"main": recording(*main), "small": recording(*small, name="little", suffix_tokens=3)}
    plan = catalog.parse(plan)
    replay = Replay(recordings)
    replay.refuse(plan)
    orders = {m: range(len(r.questions[0].traces)) for m, r in recordings.items()}
    return replay.play(plan, {m: r.questions[0] for m, r in recordings.items()}, orders)


def generated(outcome):
    return {model: bill.generated for model, bill in outcome.bills.items()}


def test_a_sure_small_model_answers_alone():
    outcome = play("cascade:by=confidence,threshold=0.8", [trace("7", 100)], [trace("3", 40, end_sure=0.9)])
    assert (outcome.answer, outcome.correct) == ("3", False)
    assert generated(outcome) == {"small": 45}
    assert (outcome.time, outcome.busy, outcome.asked) == (45, {"small": 45}, ("small",))


def test_an_unsure_one_hands_over_and_both_are_paid():
    outcome = play("cascade:by=confidence,threshold=0.95", [trace("7", 100)], [trace("3", 40, end_sure=0.9)])
    assert (outcome.answer, outcome.correct) == ("7", True)
    assert generated(outcome) == {"small": 45, "main": 105}
    assert outcome.time == 150
    assert outcome.busy == {"small": 45, "main": 105}
    assert outcome.held == {"small": 10 + 45, "main": 10 + 105}
    assert outcome.asked == ("small", "main")


def test_without_an_answer_it_escalates_at_any_threshold():
    small = [trace(None, 400, cut=True)]
    outcome = play("cascade:by=confidence,threshold=0", [trace("7", 100)], small)
    assert (outcome.answer, outcome.truncated) == ("7", 1)
    assert generated(outcome) == {"small": 400, "main": 105}


def test_the_small_answer_stands_where_the_main_model_has_none():
    outcome = play("cascade", [trace(None, 400, cut=True)], [trace("7", 40, end_sure=0.2)])
    assert (outcome.answer, outcome.confidence) == ("7", 0.2)
    assert generated(outcome) == {"small": 45, "main": 400}


@pytest.mark.parametrize(("sure", "asked"), [(SURE, ("small",)), (UNSURE, ("small", "main"))])
def test_few_tokens_make_the_forced_answer_tell(sure, asked):
    small = [trace("3", 90, at(20, "1"), at(40, "7", sure=sure), at(60, "3"), end_sure=1.0)]
    outcome = play("cascade:by=confidence,tokens=30", [trace("7", 100)], small)
    assert outcome.asked == asked
    assert outcome.bills["small"].thinking == 40
    assert outcome.bills["small"].prompt == 10 + 3  # the small model's own suffix was forced
    assert outcome.answer == "7"


def test_agreement_is_counted_over_all_its_traces():
    main = [trace("7", 100)]
    small = [trace("3", 40), trace("3", 50), trace(None, 60, cut=True), trace("3", 10)]
    assert play("cascade:by=agreement,k=2,threshold=0.9", main, small).answer == "3"
    outcome = play("cascade:by=agreement,k=3,threshold=0.9", main, small)
    assert outcome.answer == "7"
    assert generated(outcome) == {"small": 45 + 55 + 60, "main": 105}
    assert outcome.time == 60 + 105  # three side by side, then one
    assert outcome.busy == {"small": 60, "main": 105}
    assert outcome.held["small"] == 3 * 10 + 45 + 55 + 60
    two_of_three = play("cascade:by=agreement,k=3,threshold=0.6", main, small)
    assert (two_of_three.answer, two_of_three.confidence) == ("3", pytest.approx(2 / 3))


def test_entropy_of_the_thinking_tells_without_a_token_more():
    """The hand-made signals have an entropy of 1 nat at each token: exp(-1) = 0.37."""
    main, small = [trace("7", 100)], [trace("3", 40)]
    assert play("cascade:by=entropy,threshold=0.36", main, small).asked == ("small",)
    assert play("cascade:by=entropy,threshold=0.38", main, small).asked == ("small", "main")
    silent = [replace(trace("3", 40), signals=NO_SIGNALS)]  # nothing measured is no reason to believe
    assert play("cascade:by=entropy,threshold=0.01", main, silent).asked == ("small", "main")


def test_watchers_of_the_plan_see_both_models():
    main = [trace("7", 100, at(50, "7", sure=SURE))]
    small = [trace("3", 90, at(40, "3", sure=UNSURE), at(80, "3", sure=UNSURE), end_sure=0.5)]
    outcome = play("cascade + trial-confidence", main, small)
    assert [t.end for t in outcome.traces] == [End.FINISHED, End.ANSWERED]
    assert (outcome.bills["small"].trial, outcome.bills["main"].thinking) == (8, 50)
    capped = play("cascade + token-cap:tokens=60", main, small)  # both outlive it
    assert capped.answer is None
    assert {m: b.dropped for m, b in capped.bills.items()} == {"small": 80, "main": 105}


def test_flows_nest_both_ways():
    main = [trace("7", 100), trace("7", 100), trace("5", 100)]
    small = [trace("3", 40, end_sure=0.5), trace("7", 40, end_sure=0.99), trace("3", 40, end_sure=0.5)]
    inside = play("cascade:by=confidence,threshold=0.9 + self-consistency:k=3", main, small)
    assert inside.asked == ("small",) * 3 + ("main",) * 3  # 2 of 3 is not enough, so the main model votes
    assert (inside.answer, inside.confidence) == ("7", pytest.approx(2 / 3))
    outside = play("self-consistency:k=3 + cascade:by=confidence,threshold=0.9", main, small)
    assert sorted(outside.asked) == ["main"] * 2 + ["small"] * 3  # each voter hands over by itself
    assert (outside.answer, outside.confidence) == ("7", 1.0)


def test_agreement_is_the_small_models_own_vote_and_the_vote_behind_it_the_main_ones():
    main = [trace("7", 100), trace("7", 100), trace("5", 100)]
    small = [trace("3", 40), trace("4", 40), trace("3", 40)]
    words = "cascade:by=agreement,k={k},threshold={share} + self-consistency:k=3"
    over = play(words.format(k=2, share=0.9), main, small)
    assert over.asked == ("small",) * 2 + ("main",) * 3
    assert (over.answer, over.confidence) == ("7", pytest.approx(2 / 3))
    stands = play(words.format(k=3, share=0.6), main, small)
    assert stands.asked == ("small",) * 3
    assert (stands.answer, stands.confidence) == ("3", pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        ("cascade:by=agreement,k=2 + self-consistency:k=3", {"main": 3, "small": 2}),
        ("self-consistency:k=3 + cascade:by=agreement,k=2", {"main": 3, "small": 6}),
        ("cascade:by=confidence + self-consistency:k=3", {"main": 3, "small": 3}),
        (
            "cascade:model=tiny,by=agreement,k=4 + cascade:by=agreement,k=2 + length-vote:k=5",
            {"main": 5, "tiny": 4, "small": 2},
        ),
    ],
)
def test_a_plan_says_how_many_traces_of_whom_it_may_want(plan, asked):
    assert dict(catalog.parse(plan).models) == asked
    assert next(iter(catalog.parse(plan).models)) == "main"


def test_cascades_make_longer_ones():
    plan = catalog.parse("cascade:model=tiny + cascade:model=small")
    assert dict(plan.models) == {"main": 1, "tiny": 1, "small": 1}
    recordings = {
        "main": recording(trace("7", 100)),
        "small": recording(trace("5", 40, end_sure=0.5)),
        "tiny": recording(trace("3", 10, end_sure=0.5)),
    }
    outcome = Replay(recordings).play(
        plan, {m: r.questions[0] for m, r in recordings.items()}, {m: [0] for m in recordings}
    )
    assert (outcome.asked, outcome.answer) == (("tiny", "small", "main"), "7")


@pytest.mark.parametrize(
    "plan",
    [
        "cascade + trial-confidence:gate=0.8",
        "cascade:tokens=60 + token-cap:tokens=90",
        "cascade + adaptive-consistency:k=9,batch=2",
        "adaptive-consistency:k=9,batch=2 + cascade:by=entropy,threshold=0.94",
        "first-of:k=6,m=2 + cascade:tokens=60",
        "parallel-probe:k=8,stable=2,patience=2,warm=1,every=32 + cascade",
        "cascade:tokens=60 + parallel-probe:k=8,stable=2,patience=2,warm=1,every=32",
        "confidence-filter:k=9,warm=3,keep=0.5 + cascade",
        "cascade:by=agreement + first-of:k=4,m=2 + exit-entropy:delta=0.1,least=2",
        "cascade:model=tiny,tokens=40 + cascade:model=small + trial-stability:k=2",
        "concise-cot + cascade",
    ],
)
def test_it_composes(plan):
    check_plan(catalog.parse(plan))


class SameText:
    spec = "same text"

    def read(self, text):
        return text

    def verify(self, reference, answer):
        return reference == answer


PLANS = (
    "cascade:by=confidence,threshold=0.9",
    "cascade:tokens=50 + trial-stability:k=2",
    "cascade:by=agreement,k=4,threshold=0.6",
    "cascade:by=confidence,threshold=0.6 + first-of:k=4,m=2",
    "first-of:k=4,m=2 + cascade:by=confidence,threshold=0.95",
    "cascade:by=agreement,k=3,threshold=0.9,tokens=40 + length-vote:k=4,batch=2,scale=60",
)


@pytest.mark.parametrize("words", PLANS)
def test_live_equals_replay_with_other_seeds_rules_suffixes_and_numbers_of_traces(words):
    plan = catalog.parse(words)
    main = synthetic(24, 6, seed=11, tokens=90)
    recordings = {"main": main, "small": sibling(main, seed=3, samples=9, tokens=60)}
    replay = Replay(recordings)
    rng = np.random.default_rng(5)
    escalated = 0
    for number, question in enumerate(main.questions):
        here = {m: r.questions[number] for m, r in recordings.items()}
        orders = {m: rng.permutation(len(q.traces)).tolist() for m, q in here.items()}
        told = replay.play(plan, here, orders)
        engines = {
            m: ScriptedEngine(
                {q.id: [replace(q.traces[i], sample=n) for n, i in enumerate(orders[m])]},
                suffix_tokens=recordings[m].manifest.suffix_tokens,
            )
            for m, q in here.items()
        }
        ask = Request(question.id, question.prompt, main.manifest.sampling)
        did = run_virtual(
            solve_live(plan, Question(question.id, "", question.reference, SameText()), ask, engines)
        )
        for name in ("answer", "correct", "confidence", "bills", "time", "held", "busy", "started"):
            assert getattr(told, name) == getattr(did, name), (question.id, name)
        escalated += len(told.bills) == 2
    assert 0 < escalated < len(main.questions) or "first-of:k=4,m=2 +" in words


def test_threshold_0_is_the_small_model_alone_and_above_1_both_always():
    main = synthetic(30, 4, seed=2, tokens=90, truncated=0.0)
    small = sibling(main, samples=5)
    replay = Replay({"main": main, "small": small}, runs=5)
    alone = replay.outcomes(catalog.parse("cascade:by=confidence,threshold=0"))
    both = replay.outcomes(catalog.parse("cascade:by=confidence,threshold=1.01"))
    bare = Replay({"main": small}, runs=5)
    rows = zip(small.questions, alone.correct, alone.generated("small"), strict=True)
    for question, correct, tokens in rows:
        drawn = [question.traces[o[0]] for o in replay.permutations(question, "small")]
        answered = [t.answer is not None for t in drawn]
        assert tokens == pytest.approx(np.mean([t.tokens for t in drawn]))
        assert [c for c, a in zip(correct, answered, strict=True) if a] == [
            question.correct(t.answer) for t in drawn if t.answer is not None
        ]
    first = [[q.traces[o[0]] for o in replay.permutations(q)] for q in main.questions]
    assert np.allclose(both.generated("main"), [np.mean([t.tokens for t in row]) for row in first])
    assert np.array_equal(both.generated("small"), alone.generated("small"))
    answered = [[t.answer is not None for t in row] for row in first]
    assert np.all(np.array(answered))  # so the main model's verdict is always the cascade's
    assert both.correct.tolist() == [
        [float(q.correct(t.answer)) for t in row] for q, row in zip(main.questions, first, strict=True)
    ]
    assert bare.outcomes(catalog.parse("full thinking")).models["main"] == alone.models["small"]


def test_main_traces_are_those_of_every_other_plan_whatever_stands_beside():
    main = synthetic(6, 4, seed=2)
    beside = Replay({"main": main, "small": sibling(main, samples=9)})
    for question in main.questions:
        assert beside.permutations(question) == Replay({"main": main}).permutations(question)
        drawn = beside.permutations(beside.questions("small")[question.id], "small")
        assert all(sorted(order) == list(range(9)) for order in drawn)


def test_it_refuses_to_run_without_the_model_it_asks():
    plan = catalog.parse("cascade")
    main = synthetic(4, 4)
    with pytest.raises(NotRecorded, match="asks the model 'small'") as missing:
        Replay({"main": main}).outcomes(plan)
    assert "--aux-model small=" in missing.value.remedy
    engines = {"main": ScriptedEngine.of(main)}
    with pytest.raises(PlanError, match="no engine"):
        run_virtual(_live(plan, main, engines))


def test_abilities_are_asked_of_the_model_that_is_believed():
    plan = catalog.parse("cascade:by=confidence,tokens=50")
    main = synthetic(4, 4)
    small = sibling(main)
    mute = replace(main, manifest=replace(main.manifest, abilities=frozenset()))
    Replay({"main": mute, "small": small}).refuse(plan)
    for lacking in (Ability.CONFIDENCE, Ability.TRIALS):
        less = replace(small.manifest, abilities=small.manifest.abilities - {lacking})
        with pytest.raises(PlanError, match=r"cascade cannot run on this recording of 'small'"):
            Replay({"main": main, "small": replace(small, manifest=less)}).refuse(plan)
        engines = {"main": ScriptedEngine.of(main), "small": ScriptedEngine.of(replace(small, manifest=less))}
        with pytest.raises(PlanError, match="cascade cannot run on the engine of synthetic-small"):
            run_virtual(_live(plan, main, engines))
    with pytest.raises(PlanError, match="trial-confidence cannot run"):  # its watcher sees both
        Replay({"main": mute, "small": small}).refuse(catalog.parse("cascade + trial-confidence"))


async def _live(plan, main, engines):
    asked = [
        (Question(q.id, "", q.reference, SameText()), Request(q.id, q.prompt, main.manifest.sampling))
        for q in main.questions
    ]
    return [o async for o in run_live(plan, asked, engines, at_once=2)]


def test_too_few_traces_of_the_small_model_are_refused():
    main = synthetic(4, 2)
    replay = Replay({"main": main, "small": sibling(main, samples=3)})
    replay.refuse(catalog.parse("cascade:by=agreement,k=3"))  # more than the main model's two
    with pytest.raises(NotRecorded, match="may ask for 4 traces a question of 'small'; 3 are recorded"):
        replay.refuse(catalog.parse("cascade:by=agreement,k=4"))


def lost(small):
    return replace(small, questions=small.questions[1:])


def reworded(small):
    first, *rest = small.questions
    return replace(small, questions=(replace(first, prompt=Prompt("Something else")), *rest))


def regraded(small):
    first, *rest = small.questions
    return replace(small, questions=(replace(first, reference="0"), *rest))


def resampled(small):
    return replace(small, manifest=replace(small.manifest, sampling=Sampling(temperature=1.0)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lost, "is not in it"),
        (reworded, "another prompt or reference"),
        (regraded, "another prompt or reference"),
        (resampled, "was sampled with"),
    ],
)
def test_recordings_that_would_lie_together_are_refused(change, said):
    main = synthetic(4, 4)
    replay = Replay({"main": main, "small": change(sibling(main))})
    with pytest.raises(RecordingMismatch, match="cannot stand beside") as refused:
        replay.outcomes(catalog.parse("cascade"))
    assert said in refused.value.why
    assert replay.outcomes(catalog.parse("full thinking")).questions  # plans of one model do not mind


def test_questions_are_found_by_id_not_by_place():
    main = synthetic(8, 4)
    small = sibling(main)
    turned = replace(small, questions=small.questions[::-1])
    few = main.subset({q.id for q in main.questions[2:5]})
    plan = catalog.parse("cascade")
    whole = Replay({"main": few, "small": small}).outcomes(plan)
    other = Replay({"main": few, "small": turned}).outcomes(plan)
    assert np.array_equal(whole.correct, other.correct)
    assert np.array_equal(whole.bills["small"], other.bills["small"])


def test_parameters_that_make_no_sense_are_refused():
    for words in ("by=mood", "k=0", "tokens=-1", "model=main"):
        with pytest.raises(PlanError):
            catalog.parse(f"cascade:{words}")


def test_every_way_to_doubt_is_searched_with_every_budget():
    knobs = catalog.technique("cascade").knobs()
    assert list(knobs)[:3] == ["threshold", "by", "tokens"]  # the order in which the space spends its points
    cascade = catalog.technique("cascade")
    main = synthetic(20, 4)
    rehearsal = ThresholdCalibration({"main": main, "small": sibling(main)})
    found = list(variants(cascade, (4, 3, 3), length=100, recorded=4, replies=rehearsal.first_replies))
    assert {(t.by, t.tokens) for t in found} >= set(product(knobs["by"][1].choices, (25, 71, 200)))
    assert len({t.threshold for t in found if t.by == "entropy"}) > 4
    assert len(set(found)) == len(found)
