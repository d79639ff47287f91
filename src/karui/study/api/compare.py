"""`karui.compare`: two runs question by question, whatever they were kept as."""

from pathlib import Path
from typing import Literal

from karui import catalog
from karui.comparison.compare import RunComparison, compare_runs
from karui.comparison.pairing import Match
from karui.comparison.side import Side
from karui.core.errors import InputError, UnknownName
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study.choice import Choice
from karui.recording import importing, store
from karui.study.judging.study_judge import judged_by
from karui.study.result import Study
from karui.tasks import verifier as named

FULL = "full"
"""What stands behind # for full thinking."""
_STUDY = "study.json"


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
    sides = [_side(given, verifier, tokenizer) for given in (a, b)]
    return compare_runs(*sides, match=Match(match), alpha=alpha)


def _side(given: Recording | Study | Path | str, verifier: str, tokenizer: str) -> Side:
    if isinstance(given, Study):
        return _of_study(given, "", str(given.path or "study"))
    if isinstance(given, Recording):
        return _of(given, _style(given), str(given.path or given.manifest.task))
    path, _, plan = str(given).partition("#")
    place, name = Path(path), str(given)
    if place.name == _STUDY or (place / _STUDY).exists():
        return _of_study(Study.load(place), plan, name)
    if place.is_dir():
        recording = store.load(place, signals=bool(plan))
    else:
        recording = _imported(place, verifier, tokenizer)
    return _of(recording, _planned(recording, plan), name)


def _of(recording: Recording, plan: Plan, name: str, *, chosen: bool = False) -> Side:
    """Returns a recording's side.

    Raises:
        InputError: Its answers are for a judge to say, and this recording does not hold what it said.
    """
    if judged_by(recording) is not None and not recording.manifest.judge:
        raise InputError(
            f"{name} cannot be compared: its answers are judged by a language model.",
            why="What a judge said lies beside a recording and not in it.",
            remedy="Choose among its plans with `karui choose`; two such runs are not compared yet.",
        )
    return Side.of(recording, plan, name, chosen=chosen)


def _imported(path: Path, verifier: str, tokenizer: str) -> Recording:
    if not path.exists():
        raise InputError(
            f"There is no {path}.", remedy="Give the folder of a study or recording, or a log file."
        )
    return importing.import_log(
        path,
        verifier=named(verifier) if verifier else None,
        believed=not verifier,
        counter=importing.ByTokenizer(tokenizer) if tokenizer else None,
    ).recording


def _of_study(study: Study, plan: str, name: str) -> Side:
    """Returns a study's plan over its own recording; or full thinking, or the plan that is asked for."""
    folder = study.path
    if folder is None or not (folder / "recording" / store.MANIFEST).exists():
        raise InputError(
            f"The recording of {name} is not beside it.",
            why="A study keeps sums; what each question came to is in its recording.",
            remedy="Give the folder that `karui poc` wrote, with its `recording`; or the recording itself, "
            "with #PLAN behind it.",
        )
    recording = store.load(folder / "recording")
    chosen = not plan and bool(study.choice.spec)
    asked = _chosen(study.choice) if chosen else _planned(recording, plan)
    return _of(recording, asked, name, chosen=chosen)


def _chosen(choice: Choice) -> Plan:
    return catalog.plan_from_spec(choice.spec)


def _style(recording: Recording) -> Plan:
    return catalog.plan_from_spec(recording.manifest.style)


def _planned(recording: Recording, plan: str) -> Plan:
    style = _style(recording)
    if plan in {"", FULL}:
        return style
    return Plan((*style.techniques, *catalog.parse(plan).techniques))
