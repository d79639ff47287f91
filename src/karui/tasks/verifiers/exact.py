"""Text that must be the same after normalisation."""

from dataclasses import dataclass

from karui.tasks.answers.extraction import final, last_line
from karui.tasks.answers.normalize import plain


@dataclass(frozen=True, slots=True)
class Exact:
    """Compares text; falls back on the last line where no answer is boxed or stated.

    Canonical form: `answers.normalize.plain` (NFKC, case folded, dates in ISO, times `HH:MM`, a lone
    number in its number form without marks of money or percent).

    Too lax: `10%`, `$10` and `10円` are the same; so are `Polish` and `polish`.
    Too strict: a synonym, another word order, one word too many, a unit (`5 m` is not `5`).
    """

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return "exact"

    def read(self, text: str) -> str | None:
        """Returns the answer in `text` in normal form, None where there is none."""
        phrase = final(text) or last_line(text)
        return (plain(phrase) or None) if phrase is not None else None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` has the normal form of the reference."""
        return plain(reference) == answer
