"""Outcomes: what a plan came to on one question."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from karui.core.engine import ModelInfo
from karui.core.errors import EngineError
from karui.core.plan import Plan
from karui.core.trace import Trace
from karui.core.usage import COUNTS, TokenUsage

BILL_FIELDS = tuple(f.name for f in fields(TokenUsage))
"""The order of the last axis of `Outcomes.bills`."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast a model generated when it was recorded; 0 where unknown.

    Attributes:
        seconds_per_token: Mean wall time of one token of one trace, as many streams running as then ran.
        tokens_per_second: Throughput of all streams together.
    """

    seconds_per_token: float = 0.0
    tokens_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question under one plan.

    Attributes:
        question: The question's id.
        answer: Canonical; None where the plan abstained.
        correct: The verdict; an abstention is not correct.
        confidence: As in `Reply`.
        bills: What it cost, by model.
        time: Token-time along the longest path.
        held: By model, the most positions that its KV cache held at once (see `ResourceUse`).
        busy: By model, the token-time during which a trace of it was running.
        started: How many traces it started.
        truncated: How many of them the token limit cut.
        looped: How many of them came to say the same passage again and again; None where a text is missing
            or nobody looked.
        traces: Every trace it cost, in the order of starting; empty when replayed in bulk.
        asked: The model of each of `traces`.
        seconds: Wall time from the ask to the reply; 0 when replayed.
        first_answer_seconds: Wall time to the first token of the answer; 0 when replayed.
        error: What the engine said if the question failed; the outcome then counts as not correct.
        failure: The same as it was raised; None when replayed.
    """

    question: str
    answer: str | None
    correct: bool
    confidence: float | None
    bills: Mapping[str, TokenUsage]
    time: int
    held: Mapping[str, int] = field(default_factory=dict)
    busy: Mapping[str, int] = field(default_factory=dict)
    started: int = 1
    truncated: int = 0
    looped: int | None = None
    traces: tuple[Trace, ...] = field(default=(), repr=False)
    asked: tuple[str, ...] = field(default=(), repr=False)
    seconds: float = 0.0
    first_answer_seconds: float = 0.0
    error: str = ""
    failure: EngineError | None = field(default=None, repr=False, compare=False)

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return self.answer is not None

    @property
    def tokens(self) -> int:
        """Everything generated, by all models."""
        return sum(bill.generated for bill in self.bills.values())


class Span(NamedTuple):
    """When a trace ran.

    Attributes:
        model: The name it was asked by.
        began: The token-time of its beginning.
        trace: The trace as it ended.
    """

    model: str
    began: int
    trace: Trace


class ResourceUse(NamedTuple):
    """What the traces of one outcome come to, by model in the order of asking.

    Attributes:
        bills: What they cost.
        held: The most positions that they held in their model's KV cache at once. A trace is counted with
            its full length from beginning to end, so the figure is an upper bound. Models have caches of
            their own, and their peaks need not fall together: their sum is what has to be there.
        busy: The token-time during which at least one of them was running.
    """

    bills: dict[str, TokenUsage]
    held: dict[str, int]
    busy: dict[str, int]

    @staticmethod
    def of(spans: Sequence[Span]) -> "ResourceUse":
        """Returns the account of these traces."""
        by_model: dict[str, list[Span]] = {}
        for span in spans:
            by_model.setdefault(span.model, []).append(span)
        account = ResourceUse({}, {}, {})
        for model, ran in by_model.items():
            account.bills[model] = TokenUsage.total([s.trace.usage for s in ran])
            if len({s.began for s in ran}) == 1:  # all begin together, so all are there at once
                account.held[model] = sum([_positions(s.trace) for s in ran])
                account.busy[model] = max([s.trace.time for s in ran])
            else:
                account.held[model], account.busy[model] = _peak(ran), _busy(ran)
        return account


def _peak(spans: Sequence[Span]) -> int:
    events = []
    for _, began, trace in spans:
        held = _positions(trace)
        events += [(began, 1, held), (began + trace.time, 0, -held)]
    now = peak = 0
    for _, _, change in sorted(events):
        now += change
        peak = max(peak, now)
    return peak


def _busy(spans: Sequence[Span]) -> int:
    busy = until = 0
    for began, end in sorted([(s.began, s.began + s.trace.time) for s in spans]):
        busy += max(0, end - max(began, until))
        until = max(until, end)
    return busy


def _positions(trace: Trace) -> int:
    return trace.usage.prompt + trace.thinking_tokens + trace.answer_tokens


