"""The part of an answer that a pattern takes out."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from karui.core.errors import InputError
from karui.tasks.answers.extraction import before_run_on, final, recent
from karui.tasks.answers.normalize import plain
from karui.tasks.answers.strip_latex import tidy
from karui.tasks.worker import count_time_out

_SECONDS = 0.1
"""What one search may take: it may run on an event loop, and patterns of one's own may never end."""


@dataclass(frozen=True, slots=True)
class Regex:
    r"""Compares what a pattern takes out of the answer with what it takes out of the reference.

    The pattern says which part counts: `regex:[A-Z]{2}-\d+` on "Order **AB-12** (paid)" gives AB-12. It is
    searched in the boxed or stated answer after NFKC and, where it does not match there, in the whole text;
    the last match counts; with a group, the first group. A reference in which it does not match is compared
    whole.

    Canonical form: what was taken out, in `exact`'s normal form.

    Too lax: a pattern that matches part of a longer wrong answer. Anchor it (`^…$`).
    Too strict: whatever the pattern leaves no room for. A search is given up after a tenth of a second
    (nested repeats can take for ever): there is no answer then, and it is counted.

    Attributes:
        pattern: A Python regular expression.
    """

    pattern: str

    @classmethod
    def parse(cls, parameter: str) -> "Regex":
        """Returns the verifier for what follows `regex:`; raises InputError if that is no pattern."""
        if not parameter:
            raise InputError(
                "The verifier 'regex' has no pattern.",
                remedy=r"Write for example regex:[A-Z]{2}-\d+",
            )
        try:
            re.compile(parameter)
            _compiled(parameter)
        except (re.error, ValueError) as error:
            raise InputError(
                f"{parameter!r} is not a regular expression.",
                why=str(error),
                remedy="Correct the pattern; in JSON every backslash is written twice.",
            ) from error
        return cls(parameter)

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return f"regex:{self.pattern}"

    def read(self, text: str) -> str | None:
        """Returns the last match in the answer, else in `text`; None where the pattern matches nowhere."""
        phrase = final(text)
        taken = self._take(phrase) if phrase is not None else None
        if taken is not None:
            return taken
        text = recent(text)
        first = before_run_on(text, 1)
        return self._take(first) or (self._take(text) if first != text else None)

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` is what the pattern takes out of the reference."""
        taken = self._take(reference)
        return (taken if taken is not None else plain(reference)) == answer

    def _take(self, text: str) -> str | None:
        last, groups = None, _compiled(self.pattern).groups
        try:
            for last in _compiled(self.pattern).finditer(tidy(text), timeout=_SECONDS, concurrent=True):  # noqa: B007
                pass
        except TimeoutError:
            count_time_out()
            return None
        if last is None:
            return None
        return plain((last[1] if groups else last[0]) or "") or None


@cache
def _compiled(pattern: str) -> Any:
    """Returns the pattern for the module `regex`, which keeps time and lets other threads go on meanwhile."""
    import regex

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ValueError(str(error)) from error
