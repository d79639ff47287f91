"""Further signals for `route`, judged within the pilot: `python bench/route.py --signals`.

The test part is not looked at. Each signal is put beside the columns that a route reads already (length,
script, signs and numbers of the question; of a first reply whether it answers, its length, the size of the
answer and whether it stands in the question, and which replies agree). Tried are

* `words`: the question's words, hashed into 128 numbers, which routes read from 256 pilot questions on;
* `words, 8`: their eight main components;
* `karui-mini, 8` and `, 32`: the main components of karui-mini's last hidden states, the mean over the
  question's tokens: the one language model that is there without a network;
* `workings`: of each first reply how many equations it writes, how many of them do not hold, how many of the
  question's numbers it leaves out, and whether its answer is a result that it wrote.

A kind of question, where a recording has one, is a label of its task and stands in no request; GSM8K has
none.

The rule, fixed here, on one reply of each mode: a signal is taken if it lowers the log loss of all modes
together by more than one standard error over the questions, on folds that did not learn it; each side has the
best of the ridges that routes try. Folds are dealt five times anew. Components are those of the pilot's
texts; no answer is in them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from _figures import Figures

from karui.core.flow.lesson import Lesson, Lessons
from karui.core.trace import Reply
from karui.domain.features import features
from karui.domain.reference import vector
from karui.faster._router import MAIN, Floats
from karui.faster._router_fit import _RIDGES, _held_out_losses, _Pupil, _Table
from karui.measure.intervals import mean_interval
from karui.models import place

DEALS = range(5)
MARGIN = 0.02
FIRSTS = ((), ("cot",), ("cot", "few-shot"), ("cot", "direct", "few-shot"))
"""What may be asked first, where these modes are there."""
_EQUATION = re.compile(
    r"(?<![\d.])(\d[\d,]*(?:\.\d+)?)\s*(\+|-|−|\*|×|x|/|÷|\\times|\\div)\s*\$?"
    r"(\d[\d,]*(?:\.\d+)?)\s*=\s*\$?(\d[\d,]*(?:\.\d+)?)"
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")

Signal = Callable[[Lesson, Sequence[Reply]], Sequence[float]]
"""Columns of a question and of the replies to what was asked first."""


@dataclass(frozen=True)
class Judged:
    """What a signal does on folds that did not learn from it.

    Attributes:
        loss: By question, mean log loss of all modes together.
        routes: By price, gain over full thinking, its standard error, and cost as a share of it.
    """

    loss: Floats
    routes: tuple[tuple[float, float, float], ...]


class Pupil(_Pupil):
    """Learns from the pilot as routes do, with further columns."""

    def __init__(self, lessons: Lessons, signal: Signal, deal: int = 0) -> None:
        self._signal = signal
        modes = (MAIN, *sorted(m for m in lessons.rates if m != MAIN))
        super().__init__(lessons.questions, modes, lessons.rates, [deal])

    def _table(self, first: tuple[str, ...], *, hashed: bool) -> _Table:
        table = super()._table(first, hashed=hashed)
        more = np.array([self._signal(q, [q.attempts[mode][0].reply for mode in first]) for q in self._asked])
        return replace(table, rows=np.hstack([table.rows, more.reshape(len(table.rows), -1)]))

    def _setting(self) -> tuple[bool, float]:
        """Returns the best ridge, without the product's own columns of words."""
        return False, min(_RIDGES, key=lambda ridge: float(self.losses((), ridge).mean()))

    def losses(self, first: tuple[str, ...], ridge: float) -> Floats:
        """Returns the log loss of every question on held-out folds."""
        return _held_out_losses(self._table(first, hashed=False), ridge)

    def judge(self, first: tuple[str, ...]) -> Judged:
        """Returns what becomes of routes that ask these modes first."""
        best = min((self.losses(first, ridge) for ridge in _RIDGES), key=lambda loss: float(loss.mean()))
        found = ((f.gain, f.error, f.cost / self.length) for f in self.judged(first))
        return Judged(best, tuple(found))


