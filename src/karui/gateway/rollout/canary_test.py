"""Canaries as a test: whether the operator's own questions are answered worse than by right.

The same few questions are asked again and again, so their answers are no sample of anything: a question that
is answered wrongly today is answered wrongly tomorrow. Two bets come out even whatever the questions are:

* The first time a question is asked, the plan's verdict is compared with that of full thinking on the very
  same question. Questions drawn like the recorded ones lose the certified margin at most, each counted once
  (a betting test of a mean, as `Rate`).
* From then on a question is compared with its own past. While nothing changes, its verdicts are exchangeable
  in time, so the rank of each among its own is uniform and independent of the others, whatever the question
  (a conformal test martingale, as `Ranks`).

What it gives up: a model that was worse before the first canary was ever sent, and in the same way under the
plan and in full, is left to the other tests.
"""

from collections.abc import Mapping
from typing import Any

from karui.gateway.arms.e_process import EProcess
from karui.gateway.rollout.drift_tests import stakes

_POWERS = (0.4, 0.6, 0.8)
"""How the bets lean on a question's being answered worse than before: p * (1 - rank) ** (p - 1), whose mean
over uniform ranks is 1, gains most where the worst answer so far comes now."""


class CanaryTest:
    """The test of the canaries.

    Attributes:
        wealth: The capital of the bets.
    """

    __slots__ = ("_allowed", "_known", "_stakes", "wealth")

    def __init__(self, margin: float) -> None:
        """Takes the certified loss, as a share."""
        # A loss lies in [-1, 1]; bets are made on (1 + loss) / 2.
        self._allowed = (1.0 + margin) / 2.0
        self._stakes = stakes(self._allowed)
        self._known: dict[str, list[int]] = {}
        """By question: how often it was right, how often wrong, and full thinking's verdict (-1: none)."""
        self.begin()

    def begin(self) -> None:
        """Begins anew; what is known of the questions stays."""
        self.wealth = EProcess(len(_POWERS))

    def wants_full(self, question: str) -> bool:
        """Returns whether full thinking has to answer a question too: the first time it is asked."""
        return question not in self._known

    def beyond(self, question: str) -> bool:
        """Returns whether full thinking does not answer a question rightly either."""
        return self._known.get(question, (0, 0, -1))[2] == 0

    def see(self, question: str, luck: float, *, correct: bool, full: bool | None) -> None:
        """Bets on one answer.

        Args:
            question: Which it is.
            luck: What breaks ties, uniform in [0, 1) and independent of the answer.
            correct: The plan's verdict.
            full: That of full thinking; None where it was not asked.
        """
        known = self._known.get(question)
        if known is None:
            self._known[question] = [int(correct), int(not correct), -1 if full is None else int(full)]
            if full is not None:
                off = (1.0 + (not correct) - (not full)) / 2.0 - self._allowed
                self.wealth.grow([1.0 + stake * off for stake in self._stakes])
            return
        right, wrong, _ = known
        below, equal = (0, right) if correct else (right, wrong)
        rank = (below + luck * (equal + 1)) / (right + wrong + 1)
        known[0 if correct else 1] += 1
        self.wealth.grow([power * (1.0 - rank) ** (power - 1.0) for power in _POWERS])

    def standing(self) -> dict[str, Any]:
        """Returns everything it has come to, JSON-able."""
        return {"known": {k: list(v) for k, v in self._known.items()}, "wealth": self.wealth.standing()}

    def resume(self, standing: Mapping[str, Any]) -> None:
        """Goes on from what `standing` returned.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        wealth = EProcess.resumed(standing["wealth"], len(_POWERS))
        self._known = {str(k): [int(n) for n in v] for k, v in standing["known"].items()}
        self.wealth = wealth