@dataclass(frozen=True)
class Outcomes:
    """One plan on many questions, several runs each, as arrays of shape [questions, runs].

    Questions that have fewer runs than others are padded with NaN.

    Attributes:
        plan: The plan.
        questions: Ids, in the order of the rows.
        kinds: Their kinds.
        correct: 1 where the reply was right, else 0.
        confidence: The reply's confidence, NaN where there is none.
        answered: 1 where there was an answer.
        traces: Traces started.
        truncated: Of them, cut by the token limit.
        looped: Of them, those that loop; NaN where that is not known.
        time: Token-time along the longest path.
        held: For each model, the most positions that its KV cache held at once.
        busy: For each model, the token-time during which a trace of it was running.
        bills: For each model an array [questions, runs, 7] in the order of `TokenUsage`'s fields.
        live: Whether an engine ran, or a recording was replayed.
        seconds: Wall time per run when live; empty otherwise.
        first_answer_seconds: Wall time to the first token of the answer when live; empty otherwise.
        errors: Questions that failed on the engine, when live.
        models: The card of each model that the plan may ask, by the name it asks for; those it never came
            to ask are here too: they have to be kept loaded. Empty where nothing is known of them.
        paces: How fast each generated when it was recorded; empty when live.
    """

    plan: Plan
    questions: tuple[str, ...]
    kinds: tuple[str, ...]
    correct: NDArray[np.float32]
    confidence: NDArray[np.float32]
    answered: NDArray[np.float32]
    traces: NDArray[np.float32]
    truncated: NDArray[np.float32]
    looped: NDArray[np.float32]
    time: NDArray[np.float32]
    held: Mapping[str, NDArray[np.float32]]
    busy: Mapping[str, NDArray[np.float32]]
    bills: Mapping[str, NDArray[np.float64]]
    live: bool = False
    seconds: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    first_answer_seconds: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    errors: int = 0
    models: Mapping[str, ModelInfo] = field(default_factory=dict)
    paces: Mapping[str, Throughput] = field(default_factory=dict)
    _means: dict[Hashable, NDArray[Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Mean correctness of each question over its runs, shape [questions]."""
        return self.remembered(
            "accuracy", lambda: np.asarray(np.nanmean(self.correct, axis=1, dtype=np.float64))
        )

    def billed(self, *kinds: str, model: str | None = None) -> NDArray[np.float64]:
        """Returns the mean of these kinds of the bill, shape [questions]; of all models, or of one."""
        columns = [BILL_FIELDS.index(kind) for kind in kinds]

        def mean(name: str) -> NDArray[np.float64]:
            return np.asarray(self.spent(name)[:, columns].sum(axis=1) / self._ran)

        total: NDArray[np.float64] = np.zeros(len(self.questions))
        for name in self.models_billed:
            if model in {None, name}:
                total += self.remembered((name, *columns), partial(mean, name))
        return total

    def spent(self, model: str) -> NDArray[np.float64]:
        """Returns the sums of a model's bills over the runs, shape [questions, 7].

        They are whole numbers: in whichever order they are added up, they come to the same.
        """
        return self.remembered((model, "spent"), lambda: spent_in(self.bills[model]))

    @property
    def _ran(self) -> NDArray[np.int64]:
        """How many runs each question has, shape [questions]."""
        return self.remembered("ran", lambda: np.isfinite(self.correct).sum(axis=1))

    @property
    def models_billed(self) -> tuple[str, ...]:
        """The models that there are bills of."""
        return tuple(self.bills)

    def remembered(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Returns what `make` returns, [questions], made once: means are asked for again and again."""
        if key not in self._means:
            self._means[key] = make()
            self._means[key].flags.writeable = False
        return self._means[key]

    @property
    def tokens(self) -> NDArray[np.float64]:
        """Mean tokens generated for each question, all models together, shape [questions]."""
        return self.generated()

    def generated(self, model: str | None = None) -> NDArray[np.float64]:
        """Returns mean tokens generated for each question, shape [questions]; of all models, or of one."""
        return self.billed("thinking", "answer", "trial", "dropped", model=model)

    @staticmethod
    def of(
        plan: Plan,
        rows: Sequence[tuple[str, str, Sequence[Outcome]]],
        *,
        live: bool,
        models: Mapping[str, ModelInfo] | None = None,
        paces: Mapping[str, Throughput] | None = None,
    ) -> "Outcomes":
        """Gathers (question id, kind, its outcomes) into arrays."""
        runs = max(len(outcomes) for _, _, outcomes in rows)
        names = sorted({m for _, _, outcomes in rows for o in outcomes for m in o.bills} | set(models or ()))
        flat = np.full((len(rows), runs, len(_COLUMNS)), np.nan, np.float32)
        bills = {m: np.full((len(rows), runs, len(BILL_FIELDS)), np.nan) for m in names}
        held = {m: np.full((len(rows), runs), np.nan, np.float32) for m in names}
        busy = {m: np.full((len(rows), runs), np.nan, np.float32) for m in names}
        for i, (_, _, outcomes) in enumerate(rows):
            there = len(outcomes)
            flat[i, :there] = [_CELLS(o) for o in outcomes]
            for m in names:
                bills[m][i, :there] = [COUNTS(o.bills.get(m, _NOTHING)) for o in outcomes]
                held[m][i, :there] = [o.held.get(m, 0) for o in outcomes]
                busy[m][i, :there] = [o.busy.get(m, 0) for o in outcomes]
        column = {name: flat[:, :, c] for c, name in enumerate(_COLUMNS)}
        if not live:
            column["seconds"] = column["first_answer_seconds"] = np.empty((0, 0), np.float32)
        return Outcomes(
            plan=plan,
            questions=tuple(q for q, _, _ in rows),
            kinds=tuple(k for _, k, _ in rows),
            bills=bills,
            held=held,
            busy=busy,
            live=live,
            errors=sum(bool(o.error) for _, _, outcomes in rows for o in outcomes),
            models=models or {},
            paces=paces or {},
            **column,
        )


def spent_in(bills: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the sums over the runs of bills of shape [questions, runs, 7]."""
    return np.asarray(np.nansum(bills, axis=1))


_NOTHING = TokenUsage()
_COLUMNS = {
    "correct": "correct",
    "confidence": "confidence",
    "answered": "answered",
    "traces": "started",
    "truncated": "truncated",
    "looped": "looped",
    "time": "time",
    "seconds": "seconds",
    "first_answer_seconds": "first_answer_seconds",
}
"""Names of the arrays of shape [questions, runs], and of what they hold of an outcome."""
_CELLS = attrgetter(*_COLUMNS.values())
