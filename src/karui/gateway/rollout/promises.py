"""Limits on time and cost that were promised, watched live: what of each request counts against them.

Each is a mean in [0, 1] that may not be above what is allowed: the share of requests that wait longer than
the limit for their first answer token, 5%; and the mean cost, where a request that costs more than twenty
limits counts as twenty. That leaves out of the mean what could only raise it, so a plan that keeps its limit
keeps this one as well.
"""

from collections.abc import Sequence
from math import isnan

from karui.core.study.limits import Measure, Promise
from karui.gateway.records.record import RequestRecord
from karui.gateway.rollout.drift_tests import DriftTest

_LATE = 0.05
_MOST = 20.0
"""Limits of cost that one request counts as at most."""


def allowed(promises: Sequence[Promise]) -> dict[DriftTest, float]:
    """Returns what may be at most, by test; a cost that cannot be counted here is not watched."""
    found = {}
    for promise in promises:
        if promise.measure is Measure.FIRST_ANSWER:
            found[DriftTest.FIRST_ANSWER] = _LATE
        elif promise.prices is not None:
            found[DriftTest.COST] = 1.0 / _MOST
    return found


def spent(promises: Sequence[Promise], served: RequestRecord) -> dict[DriftTest, float]:
    """Returns what a request counts, by test; what nobody waited for has no time, and a canary no cost."""
    found = {}
    silent = served.shadow or served.canary
    for promise in promises:
        if promise.measure is Measure.FIRST_ANSWER:
            if not silent and not isnan(served.first_answer_seconds):
                found[DriftTest.FIRST_ANSWER] = float(served.first_answer_seconds > promise.limit)
        elif promise.prices is not None and not served.canary:
            prompt, output = promise.prices
            cost = (served.prompt_tokens * prompt + served.generated * output) / 1000.0
            found[DriftTest.COST] = min(cost / promise.limit, _MOST) / _MOST
    return found
