"""What a proof of concept will take: a few questions recorded as a probe, and the rest reckoned from them."""

from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from karui.core.recording import Recording
from karui.core.study import Study
from karui.portfolios.budget import Prices, Spending
from karui.portfolios.entry import Wanted, further_questions
from karui.study.run import Job

FEW = 5
"""Questions that a probe records."""
_ERRORS = 2.0
"""Standard errors above the mean that are expected: the budget is to hold."""
_SHARE = 1.15
"""What replay, choice and report take besides the recording, of a machine's time."""


@dataclass(frozen=True)
class Pace:
    """What a trace takes.

    Attributes:
        tokens: At most: the mean and two standard errors, trials included.
        per_second: Tokens a second.
        spent: Tokens that finding out took.
    """

    tokens: float
    per_second: float
    spent: float

    @staticmethod
    def of(recording: Recording) -> "Pace":
        """Returns the pace of a recording of a few questions; the questions are the units."""
        rows = [
            [t.tokens + sum(m.trial.tokens for m in t.checkpoints if m.trial) for t in q.traces]
            for q in recording.questions
            if q.traces
        ]
        means = np.array([np.mean(row) for row in rows])
        error = float(means.std(ddof=1) / sqrt(len(means))) if len(means) > 1 else float(means.mean())
        spent = float(sum(map(sum, rows)))
        return Pace(float(means.mean()) + _ERRORS * error, recording.manifest.tokens_per_second, spent)


async def probed(job: Job) -> Pace:
    """Records a few of a study's questions in a folder of its own, which is thrown away.

    Raises:
        KaruiError: The model cannot be loaded or fails.
    """
    few = replace(job.task, questions=job.task.questions[:FEW])
    with TemporaryDirectory() as folder:
        return Pace.of(
            await job.session.record(few, Path(folder) / "recording", f"Recording {FEW} questions")
        )


def traces_wanted(job: Job) -> int:
    """Returns how many traces a study takes at most: of full thinking, of every variant, and live.

    A variant with weights of its own is counted as recorded in full, though most are dropped early.
    """
    questions = len(job.task.questions)
    recordings = 1 + len(job.styles) + len(job.versions) + (job.small is not None)
    live = len(job.held.questions) if job.held is not None else 0
    return recordings * questions * job.session.samples + 2 * live


def expected(traces: float, tokens_a_trace: float, per_second: float, prices: Prices) -> Spending:
    """Returns what so many traces are expected to take."""
    tokens = traces * tokens_a_trace
    hours = _SHARE * tokens / per_second / 3600 if per_second else 0.0
    return Spending(tokens, hours, prices.money(tokens, hours))


def wanted_by(study: Study, tokens_a_trace: float, prices: Prices, *, held: int) -> Wanted | None:
    """Returns how many more questions a study wants and what they take; None where no number will do.

    Args:
        study: That is not certified.
        tokens_a_trace: What a trace of it took, trials included.
        prices: Of the work.
        held: Questions kept for its live confirmation.
    """
    choice, manifest = study.choice, study.manifest
    further = further_questions(study, choice.questions + choice.pilot_questions + held)
    if further is None:
        return None
    traces = further * manifest.samples
    return Wanted(further, expected(traces, tokens_a_trace, manifest.tokens_per_second, prices))
