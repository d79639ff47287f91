"""The test from many judged and few labelled units: false at most at its level, whatever the judge does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.selection.labelled.draw import Draw, share_for
from karui.selection.labelled.prediction_powered import (
    Blocks,
    estimate,
    labels_for_power,
    log_capital,
    lower_bound,
    p_value,
    upper_bound,
)

MARGIN, LEVEL, WORLDS = 0.1, 0.05, 400
VALUES = np.array([1.0, 0.0, -1.0])


def truth(count: int, units: int, *, loss: float, seed: int, differing: float = 0.6) -> np.ndarray:
    """Returns what each unit loses, shape (count, units): lost, alike or won, `loss` on average."""
    p = [(differing + loss) / 2, 1 - differing, (differing - loss) / 2]
    return np.random.default_rng(seed).choice(VALUES, size=(count, units), p=p)


def blocks(d: np.ndarray, f: np.ndarray, share: int) -> Blocks:
    """Returns blocks of so many units each, whose first is labelled."""
    many = d.shape[1] // share
    judged = f[:, : many * share].reshape(len(f), many, share)
    first = d[:, : many * share].reshape(len(d), many, share)[:, :, 0]
    return Blocks.of(first, judged[:, :, 0], judged.mean(axis=2), np.full(many, share))


def agreeing(d: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Returns a judge that is right so often, and says anything else."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(d.shape) < share, d, rng.choice(VALUES, size=d.shape))


JUDGES = {
    "silent": lambda d, rng: np.zeros_like(d),
    "random": lambda d, rng: rng.choice(VALUES, size=d.shape),
    "always for the plan": lambda d, rng: -np.ones_like(d),
    "the opposite": lambda d, rng: -d,
    "hides every loss": lambda d, rng: np.where(d > 0, 0.0, d),
    "calls every loss a win": lambda d, rng: np.where(d > 0, -1.0, d),
    "right": lambda d, rng: d,
}


@pytest.mark.parametrize("name", JUDGES)
def test_no_judge_makes_a_plan_at_the_margin_pass_more_often_than_the_level(name: str) -> None:
    d = truth(WORLDS, 600, loss=MARGIN, seed=51)
    made = blocks(d, JUDGES[name](d, np.random.default_rng(52)), 4)
    passed = log_capital(made, MARGIN, LEVEL, [made.count]) >= -np.log(LEVEL)
    assert passed.mean() <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / WORLDS)


def test_the_judges_word_alone_would_pass_nearly_always() -> None:
    d = truth(WORLDS, 600, loss=MARGIN, seed=51)
    flattered = np.where(d > 0, -1.0, d)
    made = blocks(flattered, flattered, 1)
    assert (log_capital(made, MARGIN, LEVEL, [600]) >= -np.log(LEVEL)).mean() > 0.95


def test_a_judge_that_agrees_makes_few_labels_pass_that_alone_would_not() -> None:
    d = truth(WORLDS, 1200, loss=0.0, seed=53)
    helped = blocks(d, agreeing(d, 0.9, 54), 8)
    alone = blocks(d[:, :150], np.zeros((WORLDS, 150)), 1)
    assert helped.count == alone.count == 150
    power = [(log_capital(b, MARGIN, LEVEL, [150]) >= -np.log(LEVEL)).mean() for b in (helped, alone)]
    assert power[0] > power[1] + 0.2


def test_a_judge_that_says_nothing_costs_next_to_nothing() -> None:
    d = truth(WORLDS, 1600, loss=0.0, seed=55)
    noise = blocks(d, JUDGES["random"](d, np.random.default_rng(56)), 4)
    alone = blocks(d[:, :400], np.zeros((WORLDS, 400)), 1)
    power = [(log_capital(b, MARGIN, LEVEL, [400]) >= -np.log(LEVEL)).mean() for b in (noise, alone)]
    assert power[0] > power[1] - 0.1


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_stakes_know_nothing_of_later_blocks_and_never_ruin(n: int, then: int, share: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    d, f = rng.choice(VALUES, size=(2, 1, (n + then) * share))
    every = blocks(d, f, share)
    first = blocks(d[:, : n * share], f[:, : n * share], share)
    plan = [n + then]
    assert np.allclose(every.tuning[:, :n], first.tuning)
    assert np.all(np.abs(every.x) <= every.reach + 1e-9)
    at_first, at_last = (log_capital(b, MARGIN, LEVEL, plan) for b in (first, every))
    assert np.isfinite(at_last).all()
    assert (at_last >= at_first - 1e-9).all()


def test_the_bounds_hold_the_estimate_and_agree_with_the_test() -> None:
    d = truth(1, 1600, loss=0.0, seed=57)
    found = blocks(d, agreeing(d, 0.9, 58), 4)
    one = Blocks(found.d[0], found.f[0], found.mean[0], found.sizes)
    high, low = upper_bound(one, LEVEL, [400]), lower_bound(one, LEVEL, [400])
    assert low <= estimate(one) <= high
    assert p_value(one, high, LEVEL, [400]) <= LEVEL + 1e-9
    assert p_value(one, high - 0.01, LEVEL, [400]) > LEVEL


def test_without_labels_nothing_is_known() -> None:
    none = Blocks.of([], [], [], [])
    assert (lower_bound(none, LEVEL, [10]), upper_bound(none, LEVEL, [10])) == (-1.0, 1.0)


def test_the_forecast_of_labels_falls_with_a_better_judge() -> None:
    d = truth(1, 2400, loss=0.0, seed=59, differing=0.5)
    d -= d.mean()
    wanted = []
    for share in (0.0, 0.97):
        many = blocks(np.clip(d, -1, 1), agreeing(np.clip(d, -1, 1), share, 60), 8)
        wanted.append(
            labels_for_power(
                Blocks(many.d[0] - many.d.mean(), many.f[0], many.mean[0], many.sizes), 0.1, 0.05
            )
        )
    alone, helped = wanted
    assert alone is not None
    assert helped is not None
    assert helped < 0.6 * alone


def test_a_plan_that_loses_more_than_the_margin_needs_no_number_of_labels() -> None:
    d = truth(1, 400, loss=0.4, seed=61)
    many = blocks(d, d, 1)
    assert labels_for_power(Blocks(many.d[0], many.f[0], many.mean[0], many.sizes), 0.1, 0.05) is None


KEYS = [f"{n:04}" for n in range(200)]


def test_a_draw_is_a_partition_that_can_be_made_again() -> None:
    judged = {key: float(VALUES[n % 3]) for n, key in enumerate(KEYS)}
    drawn, again = (Draw.of(KEYS, [150, 50], judged, 4) for _ in range(2))
    assert drawn == again
    assert sorted(key for block in drawn.blocks for key in block) == KEYS
    assert drawn.planned == (37, 12)
    assert {len(block) for block in drawn.blocks} == {4, 5}


def test_a_new_batch_moves_no_unit_of_an_earlier_one() -> None:
    judged = {key: float(VALUES[n % 3]) for n, key in enumerate(KEYS)}
    before = Draw.of(KEYS[:150], [150], judged, 4)
    after = Draw.of(KEYS, [150, 50], judged, 4)
    assert after.blocks[: len(before.blocks)] == before.blocks


def test_another_verdict_draws_anew_so_that_no_judge_can_aim() -> None:
    judged = dict.fromkeys(KEYS, 0.0)
    before = Draw.of(KEYS, [200], judged, 4)
    after = Draw.of(KEYS, [200], judged | {KEYS[0]: 1.0}, 4)
    assert set(before.wanted) != set(after.wanted)


def test_labels_count_up_to_the_first_that_is_missing() -> None:
    judged = dict.fromkeys(KEYS, 0.0)
    drawn = Draw.of(KEYS, [200], judged, 4)
    told = dict.fromkeys(drawn.wanted[:10], 0.0) | {drawn.wanted[12]: 1.0}
    assert drawn.labelled(told, judged).count == 10


def test_few_units_are_all_labelled_and_many_are_shared() -> None:
    rng = np.random.default_rng(62)
    judged = rng.choice(VALUES, size=3000, p=[0.2, 0.6, 0.2])
    assert share_for(judged[:60], 0.1, LEVEL) == 1
    assert share_for(judged, 0.1, LEVEL) > 2
