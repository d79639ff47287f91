"""The judge of answers that have no checkable form: who it is, what it cost, and how it errs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judging:
    """What a judge said of the answers of one study.

    Attributes:
        mode: What it was asked: "pairwise" or "rubric".
        model: Its name.
        votes: How often it was asked about each answer, in each order.
        prompt: Digest of what it was told besides the texts.
        judged: Answers with a verdict.
        unjudged: Answers it gave no verdict on: they count as not good.
        requests: How often it was asked.
        prompt_tokens: What it read.
        generated_tokens: What it wrote.
        first: Of its single verdicts for one of two answers, the share for the one that stood first; 0.5
            is none the better for its place. None where none was.
        longer: Likewise for the longer one.
        flips: Share of pairs on which it said the opposite once they had changed places; None without pairs.
    """

    mode: str
    model: str
    votes: int
    prompt: str
    judged: int
    unjudged: int
    requests: int
    prompt_tokens: int
    generated_tokens: int
    first: float | None = None
    longer: float | None = None
    flips: float | None = None


@dataclass(frozen=True, slots=True)
class Labelling:
    """What people said of the plan that is tested, beside what the judge said of it.

    Attributes:
        plan: Id of the plan. label: For people. labels: Units that are labelled, and count. alike: Of
        these, units whose two answers are the same text: nobody had to be asked. planned: Units that are to
        be labelled at most. share: Judged units to one label. wanted: Labels with which the plan would be
        certified four times in five, as it looks now; None if never,
            or if no label is there to judge by.
        units: Units that were judged. by_judge: What the plan loses as the judge sees it, of all units.
        agreement: Share of the labelled units whose answers differ on which judge and people say the same;
        None
            without any.
        longer: Share of people's preferences that are for the longer answer; None without any.
    """

    plan: str
    label: str
    labels: int
    alike: int
    planned: int
    share: int
    wanted: int | None
    units: int
    by_judge: float
    agreement: float | None = None
    longer: float | None = None

    @property
    def missing(self) -> int | None:
        """Labels that are still missing by the forecast; None where no number would do."""
        return None if self.wanted is None else max(0, self.wanted - self.labels)


@dataclass(frozen=True, slots=True)
class Judged:
    """All that a choice says of its judge.

    Attributes:
        judging: The judge.
        labelling: Of the plan that is tested; None where no plan is.
    """

    judging: Judging
    labelling: Labelling | None = None

    @property
    def seen(self) -> bool:
        """Whether figures are as the judge sees it: nobody has labelled anything."""
        return self.labelling is None or not self.labelling.labels
