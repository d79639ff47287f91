"""What fails a build: rules that are stated beforehand, as `--fail-on` takes them.

accuracy        the second run is right less often, and that is no chance
accuracy:2      it is shown to lose more than 2 points
unproven:2      a loss of 2 points or more is not ruled out
tokens:10       it is shown to take over 10% more tokens; likewise latency and memory
unpaired        a question is in one run only, or is judged by other answers
"""

from collections.abc import Sequence
from dataclasses import dataclass

from karui.comparison.compare import RunComparison
from karui.comparison.paired import Change
from karui.comparison.side import Figure
from karui.core.errors import InputError, UnknownName

UNPROVEN, UNPAIRED = "unproven", "unpaired"
_NAMES = (*(f.value for f in Figure), UNPROVEN, UNPAIRED)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: A figure, or one of the two further words.
        limit: As a share: 0.02 is two points of accuracy, 0.1 is 10% more.
        text: As the user wrote it.
    """

    name: str
    limit: float
    text: str

    @staticmethod
    def parse(text: str) -> "Rule":
        """Reads a rule.

        Raises:
            UnknownName: There is no such rule.
            InputError: Its number cannot be read, or is missing or out of place.
        """
        name, colon, number = text.partition(":")
        if name not in _NAMES:
            raise UnknownName("rule", name, list(_NAMES))
        try:
            limit = float(number) / 100 if colon else 0.0
        except ValueError:
            limit = -1.0
        if not 0 <= limit < 100 or (name == UNPAIRED and colon) or (name == UNPROVEN and not limit):
            raise InputError(
                f"The rule {text!r} cannot be read.",
                remedy="Write it like accuracy, accuracy:2, unproven:2, tokens:10 or unpaired.",
            )
        return Rule(name, limit, text)

    def broken(self, found: RunComparison) -> bool:
        """Returns whether the second run breaks it.

        Raises:
            InputError: The rule is about a figure that could not be compared.
        """
        if self.name == UNPAIRED:
            return bool(sum(found.only) or found.other_reference)
        figure = Figure.ACCURACY if self.name == UNPROVEN else Figure(self.name)
        if figure not in found.figures:
            raise InputError(
                f"The rule {self.text!r} cannot be checked: {figure.value} could not be compared.",
                why=f"It is {found.missing[figure].value} in one of the runs.",
                remedy="Leave the rule out, or compare runs that know it.",
            )
        told = found.figures[figure]
        if self.name == UNPROVEN:
            return told.loss_high is None or told.loss_high > self.limit
        if not self.limit:
            return told.change is Change.WORSE
        if figure is Figure.ACCURACY:
            return told.loss_low is not None and told.loss_low > self.limit
        return told.ratio is not None and told.ratio.low > 1 + self.limit


def broken_rules(found: RunComparison, rules: Sequence[Rule]) -> list[Rule]:
    """Returns the rules that the second run breaks.

    Raises:
        InputError: As `Rule.broken`.
    """
    return [rule for rule in rules if rule.broken(found)]