def compared(figures: Figures, lessons: Lessons) -> None:
    """Every signal beside what routes read now."""
    single = replace(lessons, questions=tuple(_single(q) for q in lessons.questions))
    firsts = [f for f in FIRSTS if set(f) <= set(lessons.rates)]
    of_questions = dict(signals(single))
    for first in firsts:
        asked = f"after {' and '.join(first)}" if first else "before any reply"
        base = [Pupil(single, nothing, deal).judge(first) for deal in DEALS]
        figures.shown(f"{asked}: log loss now", _mean(base).mean(), "", 4)
        figures.note(f"{asked}: {cheapest(base)} by what is read now")
        for name, signal in (of_questions | ({"workings": workings} if first else {})).items():
            found = [Pupil(single, signal, deal).judge(first) for deal in DEALS]
            less = mean_interval(_mean(base) - _mean(found), bounds=None)
            error = float((_mean(base) - _mean(found)).std(ddof=1) / len(single.questions) ** 0.5)
            figures.shown(f"{asked}, {name}: log loss less", less, "", 4)
            verdict = "taken" if less.value > error else "not taken"
            figures.note(f"{asked}, {name}: {verdict}; {cheapest(found)}")


def cheapest(judged: Sequence[Judged]) -> str:
    """Returns in words the cheapest route within the margin, by the mean over the deals."""
    means = np.mean([j.routes for j in judged], axis=0)
    fit = [row for row in means if row[1] - row[0] <= MARGIN and row[2] < 1]
    if not fit:
        return "no route within the margin"
    gain, error, ratio = min(fit, key=lambda row: row[2])
    return f"cheapest route {ratio:.3f}×, gain {100 * gain:+.1f} ± {100 * error:.1f} points"


def signals(lessons: Lessons) -> Iterator[tuple[str, Signal]]:
    """Yields the signals of a question by name."""
    texts = [q.prompt.user for q in lessons.questions]
    words = np.array([vector(features(q.prompt)) / 127.0 for q in lessons.questions])
    hidden = embedded(texts)
    for name, table in (
        ("words", words),
        ("words, 8", components(words, 8)),
        ("karui-mini, 8", components(hidden, 8)),
        ("karui-mini, 32", components(hidden, 32)),
    ):
        rows = dict(zip(texts, table.tolist(), strict=True))
        yield name, lambda q, _, rows=rows: rows[q.prompt.user]


def nothing(lesson: Lesson, replies: Sequence[Reply]) -> Sequence[float]:
    """No signal: what routes read now."""
    return ()


def workings(lesson: Lesson, replies: Sequence[Reply]) -> Sequence[float]:
    """Of each reply: its equations, those that do not hold, numbers left out, whether it wrote its answer."""
    asked = set(map(_value, _NUMBER.findall(lesson.prompt.user)))
    columns: list[float] = []
    for reply in replies:
        text = "" if reply.trace is None else reply.trace.thinking + reply.trace.text
        equations = [(_value(a), sign, _value(b), _value(c)) for a, sign, b, c in _EQUATION.findall(text)]
        wrong = sum(not _holds(*equation) for equation in equations)
        said = set(map(_value, _NUMBER.findall(text)))
        answer = _NUMBER.search(reply.answer or "")
        columns += [
            float(np.log1p(len(equations))),
            wrong / max(1, len(equations)),
            len(asked - said) / max(1, len(asked)),
            float(answer is not None and _value(answer.group()) in {c for *_, c in equations}),
        ]
    return columns


def components(table: Floats, most: int) -> Floats:
    """Returns the rows in their main components, scaled to a deviation of 1; (rows, components)."""
    centred = table - table.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    keep = min(most, int((sizes > 1e-6 * sizes[0]).sum()))
    return np.asarray(left[:, :keep] * len(table) ** 0.5)


def embedded(texts: Sequence[str]) -> Floats:
    """Returns karui-mini's last hidden states, the mean over each text's tokens; (texts, 384)."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folder = place("karui-mini")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    rows = []
    with torch.inference_mode():
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=1024)["input_ids"]
            rows.append(model(input_ids=tokens).last_hidden_state[0].mean(dim=0).numpy())
    return np.array(rows, dtype=np.float64)


def _single(lesson: Lesson) -> Lesson:
    """Returns the question with the first attempt of each mode."""
    return replace(lesson, attempts={mode: attempts[:1] for mode, attempts in lesson.attempts.items()})


def _mean(judged: Sequence[Judged]) -> Floats:
    return np.asarray(np.mean([j.loss for j in judged], axis=0))


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _holds(left: float, sign: str, right: float, result: float) -> bool:
    if sign == "+":
        return abs(left + right - result) < 0.01
    if sign in "-−":
        return abs(left - right - result) < 0.01
    if sign in {"*", "×", "x", "\\times"}:
        return abs(left * right - result) < 0.01
    return right != 0 and abs(left / right - result) < 0.01
