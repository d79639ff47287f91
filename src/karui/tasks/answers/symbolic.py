"""Comparing two mathematical expressions by math-verify and sympy, in the worker's process and never in ours.

No limit of time is kept here: what takes too long is killed from outside.
"""

import logging
import re
from typing import Any

_RELATIVE = 1e-5
_EQUATION = re.compile(r"(?<![<>!≤≥≠\\])=(?!=)")


def prepare() -> None:
    """Imports what comparing needs: seconds, once."""
    import latex2sympy2_extended  # noqa: F401
    import math_verify  # noqa: F401

    # It says once per process that its own time limit is off; this process is the reason it may be.
    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)


def equal(reference: str, answer: str) -> bool:
    """Returns whether two expressions mean the same.

    Equations are compared as such (`y = 2x + 3` is `2x - y + 3 = 0`); an equation whose left side is a name
    is its right side where the other is none. Numbers are compared relative to their size: math-verify takes
    all below 10⁻⁶ for zero.
    """
    right, given = _sides(reference), _sides(answer)
    if len(right) == len(given) == 2:
        return _same(right[1], given[1]) if right[0] == given[0] else _same_equation(right, given)
    if {len(right), len(given)} == {1, 2}:
        named, bare = (right, given) if len(right) == 2 else (given, right)
        return _is_name(named[0]) and _same(bare[0], named[1])
    return _same(reference, answer)


def _same(reference: str, answer: str) -> bool:
    from math_verify import verify

    gold, given = _parsed(reference), _parsed(answer)
    if not gold or not given:
        return False
    try:
        if not verify(list(gold), list(given), timeout_seconds=None):
            return False
        return _close(gold[0], given[0])
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - sympy may raise anything for what a model wrote
        return False


def _parsed(text: str) -> tuple[Any, ...]:
    """Returns what math-verify makes of a text: (expression, text), or nothing."""
    from math_verify import parse

    try:
        found = tuple(parse(rf"\boxed{{{text}}}", parsing_timeout=None))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - it raises anything for what a model wrote
        return ()
    return found if found and not isinstance(found[0], str) else ()


def _close(one: Any, other: Any) -> bool:
    """Returns whether numbers that math-verify takes for equal are so relative to their size, in sets too."""
    from sympy import Basic, Expr, MatrixBase

    if isinstance(one, MatrixBase) and isinstance(other, MatrixBase):
        return all(_close(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, Expr) and isinstance(other, Expr):
        if one.free_symbols or other.free_symbols:
            return True
        first, second = complex(one.evalf()), complex(other.evalf())
        return abs(first - second) <= _RELATIVE * max(abs(first), abs(second))
    if isinstance(one, Basic) and isinstance(other, Basic) and len(one.args) == len(other.args):
        numbers = [[part for part in each.args if isinstance(part, Expr)] for each in (one, other)]
        if any(part.free_symbols for side in numbers for part in side) or len(numbers[0]) != len(numbers[1]):
            return True
        in_order = [sorted(side, key=lambda part: complex(part.evalf()).real) for side in numbers]
        return all(_close(a, b) for a, b in zip(*in_order, strict=True))
    return True


def _same_equation(one: list[str], other: list[str]) -> bool:
    """Returns whether two equations differ by a factor only."""
    from sympy import simplify

    sides = [_parsed(side) for side in (*one, *other)]
    if not all(sides):
        return False
    try:
        first, second = sides[0][0] - sides[1][0], sides[2][0] - sides[3][0]
        if first.free_symbols != second.free_symbols or second == 0:
            return False
        factor = simplify(first / second)
        return bool(factor.is_number and factor != 0 and factor.is_finite)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - as above
        return False


def _sides(text: str) -> list[str]:
    """Returns both sides of an equation, else the text alone; several equations are left to math-verify."""
    sides = [side.strip() for side in _EQUATION.split(text)]
    return sides if len(sides) == 2 and all(sides) and "," not in text else [text]


def _is_name(text: str) -> bool:
    r"""Returns whether a left side only names what follows: x, y_1, f(x), \theta, Area."""
    return (
        re.fullmatch(r"\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\([a-z](?:,[a-z])*\)|')?", text.replace(" ", ""))
        is not None
    )
