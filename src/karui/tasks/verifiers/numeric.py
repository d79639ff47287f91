"""A number, within a tolerance if one is given."""

import re
from dataclasses import dataclass
from fractions import Fraction

from karui.core.errors import InputError
from karui.tasks.answers.amounts import last_said, said
from karui.tasks.answers.extraction import after_statement, final, marked, recent
from karui.tasks.answers.numerals import number, number_form

# What a phrase without digits may hold and still announce a number that comes later: words.
_WORDS = re.compile(r"[^\d\\=+*/^<>|]*")


@dataclass(frozen=True, slots=True)
class Numeric:
    """Compares numbers exactly, as rationals; falls back on the last number in the text.

    `numeric:0.01` allows an absolute difference of 0.01, `numeric:1%` one of 1% of the reference; both ends
    are within.

    Canonical form: `42`, `-3.5`, `1/3` (`answers.numerals.number_form`). A tolerance is no equivalence,
    so votes tell 3.14 from 3.141 although both may be right.

    Too lax: the unit is dropped, so `5 km` passes for `5 m`, and `10%` for `10`.
    Too strict: what can be read in two ways has no answer: two different numbers (`5 or 6`, `5 h 30 min`,
    `5〜7`), a number in a formula (`3x`), `3,5` and `1.000,5`. `0.1` is not `10%`; without a tolerance
    `0.333` is not `1/3`.

    Attributes:
        tolerance: Largest difference that still counts, as written in the spec; empty for none.
    """

    tolerance: str = ""

    @classmethod
    def parse(cls, parameter: str) -> "Numeric":
        """Returns the verifier for what follows `numeric:`; raises InputError if that is no tolerance."""
        parameter = parameter.strip()
        value = number(parameter.removesuffix("%")) if parameter else Fraction(0)
        if value is None or value < 0:
            raise InputError(
                f"{parameter!r} is not a tolerance for the verifier 'numeric'.",
                remedy="Write numeric, numeric:0.01 (absolute) or numeric:1% (of the reference).",
            )
        return cls(parameter)

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return f"numeric:{self.tolerance}" if self.tolerance else "numeric"

    def read(self, text: str) -> str | None:
        """Returns the number that answers in `text`, None where there is none, or none that is sure."""
        phrase = final(text)
        if phrase is None:
            value = last_said(recent(text))
        elif (value := said(phrase)) is None and marked(text) is None and _WORDS.fullmatch(phrase):
            value = last_said(after_statement(text) or "")  # "The answer is as follows: …"
        return None if value is None else number_form(value)

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` is within the tolerance of the number in the reference."""
        right, given = said(reference), number(answer)
        if right is None or given is None:
            return False
        return abs(given - right) <= self._allowed(right)

    def _allowed(self, right: Fraction) -> Fraction:
        value = number(self.tolerance.removesuffix("%")) or Fraction(0)
        return value * abs(right) / 100 if self.tolerance.endswith("%") else value
