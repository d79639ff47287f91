"""Recordings made elsewhere: API logs, a paper's data. `karui import traces.jsonl` reads one question a line.

    {"id": "q1", "question": "6 × 7?", "reference": "42", "kind": "arithmetic",
     "samples": [{"tokens": 310, "answer": "42", "answer_tokens": 12, "prompt_tokens": 25,
                  "truncated": false, "correct": true, "thinking": "Let me …",
                  "trials": [[64, "41", 0.55], [128, "42", null]]}]}

Needed are `samples`, in each of them `tokens` and `answer` (null where there was none), and either a
`reference` or `correct` in every sample that has an answer. `tokens` is everything generated,
`answer_tokens` the part of it after the thinking (0 if not known). A trial is [thinking tokens so far, the
answer it gave, its confidence or null]. What a trial cost is rarely logged, so every trial is taken to be
`trial_tokens` long; the manifest says so. Where a trial lies in the text is estimated from its share of the
tokens.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from karui.core.ability import Ability
from karui.core.ask import Prompt, Sampling
from karui.core.bill import Tally
from karui.core.engine import CheckpointRule, ModelCard
from karui.core.errors import InputError
from karui.core.question import Verifier
from karui.core.recording import Manifest, Recorded, Recording
from karui.core.trace import NO_SIGNALS, End, Mark, Trace, Trial
from karui.measure.machine import versions
from karui.recording.columns import answers

_SHOWN = 10
"""Broken lines that an error names; the rest are counted."""

_Count = Annotated[int, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]


class ImportedSample(BaseModel):
    """One trace of a line."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tokens: _Count
    answer: str | None
    answer_tokens: _Count = 0
    prompt_tokens: _Count = 0
    correct: bool | None = None
    truncated: bool = False
    thinking: str = ""
    text: str = ""
    trials: list[tuple[_Count, str | None, _Share | None]] = []


class ImportedQuestion(BaseModel):
    """One line."""

    model_config = ConfigDict(extra="forbid", strict=True)

    samples: Annotated[list[ImportedSample], Field(min_length=1)]
    id: str = ""
    question: str = ""
    reference: str | None = None
    kind: str = ""


def import_traces(
    path: Path | str,
    *,
    verifier: Verifier | None = None,
    model: str = "unknown",
    trial_tokens: int = 10,
) -> Recording:
    """Reads a file of traces.

    Args:
        path: The JSONL file.
        verifier: Reads the canonical answer out of each answer and judges it. None takes answers as they
            are (spaces around them aside), right where they equal the reference.
        model: Name of the model that made them.
        trial_tokens: What a trial is taken to have cost.

    Raises:
        InputError: The file cannot be read; names every broken line (at most ten).
    """
    path = Path(path)
    problems: list[str] = []
    questions: dict[str, Recorded] = {}
    for number, line in _lines(path):
        try:
            question = ImportedQuestion.model_validate_json(line)
            name = question.id or f"line-{number}"
            if name in questions:
                raise _Broken(f"the id {name!r} is there twice")
            questions[name] = _recorded(question, name, verifier, trial_tokens)
        except ValidationError as error:
            problems.append(f"line {number}: {_first(error)}")
        except _Broken as error:
            problems.append(f"line {number}: {error}")
    if problems:
        more = f"\n… and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise InputError(
            f"{path}: {len(problems)} of its lines cannot be imported.",
            why="\n".join(problems[:_SHOWN]) + more,
            remedy="Mend these lines; nothing was imported. The format is in the help of `karui import`.",
        )
    if not questions:
        raise InputError(
            f"{path} is empty.", remedy="It needs one JSON object a line, one for each question."
        )
    judge = verifier.spec if verifier else "equal text"
    return imported(
        list(questions.values()),
        task=path.stem,
        model=model,
        engine="imported",
        judge=judge,
        trial_tokens=trial_tokens,
    )


