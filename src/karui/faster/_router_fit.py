"""Learning a `Router` from pilot questions, by ridge regression with repeated cross-validation.

Every figure by which one route is preferred to another is measured on folds that did not learn it, and is the
mean over ten deals of the questions to the folds: with some hundred questions one deal alone decides which
route looks good. Repeated cross-validation (Burman, "A comparative study of ordinary cross-validation, v-fold
cross-validation and the repeated learning-testing methods", Biometrika 76(3), 1989); its error holds the
spread between deals, as repeated cross-fitting does (Chernozhukov et al., "Double/debiased machine learning
for treatment and structural parameters", The Econometrics Journal 21(1), 2018, section 3.4). The weights
themselves are learned from all questions, so a deal touches them through the choice of the ridge alone.

numpy is enough: the problems have some hundred rows and columns, and Newton's method solves them in a few
steps.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from karui.core.flow.lesson import Attempt, Lesson, Lessons
from karui.faster._router import CONFIDENCE, ENTROPY, MAIN, Floats, Router, columns

FEWEST = 24
"""Pilot questions below which nothing is learned."""
_MOST, _ROWS = 800, 2
"""Questions, and rows of each, that are learned from at most."""
_WORDS = 256
"""Questions below which their words are not read: they have 128 columns."""
_FOLDS = 5
DEALS = range(10)
"""Numbers of the deals of questions to folds that every judgement is the mean of."""
_RIDGES = (1000.0, 100.0, 10.0, 1.0)
_PRICES = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
_CHEAP = 0.5
"""What is asked first costs at most this share of full thinking."""
_ROUTES = 10
"""Routes that are worth a test, at most."""
_PAIRED = 3
"""Further modes up to which two of them are asked first."""


@dataclass(frozen=True)
class _Table:
    """The pilot as rows: one attempt of each mode at a question.

    Attributes:
        folds: Which fold a row is in, by deal: all of a question are in one; (deals, rows).
        rows: Columns of the question and of the first replies; (rows, columns).
        right: Whether choosing the mode ends right; (rows, modes).
        cost: What choosing it costs now; (rows, modes).
        spent: What the first replies cost; (rows,).
        thought: Whether full thinking is right, without a rescue; (rows,).
    """

    folds: NDArray[np.intp]
    rows: Floats
    right: Floats
    cost: Floats
    spent: Floats
    thought: Floats


@dataclass(frozen=True)
class _Found:
    """A route as folds judge it that did not learn it, by the mean over deals.

    Attributes:
        gain: Mean accuracy gained over full thinking.
        error: Standard error of `gain`: between questions, and between deals.
        cost: Mean cost, that of first replies included.
        first: What it asks first.
        price: Of the cost of one full thinking.
    """

    gain: float
    error: float
    cost: float
    first: tuple[str, ...]
    price: float


@dataclass(frozen=True)
class Fit:
    """What was learned, and how it did on pilot questions that it did not learn from.

    Attributes:
        router: Learned from all pilot questions.
        price: Of the cost of one full thinking.
        gain: Mean accuracy gained over full thinking, by repeated cross-validation.
        error: Standard error of `gain`: between questions, and between deals.
        ratio: Cost as a share of full thinking's, by repeated cross-validation.
    """

    router: Router
    price: float
    gain: float
    error: float
    ratio: float


def fitted(lessons: Lessons, deals: Sequence[int] = DEALS) -> Iterator[Fit]:
    """Yields routers with prices that no other beats in both accuracy and cost, the dearest first.

    Nothing where there are fewer than 24 pilot questions, or none of them saves anything.

    Args:
        lessons: What is learned from.
        deals: Numbers of the deals of questions to folds that routes are judged on.
    """
    asked = [q for q in lessons.questions if all(q.attempts.get(m) for m in lessons.rates)][:_MOST]
    modes = (MAIN, *sorted(m for m in lessons.rates if m != MAIN))
    if len(asked) < FEWEST or len(modes) < 2:
        return
    pupil = _Pupil(asked, modes, lessons.rates, deals)
    found = [each for first in pupil.firsts() for each in pupil.judged(first)]
    frontier: list[_Found] = []
    for each in sorted(found, key=lambda f: (f.cost, -f.gain)):
        if each.cost < pupil.length and (not frontier or each.gain > frontier[-1].gain):
            frontier.append(each)
    for each in reversed(frontier[-_ROUTES:]):
        ratio = each.cost / pupil.length
        yield Fit(pupil.router(each.first), each.price, each.gain, each.error, ratio)


class _Pupil:
    """Learns from pilot questions.

    Attributes:
        length: Mean cost of full thinking.
    """

    def __init__(
        self,
        asked: Sequence[Lesson],
        modes: tuple[str, ...],
        rates: Mapping[str, float],
        deals: Sequence[int] = DEALS,
    ) -> None:
        self._asked, self._modes, self._rates, self._deals = asked, modes, rates, deals
        self._rescue = self._rescues()
        self.length = max(
            1e-9, float(np.mean([self._cost(MAIN, a) for q in asked for a in q.attempts[MAIN]]))
        )
        self._hashed, self._ridge = self._setting()

    def firsts(self) -> list[tuple[str, ...]]:
        """Returns what may be asked first: nothing, a cheap mode, two of them."""
        further = self._modes[1:]
        sets = [(), *((m,) for m in further), *(combinations(further, 2) if len(further) <= _PAIRED else ())]
        mean = {m: np.mean([self._cost(m, a) for q in self._asked for a in q.attempts[m]]) for m in further}
        return [s for s in sets if sum(mean[m] for m in s) <= _CHEAP * self.length]

    def judged(self, first: tuple[str, ...]) -> Iterator[_Found]:
        """Yields how routes that ask these first do on folds they did not learn from, for every price."""
        table = self._table(first, hashed=self._hashed)
        rows = np.arange(len(table.rows))
        gains, errors, costs = [], [], []
        for fold in table.folds:
            chosen = self._held_out_choices(table, first, fold)
            gain = table.right[rows, chosen] - table.thought
            gains.append(gain.mean(axis=1))
            errors.append(gain.std(axis=1, ddof=1) / len(self._asked) ** 0.5)
            costs.append((table.spent + table.cost[rows, chosen]).mean(axis=1))
        gain, cost = np.mean(gains, axis=0), np.mean(costs, axis=0)
        error = np.sqrt(np.mean(np.square(errors) + np.square(gains - gain), axis=0))
        for n, price in enumerate(_PRICES):
            yield _Found(float(gain[n]), float(error[n]), float(cost[n]), first, price)

    def _held_out_choices(
        self, table: _Table, first: tuple[str, ...], fold: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Returns which mode each row gets from what the other folds learned; (prices, rows)."""
        values = np.zeros((len(_PRICES), *table.right.shape))
        for number in range(_FOLDS):
            held = fold == number
            if not held.any() or held.all():
                continue
            router = self._learned(table, first, ~held)
            for n, price in enumerate(_PRICES):
                values[n, held] = router.values(table.rows[held], price)
        return np.asarray(values.argmax(axis=2))

    def router(self, first: tuple[str, ...]) -> Router:
        """Returns the router that asks these first, learned from all questions."""
        table = self._table(first, hashed=self._hashed)
        return self._learned(table, first, np.ones(len(table.rows), dtype=np.bool_))

    def _learned(self, table: _Table, first: tuple[str, ...], on: NDArray[np.bool_]) -> Router:
        rows, modes = table.rows[on], range(len(self._modes))
        right = np.array([logistic(rows, table.right[on, m], self._ridge) for m in modes])
        cost = np.array([_log_linear(rows, table.cost[on, m], self._ridge) for m in modes])
        most = table.cost[on].max(axis=0)
        signals = self._signals(first)
        return Router(self._modes, first, self._rescue, signals, self._hashed, right, cost, most, self.length)

    def _setting(self) -> tuple[bool, float]:
        """Returns whether to read words, and the ridge: the simplest whose loss is within noise of the least.

        On folds held out, over all deals; the one-standard-error rule of Breiman et al., "Classification and
        Regression Trees", 1984, 3.4.3.
        """
        readings = (False, True) if len(self._asked) >= _WORDS else (False,)
        losses = {
            (hashed, ridge): _held_out_losses(self._table((), hashed=hashed), ridge)
            for hashed in readings
            for ridge in _RIDGES
        }
        least = min(losses.values(), key=lambda loss: float(loss.mean()))
        for setting, loss in losses.items():
            more = loss - least
            if more.mean() <= more.std() / len(self._asked) ** 0.5:
                return setting
        return False, _RIDGES[0]

    def _table(self, first: tuple[str, ...], *, hashed: bool) -> _Table:
        signals = self._signals(first)
        folds, rows, right, cost, spent, thought = [], [], [], [], [], []
        for question in self._asked:
            for n in range(min(_ROWS, max(len(a) for a in question.attempts.values()))):
                here = {m: question.attempts[m][n % len(question.attempts[m])] for m in self._modes}
                folds.append([_fold(question.question, deal) for deal in self._deals])
                replies = [here[m].reply for m in first]
                rows.append(columns(question.prompt, replies, signals, hashed=hashed))
                ends = [self._ends(here, m, first) for m in range(len(self._modes))]
                right.append([float(r) for r, _ in ends])
                cost.append([c for _, c in ends])
                spent.append(sum(self._cost(m, here[m]) for m in first))
                thought.append(float(here[MAIN].right))
        return _Table(np.array(folds).T, *map(np.array, (rows, right, cost, spent, thought)))

    def _ends(self, here: Mapping[str, Attempt], mode: int, first: tuple[str, ...]) -> tuple[bool, float]:
        """Returns whether a mode's answer, or its rescue's, is right, and what it takes beyond the first."""
        name, other = self._modes[mode], self._modes[self._rescue[mode]]
        cost = 0.0 if name in first else self._cost(name, here[name])
        if here[name].reply.answer is not None:
            return here[name].right, cost
        return here[other].right, cost + (0.0 if other in first else self._cost(other, here[other]))

    def _rescues(self) -> tuple[int, ...]:
        """Returns which mode is right most often where another has no answer; where all have, in general."""
        found = []
        for mode in self._modes:
            lost = [q for q in self._asked if any(a.reply.answer is None for a in q.attempts[mode])]
            right = [
                -1.0
                if other == mode
                else float(np.mean([a.right for q in lost or self._asked for a in q.attempts[other]]))
                for other in self._modes
            ]
            found.append(int(np.argmax(right)))
        return tuple(found)

    def _signals(self, first: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the signals that all replies of these modes have."""
        replies = [a.reply for q in self._asked for m in first for a in q.attempts[m]]
        has = {
            CONFIDENCE: all(r.confidence is not None or r.answer is None for r in replies)
            and any(r.confidence is not None for r in replies),
            ENTROPY: all(
                r.trace is not None and (len(r.trace.signals.entropy) or not r.trace.thinking_tokens)
                for r in replies
            )
            and any(r.trace is not None and len(r.trace.signals.entropy) for r in replies),
        }
        return tuple(name for name, there in has.items() if there)

    def _cost(self, mode: str, attempt: Attempt) -> float:
        return self._rates[mode] * attempt.tokens


def logistic(rows: Floats, right: Floats, ridge: float) -> Floats:
    """Returns the weights of a logistic regression with an L2 penalty on all but the first column.

    Newton's method (iteratively reweighted least squares; Hastie, Tibshirani and Friedman, "The Elements of
    Statistical Learning", 4.4.1). Columns are standardised meanwhile, so that the penalty does not depend on
    units. Where all rows are right or all wrong, half a row is taken to be otherwise.

    Args:
        rows: The first column is 1; (rows, columns).
        right: From 0 to 1; (rows,).
        ridge: Strength of the penalty.
    """
    middle, scale = _standard(rows)
    scaled = (rows - middle) / scale
    half = 0.5 / (len(rows) + 1)
    aim = np.clip(right, half, 1.0 - half) if right.min() == right.max() else right
    penalty = np.full(rows.shape[1], ridge)
    penalty[0] = 1e-9
    weights = np.zeros(rows.shape[1])
    mean = float(aim.mean())
    weights[0] = np.log(mean / (1.0 - mean))
    for _ in range(25):
        chance = 1.0 / (1.0 + np.exp(-np.clip(scaled @ weights, -30.0, 30.0)))
        slope = scaled.T @ (chance - aim) + penalty * weights
        curve = (scaled * (chance * (1.0 - chance) + 1e-9)[:, None]).T @ scaled + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-6:
            break
    return _unscaled(weights, middle, scale)


def _log_linear(rows: Floats, cost: Floats, ridge: float) -> Floats:
    """Returns the weights of a ridge regression of log(1 + cost), moved so that the mean cost is met."""
    middle, scale = _standard(rows)
    scaled, aim = (rows - middle) / scale, np.log1p(cost)
    penalty = np.full(rows.shape[1], ridge)
    penalty[0] = 1e-9
    weights = np.asarray(np.linalg.solve(scaled.T @ scaled + np.diag(penalty), scaled.T @ aim), np.float64)
    told = float(np.exp(np.clip(scaled @ weights, 0.0, 30.0)).mean())
    weights[0] += float(np.log((1.0 + cost.mean()) / told))  # the mean of logarithms is not the mean's
    return _unscaled(weights, middle, scale)


def _standard(rows: Floats) -> tuple[Floats, Floats]:
    """Returns the columns' means and deviations, such that the first and constant ones stay as they are."""
    middle, scale = rows.mean(axis=0), rows.std(axis=0)
    flat = scale < 1e-9
    scale[flat] = 1.0
    middle[0] = 0.0
    return middle, scale


def _unscaled(weights: Floats, middle: Floats, scale: Floats) -> Floats:
    plain = weights / scale
    plain[0] -= float(plain @ middle)
    return plain


def _fold(question: str, deal: int) -> int:
    """Returns the fold that a question is in: by its id, so that no other question moves it."""
    return crc32(f"{question}/{deal}".encode("utf-8", "surrogatepass")) % _FOLDS


def _held_out_losses(table: _Table, ridge: float) -> Floats:
    """Returns the cross-validated log loss of all modes together, row by row, the mean over the deals."""
    loss = np.zeros(len(table.rows))
    for fold in table.folds:
        for number in range(_FOLDS):
            held = fold == number
            if not held.any() or held.all():
                continue
            for mode in range(table.right.shape[1]):
                weights = logistic(table.rows[~held], table.right[~held, mode], ridge)
                odds = np.clip(table.rows[held] @ weights, -30.0, 30.0)
                loss[held] += np.logaddexp(0.0, odds) - table.right[held, mode] * odds
    return loss / len(table.folds)
