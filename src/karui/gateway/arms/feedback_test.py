"""What users say of a plan against what they say of full thinking: two bets, valid at every look.

Which of the two answers a request is drawn at random, with chances that are stated beforehand. A feedback is
a value in [0, 1]; a request of which nobody says anything counts like the mean of what was said before. With

    D = (value - before - margin) / P(full)      where full thinking was drawn
    D = -(value - before) / P(plan)              where the plan was

the mean of D, given everything before, is what the plan loses in the eyes of users, less the margin: each
side is weighted by the inverse of its chance, so the same requests are compared with themselves, never one
group's mean with another's (Horvitz and Thompson, 1952). Two capitals are staked on D and on -D, by factors
1 + bet
* D / (largest loss), whose mean is 1 or less while the hypothesis that is bet against holds (Waudby-Smith and
Ramdas, 2010.09686):

* `worse` bets against "the plan loses the margin at most". Part of it begins at every request anew, for a
  plan may go bad at any time.
* `fine` bets against "the plan loses the margin at least".

What it gives up: that users answer as often and as soon under either is assumed. Where one of them makes
them silent, their silence counts as the mean.
"""

from collections.abc import Mapping
from typing import Any

from karui.gateway.arms.e_process import EProcess
from karui.selection.looks.e_process import CONSTANT_BETS

_AT_ONCE = 0.5
"""Share of the capital of `worse` that is staked from the beginning; the rest waits for a change."""
_PRIOR, _PRIOR_VALUE = 2.0, 0.5
"""What is taken to have been said before anything was: so many feedbacks of this value."""


class FeedbackTest:
    """The two bets on one plan.

    Attributes:
        worse: Capital that the plan loses more than the margin.
        fine: Capital that it loses less.
        said: Feedback counted and the sum of its values, of full thinking and of the plan.
    """

    __slots__ = ("_margin", "fine", "said", "worse")

    def __init__(self, margin: float) -> None:
        """Takes the margin, as a share of the scale of values, in [0, 1)."""
        self._margin = margin
        self.worse = EProcess(len(CONSTANT_BETS), at_once=_AT_ONCE)
        self.fine = EProcess(len(CONSTANT_BETS), at_once=1.0)
        self.said: list[list[float]] = [[0, 0.0], [0, 0.0]]

    def see(self, value: float, *, full: bool, plan_chance: float, full_chance: float) -> None:
        """Bets on one feedback.

        Args:
            value: What was said, in [0, 1].
            full: Whether full thinking was drawn; else the plan.
            plan_chance: With which chance the plan was to be drawn, above 0.
            full_chance: Likewise, full thinking.
        """
        (fulls, full_sum), (plans, plan_sum) = self.said
        before = (full_sum + plan_sum + _PRIOR * _PRIOR_VALUE) / (fulls + plans + _PRIOR)
        m = self._margin
        off = (value - before - m) / full_chance if full else (before - value) / plan_chance
        lost = max((before + m) / full_chance, (1.0 - before) / plan_chance)
        won = max((1.0 - before - m) / full_chance, before / plan_chance)
        self.worse.grow([1.0 + bet * off / lost for bet in CONSTANT_BETS])
        self.fine.grow([1.0 - bet * off / won for bet in CONSTANT_BETS])
        side = self.said[0 if full else 1]
        side[0] += 1
        side[1] += value

    def standing(self) -> dict[str, Any]:
        """Returns everything it has come to, JSON-able."""
        return {"worse": self.worse.standing(), "fine": self.fine.standing(), "said": self.said}

    def resume(self, standing: Mapping[str, Any]) -> None:
        """Goes on from what `standing` returned.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        bets = len(CONSTANT_BETS)
        worse = EProcess.resumed(standing["worse"], bets, at_once=_AT_ONCE)
        fine = EProcess.resumed(standing["fine"], bets, at_once=1.0)
        full, plan = ([int(count), float(total)] for count, total in standing["said"])
        self.worse, self.fine, self.said = worse, fine, [full, plan]
