r"""Reading takes time in proportion to the text, counted in the characters that patterns are let loose on.

Two things could make it otherwise: a pattern that walks over the same characters again and again, and code
that runs patterns again and again. The first is looked for in the patterns themselves, the second is counted.
(bench/answers.py prints milliseconds.)
"""

import re
from importlib import import_module
from re import _constants, _parser

import pytest

from karui.tasks import verifier
from karui.tasks.answers.extraction import MAX_TEXT, recent

MODULES = [
    import_module(f"karui.tasks.answers.{name}")
    for name in (
        "amounts",
        "boxes",
        "context",
        "dates",
        "expressions",
        "kanji",
        "normalize",
        "numerals",
        "extraction",
        "strip_latex",
    )
] + [import_module(f"karui.tasks.verifiers.{name}") for name in ("choice", "json_fields", "numeric", "set")]
SPECS = ["math", "exact", "choice", "set", "numeric", "json", "json:a", r"regex:\d+"]
UNITS = [
    " ",
    "\n",
    "{",
    "}",
    "$",
    "1",
    "$ ",
    "\\",
    "\\boxed{",
    "\\boxed{}",
    "answer is ",
    "answer: **",
    "**",
    "#### ",
]
UNITS += [
    "一",
    "分の一",
    "と",
    "、",
    "・",
    "1,",
    "1 000 ",
    "1/",
    "1.",
    "-",
    "x^",
    "(",
    "[",
    "=",
    "x = 1, ",
    "one ",
    "minus ",
]
UNITS += [
    "\\text{",
    "\\frac{",
    "\\(",
    "\\[",
    "<answer>",
    "</answer>",
    "Q: \n",
    "Question 1: ",
    "答えは",
    "- a\n",
    "A ",
]
UNITS += [
    '{"a":',
    '{"',
    '{"a":[',
    "令和6年",
    "1:",
    "Aa. ",
    "`",
    "_",
    "|",
    "<",
    "5〜",
    "+1",
    "not ",
    "Step 1: x = 2\n",
]
LENGTH = 20_000
UNBOUNDED = _constants.MAXREPEAT


def patterns(module):
    """Yields the name and the pattern of every pattern that a module keeps, in tuples too."""
    for name, value in vars(module).items():
        for at, each in enumerate(value if isinstance(value, tuple) else [value]):
            found = each[0] if isinstance(each, tuple) and each else each
            if isinstance(found, re.Pattern):
                yield f"{module.__name__.rpartition('.')[2]}.{name}[{at}]", found


def repeats(tree, inside=False):
    """Yields whether each unbounded repeat of a parsed pattern stands in another one that may backtrack."""
    for operator, argument in tree:
        if operator in {_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT}:
            unbounded = argument[1] == UNBOUNDED
            # What is possessive gives nothing back, and a fixed separator in front of a repeat leaves one
            # way only.
            gives_back = unbounded and operator is not _constants.POSSESSIVE_REPEAT
            if unbounded:
                yield inside and gives_back
            fixed = _begins_fixed(argument[2])
            yield from repeats(argument[2], inside or (gives_back and not fixed))
        elif operator is _constants.SUBPATTERN:
            yield from repeats(argument[3], inside)
        elif operator is _constants.BRANCH:
            for branch in argument[1]:
                yield from repeats(branch, inside)
        elif operator in {_constants.ASSERT, _constants.ASSERT_NOT}:
            yield from repeats(argument[1], inside)


def _begins_fixed(tree):
    operator, argument = tree[0]
    if operator is _constants.SUBPATTERN:
        return _begins_fixed(argument[3])
    if operator is _constants.BRANCH:
        return all(_begins_fixed(branch) for branch in argument[1])
    return operator in {_constants.LITERAL, _constants.IN, _constants.GROUPREF}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_no_pattern_repeats_what_repeats(module):
    for name, pattern in patterns(module):
        assert not any(repeats(_parser.parse(pattern.pattern, pattern.flags))), (name, pattern.pattern)


def test_the_check_knows_a_bad_pattern():
    assert any(repeats(_parser.parse(r"(?:a*)*b")))
    assert any(repeats(_parser.parse(r"(?:\s*x*)+$")))
    assert not any(repeats(_parser.parse(r"\d+(?:,\d{3})+")))


class Counted:
    """A pattern that counts the characters it is let loose on."""

    def __init__(self, pattern, tally):
        self._pattern, self._tally = pattern, tally

    def __getattr__(self, name):
        return getattr(self._pattern, name)

    def _over(self, name, text, *rest):
        start = rest[0] if rest else 0
        end = min(rest[1], len(text)) if len(rest) > 1 else len(text)
        # An anchored look stops where the pattern does not fit: what it found is what it walked over.
        found = getattr(self._pattern, name)(text, *rest)
        walked = (
            (found.end() - found.start() if found else 1) if name in {"match", "fullmatch"} else end - start
        )
        if name == "search" and found:
            walked = found.end() - start
        self._tally[0] += walked
        return found

    def match(self, text, *rest):
        return self._over("match", text, *rest)

    def fullmatch(self, text, *rest):
        return self._over("fullmatch", text, *rest)

    def search(self, text, *rest):
        return self._over("search", text, *rest)

    def finditer(self, text, *rest):
        return self._over("finditer", text, *rest)

    def findall(self, text, *rest):
        return self._over("findall", text, *rest)

    def sub(self, replacement, text, *rest, **more):
        self._tally[0] += len(text)
        return self._pattern.sub(replacement, text, *rest, **more)

    def split(self, text, *rest, **more):
        self._tally[0] += len(text)
        return self._pattern.split(text, *rest, **more)


@pytest.fixture
def tally(monkeypatch):
    """Counts what all patterns of the readers walk over."""
    found = [0]

    def counted(value):
        if isinstance(value, re.Pattern):
            return Counted(value, found)
        return tuple(map(counted, value)) if isinstance(value, tuple) else value

    for module in MODULES:
        for name, value in list(vars(module).items()):
            if isinstance(value, re.Pattern | tuple) and not name.startswith("__"):
                monkeypatch.setattr(module, name, counted(value))
    return found


@pytest.mark.parametrize("spec", SPECS)
def test_a_long_text_is_walked_over_so_many_times_and_no_more(spec, tally):
    judge = verifier(spec)
    for unit in UNITS:
        run = unit * (LENGTH // len(unit))
        for text in (run, f"The answer is {run}x", f"\\boxed{{{run}}}", f"\\boxed{{{run}"):
            tally[0] = 0
            answer = judge.read(text)
            assert answer is None or answer
            assert tally[0] <= 60 * LENGTH, (unit, text[:20])


def test_of_a_long_text_the_end_is_read():
    assert len(recent("word " * 100_000)) <= MAX_TEXT
    for spec in ("numeric", "math", "exact"):
        assert verifier(spec).read("1 is a number. " * 10_000 + r"So \boxed{42}.") == "42"
    assert verifier("numeric").read(r"\boxed{41}" + " and so on" * 10_000 + " 42") != "41"
