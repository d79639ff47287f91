"""Successive halving keeps what is light and right, and asks the losers little."""

import asyncio
from collections import Counter

import numpy as np
import pytest

from karui.selection.halving import Sample, halve

BASE = Sample(np.ones(30), np.full(30, 100.0))


def race(*words, **more):
    return asyncio.run(halve(*words, **more))


def arms(**of):
    """Arms as (accuracy, cost), asked without noise; counts what each was asked."""
    asked = Counter()

    async def ask(name, first, last):
        accuracy, cost = of[name]
        asked[name] += last - first
        numbers = np.arange(first, last)
        return Sample((numbers % 10 < 10 * accuracy).astype(float), np.full(last - first, cost))

    return ask, asked


def test_the_lightest_of_the_right_ones_are_kept_and_losers_are_asked_little():
    of = {
        "good": (1, 50),
        "better": (1, 25),
        "wrong": (0.2, 5),
        "dear": (1, 99),
        "bad": (0.5, 20),
        "off": (0, 1),
    }
    ask, asked = arms(**of)
    found = race(list(of), ask, BASE, keep=2, full=400)
    assert found.kept == ("better", "good")
    assert asked["better"] == asked["good"] == 30
    assert asked["off"] == asked["wrong"] == 8
    assert found.asked == sum(asked.values())
    assert found.spared == 4 * 400 - found.asked
    assert {s.name for s in found.standings} == set(of)
    assert [s.kept for s in found.standings] == [True, True, False, False, False, False]


def test_losing_right_answers_weighs_more_than_saving():
    ask, _ = arms(half=(0.5, 10), whole=(1, 60), none=(0, 1))
    assert race(["half", "whole", "none"], ask, BASE, keep=1).kept == ("whole",)


def test_few_arms_are_not_raced():
    ask, asked = arms(one=(1, 50), two=(0, 1))
    found = race(["one", "two"], ask, BASE, keep=2)
    assert found.kept == ("one", "two")
    assert found.asked == 0
    assert not asked


def test_the_last_two_are_asked_everything():
    ask, asked = arms(a=(1, 10), b=(1, 20), c=(1, 30), d=(1, 40))
    found = race(["a", "b", "c", "d"], ask, BASE, keep=2)
    assert found.kept == ("a", "b")
    assert asked == {"a": 30, "b": 30, "c": 8, "d": 8}
    assert found.standings[0].cost_ratio == pytest.approx(0.1)


def test_nothing_is_kept_when_nothing_is_worth_recording():
    ask, _ = arms(a=(0.9, 90), b=(0.5, 20), c=(0.4, 10))
    found = race(["a", "b", "c"], ask, BASE, keep=2, full=400)
    assert found.kept == ()
    assert found.spared == 3 * 400 - found.asked
