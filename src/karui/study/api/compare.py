"""`karui.compare`: two runs question by question, whatever they were kept as."""

from pathlib import Path
from typing import Literal

from karui.comparison.compare import RunComparison, compare_runs
from karui.comparison.pairing import Match
from karui.comparison.side import Side
from karui.core.errors import InputError, UnknownName
from karui.core.recording import Recording
from karui.study.api.load import NamedRun, run_of
from karui.study.judging.study_judge import judged_by
from karui.study.result import Study


def compare(
    a: Recording | Study | Path | str,
    b: Recording | Study | Path | str,
    *,
    match: Literal["text", "id"] = "text",
    alpha: float = 0.05,
    verifier: str = "",
    tokenizer: str = "",
) -> RunComparison:
    """Compares two runs: is the difference real, in accuracy, tokens, latency and memory?

    Args:
        a: A study, a recording, or a log that `karui.recording.importing` knows (lm-eval's samples, an
            inspect log, …); or its path. Behind a path, #PLAN replays a plan over the recording:
            "runs/rec#full", "runs/rec#token-budget:tokens=256". A study alone stands for the plan it chose.
        b: The run to judge.
        match: Whether questions are known again by what they ask, or by their ids.
        alpha: Chance that any difference is claimed where there is none, all figures together.
        verifier: Reads and judges the answers of logs; "" takes the log's own verdicts.
        tokenizer: Counts tokens that a log does not; "" counts words.

    Raises:
        UnknownName: There is no such way of matching, verifier or plan.
        InputError: A run cannot be read, or they have no question in common.
        RecordingError: A plan cannot be replayed over its recording.
    """
    if match not in set(Match):
        raise UnknownName("way of matching", match, [m.value for m in Match])
    sides = [_side(run_of(given, verifier, tokenizer)) for given in (a, b)]
    return compare_runs(*sides, match=Match(match), alpha=alpha)


def _side(run: NamedRun) -> Side:
    """Returns a run's side.

    Raises:
        InputError: Its answers are for a judge to say, and this recording does not hold what it said.
    """
    if judged_by(run.recording) is not None and not run.recording.manifest.judge:
        raise InputError(
            f"{run.name} cannot be compared: its answers are judged by a language model.",
            why="What a judge said lies beside a recording and not in it.",
            remedy="Choose among its plans with `karui choose`; two such runs are not compared yet.",
        )
    return Side.of(run.recording, run.plan, run.name, chosen=run.chosen)
