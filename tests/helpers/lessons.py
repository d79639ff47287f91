"""Lessons made by hand: short questions that a quick mode can answer, and long ones that it cannot."""

from functools import cache

from karui.core.flow.lesson import Attempt, Lesson, Lessons
from karui.core.prompt import Prompt
from karui.faster.route import Route
from tests.helpers.traces import trace

SHORT_QUESTION = "What is 3 + 4?"
LONG_QUESTION = "A farmer has 12 hens. " * 8 + "How many eggs are 13 times 9?"


def attempt(right, tokens, answer="7"):
    """One reply; without an answer it was cut by the token limit."""
    cut = answer is None
    return Attempt(trace(answer, tokens, cut=cut).reply, right and not cut, tokens)


def lesson(n, **attempts):
    """Even questions are short, odd ones long."""
    text = SHORT_QUESTION if n % 2 == 0 else LONG_QUESTION.replace("9?", f"{n}?")
    return Lesson(f"q{n}", Prompt(text), {m: tuple(a) for m, a in attempts.items()})


@cache
def taught(questions=80):
    """Of a mode that is right on the short questions only; full thinking is right on all."""
    asked = [
        lesson(n, main=[attempt(True, 400)], quick=[attempt(n % 2 == 0, 20, "7" if n % 2 == 0 else "8")])
        for n in range(questions)
    ]
    return Lessons(tuple(asked), {"main": 1.0, "quick": 1.0})


@cache
def routes(questions=80):
    """What is learned from them."""
    return tuple(Route.learned(taught(questions)))


def telling():
    """The route that asks nothing first and prices thinking low."""
    return next(r for r in routes() if not r.router.first and r.price < 0.5)
