"""karui's own layout: one question a line, with its samples. What to write where no other format fits.

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

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from karui.core.prompt import Prompt
from karui.recording.importing.plug import Adapter, Head
from karui.recording.importing.reply import Counts, Logged, LoggedTrial
from karui.recording.importing.source import Row, Source

_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
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


class Karui(Adapter):
    """karui's own layout: a question a line, with its samples and perhaps trials."""

    believed: ClassVar[bool] = True

    def recognises(self, head: Head) -> bool:
        """By its samples."""
        return "samples" in head.keys and not head.keys & {"eval", "each_branch"}

    def read(self, source: Source) -> Iterator[Logged]:
        """Yields every sample; a column that is not known is an error here, since the layout is karui's."""
        seen: set[str] = set()
        for row in source.rows():
            question = self._question(row, source)
            if question is None:
                continue
            name = question.id or row.where.replace(" ", "-")
            if name in seen:
                source.problem(row.where, f"the id {name!r} is there twice")
                continue
            seen.add(name)
            for number, sample in enumerate(question.samples):
                if sample.answer_tokens > sample.tokens:
                    source.problem(f"{row.where}: sample {number}", "more answer_tokens than tokens")
                    break
                yield _logged(question, name, number, sample, f"{row.where}: sample {number}")

    @staticmethod
    def _question(row: Row, source: Source) -> ImportedQuestion | None:
        try:
            # Python values are no JSON: a list would not pass for the tuple of a trial.
            return ImportedQuestion.model_validate_json(_json(row.values))
        except ValidationError as error:
            found = error.errors()[0]
            place = ".".join(map(str, found["loc"]))
            source.problem(row.where, f"{place}: {found['msg']}" if place else found["msg"])
            return None


def _json(values: object) -> str:
    from json import dumps

    return dumps(values)


def _logged(question: ImportedQuestion, name: str, number: int, sample: ImportedSample, where: str) -> Logged:
    return Logged(
        where=where,
        text=sample.text or sample.answer,
        prompt=Prompt(question.question),
        question=name,
        sample=number,
        thinking=sample.thinking,
        reference=question.reference,
        correct=sample.correct,
        kind=question.kind,
        finish="length" if sample.truncated else "stop",
        counts=Counts(sample.prompt_tokens, 0, sample.tokens, sample.tokens - sample.answer_tokens),
        answer=sample.answer or "",
        trials=tuple(LoggedTrial(*trial) for trial in sample.trials),
    )
