"""The route: what it learns, whom it asks, that live is what replay said, and what it refuses."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from karui import catalog
from karui.core.ability import Ability
from karui.core.errors import InputError, PlanError, RecordingMismatch
from karui.core.flow.lesson import Lessons
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.trace import End
from karui.faster._router import columns, unpacked, width
from karui.faster._router_fit import DEALS, _fold, _Pupil, logistic
from karui.faster.route import Route
from karui.runners.replay import Replay, mode
from karui.selection.calibration import ThresholdCalibration
from karui.serving_profile import contract_of
from karui.shorter.no_thinking import NoThinking
from karui.study.steps import space_of
from karui.testing.conformance import check
from karui.testing.synthetic import sibling, synthetic
from tests.helpers.lessons import attempt, lesson, routes, taught, telling


def best(found):
    """The cheapest route that asks nothing first."""
    return [r for r in found if not r.router.first][-1]


def test_it_learns_which_questions_a_cheap_mode_can_answer():
    router = telling().router
    short, long = (lesson(n, main=[]).prompt for n in (0, 1))
    assert router.choose(short, {}, 0.1) == "quick"
    assert router.choose(long, {}, 0.1) == "main"
    assert router.choose(long, {}, 50.0) == "quick"  # at that price nothing is worth thinking


def test_what_it_learned_is_in_the_plan_and_its_id():
    one, other = best(routes()), best(routes(60))
    assert one.weights != other.weights
    assert Plan((one,)).id != Plan((replace(other, price=one.price),)).id
    again = catalog.plan_from_spec(json.loads(json.dumps(Plan((one,)).spec)))
    assert again == Plan((one,))
    assert len(one.weights) < 2_000
    assert "weights" in str(one)
    assert one.weights not in str(one)


def test_a_question_without_an_answer_is_rescued():
    asked = [
        lesson(n, main=[attempt(True, 400, "7" if n % 4 else None)], quick=[attempt(True, 20)])
        for n in range(80)
    ]
    found = Route.learned(Lessons(tuple(asked), {"main": 1.0, "quick": 1.0}))
    assert all(unpacked(r.weights).rescue == (1, 0) for r in found)


@pytest.mark.parametrize(("main", "quick"), [(True, True), (False, False), (True, False), (False, True)])
def test_modes_that_are_all_right_or_all_wrong(main, quick):
    asked = [lesson(n, main=[attempt(main, 400 + n)], quick=[attempt(quick, 20 + n, "8")]) for n in range(30)]
    for route in Route.learned(Lessons(tuple(asked), {"main": 1.0, "quick": 1.0})):
        assert np.isfinite(route.router.right).all()
        chosen = route.router.choose(
            asked[0].prompt, {"quick": asked[0].attempts["quick"][0].reply}, route.price
        )
        assert chosen == "quick" or (main and not quick)


def test_nothing_is_learned_from_few_questions_or_one_mode():
    assert not Route.learned(taught(20))
    lonely = Lessons(taught().questions, {"main": 1.0})
    assert not Route.learned(lonely)


def test_questions_that_a_mode_lacks_are_not_learned_from():
    lessons = taught(40)
    lacking = [replace(q, attempts={"main": q.attempts["main"]}) for q in lessons.questions[:10]]
    assert Route.learned(replace(lessons, questions=(*lacking, *lessons.questions[10:])))
    assert not Route.learned(replace(lessons, questions=(*lacking, *lessons.questions[10:20])))


def test_the_price_of_a_token_counts():
    dear = best(Route.learned(replace(taught(), rates={"main": 1.0, "quick": 19.0})))
    cheap = best(routes())
    assert dear.router.cost[1, 0] != cheap.router.cost[1, 0]
    prompt = taught().questions[0].prompt
    assert dear.router.choose(prompt, {}, 50.0) != "main" or cheap.router.choose(prompt, {}, 50.0) == "quick"


def test_logistic_regression_against_a_hand_made_case():
    rng = np.random.default_rng(0)
    x = rng.normal(size=4_000)
    right = (rng.random(4_000) < 1 / (1 + np.exp(-(0.5 + 2 * x)))).astype(float)
    found = logistic(np.column_stack([np.ones(4_000), x]), right, 1e-3)
    assert found == pytest.approx([0.5, 2.0], abs=0.2)


def uncertain(questions=60):
    """Lessons of which a quick mode's being right is half chance, so that deals of the folds differ."""
    rng = np.random.default_rng(3)
    asked = [
        lesson(
            n,
            main=[attempt(bool(rng.random() < 0.8), 400)],
            quick=[attempt(bool(rng.random() < (0.8 if n % 2 else 0.4)), 20)],
        )
        for n in range(questions)
    ]
    return Lessons(tuple(asked), {"main": 1.0, "quick": 1.0})


