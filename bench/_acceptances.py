"""Worlds of an acceptance: the buyer's questions and the study's, of one recording and never the same.

Verdicts are those that were recorded. In worlds that are worse, right answers of the plan are made wrong for
the buyer, until it loses what is asked for on average: reply by reply, or all replies to a question.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.core.study import DifferenceCount
from karui.core.study.choice import Rule
from karui.passport.acceptance import Acceptance, AcceptancePlan
from karui.selection.certify import certify
from karui.selection.evidence import Evidence
from karui.selection.looks.differences import difference_counts, paired_replies
from karui.selection.looks.ledger import Ledger
from karui.selection.select import Fitness, lined_up

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Replies:
    """Whether each reply is right, by full thinking and by the plan; shape (questions, replies)."""

    full: Floats
    plan: Floats

    @property
    def loss(self) -> float:
        """What the plan loses on all of them."""
        return float((self.full - self.plan).mean())

    def of(self, rows: NDArray[np.intp]) -> "Replies":
        """Returns those to some of the questions."""
        return Replies(self.full[rows], self.plan[rows])

    def counts(self, replies: int | None = None) -> tuple[DifferenceCount, ...]:
        """Returns what a passport holds of them; of the first so many replies to each question."""
        d, both = (self.full - self.plan)[:, :replies], (self.full * self.plan)[:, :replies]
        columns = [column.sum(axis=1).tolist() for column in (d > 0, d < 0, both > 0)]
        alike = Counter(zip(*columns, strict=True))
        return tuple(DifferenceCount(*key, replies=d.shape[1], questions=n) for key, n in alike.items())


@dataclass(frozen=True)
class Row:
    """One kind of world.

    Attributes:
        name: Of its row.
        plan: What was agreed, but for the study's figures.
        tested: Questions of the study at most; all that the buyer does not ask, if they are fewer.
        recorded: Replies to each question of the study; None is all that there are.
        whole: Whether a loss takes whole questions.
        paired: Whether full thinking and plan have the buyer's traces in common, as they had the study's.
    """

    name: str
    plan: AcceptancePlan
    tested: int
    recorded: int | None = None
    whole: bool = False
    paired: bool = True


def spoilt(rng: np.random.Generator, replies: Replies, by: float, *, whole: bool) -> Replies:
    """Returns replies whose plan loses so much more on average."""
    share = by / float(replies.plan.mean())
    drawn = rng.random((len(replies.plan), 1) if whole else replies.plan.shape)
    return Replies(replies.full, replies.plan * (drawn >= share))


def asked(rng: np.random.Generator, replies: Replies, samples: int, *, paired: bool = True) -> Floats:
    """Returns the differences of a buyer's replies, so many of each question."""
    traces = replies.full.shape[1]
    columns = np.stack([rng.permutation(traces)[:samples] for _ in replies.full])
    other = columns if paired else (columns + rng.integers(1, traces, (len(columns), 1))) % traces
    here = np.arange(len(columns))[:, None]
    return np.asarray(replies.full[here, columns] - replies.plan[here, other])


def world(rng: np.random.Generator, of: Replies, row: Row, loss: float | None) -> Acceptance:
    """Draws one acceptance of a plan that is known; where a loss is named, it loses that for the buyer."""
    order = rng.permutation(len(of.full))
    ours, theirs = np.split(order, [row.plan.questions])
    study = of.of(theirs[: row.tested]).counts(row.recorded)
    bought = of if loss is None else spoilt(rng, of, loss - of.loss, whole=row.whole)
    d = asked(rng, bought.of(ours), row.plan.samples, paired=row.paired)
    plan = row.plan if row.tested == 0 else replace(row.plan, study=study)
    return plan.verdict(d, paired=row.paired, seed=int(rng.integers(2**31)))[0]


def shares(found: Sequence[Acceptance]) -> dict[Acceptance, float]:
    """Returns in what share of worlds each verdict came, in percent."""
    return {verdict: 100 * found.count(verdict) / max(1, len(found)) for verdict in Acceptance}


def refused(found: dict[Acceptance, float]) -> float:
    """Returns the share that was contradicted or not reproduced."""
    return found[Acceptance.CONTRADICTED] + found[Acceptance.NOT_REPRODUCED]


@dataclass(frozen=True)
class Chosen:
    """A study on a part of the questions, its choice, and what the buyer's questions hold.

    Attributes:
        study: What its passport holds.
        measured: The loss that it estimated.
        true: What the plan loses on all questions of the recording.
        bought: Differences of the replies to the buyers' questions; shape (questions, replies).
    """

    study: tuple[DifferenceCount, ...]
    measured: float
    true: float
    bought: Floats


