"""Plans compared with full thinking by what users say: the rule, and what it has come to.

Pure: feedback comes in, decisions come out; neither clock nor disk. A plan that is found `worse` by more
than the margin is out, one that is found `fine` loses less than the margin; both with a chance of error that
is stated beforehand and shared equally by the plans (Bonferroni), however often one looks.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from secrets import token_hex
from typing import Any

from karui.core.errors import InputError
from karui.gateway.arms.feedback_test import FeedbackTest
from karui.gateway.arms.shares import FULL, Shares


@dataclass(frozen=True, slots=True)
class FeedbackConfig:
    """The rule, stated beforehand.

    Attributes:
        full_share: Share of the plan's callers for whom full thinking is drawn, so that there is something
            to compare with; 0 compares nothing.
        margin: The loss in what users say, on the scale from 0 to 1, that is accepted.
        alpha: Chance of finding a plan worse that loses the margin at most.
        fine_alpha: Chance of finding a plan fine that loses the margin at least.
        caller_hours: For how long a caller keeps what was drawn; one feedback counts in that time. 0 draws
            for each request, and every feedback counts.
        days: Feedback on requests older than this is not taken.
    """

    full_share: float = 0.0
    margin: float = 0.05
    alpha: float = 0.01
    fine_alpha: float = 0.05
    caller_hours: float = 24.0
    days: float = 7.0

    def __post_init__(self) -> None:
        """Refuses a rule that cannot be kept.

        Raises:
            InputError: Names the first value out of range.
        """
        ranges = {
            "full_share": (0.0, 0.9),
            "margin": (0.0, 0.5),
            "alpha": (1e-9, 0.5),
            "fine_alpha": (1e-9, 0.5),
            "caller_hours": (0.0, 720.0),
            "days": (1e-9, 60.0),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(
                    f"feedback.{name} must lie between {low:g} and {high:g} (got {getattr(self, name)}).",
                    remedy=f"Set another {name} under [feedback] in the settings file.",
                )


class Verdict(StrEnum):
    """What is known of a plan."""

    OPEN = "open"
    WORSE = "worse"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One decision: which plan, what was found, by which capital and after how much feedback."""

    arm: str
    verdict: Verdict
    evidence: float
    seen: int


@dataclass(frozen=True, slots=True)
class ArmStatus:
    """One plan as the monitor shows it.

    Attributes:
        arm: Its id.
        share: Of the traffic, now.
        verdict: What is known.
        count: Feedback on it that was counted.
        mean: Of its values; NaN without.
        full_count: Feedback on full thinking that it was compared with.
        full_mean: Likewise.
        worse: Largest capital that it is worse.
        fine: Largest capital that it is fine.
    """

    arm: str
    share: float
    verdict: Verdict
    count: int
    mean: float
    full_count: int
    full_mean: float
    worse: float
    fine: float


ShareRule = Callable[[Mapping[str, Verdict]], Mapping[str, float]]
"""What of the traffic each arm has, full thinking too, by what is known of the plans."""


