"""`karui.load_task`, `karui.load_recording`, `karui.load_study`: what is there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from karui import catalog
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.question import Task
from karui.core.recording import Recording
from karui.recording import importing, store
from karui.study.result import Study
from karui.study.workspace import task_of
from karui.tasks import verifier as named

FULL = "full"
"""What stands behind # for full thinking."""
_STUDY = "study.json"


def load_task(
    questions: str | Path, *, limit: int = 0, seed: int = 0, reference: Literal["given", "self"] = "given"
) -> Task:
    """Returns the task of a file or name, checked against its own verifier.

    Args:
        questions: Your own .jsonl, .csv or .tsv file, or a name of `karui tasks`, such as "gsm8k".
        limit: Largest number of questions, drawn at random by `seed`; 0 takes all.
        seed: Random seed of the sample, and of what is generated.
        reference: "self" compares with the full model's own majority answer; answers are then not needed.

    Raises:
        UnknownName: Nothing goes by that name.
        QuestionsError: Rows are broken, or their references fail their own verifier; they are named.
    """
    return task_of(str(questions), limit=limit, seed=seed, reference=reference)


def load_recording(path: str | Path, *, kinds: Sequence[str] = ()) -> Recording:
    """Returns a recording, finished or not.

    Args:
        path: Its folder, as `karui record`, `karui import` or `karui trials` wrote it.
        kinds: Only questions of these kinds; none named takes all.

    Raises:
        RecordingError: It is missing, damaged or of another format.
        UnknownName: No question is of that kind.
    """
    return store.load(path).of_kinds(tuple(kinds))


def load_study(path: str | Path, *, language: Literal["en", "ja"] = "en") -> Study:
    """Returns a finished study.

    Args:
        path: `study.json`, or the folder that holds it.
        language: Of what a notebook shows.

    Raises:
        InputError: The file is missing, is not a study, or was written by a later version.
    """
    return Study.load(path, language)


@dataclass(frozen=True)
class NamedRun:
    """A plan over a recording, as a user names it: `runs/poc`, `runs/rec#token-budget:tokens=256`, a log.

    Attributes:
        recording: Of the model that the plan asks.
        plan: Full thinking, or the plan that is replayed over it.
        name: As the user named it.
        study: That chose the plan on these questions; None where no study is named, or another plan of it.
    """

    recording: Recording
    plan: Plan
    name: str
    study: Study | None = None

    @property
    def chosen(self) -> bool:
        """Whether the plan was chosen on these very questions."""
        return self.study is not None and bool(self.study.choice.spec)


def run_of(given: Recording | Study | Path | str, verifier: str = "", tokenizer: str = "") -> NamedRun:
    """Returns the run behind a name: a study (with the plan it chose), a recording, or another tool's log.

    Args:
        given: As such, or its path; behind a path, #PLAN replays a plan over the recording.
        verifier: Reads and judges the answers of logs; "" takes the log's own verdicts.
        tokenizer: Counts tokens that a log does not; "" counts words.

    Raises:
        UnknownName: There is no such verifier or plan.
        InputError: It cannot be read.
    """
    if isinstance(given, Study):
        return _of_study(given, "", str(given.path or "study"))
    if isinstance(given, Recording):
        return NamedRun(given, _planned(given, ""), str(given.path or given.manifest.task))
    path, _, plan = str(given).partition("#")
    place, name = Path(path), str(given)
    if place.name == _STUDY or (place / _STUDY).exists():
        return _of_study(Study.load(place), plan, name)
    recording = (
        store.load(place, signals=bool(plan)) if place.is_dir() else _imported(place, verifier, tokenizer)
    )
    return NamedRun(recording, _planned(recording, plan), name)


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


def _of_study(study: Study, plan: str, name: str) -> NamedRun:
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
    if plan or not study.choice.spec:
        return NamedRun(recording, _planned(recording, plan), name, None if plan else study)
    return NamedRun(recording, catalog.plan_from_spec(study.choice.spec), name, study)


def _planned(recording: Recording, plan: str) -> Plan:
    style = catalog.plan_from_spec(recording.manifest.style)
    if plan in {"", FULL}:
        return style
    return Plan((*style.techniques, *catalog.parse(plan).techniques))
