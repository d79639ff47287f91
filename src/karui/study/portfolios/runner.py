"""Runs the proofs of concept of a portfolio one by one, as far as the budget holds them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TypeAlias

from filelock import FileLock, Timeout

from karui.codec.files import load_study
from karui.core.errors import InputError, KaruiError
from karui.core.study import LiveRun, Study
from karui.measure.machine import machine
from karui.portfolios.budget import Prices, Spending
from karui.portfolios.entry import Advice, Entry, State, Wanted
from karui.portfolios.portfolio import Portfolio, portfolio_of
from karui.portfolios.returns import returns_of
from karui.study.portfolios.expected import expected, probed, traces_wanted, wanted_by
from karui.study.portfolios.file import Poc, PortfolioConfig
from karui.study.portfolios.state import Book, options_digest, recorded
from karui.study.progress import Progress
from karui.study.run import Job, run

_BEAT_SECONDS = 5.0
"""How often the hours are written down, so that a run that is killed loses no more of them."""


@dataclass
class _Clock:
    """A `Progress` that also writes down how long a proof of concept has taken.

    Attributes:
        book: Where.
        name: Of the proof of concept.
        told: Who else hears.
    """

    book: Book
    name: str
    told: Progress
    _before: float = field(init=False)
    _began: float = field(default_factory=monotonic, init=False)
    _noted: float = field(default_factory=monotonic, init=False)

    def __post_init__(self) -> None:
        self._before = self.book.of(self.name).hours

    def begin(self, label: str, total: int | None = None) -> None:
        """Passes it on."""
        self._beat()
        self.told.begin(f"{self.name}: {label}", total)

    def at(self, done: int, total: int, note: str = "") -> None:
        """Passes it on."""
        self._beat()
        self.told.at(done, total, note)

    def say(self, text: str = "") -> None:
        """Passes it on."""
        self.told.say(text)

    def warn(self, text: str) -> None:
        """Passes it on, with the name."""
        self.told.warn(f"{self.name}: {text}")

    def note(self) -> None:
        """Writes it down now."""
        self._noted = monotonic()
        self.book.note(self.name, hours=self._before + (self._noted - self._began) / 3600)

    def _beat(self) -> None:
        if monotonic() - self._noted > _BEAT_SECONDS:
            self.note()


Preparing: TypeAlias = Callable[[Poc, Progress], Job]
"""Reads and checks what a proof of concept needs, before its first token."""


async def run_portfolio(config: PortfolioConfig, progress: Progress, prepare: Preparing) -> Portfolio:
    """Runs or resumes every proof of concept that is not done, one after the other, within the budget.

    One whose expected cost exceeds what is left is not begun, and the next is tried. One that fails does not
    stop the others.

    Args:
        config: The portfolio's file.
        progress: Hears of every step.
        prepare: Prepares one.

    Raises:
        InputError: Another process runs this portfolio, or what was kept of it cannot be read.
        StorageError: The folder cannot be written.
    """
    with _alone(config):
        book = Book.open(config.out)
        for poc in config.pocs:
            if _begins(poc, book):
                await _run_one(config, poc, book, progress, prepare)
        return summed_up(config, book)


@contextmanager
def _alone(config: PortfolioConfig) -> Iterator[None]:
    config.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(config.out / ".lock", timeout=0):
            yield
    except Timeout as taken:
        raise InputError(
            f"Another process runs the portfolio in {config.out}.",
            remedy="Wait for it, or give another --out.",
        ) from taken


def _begins(poc: Poc, book: Book) -> bool:
    """Returns whether a proof of concept is still to be run; with other options than before it is."""
    digest = options_digest(poc)
    if book.of(poc.name).options != digest:  # what was found out of it with other options does not hold
        book.note(poc.name, state=State.WAITING, options=digest, tokens_a_trace=0.0, lacking="", failure="")
    return _finished(poc, book) is None


async def _run_one(
    config: PortfolioConfig, poc: Poc, book: Book, progress: Progress, prepare: Preparing
) -> None:
    """Brings one proof of concept as far as it goes."""
    clock = _Clock(book, poc.name, progress)
    try:
        job = prepare(poc, clock)
        try:
            if await _affordable(config, poc, job, book):
                await run(job)
                book.note(poc.name, state=State.DONE, lacking="", failure="")
        finally:
            await job.session.close()
            if job.small is not None:
                await job.small.close()
    except KaruiError as error:
        book.note(poc.name, state=State.FAILED, failure=str(error))
        progress.warn(f"{poc.name}: {error.what}")
    finally:
        clock.note()


async def _affordable(config: PortfolioConfig, poc: Poc, job: Job, book: Book) -> bool:
    """Finds out what a study takes, writes it down, and says whether the budget holds it.

    It is probed only where the budget holds the probe, taken at its token limit.
    """
    prices, kept = prices_of(poc), book.of(poc.name)
    left = config.budget.left(spent_by_all(config, book))
    if not kept.tokens_a_trace:
        most = _probe_at_most(job)
        if lacking := left.lacking(Spending(most, 0.0, prices.money(most, 0.0))):
            book.note(poc.name, lacking=lacking, needs=Spending())
            return False
        pace = await probed(job)
        kept = book.note(
            poc.name,
            probed=kept.probed + pace.spent,
            tokens_a_trace=pace.tokens,
            tokens_per_second=pace.per_second,
        )
        left = config.budget.left(spent_by_all(config, book))
    there = recorded(poc.study.output.out)[1]
    remaining = max(0, traces_wanted(job) - there)
    needs = expected(remaining, kept.tokens_a_trace, kept.tokens_per_second, prices)
    lacking = left.lacking(needs)
    held = len(job.held.questions) if job.held is not None else 0
    state = State.WAITING if lacking and not there else State.BEGUN
    book.note(poc.name, state=state, needs=needs, lacking=lacking, held=held, failure="")
    return not lacking


def _probe_at_most(job: Job) -> float:
    """Returns the tokens that a probe takes at most, trials aside."""
    return min(5, len(job.task.questions)) * job.session.samples * job.session.sampling.max_tokens


def prices_of(poc: Poc) -> Prices:
    """Returns what the work of a study costs."""
    given = poc.assumptions
    return Prices(
        given.get("price_output"), given.get("machine_price_per_hour"), str(given.get("currency", "USD"))
    )


def spent_by_all(config: PortfolioConfig, book: Book) -> Spending:
    """Returns what all proofs of concept took so far."""
    return sum((_spent(poc, book) for poc in config.pocs), Spending())


def _spent(poc: Poc, book: Book) -> Spending:
    kept, prices = book.of(poc.name), prices_of(poc)
    study = _finished(poc, book)
    tokens = kept.probed + recorded(poc.study.output.out)[0] + (_live_tokens(study.live) if study else 0.0)
    return Spending(tokens, kept.hours, prices.money(tokens, kept.hours))


def _live_tokens(live: LiveRun | None) -> float:
    if live is None:
        return 0.0
    return live.baseline.questions * (live.baseline.tokens.value + live.plan.tokens.value)


def _finished(poc: Poc, book: Book) -> Study | None:
    """Returns the study of a proof of concept that is done."""
    file = poc.study.output.out / "study.json"
    done = book.of(poc.name).state is State.DONE and file.exists()
    return load_study(file) if done else None


def summed_up(config: PortfolioConfig, book: Book) -> Portfolio:
    """Returns the portfolio as it stands, reckoned with the prices and volumes that its file says now."""
    return portfolio_of(
        [_entry(poc, book) for poc in config.pocs],
        made=datetime.now(UTC).date().isoformat(),
        budget=config.budget,
        next_month=config.next_month,
        shared=config.shared,
        horizon_months=config.horizon_months,
        machine=machine(),
    )


def _entry(poc: Poc, book: Book) -> Entry:
    kept, study, spent = book.of(poc.name), _finished(poc, book), _spent(poc, book)
    folder = poc.study.output.out
    wanted = Wanted(0, kept.needs) if kept.needs != Spending() and study is None else None
    entry = Entry(
        name=poc.name,
        team=poc.team,
        model=poc.study.model.model or "karui-mini",
        questions=poc.study.questions.questions or "mini",
        stakes=poc.stakes,
        state=kept.state,
        spent=spent,
        study=study,
        wanted=wanted,
        lacking=kept.lacking,
        failure=kept.failure,
        folder=folder.name,
    )
    if study is None:
        return entry
    returns = returns_of(study, entry.plan, poc.stakes, poc.assumptions, spent.money, certain=entry.certified)
    entry = replace(entry, returns=returns)
    if entry.advice()[0] in {Advice.MORE, Advice.HOLD} and not entry.certified:
        tokens, traces = recorded(folder)
        more = wanted_by(study, tokens / max(1, traces), prices_of(poc), held=kept.held)
        entry = replace(entry, wanted=more)
    return entry
