"""What an acceptance compares the buyer's replies with: how often the study's were lost and won."""

from collections import Counter

import numpy as np

from karui.core.outcome import Outcomes
from karui.core.study import DifferenceCount
from karui.runners.replay import drawn_orders
from karui.selection.betting import Floats
from karui.selection.looks.units import Order


def difference_counts(base: Outcomes, plan: Outcomes, order: Order) -> tuple[DifferenceCount, ...]:
    """Returns how often replies were lost and won, as counts of questions that are alike in that.

    Of each unit the first question counts, so that questions are independent.

    Args:
        base: Full thinking on the test questions.
        plan: The plan on the same.
        order: Their units.
    """
    full, short = (side[order.firsts] for side in paired_replies(base, plan))
    d = full - short
    ended = (d > 0, d < 0, (full > 0) & (short > 0), np.isfinite(d))
    columns = [column.sum(axis=1) for column in ended]
    alike = Counter(zip(*(column.tolist() for column in columns), strict=True))
    return tuple(
        DifferenceCount(lost, won, right, replies, questions)
        for (lost, won, right, replies), questions in sorted(alike.items())
        if replies
    )


def paired_replies(base: Outcomes, plan: Outcomes) -> tuple[Floats, Floats]:
    """Returns whether full thinking and the plan are right in every reply, NaN where there is none.

    Replies are paired as they are live, where both sides draw the same first trace: a plan of one trace with
    full thinking on that trace; a plan of several in its first run alone, with full thinking on the trace
    that this run asks first. Its further runs are other orders of the same traces, and no further replies.

    Returns:
        Of full thinking and of the plan, shape (questions, replies) each.
    """
    before, after = base.correct.astype(np.float64), plan.correct.astype(np.float64)
    if plan.plan.flows:
        recorded, runs = np.isfinite(before).sum(axis=1), after.shape[1]
        asked = zip(base.questions, recorded.tolist(), strict=True)
        first = [drawn_orders(question, traces, runs)[0][0] for question, traces in asked]
        before, after = before[np.arange(len(first)), first][:, None], after[:, :1]
    shared = min(before.shape[1], after.shape[1])
    return before[:, :shared], after[:, :shared]
