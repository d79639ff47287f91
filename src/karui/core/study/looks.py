"""How often the test questions were looked at, and what the certificates of all looks come to together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Looks:
    """What is known of all looks at the test questions of one choice.

    Attributes:
        look: Which one this is, counted from 1; a look that repeats an earlier one is that one.
        units: Independent units among the test questions: groups, near-duplicates and questions alone.
        grouped: Test questions that share a unit with another one.
        level: Chance that the certificate of this choice is false, at most; of what was tested, where there
            is none.
        spent: The same of every certificate over these questions together, those of earlier looks included.
        unwritten: Whether this look could not be noted everywhere: a later study may not count it.
    """

    look: int
    units: int
    grouped: int
    level: float
    spent: float
    unwritten: bool = False
