"""Rejected plans by reason."""

from karui.core.study.choice import Rejected
from karui.i18n.reasons import reason_group
from karui.report.context import Context


def by_reason(c: Context) -> list[tuple[str, list[Rejected]]]:
    """Returns rejected plans by reason, the commonest first."""
    groups: dict[str, list[Rejected]] = {}
    for plan in c.study.choice.rejected:
        groups.setdefault(reason_group(c.words, c.form, plan.reason), []).append(plan)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def count(c: Context, plans: int) -> str:
    """Returns "12 plans"."""
    return c.words("rejected_one") if plans == 1 else c.words("rejected_count", n=c.form.integer(plans))