def imported(
    questions: Sequence[Recorded], *, task: str, model: str, engine: str, judge: str, trial_tokens: int
) -> Recording:
    """Returns a recording of `questions` with a manifest of what can be known about it.

    Its abilities are those that every trace has; its checkpoint rule is the smallest and largest distance of
    trials; its sampling names only the longest trace, since nothing else was told.
    """
    traces = [t for q in questions for t in q.traces]
    marks = [m for t in traces for m in t.marks]
    gaps = [after - before for t in traces for before, after in pairwise([0, *(m.tokens for m in t.marks)])]
    # A trace shorter than the first checkpoint has none; only a recording without any lacks the ability.
    abilities = {Ability.TRIALS} if marks else set()
    if marks and all(m.trial is not None and m.trial.confidence is not None for m in marks):
        abilities.add(Ability.CONFIDENCE)
    if all(t.thinking for t in traces if t.thinking_tokens):
        abilities.add(Ability.TEXT)
    told = [(q.id, q.prompt.user, q.reference, q.kind, judge) for q in questions]
    manifest = Manifest(
        model=ModelCard(model),
        engine=engine,
        task=task,
        task_digest=sha256(repr(told).encode()).hexdigest()[:16],
        style=(),
        sampling=Sampling(max_tokens=max((t.thinking_tokens + t.answer_tokens for t in traces), default=0)),
        rule=CheckpointRule(every=max(gaps, default=1), least=min(gaps, default=1), steps=False),
        suffix="",
        suffix_tokens=0,
        samples=max((len(q.traces) for q in questions), default=0),
        seed=0,
        abilities=frozenset(abilities),
        versions={"karui": versions().get("karui", "")},
        machine="not told; sampling not told"
        + (f"; every trial is taken to be {trial_tokens} tokens long" if marks else ""),
    )
    return Recording(manifest, tuple(questions))


def trace_of(
    question: str, sample: int, given: ImportedSample, answer: str | None, marks: Iterable[Mark]
) -> Trace:
    """Returns the trace of an imported sample, its answer already canonical."""
    thinking_tokens = given.tokens - given.answer_tokens
    tally = Tally(given.prompt_tokens, 0, 0)
    tally.think(thinking_tokens)
    bill = tally.finished(given.answer_tokens)
    return Trace(
        question=question,
        sample=sample,
        end=End.TRUNCATED if given.truncated else End.FINISHED,
        thinking=given.thinking,
        text=given.text or given.answer or "",
        answer=None if given.truncated else answer,
        confidence=None,
        signals=NO_SIGNALS,
        marks=tuple(marks),
        thinking_tokens=thinking_tokens,
        answer_tokens=given.answer_tokens,
        bill=bill,
        time=tally.time,
    )


class _Broken(Exception):
    """What is wrong with a line, for people."""


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read.",
            why=f"{type(error).__name__}: {error}",
            remedy="Give a UTF-8 text file with one JSON object a line.",
        ) from error
    return [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]


def _recorded(given: ImportedQuestion, name: str, verifier: Verifier | None, trial_tokens: int) -> Recorded:
    def read(answer: str | None) -> str | None:
        if answer is None:
            return None
        return (verifier.read(answer) if verifier else answer.strip()) or None

    told: dict[str, bool] = {}
    traces = []
    for index, sample in enumerate(given.samples):
        answer = read(sample.answer)
        traces.append(trace_of(name, index, sample, answer, _marks(sample, read, index, trial_tokens)))
        if answer is None or sample.truncated:
            continue
        if sample.correct is None and given.reference is None:
            raise _Broken(f"sample {index} has no `correct`, and there is no `reference` to judge it by")
        if sample.correct is not None and told.setdefault(answer, sample.correct) != sample.correct:
            raise _Broken(
                f"sample {index} says {answer!r} is {_word(sample.correct)}; one before it disagrees"
            )
    reference = given.reference or ""
    verdicts = {}
    for answer in sorted(set().union(*map(answers, traces))):
        verdicts[answer] = told[answer] if answer in told else _verify(verifier, reference, answer)
    return Recorded(name, given.kind, reference, Prompt(given.question), tuple(traces), verdicts)


def _marks(
    sample: ImportedSample, read: Callable[[str | None], str | None], index: int, trial_tokens: int
) -> list[Mark]:
    thinking_tokens = sample.tokens - sample.answer_tokens
    if thinking_tokens < 0:
        raise _Broken(f"sample {index}: more answer_tokens than tokens")
    places = [tokens for tokens, _, _ in sample.trials]
    if any(after <= before for before, after in pairwise([0, *places])):
        raise _Broken(f"sample {index}: its trials are not in order of tokens so far, from 1 up")
    if places and places[-1] > thinking_tokens:
        raise _Broken(f"sample {index}: a trial after {places[-1]} of {thinking_tokens} thinking tokens")
    return [
        Mark(
            tokens,
            len(sample.thinking) * tokens // thinking_tokens,
            Trial(read(answer), answer or "", trial_tokens, confidence),
        )
        for tokens, answer, confidence in sample.trials
    ]


def _verify(verifier: Verifier | None, reference: str, answer: str) -> bool:
    if not reference:
        return False
    return verifier.verify(reference, answer) if verifier else answer == reference.strip()


def _word(correct: bool) -> str:
    return "right" if correct else "wrong"


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    place = ".".join(map(str, found["loc"]))
    return f"{place}: {found['msg']}" if place else found["msg"]
