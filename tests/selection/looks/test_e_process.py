"""The always-valid test: what it holds at every look, and what power it keeps."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.selection import betting
from karui.selection.looks import e_process
from karui.selection.looks.e_process import log_capital, p_value, upper_bound

MARGIN, LEVEL = 0.02, 0.05


def worlds(count: int, units: int, *, loss: float, seed: int, discordant: float = 0.06) -> np.ndarray:
    """Returns differences of four paired traces a question, shape (worlds, units), whose mean is `loss`."""
    drawn = np.random.default_rng(seed).random((count, units, 4))
    lost, won = drawn < (discordant + loss) / 2, drawn > 1 - (discordant - loss) / 2
    return (lost.astype(float) - won).mean(axis=2)


def looks(d: np.ndarray, ends: list[int], level: float = LEVEL) -> np.ndarray:
    """Returns the log capital at each look, shape (looks, worlds)."""
    batches = np.diff([0, *ends]).tolist()
    return np.array([log_capital(d[:, :end], MARGIN, level, batches[: n + 1]) for n, end in enumerate(ends)])


def test_at_the_null_seven_looks_together_certify_at_most_at_the_level() -> None:
    seen = looks(worlds(2000, 830, loss=MARGIN, seed=41), [150, 210, 300, 420, 550, 690, 830])
    assert (seen.max(axis=0) >= -np.log(LEVEL)).mean() <= LEVEL


def test_the_test_that_knows_its_end_does_not_hold_that_over_looks() -> None:
    d = worlds(1000, 675, loss=MARGIN, seed=42)
    seen = [betting.log_capital(d[:, :end], MARGIN, LEVEL, seed=None) for end in (200, 300, 450, 675)]
    assert (np.max(seen, axis=0) >= -np.log(LEVEL)).mean() > LEVEL


def test_a_harmless_plan_is_certified_nearly_as_often_as_with_a_known_end() -> None:
    d = worlds(1000, 600, loss=0.0, seed=43)
    known = betting.log_capital(d, MARGIN, LEVEL, seed=None) >= -np.log(LEVEL)
    once, thrice = looks(d, [600])[-1], looks(d, [200, 400, 600])[-1]
    assert (once >= -np.log(LEVEL)).mean() >= known.mean() - 0.03
    assert (thrice >= -np.log(LEVEL)).mean() >= known.mean() - 0.05


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_what_comes_later_never_changes_what_was_seen(first: int, then: int, seed: int) -> None:
    d = np.random.default_rng(seed).choice([-1.0, 0.0, 0.0, 1.0], first + then)
    before = log_capital(d[:first], 0.3, LEVEL, [first])
    after = log_capital(d, 0.3, LEVEL, [first, then])
    turned = log_capital(np.append(d[:first], -d[first:]), 0.3, LEVEL, [first, then])
    assert after >= before - 1e-9
    assert turned >= before - 1e-9


def test_a_certificate_stays_whatever_comes_after_it() -> None:
    d = np.append(np.zeros(300), np.ones(300))
    assert log_capital(d[:300], MARGIN, LEVEL, [300]) >= -np.log(LEVEL)
    assert log_capital(d, MARGIN, LEVEL, [300, 300]) >= -np.log(LEVEL)


def test_the_bound_is_where_certificates_begin() -> None:
    d = worlds(1, 400, loss=0.0, seed=44)[0]
    high = upper_bound(d, LEVEL, [250, 150])
    assert high > d.mean()
    assert p_value(d, high, LEVEL, [250, 150]) <= LEVEL * (1 + 1e-9)
    assert p_value(d, high - 0.001, LEVEL, [250, 150]) > LEVEL


def test_many_margins_and_worlds_at_once_are_those_one_by_one() -> None:
    d = worlds(3, 90, loss=0.0, seed=45)
    margins = np.array([0.05, 0.1, 0.2])
    one_by_one = [float(log_capital(row, m, LEVEL, [50, 40])) for row, m in zip(d, margins, strict=True)]
    assert log_capital(d, margins, LEVEL, [50, 40]) == pytest.approx(one_by_one)


@pytest.mark.parametrize("batches", [[3], [2, 3], [5, -1]])
def test_batches_that_are_not_the_units_are_refused(batches: list[int]) -> None:
    with pytest.raises(ValueError, match="units do not make 4"):
        log_capital(np.zeros(4), MARGIN, LEVEL, batches)


def test_an_empty_batch_changes_nothing() -> None:
    d = worlds(1, 80, loss=0.0, seed=46)[0]
    assert log_capital(d, 0.1, LEVEL, [0, 50, 0, 30]) == log_capital(d, 0.1, LEVEL, [50, 30])


@pytest.mark.parametrize(("piece", "at_once"), [(1, 1), (7, 5), (1000, 1000)])
def test_pieces_of_units_and_of_margins_decide_nothing(
    monkeypatch: pytest.MonkeyPatch, piece: int, at_once: int
) -> None:
    d, margins = worlds(3, 230, loss=0.0, seed=47), np.arange(-0.1, 0.6, 0.01)
    batches = [100, 130]

    def found() -> list[object]:
        many = [log_capital(row, margins, LEVEL, batches).tolist() for row in d]
        bounds = [(upper_bound(row, LEVEL, batches), betting.lower_bound(row)) for row in d]
        return [many, log_capital(d, 0.05, LEVEL, batches).tolist(), bounds]

    usual = found()
    monkeypatch.setattr(e_process, "_PIECE", piece)
    monkeypatch.setattr(betting, "_AT_ONCE", at_once)
    assert found() == usual


def test_the_bound_of_many_units_takes_little_memory() -> None:
    d = worlds(1, 8000, loss=0.0, seed=48)[0]
    tracemalloc.start()
    try:
        upper_bound(d, LEVEL, [8000])
        # A thousand margins on all units at once, five arrays of them, would be fifty times that.
        assert tracemalloc.get_traced_memory()[1] < 100 * d.nbytes
    finally:
        tracemalloc.stop()