class Comparison:
    """Plans against full thinking.

    Attributes:
        rule: Stated beforehand.
        salt: Of the draw.
        verdicts: By plan.
        shares: Of the traffic, now.
    """

    def __init__(
        self, arms: Sequence[str], rule: FeedbackConfig, shares: ShareRule, *, salt: str = ""
    ) -> None:
        """Begins with everything open.

        Args:
            arms: The plans' ids, without full thinking.
            rule: Stated beforehand.
            shares: What of the traffic each arm has.
            salt: Of the draw; "" makes one.
        """
        self.rule, self.salt = rule, salt or token_hex(16)
        self._arms, self._share_rule = tuple(arms), shares
        self._steps: dict[int, dict[str, float]] = {}
        self.begin()

    def begin(self) -> None:
        """Begins the tests anew; the draw goes on."""
        self._tests = {arm: FeedbackTest(self.rule.margin) for arm in self._arms}
        self.verdicts = dict.fromkeys(self._arms, Verdict.OPEN)
        self._share()

    @property
    def on(self) -> bool:
        """Whether anything is compared: both sides have to be drawn."""
        return len(self.shares.of) > 1 and self.shares.of.get(FULL, 0.0) > 0

    @property
    def needed(self) -> Mapping[Verdict, float]:
        """The capital that decides, by what it decides."""
        return {
            Verdict.WORSE: len(self._arms) / self.rule.alpha,
            Verdict.FINE: len(self._arms) / self.rule.fine_alpha,
        }

    def see(self, arm: str, step: int, value: float) -> list[Finding]:
        """Takes in one feedback; returns what it decided.

        Args:
            arm: What was drawn: full thinking or a plan.
            step: By which shares.
            value: What was said, in [0, 1].
        """
        if step not in self._steps:
            return []
        chances, found = self._steps[step], []
        for plan in self._arms if arm == FULL else (arm,):
            if self.verdicts.get(plan, Verdict.WORSE) is Verdict.WORSE or not chances.get(plan):
                continue
            test = self._tests[plan]
            test.see(value, full=arm == FULL, plan_chance=chances[plan], full_chance=chances[FULL])
            finding = self._decide(plan, test)
            if finding is not None:
                self.verdicts[plan] = finding.verdict
                found.append(finding)
        if found:
            self._share()
        return found

    def drop(self, arm: str) -> None:
        """Takes a plan out that something else has found to be bad, such as the drift guard."""
        self.verdicts[arm] = Verdict.WORSE
        self._share()

    @property
    def several(self) -> bool:
        """Whether there is more than one plan: an experiment."""
        return len(self._arms) > 1

    @property
    def lost(self) -> bool:
        """Whether every plan was found worse."""
        return all(verdict is Verdict.WORSE for verdict in self.verdicts.values())

    def _decide(self, plan: str, test: FeedbackTest) -> Finding | None:
        """Returns what is found of a plan now; a plan that is fine may still turn out worse later."""
        needed = self.needed
        seen = test.worse.seen
        if test.worse.best >= needed[Verdict.WORSE]:
            return Finding(plan, Verdict.WORSE, test.worse.best, seen)
        if test.fine.best >= needed[Verdict.FINE] and self.verdicts[plan] is Verdict.OPEN:
            return Finding(plan, Verdict.FINE, test.fine.best, seen)
        return None

    def status(self) -> tuple[ArmStatus, ...]:
        """Returns every plan as it stands."""
        return tuple(self._status(arm, test) for arm, test in self._tests.items())

    def _status(self, arm: str, test: FeedbackTest) -> ArmStatus:
        (fulls, full_sum), (plans, plan_sum) = test.said
        return ArmStatus(
            arm,
            self.shares.of.get(arm, 0.0),
            self.verdicts[arm],
            int(plans),
            plan_sum / plans if plans else float("nan"),
            int(fulls),
            full_sum / fulls if fulls else float("nan"),
            test.worse.best,
            test.fine.best,
        )

    def standing(self) -> dict[str, Any]:
        """Returns everything it has come to, JSON-able, for `resume`."""
        rule = self.rule
        return {
            "rule": [rule.margin, rule.alpha, rule.fine_alpha],
            "salt": self.salt,
            "steps": {str(step): of for step, of in self._steps.items()},
            "verdicts": {arm: verdict.value for arm, verdict in self.verdicts.items()},
            "tests": {arm: test.standing() for arm, test in self._tests.items()},
        }

    def resume(self, standing: Mapping[str, Any]) -> bool:
        """Goes on where another comparison stood; returns whether that could be read.

        The draw goes on whatever has changed. Under another margin or error, or with other plans, the tests
        begin anew.
        """
        rule = self.rule
        try:
            salt = str(standing["salt"])
            kept = standing["steps"]  # of an older history a list
            kept = dict(enumerate(kept)) if isinstance(kept, list) else kept
            steps = {int(n): {str(a): float(s) for a, s in of.items()} for n, of in kept.items()}
            same = standing["rule"] == [rule.margin, rule.alpha, rule.fine_alpha]
            tests = {arm: FeedbackTest(rule.margin) for arm in self._arms}
            verdicts = dict.fromkeys(self._arms, Verdict.OPEN)
            if same and set(standing["tests"]) == set(self._arms):
                verdicts = {arm: Verdict(standing["verdicts"][arm]) for arm in self._arms}
                for arm, test in tests.items():
                    test.resume(standing["tests"][arm])
        except (KeyError, TypeError, ValueError, AttributeError):
            return False
        self.salt, self._steps, self._tests, self.verdicts = salt, steps, tests, verdicts
        self._share()
        return True

    def _share(self) -> None:
        """Sets the shares by what is known; others than before are a step of their own."""
        of = {arm: share for arm, share in self._share_rule(self.verdicts).items() if share > 0}
        step = _step(of)
        self._steps[step] = of
        self.shares = Shares(step, of)


def _step(of: Mapping[str, float]) -> int:
    """Returns the number of shares, which follows from them alone.

    So processes that share a comparison never give one number to two things, whatever each of them has seen.
    """
    digest = blake2b(json.dumps(of, sort_keys=True).encode(), digest_size=6)
    return int.from_bytes(digest.digest(), "big")


def fixed(arm: str, full_share: float) -> ShareRule:
    """Returns the rule of a single plan: full thinking has its share, the plan the rest, whatever is known.

    What becomes of a plan that is found worse is the guard's matter.
    """
    return lambda _: {FULL: full_share, arm: 1.0 - full_share}
