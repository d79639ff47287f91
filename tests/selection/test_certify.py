"""Many looks at the same questions: what goes on, what is new, what it costs, and where it is noted."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from karui import catalog
from karui.core.outcome import BILL_FIELDS, Outcomes
from karui.core.plan import Plan
from karui.core.study.choice import Axis, Rule
from karui.selection.certify import Certified, certify
from karui.selection.evidence import Evidence
from karui.selection.looks.ledger import FILE, FIRST, Ledger, join, level, users_file
from karui.selection.looks.units import Unit

BASE, ONE, TWO = Plan(), catalog.parse("token-budget:tokens=100"), catalog.parse("token-budget:tokens=50")


def outcomes(plan: Plan, correct: np.ndarray) -> Outcomes:
    shape = (len(correct), 1)
    full = np.full(shape, 1, np.float32)
    return Outcomes(
        plan=plan,
        questions=tuple(f"q{i}" for i in range(len(correct))),
        kinds=("",) * len(correct),
        correct=correct.astype(np.float32)[:, None],
        confidence=full,
        answered=full,
        traces=full,
        truncated=full * 0,
        looped=full * 0,
        time=full,
        held={"main": full},
        busy={"main": full},
        bills={"main": np.zeros((*shape, len(BILL_FIELDS)))},
    )


def evidence(*batches: int, lost: int = 0, lost_two: int = 0) -> Evidence:
    """Returns evidence of two plans that lose the first so many questions of the first batch."""
    n = sum(batches)
    right = np.ones(n)
    test = {}
    for plan, worse in ((BASE, 0), (ONE, lost), (TWO, lost_two)):
        correct = right.copy()
        correct[:worse] = 0
        test[plan.id] = outcomes(plan, correct)
    numbers = np.repeat(np.arange(len(batches)), batches)
    return Evidence(
        {}, test, BASE.id, units={f"q{i}": Unit(f"{i:04}", int(b)) for i, b in enumerate(numbers)}
    )


def look(ledger: Ledger, found: Evidence, *line: Plan, **rule: object) -> Certified:
    return certify(found, line, Rule(**rule), ledger, model="m")  # type: ignore[arg-type]


def test_the_levels_of_all_families_add_up_to_alpha() -> None:
    levels = [level(0.05, k) for k in range(1, 100_000)]
    assert levels[0] == pytest.approx(0.05 * FIRST)
    assert levels == sorted(levels, reverse=True)
    assert 0.0499 < sum(levels) < 0.05


def test_a_recording_that_grows_goes_on_and_costs_nothing_again() -> None:
    ledger = Ledger()
    first = look(ledger, evidence(200, lost=1), ONE)
    assert (first.look, first.plans) == (1, {})
    second = look(ledger, evidence(200, 200, lost=1), ONE)
    assert set(second.plans) == {ONE}
    assert (second.look, second.families[0].goes_on) == (2, True)
    assert second.spent == first.spent == pytest.approx(0.04)


def test_what_the_first_look_began_goes_on_though_the_pilot_now_lines_up_others() -> None:
    ledger = Ledger()
    look(ledger, evidence(200, lost=1), ONE)
    second = look(ledger, evidence(200, 200, lost=1), TWO, ONE)
    assert [f.family.plans for f in second.families] == [(ONE.id,)]  # certified, so nothing new is opened
    worse = evidence(200, 200, lost=1)
    worse.test[ONE.id].correct[200:240] = 0
    other = look(Ledger([*ledger.looks[:1]]), worse, TWO)
    assert [f.family.level for f in other.families] == pytest.approx([level(0.05, 1), level(0.05, 2)])
    assert other.families[0].family.plans == (ONE.id,)
    assert other.spent == pytest.approx(level(0.05, 1) + level(0.05, 2))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        (evidence(300, lost=5), {"margin": 0.019}),  # a smaller margin
        (evidence(300, lost=6), {}),  # other traces of the same questions
        (evidence(299, lost=5), {}),  # a part of them, as --kind takes
        (evidence(100, 200, lost=5), {}),  # batches that were others
    ],
)
def test_another_process_is_a_new_family(changed: Evidence, rule: dict[str, object]) -> None:
    ledger = Ledger()
    look(ledger, evidence(300, lost=5), ONE)
    again = look(ledger, changed, ONE, **rule)
    assert [f.goes_on for f in again.families] == [False]
    assert again.families[0].family.level == pytest.approx(level(0.05, 2))
    assert again.look == 2


def test_the_same_look_again_is_the_same_look() -> None:
    ledger = Ledger()
    first = look(ledger, evidence(300, lost=5), ONE)
    again = look(ledger, evidence(300, lost=5), ONE)
    assert (again.look, again.spent, len(ledger.looks)) == (1, first.spent, 1)
    assert [f.family for f in again.families] == [f.family for f in first.families]


def test_what_was_certified_at_a_margin_is_certified_at_a_larger_one() -> None:
    ledger = Ledger()
    look(ledger, evidence(300), ONE)
    wider = look(ledger, evidence(300), TWO, margin=0.05)
    assert set(wider.plans) == {ONE}
    assert wider.spent == pytest.approx(level(0.05, 1))


def test_another_objective_opens_a_family_of_its_own() -> None:
    ledger = Ledger()
    look(ledger, evidence(400), ONE)
    other = look(ledger, evidence(400), TWO, minimize=Axis.LATENCY)
    assert [f.family.plans for f in other.families] == [(ONE.id,), (TWO.id,)]
    assert set(other.plans) == {ONE, TWO}
    assert other.families[1].family.level == pytest.approx(level(0.05, 2))


def test_another_model_and_other_questions_are_counted_alone() -> None:
    ledger = Ledger()
    look(ledger, evidence(200), ONE)
    assert certify(evidence(200), [ONE], Rule(), ledger, model="other").spent == pytest.approx(0.04)
    elsewhere = replace(evidence(200), units={f"q{i}": Unit(f"x{i}") for i in range(200)})
    assert look(ledger, elsewhere, ONE).spent == pytest.approx(0.04)


def test_parts_of_one_recording_that_share_no_question_are_counted_together() -> None:
    ledger = Ledger(asked=frozenset({"the recording"}))
    for n in range(4):
        part = replace(evidence(500), units={f"q{i}": Unit(f"kind {n} {i}") for i in range(500)})
        seen = look(ledger, part, ONE)
        assert seen.families[0].family.level == pytest.approx(level(0.05, n + 1))
        assert seen.look == n + 1


def test_late_members_of_a_unit_change_nothing() -> None:
    ledger = Ledger()
    look(ledger, evidence(200, lost=1), ONE)
    grown = evidence(200, 201, lost=1)
    units = dict(grown.units) | {"q400": Unit("0005", 0, late=True)}
    grown.test[ONE.id].correct[400] = 0  # a question of the first batch's unit 5 that came late is lost
    seen = look(ledger, replace(grown, units=units), ONE)
    assert (len(seen.order.keys), seen.families[0].goes_on) == (400, True)
    assert set(seen.plans) == {ONE}


def test_a_glance_at_too_few_questions_certifies_nothing_and_costs_nothing() -> None:
    ledger = Ledger()
    glance = evidence(150)
    glance.test[BASE.id].correct[:40] = 0  # the plan wins so much that a bet would be won on fewer
    first = look(ledger, glance, ONE)
    assert [f.line for f in first.families] == [(ONE,)]  # what it comes to is shown
    assert (first.plans, first.spent, ledger.looks) == ({}, 0.0, [])
    assert first.next_level == pytest.approx(level(0.05, 1))
    assert look(ledger, evidence(150, 150), ONE).spent == pytest.approx(level(0.05, 1))


def test_a_merged_recording_has_the_looks_of_its_parts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        look(Ledger.open([tmp_path / name / FILE]), evidence(300, lost=5 if name == "one" else 6), ONE)
    join([tmp_path / "one", tmp_path / "two"], tmp_path / "whole")
    join([tmp_path / "one", tmp_path / "two"], tmp_path / "whole")
    assert len(Ledger.open([tmp_path / "whole" / FILE]).looks) == 2


def test_the_ledger_is_found_beside_the_recording_and_at_the_users(tmp_path: Path) -> None:
    beside, own = tmp_path / "recording" / "looks.jsonl", tmp_path / "state" / "looks.jsonl"
    look(Ledger.open([beside, own]), evidence(300, lost=5), ONE)
    assert beside.read_text() == own.read_text()
    for files in ([beside], [own], [beside, own]):  # a copy of the folder; another folder; both
        again = Ledger.open(files)
        assert look(again, evidence(300, lost=5), TWO).spent == pytest.approx(level(0.05, 1) + level(0.05, 2))
        beside.write_text(beside.read_text().split("\n")[0] + "\n")
        own.write_text(beside.read_text())


def test_a_ledger_that_cannot_be_written_or_read_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder")
    ledger = Ledger.open([folder / "looks.jsonl"])
    look(ledger, evidence(200), ONE)
    assert ledger.unwritten
    assert str(folder) in ledger.unwritten[0]
    broken = tmp_path / "looks.jsonl"
    broken.write_text('{"at": 3}\n')
    assert "line 1 is no look" in Ledger.open([broken]).unwritten[0]


@pytest.mark.skipif(os.name == "nt", reason="permissions are another matter there")
def test_where_the_users_ledger_lies() -> None:
    assert users_file({"KARUI_LEDGER": ""}.get) is None
    assert users_file({"KARUI_LEDGER": "/a/b"}.get) == Path("/a/b")
    assert users_file({"XDG_STATE_HOME": "/s"}.get) == Path("/s/karui/looks.jsonl")
    assert users_file({}.get) == Path.home() / ".local/state/karui/looks.jsonl"
