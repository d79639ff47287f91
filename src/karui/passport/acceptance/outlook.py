"""How an acceptance of a passport is likely to end, for each way in which its replies may be paired.

An engine in this process draws a trace again by its seed: plan and full thinking stand on the same traces and
differ seldom. A server may not, and then they have no trace in common: they differ on many more replies, and
it takes more questions. Which of the two a server is, is known once it was probed.
"""

from dataclasses import dataclass

from karui.passport.acceptance.chances import Chances, chances, discordant_apart, questions_needed
from karui.passport.acceptance.verdict import AcceptancePlan
from karui.passport.document import Passport


@dataclass(frozen=True, slots=True)
class Outlook:
    """An acceptance before its first question.

    Attributes:
        plan: What can be tested: the margin alone where too few replies of the study can be compared.
        loss: What the study estimated.
        discordant: Share of single replies in which plan and full thinking differ.
        paired: Whether they have the buyer's traces in common.
    """

    plan: AcceptancePlan
    loss: float
    discordant: float
    paired: bool

    def if_it_loses(self, loss: float) -> Chances:
        """Returns how it ends for a plan that really loses so much."""
        return chances(self.plan, loss, self.discordant, paired=self.paired)

    def needed(self) -> tuple[int | None, int | None]:
        """Returns how many questions it takes nine times in ten: to accept, and to refuse."""
        return questions_needed(self.plan, self.discordant, loss=self.loss, paired=self.paired)


def outlooks(passport: Passport, plan: AcceptancePlan, *, served: bool | None = None) -> tuple[Outlook, ...]:
    """Returns what is to be expected: on paired traces, and behind a server without them as well.

    Args:
        passport: Whose promise is tested.
        plan: What is agreed.
        served: Whether the buyer asks a server; None takes what the promise was measured on.
    """
    p = passport.promise
    found = [Outlook(plan, p.loss, p.discordant, paired=True)]
    if passport.conditions.served if served is None else served:
        apart = discordant_apart(p.differences, p.accuracy.value, p.baseline.value)
        found.append(Outlook(plan.on(paired=False), p.loss, apart, paired=False))
    return tuple(found)


def most_needed(passport: Passport, tolerance: float) -> tuple[int | None, int | None]:
    """Returns how many questions are enough in every outlook: to accept, and to refuse.

    Args:
        passport: Whose promise is tested.
        tolerance: How much worse than the margin has to be found out, as a share.
    """
    p = passport.promise
    plan = AcceptancePlan(1, p.margin, tolerance, study=p.differences)
    accept, refuse = zip(*(each.needed() for each in outlooks(passport, plan)), strict=True)
    return _most(accept), _most(refuse)


def _most(counts: tuple[int | None, ...]) -> int | None:
    known = [n for n in counts if n is not None]
    return max(known) if len(known) == len(counts) else None
