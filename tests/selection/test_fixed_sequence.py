"""Fixed-sequence testing of many plans: the guarantee of the whole procedure, its power, its verdicts."""

import numpy as np
import pytest

from karui.selection.betting import log_capital
from karui.selection.fixed_sequence import (
    PilotLosses,
    Verdict,
    contradicted,
    fixed_sequence,
    order_plans,
    share,
    standing,
)

MARGIN, ALPHA, WORLDS, MOST_VIOLATIONS = 0.02, 0.05, 2000, 123
PILOT, TEST = 134, 400


def table(chances):
    """Returns 65,536 equally likely values of d with the chances given (by value), the rest 0."""
    values = np.zeros(65536, dtype=np.int8)
    start = 0
    for value, chance in chances.items():
        stop = start + round(chance * 65536)
        values[start:stop] = value
        start = stop
    return values


def of_traces(worse, better, traces=4):
    """Returns the chances of `traces` times d when every trace is lost or won independently."""
    chances = {0: 1.0}
    for _ in range(traces):
        step = {}
        for value, chance in chances.items():
            for move, odds in ((1, worse), (-1, better), (0, 1 - worse - better)):
                step[value + move] = step.get(value + move, 0.0) + chance * odds
        chances = step
    return {value: chance for value, chance in chances.items() if value}


# In quarters: four traces a question. Each loses exactly the margin, or nothing.
AT_MARGIN = [{4: 1311 / 65536}, {4: 0.0251, -4: 0.005}, of_traces(0.0402, 0.02), {1: 0.06, 4: 0.005001}]
HARMLESS = [of_traces(0.03, 0.03), of_traces(0.01, 0.01), {4: 0.005, -4: 0.005}]


def worlds_of(random, bad, good, questions):
    """Returns d of shape (100, plans, questions), the harmless plans last."""
    tables = [table(AT_MARGIN[i % 4]) for i in range(bad)] + [table(HARMLESS[i % 3]) for i in range(good)]
    draws = random.integers(0, 65536, (100, len(tables), questions), dtype=np.uint16)
    return np.stack([tables[p][draws[:, p]] for p in range(len(tables))], axis=1) / 4.0


def certify(d, costs, pilot=PILOT):
    """Runs line-up and fixed sequence in each world; returns the certified plans of each."""
    test = d.shape[2] - pilot
    lines = [order_plans(PilotLosses.of(world[:, :pilot]), costs, 1.0, MARGIN, test) for world in d]
    # The p-values of all lines of all worlds at once: the same numbers as one by one, and faster.
    pairs = [(w, plan) for w, line in enumerate(lines) for plan in line]
    logs = log_capital(np.array([d[w, plan, pilot:] for w, plan in pairs]), MARGIN, ALPHA, seed=None)
    p_values = dict(zip(pairs, np.exp(-logs), strict=True))
    return [
        fixed_sequence(line, lambda plan, w=w: p_values[w, plan], ALPHA).certified
        for w, line in enumerate(lines)
    ]


@pytest.mark.parametrize(("bad", "good"), [(40, 0), (25, 15)])
def test_the_whole_procedure_is_valid_and_picking_by_t_is_not(bad, good):
    random = np.random.default_rng(11)
    plans = bad + good
    violations = by_t = 0
    for _ in range(WORLDS // 100):
        d = worlds_of(random, bad, good, PILOT + TEST)
        costs = random.permutation(np.linspace(0.2, 0.9, plans))
        violations += sum(any(plan < bad for plan in passed) for passed in certify(d, costs))
        high = d.mean(axis=2) + 1.645 * d.std(axis=2, ddof=1) / np.sqrt(PILOT + TEST)
        cheapest = np.argmin(np.where(high < MARGIN, costs, np.inf), axis=1)
        by_t += int(np.sum((high.min(axis=1) < MARGIN) & (cheapest < bad)))
    print(f"{bad} plans at the margin, {good} harmless: violated in {violations}, picking by t in {by_t}")
    assert violations <= MOST_VIOLATIONS
    assert by_t > MOST_VIOLATIONS


@pytest.mark.parametrize(("kind", "measured"), [("alone", 0.97), ("among twelve", 0.83)])
def test_half_the_tokens_at_no_loss_is_certified(kind, measured):
    """600 test questions, 4 traces, 6% of traces discordant: the share of worlds a user can expect."""
    random = np.random.default_rng(12)
    losses = [0.0, 0.05, 0.08, 0.10, 0.15, 0.03, 0.0, 0.0, 0.01, 0.005, 0.0, 0.01]
    costs = np.array([0.5, 0.4, 0.3, 0.25, 0.2, 0.45, 0.9, 0.8, 0.7, 0.6, 0.95, 0.65])
    plans = 1 if kind == "alone" else len(losses)
    tables = [table(of_traces(0.03 + loss, 0.03)) for loss in losses[:plans]]
    d = np.stack([t[random.integers(0, 65536, (600, 800), dtype=np.uint16)] for t in tables], axis=1) / 4.0
    hits = sum(
        any(costs[i] <= 0.5 and losses[i] < MARGIN for i in passed)
        for passed in certify(d, costs[:plans], pilot=200)
    )
    print(f"half the tokens certified at 2 points, {kind}: {hits / 600:.3f} of worlds")
    assert hits / 600 >= measured - 3 * np.sqrt(measured * (1 - measured) / 600)


def test_stops_at_the_first_failure_and_computes_no_more():
    asked = []

    def p_value(name):
        asked.append(name)
        return {"a": 0.01, "b": 0.05, "c": 0.2, "d": 0.0}[name]

    passed = fixed_sequence(["a", "b", "c", "d"], p_value)
    assert passed.certified == ("a", "b")
    assert passed.stopped_at == "c"
    assert passed.p_values == (0.01, 0.05, 0.2)
    assert asked == ["a", "b", "c"]


def test_all_or_nothing_in_line():
    assert fixed_sequence(["a"], lambda _: 0.0).stopped_at is None
    assert fixed_sequence([], lambda _: 0.0).certified == ()
    assert fixed_sequence(["a"], lambda _: float("nan")).stopped_at == "a"


def test_share():
    assert share(0.05, 5) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="cannot share"):
        share(0.05, 0)


