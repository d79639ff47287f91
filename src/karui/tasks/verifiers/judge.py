"""Answers without a checkable form: another model judges them."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl

from karui.core.errors import InputError

MOST_CHARS = 20_000
"""Longer answers are cut there: what a judge is shown is what is kept."""


class Mode(StrEnum):
    """What a judge is asked."""

    PAIRWISE = "pairwise"
    """Which of two answers is better: full thinking's to the same question, or this one."""
    RUBRIC = "rubric"
    """Whether this answer is good, by the row's `answer` where it has one: what a good answer has to say."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Leaves it to another model which answers are good: replies to customers, summaries, plans.

    Nothing is asked while answers are recorded. `karui judge` asks, of the finished recording; until then no
    answer counts as right. A judge errs, so what it says certifies nothing: `karui label` does.

    Canonical form: the whole text, without blanks around it. Votes compare texts, so they mean nothing here.

    Too lax, too strict: whatever the judge is. Its agreement with people, and its liking for the first or
    the longer answer, are measured and shown.

    Attributes:
        mode: What the judge is asked.
        votes: How often, in each order of the two answers.
    """

    mode: Mode
    votes: int = 1

    @classmethod
    def parse(cls, parameter: str) -> "Judge":
        """Returns the verifier for what follows `judge:`.

        Raises:
            InputError: It names no mode, or another parameter than the votes.
        """
        mode, _, given = parameter.partition("?")
        values = dict(parse_qsl(given, keep_blank_values=True))
        votes = values.pop("votes", "1")
        if mode not in list(Mode) or values or not votes.isdecimal() or not 1 <= int(votes) <= 99:
            raise InputError(
                f"{parameter!r} does not say how the verifier 'judge' is to judge.",
                remedy="Write judge:pairwise (against full thinking's answer) or judge:rubric (by the row's "
                "`answer`); with several votes judge:pairwise?votes=3.",
            )
        return cls(Mode(mode), int(votes))

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return f"judge:{self.mode}" + (f"?votes={self.votes}" if self.votes > 1 else "")

    def read(self, text: str) -> str | None:
        """Returns the text itself, None where it is blank."""
        return text.strip()[:MOST_CHARS].rstrip() or None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns False: nothing is known of an answer before a judge was asked."""
        return False


def judge_of(spec: str) -> Judge | None:
    """Returns the verifier of a spec if it is a judge; None for every other."""
    name, _, parameter = spec.partition(":")
    return Judge.parse(parameter) if name == "judge" else None
