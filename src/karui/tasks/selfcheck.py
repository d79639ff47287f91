r"""Every task checks its own verifier before a token is spent.

For each question the verifier must read the reference back out of `\boxed{reference}` and accept it, and
must reject an answer that is wrong. A verifier that fails its own references would score every model zero;
one that accepts anything would score every plan alike, and certify all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from karui.core.errors import QuestionsError
from karui.core.question import Question, Task
from karui.tasks.answers.numerals import number, number_form

SHOWN_ROWS = 10
_OTHERS = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """One question whose verifier cannot be trusted with it.

    Attributes:
        id: The question's id.
        line: Its line in the file it came from; None where it came from no file.
        what: What happened, as a sentence without its subject.
    """

    id: str
    line: int | None
    what: str

    def __str__(self) -> str:
        place = f" (line {self.line})" if self.line is not None else ""
        return f"{self.id}{place} {self.what}"


def check(task: Task) -> list[Failure]:
    """Returns the questions whose verifier rejects the reference or accepts wrong answers, in order.

    Wrong answers are other questions' references under the same kind of verifier, and changed numbers. One
    of them may be right by chance (a countdown has many answers, a tolerance reaches far), so a question
    fails here only if every one that reads as an answer is accepted. A task that compares with the model
    itself has no references to check: it yields nothing as long as they are empty. Nor can a judge be checked
    here: it is another model, and people's labels check it.
    """
    failures = []
    families: dict[str, dict[str, str]] = {}
    for question in task.questions:
        families.setdefault(_family(question), {}).setdefault(question.reference, question.id)
    for at, question in enumerate(task.questions):
        if (task.agreement and not question.reference) or _family(question).startswith("judge:"):
            continue
        what = _reads_back(question)
        if what is None:
            others = list(families[_family(question)])
            what = _rejects(question, others, at)
        if what is not None:
            line = question.meta.get("line")
            failures.append(Failure(question.id, line if isinstance(line, int) else None, what))
    return failures


def ensure_sound(task: Task) -> None:
    """Raises QuestionsError naming the first ten questions that fail `check`; returns None if all pass."""
    failures = check(task)
    if not failures:
        return
    shown = "\n".join(f"  {failure}" for failure in failures[:SHOWN_ROWS])
    more = f"\n  and {len(failures) - SHOWN_ROWS} more" if len(failures) > SHOWN_ROWS else ""
    raise QuestionsError(
        f"{len(failures)} of {len(task.questions)} questions of {task.name} fail their own verifier:",
        why=shown + more,
        remedy="Mend the answer, or name a verifier that fits it in the column 'verifier' "
        "(math, exact, numeric:0.01, choice, set, json:field, regex:…); nothing has been spent.",
    )


def _family(question: Question) -> str:
    return question.verifier.spec.split("#")[0]


def _reads_back(question: Question) -> str | None:
    judge, reference = question.verifier, question.reference
    if not reference:
        return "has no reference"
    read = judge.read(rf"\boxed{{{reference}}}")
    if read is None:
        return f"has the reference {_short(reference)}, in which the verifier {judge.spec!r} finds no answer"
    if not judge.verify(reference, read):
        return (
            f"has the reference {_short(reference)}, which its own verifier {judge.spec!r} rejects "
            f"(it reads {_short(read)})"
        )
    return None


def _rejects(question: Question, others: Sequence[str], at: int) -> str | None:
    judge, reference = question.verifier, question.reference
    right = judge.read(rf"\boxed{{{reference}}}")
    accepted = []
    for wrong in _wrong(reference, others, at):
        read = judge.read(rf"\boxed{{{wrong}}}")
        if read is None or read == right:
            continue
        if not judge.verify(reference, read):
            return None
        accepted.append(wrong)
    if not accepted:
        return None
    return (
        f"has the reference {_short(reference)}, but the verifier {judge.spec!r} accepts "
        f"{', '.join(_short(wrong) for wrong in accepted)} as well"
    )


def _wrong(reference: str, others: Sequence[str], at: int) -> Iterator[str]:
    """Yields answers that are wrong as far as one can tell without solving the question."""
    value = number(reference)
    if value is not None:
        yield number_form(2 * value + 1)
        yield number_form(value + Fraction(1_000_003))
    # Neighbours of the question first, so that not every row is tried against the same few references.
    turned = [*others[at % len(others) :], *others[: at % len(others)]] if others else []
    yield from [other for other in turned if other and other != reference][:_OTHERS]
    yield "no such answer"
    yield f"{reference} {reference} 7"
    yield "Z"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 60 else flat[:57] + "…")
