"""The test of feedback: its error holds however often one looks, and it finds what is bad."""

import json
import math
import random

import pytest

from karui.gateway.arms.feedback_test import FeedbackTest

MARGIN, WORLDS, LONG = 0.05, 150, 400


def world(seed, full, plan, *, full_chance=0.3, margin=MARGIN, long=LONG, silent=0.0):
    """One stream of requests, of which users of a plan that is bad may be silent."""
    draw, test = random.Random(seed), FeedbackTest(margin)
    for _ in range(long):
        fully = draw.random() < full_chance
        if draw.random() < silent:
            continue
        value = float(draw.random() < (full if fully else plan))
        test.see(value, full=fully, plan_chance=1 - full_chance, full_chance=full_chance)
    return test


@pytest.mark.parametrize(("full", "full_chance"), [(0.9, 0.3), (0.5, 0.1), (0.99, 0.5)])
def test_a_plan_at_the_margin_is_seldom_found_worse_or_fine(full, full_chance):
    """By Ville's inequality each share is 1/20 at most, over all looks; a few worlds more are chance."""
    tests = [world(seed, full, full - MARGIN, full_chance=full_chance) for seed in range(WORLDS)]
    for side in ("worse", "fine"):
        assert sum(getattr(t, side).best >= 20 for t in tests) <= 0.05 * WORLDS + 3 * math.sqrt(0.05 * WORLDS)


def test_what_is_bad_is_found_and_what_is_well_is_shown():
    bad = [world(seed, 0.9, 0.5) for seed in range(40)]
    well = [world(seed, 0.9, 0.95, long=1500) for seed in range(20)]
    assert sum(t.worse.best >= 100 for t in bad) >= 36
    assert sum(t.fine.best >= 20 for t in well) >= 16
    assert not any(t.worse.best >= 100 for t in well)


def test_a_plan_that_goes_bad_late_is_found():
    found = 0
    for seed in range(20):
        draw, test = random.Random(seed), FeedbackTest(MARGIN)
        for n in range(1600):
            fully = draw.random() < 0.3
            value = float(draw.random() < (0.9 if fully or n < 1000 else 0.4))
            test.see(value, full=fully, plan_chance=0.7, full_chance=0.3)
            assert n >= 1000 or test.worse.best < 100
        found += test.worse.best >= 100
    assert found >= 18


@pytest.mark.parametrize("values", [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)])
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.5])
def test_no_feedback_ever_takes_more_than_there_is(values, margin):
    test = FeedbackTest(margin)
    for n in range(300):
        test.see(values[n % 2], full=bool(n % 2), plan_chance=0.9, full_chance=0.1)
        assert test.worse.capital > 0
        assert test.fine.capital > 0


def test_it_goes_on_where_it_stood():
    whole, first, second = (FeedbackTest(MARGIN) for _ in range(3))

    def see(test, said):
        for n in said:
            test.see(float(n % 3 == 0), full=n % 4 == 0, plan_chance=0.75, full_chance=0.25)

    see(whole, range(60))
    see(first, range(30))
    second.resume(json.loads(json.dumps(first.standing())))
    see(second, range(30, 60))
    assert second.standing() == whole.standing()
    for wrong in ({}, {**first.standing(), "said": [1]}, {**first.standing(), "worse": {"staked": []}}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            second.resume(wrong)
