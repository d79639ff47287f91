"""reasoning-gym's own scorer."""

import re
from dataclasses import dataclass

from karui.core.errors import InputError
from karui.tasks.answers.extraction import final
from karui.tasks.gym_set import GymSet


@dataclass(frozen=True, slots=True)
class Gym:
    r"""Judges by the data set's `score_answer`, counting only 1.0: partial credit is no right answer.

    The spec names the item so that it can be generated again:
    `gym:countdown?max_value=50&seed=3&size=100#17`. Falls back on the whole text where no answer is boxed
    or stated: some answers are boards of many lines.

    Canonical form: the answer as written, without `\text{…}` around it and blanks at the ends of lines.

    Too lax: whatever the data set's scorer is lax about (several accept the answer inside a longer text;
    `coin_flip` takes 0 for any probability, `puzzle24` other numbers than it asks for, see findings/).
    Too strict: votes tell `1,200` from `1200`, and two right expressions of a countdown from each other.

    Attributes:
        items: The generated data set.
        index: Which of its items.
    """

    items: GymSet
    index: int

    @classmethod
    def parse(cls, parameter: str) -> "Gym":
        """Returns the verifier for what follows `gym:`; raises InputError without an index."""
        name, _, index = parameter.rpartition("#")
        if not name or not index.isdecimal():
            raise InputError(
                f"{parameter!r} does not name an item for the verifier 'gym'.",
                remedy="Load the whole task (gym:chain_sum), or write gym:chain_sum?seed=0&size=100#17.",
            )
        return cls(GymSet.parse(name), int(index))

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return f"{self.items.spec}#{self.index}"

    def read(self, text: str) -> str | None:
        """Returns the answer in `text`, None where it is empty."""
        phrase = (final(text) or text).strip()
        if wrapped := re.fullmatch(r"\\text\s*\{([^{}]*)\}", phrase):
            phrase = wrapped[1]
        return "\n".join(line.rstrip() for line in phrase.splitlines()).strip() or None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether the data set's scorer gives `answer` the full 1.0."""
        return self.items.score(self.index, answer) >= 1.0
