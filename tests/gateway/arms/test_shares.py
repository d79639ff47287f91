"""The draw: by the stated chances, kept by a caller, and moved no further than the shares move."""

import pytest

from karui.gateway.arms.shares import FULL, Shares, unit_of

UNITS = [unit_of("salt", f"caller {n}", 0.0, 24.0, "") for n in range(4000)]


@pytest.mark.parametrize(
    "of", [{FULL: 0.1, "a": 0.9}, {FULL: 0.25, "a": 0.25, "b": 0.5}, {FULL: 0.02, "a": 0.98}]
)
def test_each_arm_has_its_share(of):
    drawn = [Shares(0, of).draw(unit) for unit in UNITS]
    for arm, share in of.items():
        spread = (share * (1 - share) / len(UNITS)) ** 0.5
        assert abs(drawn.count(arm) / len(UNITS) - share) < 4 * spread


def test_where_shares_move_only_those_move_who_have_to():
    before, after = Shares(0, {FULL: 0.2, "a": 0.4, "b": 0.4}), Shares(1, {FULL: 0.2, "a": 0.8})
    moved = {(before.draw(unit), after.draw(unit)) for unit in UNITS if before.draw(unit) != after.draw(unit)}
    assert moved <= {("b", "a"), (FULL, "a"), ("b", FULL)}
    kept = [unit for unit in UNITS if before.draw(unit) == "a"]
    assert all(after.draw(unit) == "a" for unit in kept)


def test_a_caller_keeps_a_draw_for_its_hours_and_nobody_can_tell_it_without_the_salt():
    day = 24 * 3600.0
    assert unit_of("s", "me", 10.0, 24.0, "r1") == unit_of("s", "me", day - 1, 24.0, "r2")
    assert unit_of("s", "me", 10.0, 24.0, "") != unit_of("s", "me", day + 1, 24.0, "")
    assert unit_of("s", "me", 10.0, 24.0, "") != unit_of("t", "me", 10.0, 24.0, "")
    assert unit_of("s", "me", 10.0, 24.0, "") != unit_of("s", "you", 10.0, 24.0, "")
    assert unit_of("s", "me", 10.0, 0.0, "r1") != unit_of("s", "me", 10.0, 0.0, "r2")
    assert unit_of("s", "\ud800", 10.0, 24.0, "")