def judged(*deals):
    lessons = uncertain()
    pupil = _Pupil(lessons.questions, ("main", "quick"), lessons.rates, deals)
    pupil._ridge = 10.0  # deals choose that, too
    return list(pupil.judged(()))


def test_a_route_is_judged_by_the_mean_over_deals_and_its_error_holds_their_spread():
    single = [judged(deal) for deal in range(4)]
    for n, both in enumerate(judged(*range(4))):
        gains, errors = np.array([[deal[n].gain, deal[n].error] for deal in single]).T
        assert both.gain == pytest.approx(gains.mean())
        assert both.cost == pytest.approx(np.mean([deal[n].cost for deal in single]))
        assert both.error == pytest.approx(np.sqrt(np.mean(errors**2 + (gains - gains.mean()) ** 2)))


def test_a_judgement_hangs_less_on_many_deals_than_on_one():
    def spread(count):
        return np.std(
            [[f.gain for f in judged(*range(count * s, count * (s + 1)))] for s in range(6)], axis=0
        )

    assert spread(len(DEALS)).mean() < 0.6 * spread(1).mean()


def test_a_fold_is_decided_by_the_questions_id_and_dealt_anew_each_time():
    ids = [f"q{n}" for n in range(200)]
    deals = np.array([[_fold(i, deal) for i in ids] for deal in DEALS])
    assert (np.sort(np.unique(deals)) == np.arange(5)).all()
    assert len({tuple(row) for row in deals.tolist()}) == len(DEALS)
    together = (deals[:, :1] == deals[:, 1:]).mean(axis=0)
    assert together.max() < 1  # no two questions share a fold in all deals


def packed(**changed):
    text = best(routes()).weights
    values = json.loads(zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    content = zlib.compress(json.dumps({**values, **changed}).encode())
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense!",
        best(routes()).weights[:-8],
        packed(modes=["quick", "main"]),
        packed(modes=["main"]),
        packed(rescue=[0, 1]),
        packed(rescue=[1, 5]),
        packed(first=["other"]),
        packed(hashed=True),
        packed(right=[[0.0], [0.0]]),
        packed(most=[float("nan"), 1.0]),
        packed(length=0),
        packed(signals=["colour"]),
        base64.urlsafe_b64encode(zlib.compress(b"[" * 300_000)).decode().rstrip("="),
        base64.urlsafe_b64encode(zlib.compress(b" " * 5_000_000)).decode().rstrip("="),
    ],
)
def test_damaged_weights_are_refused(text):
    with pytest.raises(PlanError, match="weights of route cannot be read"):
        Route(text)


def test_a_route_without_weights_says_where_they_come_from():
    with pytest.raises(InputError) as raised:
        catalog.parse("route")
    assert "karui choose" in raised.value.remedy


def recorded(**kept):
    """A recording whose questions differ in length, and a sibling that is right on some of them."""
    main = synthetic(120, 4, seed=5, tokens=200, truncated=0.1)
    quick = sibling(main, seed=3, samples=4, tokens=20)
    texts = {q.id: f"Add {n}. " * (1 + n % 7) for n, q in enumerate(main.questions)}

    def told(recording):
        asked = (replace(q, prompt=Prompt(texts[q.id])) for q in recording.questions)
        return replace(recording, questions=tuple(asked))

    return {"main": told(main), "quick": told(quick)}


