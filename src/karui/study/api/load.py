"""`karui.load_task`, `karui.load_recording`, `karui.load_study`: what is there already."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from karui.core.question import Task
from karui.core.recording import Recording
from karui.recording import store
from karui.study.result import Study
from karui.study.workspace import task_of


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
