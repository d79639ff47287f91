import argparse
import json
from pathlib import Path

import pytest

from bench._figures import Figures
from bench._scout_picture import FULL, Panel, Point, draw, frontier
from karui.core.study import Interval


def figures(tmp_path: Path | None = None, *, quick: bool = False) -> Figures:
    return Figures("test", argparse.Namespace(quick=quick, out=tmp_path / "out.json" if tmp_path else None))


def test_every_line_says_name_reached_target_and_whether_it_was_met(capsys):
    made = figures()
    made.at_most("seconds", 24.05, 30, "s")
    made.near("accuracy", 81.4, 81.5, 1.0, "points")
    made.at_least("ratio", 3.0, 4.0, "×")
    assert made.close() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["seconds", "24.1", "s", "≤", "30", "ok"]
    assert lines[2].split() == ["accuracy", "81.4", "points", "81.5", "±", "1.0", "ok"]
    assert lines[3].split() == ["ratio", "3.0", "×", "≥", "4", "MISSED"]
    assert lines[-1] == "Missed: ratio."


def test_it_is_0_where_all_targets_are_met_and_where_there_are_none():
    made = figures()
    made.at_most("seconds", 30, 30)
    made.shown("gain", Interval(1.0, -2.0, 4.0, 0.95, "t", 30), "points")
    assert made.close() == 0


def test_quick_judges_nothing(capsys):
    made = figures(quick=True)
    made.at_most("seconds", 99, 30)
    assert made.close() == 0
    assert "MISSED" not in capsys.readouterr().out


def test_not_a_number_meets_no_target():
    made = figures()
    made.at_most("seconds", float("nan"), 30)
    assert made.close() == 1


def test_results_are_written(tmp_path):
    made = figures(tmp_path)
    made.shown("gain", Interval(1.0, -2.0, 4.0, 0.95, "t", 30), "points")
    made.extra = {"data": {"a.json": "00"}}
    made.close()
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    (line,) = written["figures"]
    assert (line["reached"], line["low"], line["high"], line["ok"]) == (1.0, -2.0, 4.0, None)
    assert written["data"] == {"a.json": "00"}


def test_the_frontier_is_what_nothing_beats():
    points = [
        Point((), tokens, accuracy) for tokens, accuracy in ((3, 70), (1, 50), (2, 60), (2, 65), (4, 70))
    ]
    assert [(p.tokens, p.accuracy) for p in frontier(points)] == [(1, 50), (2, 65), (3, 70)]


@pytest.mark.parametrize("name", ["SC@64", "best", "one full branch"])
def test_the_picture_labels_what_has_a_name(name):
    point = Point((), 20_000, 70.0, (65.0, 75.0), name)
    picture = draw([Panel("A & B", [point])])
    assert point.group == FULL
    assert "A &amp; B" in picture
    assert "70.0% at 20k" in picture
