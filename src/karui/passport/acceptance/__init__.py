"""Acceptance by sampling: is a promise kept on questions that the buyer asks, and how many does that take?

Plan and full thinking run live on the same questions. Of each, `d` is full thinking's correctness minus the
plan's. Two claims of the passport are tested, each at a stated error.

**The margin**: E[d] <= margin. Two tests run side by side, both by betting (`karui.selection.betting`), both
valid however early one stops and whatever the questions are:

* contradicted: E[d] <= margin is ruled out; a promise that is kept is contradicted with a chance of `alpha`
  at most;
* accepted: E[d] >= margin + tolerance is ruled out; a plan that is worse than promised by `tolerance` or
  more is accepted with a chance of `beta` at most.

**The figures**: the buyer's questions lose what the study's lost. It is tested once, when all questions were
asked and the margin was not contradicted, by permutation (`reproduction`):

* not reproduced: the buyer loses more. Figures that are true are called so with a chance of `alpha` at most.

So a passport of which both claims are true is refused with a chance of twice `alpha` at most, and accepted is
only what was reproduced. What no test rules out is undecided: more questions are needed. The chances of
deciding are simulated beforehand (`chances`).
"""

from karui.passport.acceptance.chances import (
    Chances,
    chances,
    discordant_apart,
    questions_needed,
    worlds,
)
from karui.passport.acceptance.outlook import Outlook, most_needed, outlooks
from karui.passport.acceptance.reproduction import Reproduction, reproduce
from karui.passport.acceptance.verdict import Acceptance, AcceptancePlan, Accepted

__all__ = [
    "Acceptance",
    "AcceptancePlan",
    "Accepted",
    "Chances",
    "Outlook",
    "Reproduction",
    "chances",
    "discordant_apart",
    "most_needed",
    "outlooks",
    "questions_needed",
    "reproduce",
    "worlds",
]