def test_line_up_goes_from_dear_to_cheap_and_leaves_out_the_hopeless():
    questions = 200
    bad, free, same = np.full(questions, 0.0), np.zeros(questions), np.zeros(questions)
    bad[:40] = 1.0
    pilot = PilotLosses.of([bad, free, same, free])
    costs = np.array([0.1, 0.5, 1.0, 0.3])
    assert order_plans(pilot, costs, 1.0, MARGIN, 600) == [3]  # as safe as 1 and cheaper
    assert order_plans(PilotLosses.of(bad[None]), np.array([0.1]), 1.0, MARGIN, 600) == []
    risky = np.where(np.arange(questions) < 10, np.where(np.arange(questions) < 6, 1.0, -1.0), 0.0)
    line = order_plans(PilotLosses.of([risky, free]), np.array([0.2, 0.6]), 1.0, MARGIN, 600)
    assert line == [1, 0]  # the safe one first: its saving is then no longer at risk


def test_line_up_is_no_longer_than_allowed():
    random = np.random.default_rng(13)
    pilot = PilotLosses.of(np.where(random.random((300, 100)) < 0.02, 1.0, 0.0))
    assert len(order_plans(pilot, random.random(300), 1.0, MARGIN, 300, at_most=3)) <= 3
    with pytest.raises(ValueError, match="plans"):
        order_plans(pilot, np.ones(2), 1.0, MARGIN, 300)


def test_losses_are_summed_up_as_they_would_be_together():
    d = np.random.default_rng(14).choice([-0.3, 0.0, 0.1, 1.0], (7, 3001))
    losses = PilotLosses.of(iter(d))
    assert np.array_equal(losses.mean, d.mean(axis=1))
    assert np.array_equal(losses.squares, (d**2).sum(axis=1))
    assert np.array_equal(losses.of_plans([5, 2]).total, d[[5, 2]].sum(axis=1))
    with pytest.raises(ValueError, match="one shape"):
        PilotLosses.of([d[0], d[1, :5]])


def test_three_verdicts():
    lost = np.zeros(400)
    assert standing(lost, MARGIN).verdict is Verdict.CERTIFIED
    lost[:6] = 1.0
    promising = standing(lost, MARGIN)
    assert promising.verdict is Verdict.PROMISING
    assert promising.low < promising.loss == pytest.approx(0.015)
    assert promising.high > MARGIN
    assert standing(lost, MARGIN, certified=True).verdict is Verdict.CERTIFIED
    lost[:20] = 1.0
    assert standing(lost, MARGIN).verdict is Verdict.NOT_SUPPORTED


def test_confirmation_withdraws_only_on_evidence():
    live = np.zeros(100)
    live[:5] = 1.0
    assert not contradicted(live, MARGIN)  # five points seen, two allowed: may be chance
    live[:12] = 1.0
    assert contradicted(live, MARGIN)


def test_confirmation_seldom_withdraws_a_plan_at_its_margin():
    random = np.random.default_rng(14)
    live = (random.random((300, 100)) < MARGIN).astype(float)
    assert sum(contradicted(x, MARGIN) for x in live) <= 24  # 99% point of Binomial(300, 5%)
