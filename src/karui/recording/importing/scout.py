"""Importing SCOUT data: branches of parallel thinking with an answer forced at fixed distances (2602.03845).

One JSON file a benchmark: a list of {question, gold_answer, probe_freq, each_branch}, and each branch is
[[answers forced every `probe_freq` tokens], tokens in all, final answer]. The files keep no text, no
confidence and no cost of the forced answers, and compare answers as strings; so does this.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from karui.codec.disk import reading
from karui.core.errors import InputError
from karui.core.prompt import Prompt
from karui.core.recording import Caveat, RecordedQuestion, Recording
from karui.core.trace import NO_SIGNALS, End, RecordedCheckpoint, Trace, Trial
from karui.core.usage import UsageMeter
from karui.recording.columns import answers
from karui.recording.importing.manifest import Origin, imported

UNREAD = "ERR"
"""What SCOUT writes where no answer could be read."""

_MOST = 2**31 - 1
"""Counts above this are no counts of tokens."""


class _Question(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    question: str
    gold_answer: str
    probe_freq: int = Field(gt=0, le=_MOST)
    each_branch: list[tuple[list[str | None], Annotated[int, Field(ge=0, le=_MOST)], str | None]] = Field(
        min_length=1
    )


def import_scout(
    path: Path | str,
    *,
    model: str = "unknown",
    trial_tokens: int = 10,
    unread_votes: bool = False,
    limit: int | None = None,
) -> dict[str, Recording]:
    """Reads every benchmark in a folder of SCOUT data, or one file of it.

    The published tables take `trial_tokens=0, unread_votes=True`: forced answers cost nothing there, and
    "ERR" votes like any other answer.

    Args:
        path: A folder of JSON files, or one of them.
        model: Name of the model; the files do not tell.
        trial_tokens: What a forced answer is taken to have cost.
        unread_votes: Whether "ERR" is an answer (always wrong) instead of none.
        limit: Branches of at least this many tokens are taken as cut by the token limit and have no answer;
            None believes the files, which give most of them an answer forced at the end.

    Returns:
        A recording per file, by the file's name without its ending.

    Raises:
        InputError: There is nothing to read, or a file does not have this layout; names file and place.
    """
    path = Path(path)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InputError(
            f"{path} holds no JSON file.", remedy="Give the folder with aime24.json and the like."
        )
    return {f.stem: _recording(f, model, trial_tokens, unread_votes, limit) for f in files}


def _recording(file: Path, model: str, trial_tokens: int, unread_votes: bool, limit: int | None) -> Recording:
    questions = []
    for index, values in enumerate(_read(file)):
        try:
            given = _Question.model_validate(values)
        except ValidationError as error:
            found = error.errors()[0]
            place = ".".join(map(str, (index, *found["loc"])))
            raise InputError(
                f"{file} is not in the SCOUT layout.",
                why=f"At {place}: {found['msg']}",
                remedy="Use `karui import FILE.jsonl` for traces in karui's own layout.",
            ) from error
        questions.append(_recorded(f"{file.stem}-{index:02}", given, trial_tokens, unread_votes, limit))
    return imported(
        questions,
        Origin(
            task=file.stem,
            model=model,
            engine="scout",
            judge="equal text",
            trial_tokens=trial_tokens,
            source="scout",
            caveats=(Caveat.TRIAL_COST,),
        ),
    )


def _read(file: Path) -> list[Any]:
    with reading(file, format="JSON"):
        values = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(values, list) or not values:
        raise InputError(
            f"{file} is not in the SCOUT layout.",
            why="It holds no list of questions.",
            remedy="Use `karui import FILE.jsonl` for traces in karui's own layout.",
        )
    return values


def _recorded(
    name: str, given: _Question, trial_tokens: int, unread_votes: bool, limit: int | None
) -> RecordedQuestion:
    def read(answer: str | None) -> str | None:
        return None if not answer or (answer == UNREAD and not unread_votes) else answer

    # A few dozen answers make up all trials of a question: one object for each serves them all.
    trials: dict[str | None, Trial] = {}

    def trial(answer: str | None) -> Trial:
        return trials.setdefault(answer, Trial(read(answer), answer or "", trial_tokens))

    traces: list[Trace] = []
    for index, (forced, tokens, final) in enumerate(given.each_branch):
        places = range(given.probe_freq, tokens, given.probe_freq)
        # One answer in many branches is said to be forced past the branch's own end; that is no place in it.
        marks = (
            RecordedCheckpoint(place, 0, trial(answer)) for place, answer in zip(places, forced, strict=False)
        )
        cut = limit is not None and tokens >= limit
        traces.append(_trace(name, index, tokens, read(final), marks, cut=cut))
    verdicts = {a: a == given.gold_answer for a in sorted(set().union(*map(answers, traces)))}
    return RecordedQuestion(name, "", given.gold_answer, Prompt(given.question), tuple(traces), verdicts)


def _trace(
    question: str,
    sample: int,
    tokens: int,
    answer: str | None,
    marks: Iterable[RecordedCheckpoint],
    *,
    cut: bool,
) -> Trace:
    """Returns a branch: all of it is thinking, as the files do not tell where an answer begins."""
    tally = UsageMeter(0, 0, 0)
    tally.think(tokens)
    return Trace(
        question=question,
        sample=sample,
        end=End.TRUNCATED if cut else End.FINISHED,
        thinking="",
        text=answer or "",
        answer=None if cut else answer,
        confidence=None,
        signals=NO_SIGNALS,
        checkpoints=tuple(marks),
        thinking_tokens=tokens,
        answer_tokens=0,
        usage=tally.finished(0),
        time=tally.time,
    )