class Studies:
    """Studies of parts of one recording, of which every plan was replayed once."""

    def __init__(self, evidence: Evidence, recording: Recording) -> None:
        """Takes what a study replayed, pilot and test questions alike."""
        both = evidence.pilot.keys() & evidence.test.keys()
        self._outcomes = {
            key: joined(evidence.pilot[key], outcomes)
            for key, outcomes in evidence.test.items()
            if key in both
        }
        self._baseline, self._recording = evidence.baseline, recording

    def drawn(
        self, rng: np.random.Generator, bought: int, pilot: int, tested: int, rule: Rule
    ) -> Iterator[Chosen | None]:
        """Yields study after study, each of other questions; None where it chose nothing.

        Args:
            rng: Draws which questions are whose.
            bought: The buyers'.
            pilot: Those that decide what is tested.
            tested: Those that it is tested on.
            rule: Margin, level and axis.
        """
        while True:
            order = rng.permutation(len(self._outcomes[self._baseline].questions))
            ours, first, rest = np.split(order, [bought, bought + pilot])
            yield self._study(first, rest[:tested], ours, rule)

    def _study(
        self, pilot: NDArray[np.intp], test: NDArray[np.intp], ours: NDArray[np.intp], rule: Rule
    ) -> Chosen | None:
        base = self._outcomes[self._baseline]
        piloted = Evidence(
            {key: rows_of(o, pilot) for key, o in self._outcomes.items()},
            {self._baseline: rows_of(base, test)},
            self._baseline,
        )
        line = [self._outcomes[plan.id] for plan in lined_up(piloted, rule, len(test))]
        evidence = replace(piloted, test={o.plan.id: rows_of(o, test) for o in (base, *line)})
        cost = evidence.cost_model.measure(rule.minimize, list(evidence.test.values()))
        judged = Fitness.of(evidence, rule, cost, self._recording.manifest)
        plans = [o.plan for o in line]
        able = [p for p in certify(evidence, plans, rule, Ledger()).plans if judged.enough(p)]
        best = max(able, key=lambda p: judged.saving[p.id], default=None)
        if best is None:
            return None
        plan, before = self._outcomes[best.id], evidence.test[self._baseline]
        return Chosen(
            difference_counts(before, evidence.test[best.id], evidence.order),
            float(evidence.order.losses(before, evidence.test[best.id]).mean()),
            float((base.accuracy - plan.accuracy).mean()),
            np.subtract(*paired_replies(rows_of(base, ours), rows_of(plan, ours))),
        )


_ARRAYS = ("correct", "confidence", "answered", "traces", "truncated", "looped", "time")
_BY_MODEL = ("held", "busy", "bills")


def rows_of(outcomes: Outcomes, rows: NDArray[np.intp]) -> Outcomes:
    """Returns the outcomes of some of the questions."""
    return replace(
        outcomes,
        questions=tuple(outcomes.questions[n] for n in rows),
        kinds=tuple(outcomes.kinds[n] for n in rows),
        **{name: getattr(outcomes, name)[rows] for name in _ARRAYS},
        **{name: {m: a[rows] for m, a in getattr(outcomes, name).items()} for name in _BY_MODEL},
    )


def joined(first: Outcomes, second: Outcomes) -> Outcomes:
    """Returns the outcomes of one plan on the questions of both."""
    return replace(
        first,
        questions=(*first.questions, *second.questions),
        kinds=(*first.kinds, *second.kinds),
        **{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in _ARRAYS},
        **{
            name: {m: np.concatenate([a, getattr(second, name)[m]]) for m, a in getattr(first, name).items()}
            for name in _BY_MODEL
        },
    )


def bought_by(chosen: Chosen, plan: AcceptancePlan, buyers: int, seed: int) -> list[Acceptance]:
    """Returns what the acceptances of several buyers of a choice come to, each on questions of its own."""
    agreed = replace(plan, study=chosen.study)
    parts = np.split(chosen.bought[: buyers * plan.questions, : plan.samples], buyers)
    return [agreed.verdict(d, seed=seed * buyers + n)[0] for n, d in enumerate(parts)]


def some(found: Iterator[Chosen | None], worlds: int, tries: int) -> tuple[list[Chosen], int]:
    """Returns so many choices of so many tries at most, and how many tries it took."""
    made: list[Chosen] = []
    took = 0
    for each in islice(found, tries):
        took += 1
        made += [] if each is None else [each]
        if len(made) == worlds:
            break
    return made, took
