"""One's own questions: JSONL, CSV or TSV with `question`, `answer` and, if wanted, other columns.

These are `verifier`, `kind`, `id`, `system`, a system message, and `group`: questions that share one (a
customer, a document, a template) are one piece of evidence together. A row of JSONL may have `messages`
instead of `question`, as OpenAI's API has them: a system message and earlier turns; and `tools`,
`tool_choice`, `response_format` and `stop`, which are asked with the question.

Every broken row is found before anything is spent, and named by its line. Where a row names no verifier one
is guessed for the whole file from all references; `meta["verifier_guessed"]` says so.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from karui.core.errors import InputError, QuestionsError, UnknownName
from karui.core.prompt import parameters_of, prompt_of
from karui.core.question import Question
from karui.tasks.answers.amounts import quantity
from karui.tasks.verifiers import verifier
from karui.tasks.verifiers.choice import marker

SHOWN_ROWS = 10
_SUFFIXES = (".jsonl", ".csv", ".tsv")
_COLUMNS = ("question", "answer", "verifier", "kind", "id", "system", "group")
_PARAMETERS = ("tools", "tool_choice", "response_format", "stop")
# Commands and powers, or an operator beside a lone small letter; AB-12 and 2024-05-03 are codes and dates.
_MATHEMATICS = re.compile(
    r"\\[a-zA-Z]|\^|\$.+\$|^(?!.*[a-zA-Z]{3})(?=.*(?<![a-zA-Z])[a-z](?![a-zA-Z])).*[-+*/=]"
)
_GSM8K = re.compile(r"\n#### \S[^\n]*\s*$")


class Row(BaseModel):
    """One row of a questions file, as written."""

    model_config = ConfigDict(extra="ignore", strict=True)

    question: str
    answer: str | None = None
    verifier: str | None = None
    kind: str = ""
    id: str | None = None
    system: str = ""
    group: str = ""
    before: tuple[tuple[str, str], ...] = ()
    thoughts: tuple[str, ...] = ()
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    stop: str | list[str] | None = None

    @property
    def parameters(self) -> str:
        """What its server is asked besides the question, as `Prompt.parameters` has it."""
        return parameters_of({name: getattr(self, name) for name in _PARAMETERS})

    @model_validator(mode="before")
    @classmethod
    def _of_cells(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Reads parameters that stand in a cell of a table, as JSON."""
        found = dict(row)
        for name in _PARAMETERS:
            value = row.get(name)
            if isinstance(value, str) and value.strip()[:1] in {"[", "{"}:
                try:
                    found[name] = json.loads(value)
                except (ValueError, RecursionError) as error:
                    raise ValueError(f"{name} is not JSON: {error}") from error
        return found

    @field_validator("tools")
    @classmethod
    def _named(cls, tools: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        for tool in tools or ():
            function = tool.get("function")
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                raise ValueError('a tool is not {"type": "function", "function": {"name": …}}')  # noqa: TRY004
        return tools

    @model_validator(mode="before")
    @classmethod
    def _of_messages(cls, row: dict[str, Any]) -> dict[str, Any]:
        messages = row.get("messages")
        if messages is None:
            return row
        if row.get("question") is not None:
            raise ValueError("has messages and a question: which of them is to be asked?")
        if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
            raise ValueError("messages is not a list of messages")
        prompt = prompt_of(messages)
        if isinstance(prompt, str):
            raise ValueError(f"messages cannot be asked: {prompt}")  # noqa: TRY004 - pydantic wants this one
        return {
            **row,
            "question": prompt.user,
            "system": prompt.system,
            "before": prompt.history,
            "thoughts": prompt.thoughts,
        }

    @field_validator("question")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("the question is empty")
        return text.strip()

    @field_validator("answer", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        if value is None or isinstance(value, str):
            return (value or "").strip() or None
        return json.dumps(value, ensure_ascii=False)

    @field_validator("kind", "id", "verifier", "group", mode="before")
    @classmethod
    def _short_text(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return value.strip() if isinstance(value, str) else value


def load_file(path: Path, *, need_reference: bool = True, default: str | None = None) -> tuple[Question, ...]:
    """Returns the questions of a file, in its order.

    Args:
        path: A `.jsonl`, `.csv` or `.tsv` file, UTF-8 (CSV as Excel writes it in Japan, cp932, is read too).
        need_reference: Whether every row must have an answer. If not, answers that are there only help to
            guess the verifier; every reference is left empty.
        default: Verifier of the rows that name none; None guesses it from all references.

    Raises:
        UnknownName: There is no such file.
        QuestionsError: The file is empty, or rows are broken, doubled or lack an answer: the first ten are
            named.
    """
    rows, problems = _valid(path, list(read_rows(path)))
    problems += _doubled(rows)
    if need_reference:
        problems += _unanswered([(n, row) for n, row in rows if not _judged(row.verifier or default)], path)
    problems += _half_judged(rows, default)
    _raise(path, problems)
    guessed = default or guess([row.answer for _, row in rows if row.verifier is None and row.answer])
    questions = []
    for line, row in rows:
        try:
            judge = verifier(row.verifier or guessed, root=path.parent)
        except InputError as error:
            problems.append((line, f"{error.what} {error.why} {error.remedy}".strip()))
            continue
        meta = {"line": line, "source": path.name, "verifier_guessed": not (row.verifier or default)}
        reference = row.answer if need_reference and row.answer else ""
        name = row.id or f"line{line}"
        asked = Question(
            name,
            row.question,
            reference,
            judge,
            row.kind,
            meta,
            row.system,
            row.before,
            row.thoughts,
            row.group,
            row.parameters,
        )
        questions.append(asked)
    _raise(path, problems)
    return tuple(questions)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yields (line, row) for every row of a JSONL, CSV or TSV file; a string for a row says why it is broken.

    Raises:
        UnknownName: There is no such file.
        QuestionsError: The file is empty, not text, or of a kind that karui does not read.
    """
    text = _text(path)
    if path.suffix in {".csv", ".tsv"}:
        yield from _table(text, "\t" if path.suffix == ".tsv" else ",")
        return
    for line, row in enumerate(text.split("\n"), start=1):
        if not row.strip():
            continue
        try:
            value = json.loads(row)
        except json.JSONDecodeError as error:
            yield line, f"is not JSON: {error.msg} at character {error.pos + 1}"
            continue
        except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets in brackets
            deep = isinstance(error, RecursionError)
            yield line, f"cannot be read: {'it is nested too deeply' if deep else error}"
            continue
        yield line, value if isinstance(value, dict) else "is JSON, but no object in braces"


def guess(references: Sequence[str]) -> str:
    """Returns the verifier that fits all references.

    `numeric` if every one is a number, `choice` if every one is one option (`B`, `(ア)`), `json` if every
    one is a JSON object, `math` if any looks like mathematics, else `exact`. Without references `math`,
    which reads numbers, mathematics and plain words.
    """
    if not references:
        return "math"
    if all(quantity(text) is not None for text in references):
        return "numeric"
    if all(len(text) <= 3 and marker(text) is not None for text in references):
        return "choice"
    if all(text.startswith("{") and text.endswith("}") and '"' in text for text in references):
        return "json"
    return "math" if any(_MATHEMATICS.search(text) for text in references) else "exact"


def _text(path: Path) -> str:
    if path.is_dir():
        raise QuestionsError(
            f"{path} is a folder, not a questions file.", remedy="Name a .jsonl or .csv file in it."
        )
    if not path.is_file():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        known = [entry.name for entry in beside if entry.suffix in _SUFFIXES]
        raise UnknownName("questions file", str(path), known or ["no other in this folder"])
    if path.suffix not in _SUFFIXES:
        raise QuestionsError(
            f"{path.name} is not a type of file that karui reads questions from.",
            remedy='Write a .csv file, or one {"question": "…", "answer": "…"} a line into a .jsonl file.',
        )
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "cp932") if path.suffix == ".csv" else ("utf-8-sig",):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            why = str(error)
            continue
        if not text.strip():
            raise QuestionsError(f"{path.name} is empty.", remedy="Put one question a line into it.")
        return text
    raise QuestionsError(f"{path.name} is not text in UTF-8.", why=why, remedy="Save it as UTF-8.")


def _table(text: str, delimiter: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    csv.field_size_limit(sys.maxsize)  # a question may be longer than the default of 128 KiB
    top = text.lstrip().split("\n", 1)[0]
    if delimiter == "," and "question" not in _cells(top, ",") and "question" in _cells(top, ";"):
        delimiter = ";"  # as spreadsheets write CSV where the comma is the decimal point
    # strict: else a quote that stands alone would swallow the rows behind it into one question
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        header = [name.strip() for name in next(rows)]
        line = rows.line_num + 1
        yield from _cells_of(rows, header)
    except csv.Error as error:
        yield max(line, rows.line_num), f"is no row of a table: {error}; a quote in a cell is written twice"


def _cells_of(rows: Any, header: list[str]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    line = rows.line_num + 1
    for cells in rows:
        if any(cell.strip() for cell in cells):
            if len(cells) > len(header):
                yield line, f"has {len(cells)} cells, but the first line names {len(header)} columns"
            else:
                row: dict[str, Any] = dict(zip(header, cells, strict=False))
                yield line, {key: value for key, value in row.items() if value.strip() or key == "question"}
        line = rows.line_num + 1


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


Rows = list[tuple[int, Row]]
Problems = list[tuple[int, str]]


def _valid(path: Path, rows: list[tuple[int, dict[str, Any] | str]]) -> tuple[Rows, Problems]:
    valid: Rows = []
    problems: Problems = []
    if not rows:
        raise QuestionsError(
            f"{path.name} has no questions.", remedy="Put at least one row below the first line."
        )
    for line, row in rows:
        if isinstance(row, str):
            problems.append((line, row))
            continue
        if "question" not in row and "messages" not in row:
            problems.append((line, f"has no column 'question'{_near('question', row)}"))
            continue
        try:
            valid.append((line, Row.model_validate(row)))
        except ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"column {column!r}: " for column in first["loc"][:1])
            problems.append((line, where + first["msg"].removeprefix("Value error, ")))
            continue
        if "answer" not in row and (near := _near("answer", row)):
            problems.append((line, f"has no column 'answer'{near}"))
            valid.pop()
    return valid, problems


def _near(column: str, row: dict[str, Any]) -> str:
    others = [name for name in row if name not in _COLUMNS]
    near = get_close_matches(column, others, n=1, cutoff=0.6)
    return (
        f"; is {near[0]!r} meant?"
        if near
        else (f" but {', '.join(map(repr, row))}" if column == "question" else "")
    )


def _doubled(rows: Rows) -> Problems:
    problems: Problems = []
    ids: dict[str, int] = {}
    texts: dict[tuple[object, ...], int] = {}
    for line, row in rows:
        name, asked = row.id or f"line{line}", (row.system, row.before, row.question, row.parameters)
        if name in ids:
            problems.append((line, f"has the id {name!r} of line {ids[name]}"))
        elif asked in texts:
            # A question asked twice would count as two pieces of evidence where there is one.
            problems.append((line, f"asks the same as line {texts[asked]}"))
        ids.setdefault(name, line)
        texts.setdefault(asked, line)
    return problems


def _judged(spec: str | None) -> bool:
    return (spec or "").startswith("judge:")


def _half_judged(rows: Rows, default: str | None) -> Problems:
    """Returns the rows that a judge judges unlike others: what is certified has to be one thing."""
    specs = {row.verifier or default for _, row in rows}
    if len(specs) < 2 or not any(map(_judged, specs)):
        return []
    first = rows[0][1].verifier or default
    wrong = [(line, row) for line, row in rows if (row.verifier or default) != first]
    return [
        (line, f"is verified by {row.verifier or default!r}: where a judge judges, every row has the same")
        for line, row in wrong
    ]


def _unanswered(rows: Rows, path: Path) -> Problems:
    answers = [row.answer for _, row in rows]
    if answers and all(answer and _GSM8K.search(answer) for answer in answers):
        raise QuestionsError(
            f"{path.name} holds worked answers that end in '#### …', as GSM8K's own files do.",
            remedy=f"Load it as gsm8k:{path}, which compares with what follows '####'.",
        )
    return [(line, "has no answer (--reference self needs none)") for line, row in rows if not row.answer]


def _raise(path: Path, problems: Problems) -> None:
    if not problems:
        return
    shown = [f"  line {line} {problem}" for line, problem in sorted(problems)[:SHOWN_ROWS]]
    more = f"\n  and {len(problems) - SHOWN_ROWS} more" if len(problems) > SHOWN_ROWS else ""
    count = "1 row" if len(problems) == 1 else f"{len(problems)} rows"
    raise QuestionsError(
        f"{count} of {path.name} cannot be used:",
        why="\n".join(shown) + more,
        remedy="Mend or remove them; nothing has been spent. The columns are question, answer and, if wanted,"
        " verifier, kind, id, system, group, and tools, tool_choice, response_format, stop.",
    )
