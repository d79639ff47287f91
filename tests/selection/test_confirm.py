"""Confirming live: a choice that loses is withdrawn, one that does not stands."""

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from karui import catalog
from karui.core.errors import EngineError
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.core.study.choice import Confirmation, Rule
from karui.core.trace import Trace
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.selection import betting
from karui.selection.confirm import confirm
from karui.selection.power import chance_to_contradict
from karui.tasks import verifier
from karui.testing.synthetic import synthetic

RECORDING = synthetic(120, 2, seed=5, truncated=0.0)
TASK = Task(
    "synthetic",
    tuple(Question(q.id, q.prompt.user, q.reference, verifier("exact"), q.kind) for q in RECORDING.questions),
)


def confirmed(plan: Plan, faults: frozenset[tuple[str, int]] = frozenset()) -> Confirmation:
    engine = ScriptedEngine.of(RECORDING, faults=faults)
    work = confirm(plan, TASK, {"main": engine}, Rule(), sampling=Sampling(max_tokens=2000), at_once=8)
    return run_virtual(work)[2]


def test_a_plan_that_cuts_too_early_is_withdrawn() -> None:
    found = confirmed(catalog.parse("token-budget:tokens=30"))
    assert found.withdrawn
    assert found.low > 0.02
    assert found.token_ratio < 0.5
    assert found.loss == pytest.approx(found.baseline_accuracy - found.accuracy)


def test_it_says_with_what_chance_twice_the_margin_would_have_been_seen() -> None:
    d = np.zeros(120)
    few, many, far = (
        chance_to_contradict(np.zeros(n), loss, 0.02) for n, loss in ((40, 0.04), (400, 0.04), (120, 0.2))
    )
    assert few < 0.2 < many
    assert far > 0.95
    assert chance_to_contradict(d, 0.02, 0.02) <= 0.05
    found = confirmed(catalog.parse("token-cap:tokens=100000"))
    assert found.sight == chance_to_contradict(d, 0.04, 0.02)


@pytest.mark.parametrize("seed", range(3))
def test_one_question_that_was_won_does_not_hide_a_great_loss(seed: int) -> None:
    drawn = np.random.default_rng(seed).random((1000, 120))
    d = (drawn < 0.23).astype(float) - (drawn > 0.97)  # loses 20 points; 3% are won
    known = betting.log_capital(-d, -0.02, 0.05, seed=None) >= -np.log(0.05)
    cautious = betting.log_capital(-d, -0.02, 0.05, seed=None, most=betting.CAUTIOUS) >= -np.log(0.05)
    assert cautious.mean() > max(known.mean(), 0.97)


def test_a_plan_that_changes_nothing_stands() -> None:
    found = confirmed(catalog.parse("token-cap:tokens=100000"))
    assert not found.withdrawn
    assert (found.loss, found.token_ratio, found.failed) == (0, 1, 0)


def test_a_prompt_is_compared_with_full_thinking_not_with_itself() -> None:
    plan = catalog.parse("concise-cot + token-budget:tokens=30")
    engine = ScriptedEngine.of(RECORDING)
    work = confirm(plan, TASK, {"main": engine}, Rule(), sampling=Sampling(max_tokens=2000))
    base, live, _ = run_virtual(work)
    assert (base.plan, live.plan) == (Plan(), plan)


class Endless(tuple[Trace, ...]):
    """Traces whose numbers never end: they come again, shifted, as other seeds give other traces."""

    __slots__ = ()

    def __getitem__(self, n: int) -> Trace:  # type: ignore[override]
        return super().__getitem__(n % super().__len__())

    def __len__(self) -> int:
        return sys.maxsize


def test_the_models_own_answers_are_references_by_traces_of_their_own() -> None:
    made = synthetic(120, 5, seed=5, truncated=0.0)
    engine = ScriptedEngine({q.id: Endless(q.traces) for q in made.questions})
    rows = tuple(replace(q, reference="") for q in TASK.questions)
    asked = replace(TASK, questions=rows, agreement=True)

    def run(text: str) -> tuple[Outcomes, Outcomes, Confirmation]:
        options = {"sampling": Sampling(max_tokens=2000), "at_once": 8}
        return run_virtual(confirm(catalog.parse(text), asked, {"main": engine}, Rule(), **options))

    _, _, found = run("token-cap:tokens=100000")
    # traces 100000, 100001, 100002 of five refer: 0, 1 and 2; full thinking's own is number 0
    expected = []
    for q in made.questions:
        votes = Counter(t.answer for t in q.traces[:3] if t.answer is not None)
        expected.append(bool(votes) and q.traces[0].answer == votes.most_common(1)[0][0])
    assert found.baseline_accuracy == pytest.approx(np.mean(expected))
    assert (found.loss, found.withdrawn) == (0, False)
    assert {n for _, n in engine.opened} == {0, 100_000, 100_001, 100_002}
    assert run("token-budget:tokens=30")[2].withdrawn


def test_references_that_the_engine_failed_on_confirm_nothing() -> None:
    asked = replace(TASK, agreement=True)
    work = confirm(Plan(), asked, {"main": ScriptedEngine.of(RECORDING)}, Rule(), sampling=Sampling())
    with pytest.raises(EngineError, match="360 of 360 live runs failed"):  # the script holds no such traces
        run_virtual(work)


def test_an_engine_that_fails_confirms_nothing() -> None:
    faults = frozenset((q.id, 0) for q in RECORDING.questions[:20])
    with pytest.raises(EngineError, match="failed on the engine"):
        confirmed(Plan(), faults)