def halves():
    recordings = recorded()
    ids = [q.id for q in recordings["main"].questions]
    pilot, test = set(ids[:60]), set(ids[60:])
    return [{m: r.subset(part) for m, r in recordings.items()} for part in (pilot, test)]


def test_it_holds_what_every_technique_has_to_hold():
    pilot, _ = halves()
    found = Route.learned(ThresholdCalibration(pilot).lessons())
    assert {bool(r.router.first) for r in found} == {False, True}
    check(Route, *found[:4])


def test_it_is_in_the_space_where_there_is_a_pilot_and_only_there():
    pilot, test = halves()
    space = space_of(test, pilot, between=True)
    routed = [p for p in space.plans if any(isinstance(t, Route) for t in p.techniques)]
    assert routed
    base, found = (Replay(test).outcomes(p) for p in (Plan(), routed[-1]))
    assert found.tokens.mean() < base.tokens.mean()
    for unlearned in (
        space_of(test, test, between=True),
        space_of(test, between=True),
        space_of(test, pilot),
    ):
        assert not any(isinstance(t, Route) for p in unlearned.plans for t in p.techniques)


def test_signals_that_the_first_replies_have_are_needed_live():
    pilot, _ = halves()
    found = [r for r in Route.learned(ThresholdCalibration(pilot).lessons()) if r.router.first]
    assert found[0].needs == {Ability.CONFIDENCE, Ability.SIGNALS}
    with pytest.raises(PlanError, match="route cannot run on a server"):
        Plan((found[0],)).check({Ability.TRIALS}, "a server", "quick")


def test_columns_are_as_many_as_the_weights_expect():
    replies = [attempt(True, 20).reply, attempt(True, 30, "9").reply]
    for hashed in (False, True):
        for first in (0, 1, 2):
            found = columns(Prompt("How many are 3 hens?"), replies[:first], (), hashed=hashed)
            assert len(found) == width(first, hashed=hashed)


def test_a_log_without_a_limit_stands_beside_one_whose_traces_are_shorter():
    recordings = recorded()
    main, quick = recordings["main"], recordings["quick"]
    whole = [
        replace(q, traces=tuple(replace(t, end=End.FINISHED) for t in q.traces)) for q in quick.questions
    ]
    longest = max(t.thinking_tokens + t.answer_tokens for q in whole for t in q.traces)

    def beside(questions, limit, main_limit):
        return {
            name: replace(
                recording,
                manifest=replace(manifest, sampling=replace(manifest.sampling, max_tokens=tokens)),
                questions=tuple(asked),
            )
            for name, recording, manifest, asked, tokens in (
                ("main", main, main.manifest, main.questions, main_limit),
                ("quick", quick, quick.manifest, questions, limit),
            )
        }

    assert Replay(beside(whole, longest, longest + 100)).questions("quick")
    assert Replay(beside(whole, longest + 200, longest + 100)).questions("quick")
    cut = replace(whole[0], traces=(replace(whole[0].traces[0], end=End.TRUNCATED), *whole[0].traces[1:]))
    for refused in (beside([cut, *whole[1:]], longest, longest + 100), beside(whole, longest, longest - 1)):
        with pytest.raises(RecordingMismatch, match="sampled"):
            Replay(refused).questions("quick")


def test_a_recording_in_a_prompt_style_is_a_mode_of_the_main_model():
    recordings = recorded()
    main, quick = recordings["main"], recordings["quick"]
    closed = [replace(q, prompt=replace(q.prompt, thinking=False)) for q in quick.questions]
    styled = replace(
        quick, manifest=replace(quick.manifest, style=(NoThinking().spec,)), questions=tuple(closed)
    )
    assert mode(main, styled) == Plan((NoThinking(),))
    assert Replay({"main": main, "quick": styled}).questions("quick")
    assert contract_of({"main": main, "quick": styled}).footings["quick"].style == (NoThinking().spec,)
    assert mode(styled, styled) == Plan()  # both were shown the same: nothing is rewritten on top
    bare = replace(styled, manifest=quick.manifest)
    with pytest.raises(RecordingMismatch, match="another prompt"):
        Replay({"main": main, "quick": bare}).questions("quick")
