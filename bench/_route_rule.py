"""The rule of bench/route.py that chooses a route by pilot questions, and what a route does to a question."""

from collections.abc import Iterable

from karui.core.flow.lesson import Attempt, Lesson
from karui.faster._router import Router
from karui.faster._router_fit import Fit

MARGIN = 0.02


def fits_margin(fit: Fit) -> bool:
    """Whether the loss in cross-validation and one standard error are within the margin."""
    return fit.error - fit.gain <= MARGIN


def cheapest(fits: Iterable[Fit]) -> Fit | None:
    """Returns the cheapest route within the margin; None where none is, and full thinking stays."""
    return min((fit for fit in fits if fits_margin(fit)), key=lambda fit: fit.ratio, default=None)


def nearest(fits: Iterable[Fit]) -> Fit:
    """Returns the route whose loss and one standard error are least."""
    return min(fits, key=lambda fit: fit.error - fit.gain)


def pick(router: Router, price: float, lesson: Lesson) -> str:
    """Returns the mode that a question gets, by the first attempt of each."""
    replies = {mode: lesson.attempts[mode][0].reply for mode in router.first}
    return router.choose(lesson.prompt, replies, price)


def ended(router: Router, lesson: Lesson, mode: str) -> tuple[float, float]:
    """Returns whether a question that got a mode ends right, and its tokens; as `route`'s flow does."""
    asked: dict[str, Attempt] = {m: lesson.attempts[m][0] for m in router.first}
    for each in (mode, router.modes[router.rescue[router.modes.index(mode)]]):
        asked.setdefault(each, lesson.attempts[each][0])
        if asked[each].reply.answer is not None:
            break
    answered = asked[each].reply.answer is not None
    last = (
        asked[each]
        if answered
        else next((a for a in asked.values() if a.reply.answer is not None), asked[mode])
    )
    return float(last.right), float(sum(a.tokens for a in asked.values()))
