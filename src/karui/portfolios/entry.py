"""One proof of concept of a portfolio: how far it is, what it returns, and what to do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from karui.core.study import MeasuredPlan, Study
from karui.core.study.choice import Decision, Tested
from karui.portfolios.budget import Spending
from karui.portfolios.returns import Returns, Stakes


class State(StrEnum):
    """How far a proof of concept is."""

    WAITING = "waiting"
    """It was not begun: its turn has not come, or the budget does not hold it."""
    BEGUN = "begun"
    """It was begun and is not done."""
    DONE = "done"
    FAILED = "failed"


class Advice(StrEnum):
    """What to do with a proof of concept."""

    SCALE = "scale"
    """It is certified, and even the low end of its return is a gain."""
    HOLD = "hold"
    """It is certified, and whether it gains depends on what is not known well enough."""
    MORE = "more"
    """It may gain, and more questions may certify it."""
    LABEL = "label"
    """Answers have to be labelled by hand first."""
    RESUME = "resume"
    """It was begun and has to be brought to its end."""
    BEGIN = "begin"
    """It was not begun."""
    FIX = "fix"
    """Full thinking itself fails, or the study could not be made."""
    STOP = "stop"
    """It does not pay."""


class Why(StrEnum):
    """The reason of an advice."""

    GAINS = "gains"
    MAY_GAIN = "may gain"
    UNPRICED = "unpriced"
    LOSES = "loses"
    NO_PLAN = "no plan"
    WITHDRAWN = "withdrawn"
    BASELINE = "baseline"
    ERROR = "error"
    NOT_PROVEN = "not proven"
    TOO_FEW = "too few"
    HOPELESS = "hopeless"
    LABELS = "labels"
    UNFINISHED = "unfinished"
    BUDGET = "budget"
    ITS_TURN = "its turn"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What more a proof of concept wants.

    Attributes:
        questions: Further questions; 0 where those it has are to be finished.
        spending: What that is expected to take, at most.
    """

    questions: int
    spending: Spending


@dataclass(frozen=True)
class Entry:
    """One proof of concept.

    Attributes:
        name: Its name.
        team: Whose it is; "" where it is not said.
        model: That it asks.
        questions: File or name of its questions.
        stakes: What is assumed of it.
        state: How far it is.
        spent: What it took so far.
        study: What came of it; None where it is not done.
        returns: What it returns; None where that cannot be reckoned.
        wanted: What more it wants; None where nothing.
        lacking: The limit of the budget that does not hold it; "" where it fits.
        failure: What went wrong, for people; "" where nothing did.
        folder: Its folder, beside the page.
    """

    name: str
    team: str
    model: str
    questions: str
    stakes: Stakes
    state: State
    spent: Spending = field(default_factory=Spending)
    study: Study | None = None
    returns: Returns | None = None
    wanted: Wanted | None = None
    lacking: str = ""
    failure: str = ""
    folder: str = ""

    @property
    def certified(self) -> bool:
        """Whether its plan is certified, and was not withdrawn."""
        choice = self.study.choice if self.study else None
        return choice is not None and choice.decision is Decision.ADOPT and not choice.withdrawn

    @property
    def plan(self) -> MeasuredPlan | None:
        """The chosen plan, or the best that is not certified; None where there is none."""
        if self.study is None or self.study.choice.withdrawn:
            return None
        return self.study.plan

    @property
    def candidate(self) -> Tested | None:
        """The tested plan that more questions may certify."""
        choice = self.study.choice if self.study else None
        if choice is None:
            return None
        tested = {t.plan: t for t in choice.tested}
        return choice.candidate or tested.get(choice.plan)

    def advice(self) -> tuple[Advice, Why]:
        """Returns what to do with it, and why."""
        if self.state is State.FAILED:
            return Advice.FIX, Why.ERROR
        if self.study is None:
            begun = self.state is State.BEGUN
            why = Why.BUDGET if self.lacking else Why.UNFINISHED if begun else Why.ITS_TURN
            return (Advice.RESUME if begun else Advice.BEGIN), why
        choice = self.study.choice
        if choice.withdrawn:
            return Advice.STOP, Why.WITHDRAWN
        plain = {
            Decision.FIX: (Advice.FIX, Why.BASELINE),
            Decision.NOTHING: (Advice.STOP, Why.NO_PLAN),
        }
        return plain.get(choice.decision) or self._of_returns(choice.decision)

    def _of_returns(self, decision: Decision) -> tuple[Advice, Why]:
        """Returns what a study with a plan, or with hope of one, comes to in money."""
        found = self.returns
        if found is not None and self.plan is not None and found.value[1] <= 0:
            return Advice.STOP, Why.LOSES
        if decision is Decision.ADOPT:
            if found is None:
                return Advice.HOLD, Why.UNPRICED
            return (Advice.SCALE, Why.GAINS) if found.value[0] > 0 else (Advice.HOLD, Why.MAY_GAIN)
        if decision is Decision.LABEL:
            return Advice.LABEL, Why.LABELS
        if self.candidate is not None and self.candidate.questions_wanted is None:
            return Advice.STOP, Why.HOPELESS
        return Advice.MORE, Why.NOT_PROVEN if self.plan is not None else Why.TOO_FEW


_RANK = {
    Advice.SCALE: 0,
    Advice.HOLD: 1,
    Advice.MORE: 2,
    Advice.LABEL: 2,
    Advice.RESUME: 3,
    Advice.BEGIN: 4,
    Advice.FIX: 5,
    Advice.STOP: 6,
}


def ranked(entries: Mapping[str, Entry] | list[Entry] | tuple[Entry, ...]) -> list[Entry]:
    """Returns proofs of concept by the low end of their ROI, best first; those without one by their advice.

    The low end, because it is what was shown: a plan that is not certified has lost what was invested there.
    Where two have the same low end, the higher high end is first.
    """
    listed = list(entries.values()) if isinstance(entries, Mapping) else list(entries)

    def key(entry: Entry) -> tuple[float, ...]:
        rank = float(_RANK[entry.advice()[0]])
        roi = entry.returns.roi if entry.returns and entry.plan is not None else None
        return (1.0, rank, 0.0) if roi is None else (0.0, -roi[0], -roi[1])

    return sorted(listed, key=key)


def further_questions(study: Study, recorded: int) -> int | None:
    """Returns how many more questions a study wants, its pilot and live confirmation included.

    Args:
        study: That is not certified.
        recorded: Questions it has in all.

    Returns:
        None where no number of questions is expected to do.
    """
    choice = study.choice
    candidate = choice.candidate
    wanted = choice.fewest if candidate is None else candidate.questions_wanted
    if wanted is None or not choice.questions:
        return None
    return max(1, ceil(wanted * recorded / choice.questions) - recorded)
