"""The best plans: one selection, which the terminal and the report both show."""

from pathlib import Path

import numpy as np
import pytest

from karui.codec.files import load_study
from karui.report.view_model import board_of
from karui.selection.best import GROUPS, best_in_brief, best_plans, group_of

STUDY = Path(__file__).parents[1] / "codec" / "data" / "5682b79-everything.json"


@pytest.fixture(scope="module")
def study():
    return load_study(STUDY)


@pytest.mark.parametrize(
    ("families", "group"),
    [
        (("faster",), "faster"),
        (("shorter", "faster"), "combined"),
        (("control",), "control"),
        (("faster", "control"), "faster"),
        ((), "control"),
    ],
)
def test_a_plan_is_of_the_group_of_its_families(families, group):
    assert group_of(families) == group
    assert group in GROUPS


def test_the_cheapest_lose_no_more_than_the_margin_and_come_by_tokens(study):
    for best in best_plans(study.plans, 0.02):
        tokens = [p.measurement.tokens.value for p in best.cheapest]
        assert tokens == sorted(tokens)
        assert all(p.comparison.loss.value <= 0.02 for p in best.cheapest)
        members = [p for p in study.plans if group_of(p.measurement.families) == best.group]
        assert len(best.cheapest) == sum(p.comparison.loss.value <= 0.02 for p in members)
        if members:
            highest = np.max([p.measurement.accuracy.value for p in members])
            assert best.most_accurate.measurement.accuracy.value == highest
        else:
            assert best.most_accurate is None


def test_what_the_terminal_shows_is_in_the_table_of_the_report(study):
    shown = {row.plan for row in board_of(study).shown}
    terminal = [p for p in best_in_brief(study) if group_of(p.measurement.families) != "control"]
    assert len(terminal) > 1
    assert {p.plan for p in terminal} <= shown
