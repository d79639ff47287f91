"""The file of `karui portfolio`: shared assumptions, a budget, and one table for each proof of concept.

[assume]                      # shared: prices, currency, machines; a [poc.assume] of its own wins
currency = "EUR"
price_prompt = 0.5
price_output = 2.0

[budget]                      # of all together; whatever is not named is not limited
tokens = 2_000_000
hours = 3

[defaults]                    # options of `karui poc` for all of them
max-drop = 3.0

[[poc]]
name = "invoices"
team = "Billing"
questions = "invoices.jsonl"
questions-per-month = 400_000
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from karui.core.errors import InputError, UnknownName
from karui.portfolios.budget import Budget, Prices
from karui.portfolios.returns import Stakes
from karui.study.config.fields import filled, option
from karui.study.config.schema import StudyConfig
from karui.study.config.toml import read_options, read_tables
from karui.study.options import assumptions_of

_OUT = Path("runs/portfolio")
_TABLES = ("assume", "budget", "next_month", "defaults", "poc")


@dataclass(frozen=True, kw_only=True)
class PocOptions:
    """What a proof of concept is besides its study: whose it is, and what is at stake."""

    name: str = option("", "Name, which is also its folder's.")
    team: str = option("", "Team whose it is.")
    questions_per_month: float = option(0.0, "Assumed volume: questions a month once it is in use.", least=0)
    one_off: float = option(0.0, "Money that introducing it costs once, besides the study.", least=0)
    operating_per_month: float = option(0.0, "Money that operating it costs a month, besides the model.")
    cost_per_error: float = option(0.0, "Money that one more wrong answer costs; 0 leaves it out.", least=0)


@dataclass(frozen=True, kw_only=True)
class BudgetOptions:
    """What all proofs of concept together may take; 0 is no limit."""

    tokens: float = option(0.0, "Tokens generated.", least=0)
    hours: float = option(0.0, "Hours of this machine.", least=0)
    money: float = option(0.0, "Money, at the shared prices.", least=0)

    def budget(self) -> Budget:
        """Returns the limits."""
        return Budget(self.tokens or None, self.hours or None, self.money or None)


@dataclass(frozen=True, kw_only=True)
class PortfolioOptions:
    """What `karui portfolio` can be told on the command line, and at the head of the file."""

    out: Path = option(_OUT, "Folder for everything this run makes.")
    horizon_months: float = option(12.0, "Months over which the return is reckoned.", least=1)


@dataclass(frozen=True)
class Poc:
    """One proof of concept.

    Attributes:
        name: Its name.
        team: Whose it is; "" where it is not said.
        stakes: What is assumed of it.
        study: The options of its study.
        assumptions: Prices and volumes, the shared ones and its own.
    """

    name: str
    team: str
    stakes: Stakes
    study: StudyConfig
    assumptions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PortfolioConfig:
    """A portfolio as its file describes it.

    Attributes:
        path: The file.
        out: Folder for everything.
        pocs: The proofs of concept, in the order in which they are begun.
        budget: What they may take together.
        next_month: What there is for the next month; the budget where it is not said.
        shared: The assumptions that all have in common.
        horizon_months: Months over which the return is reckoned.
    """

    path: Path
    out: Path
    pocs: tuple[Poc, ...]
    budget: Budget
    next_month: Budget
    shared: Mapping[str, Any]
    horizon_months: float


def read_portfolio(path: Path | str, out: Path | str | None = None) -> PortfolioConfig:
    """Reads the file of a portfolio. Paths in it are taken from where the file lies.

    Args:
        path: A TOML file.
        out: Folder for everything; None takes the file's own, or runs/portfolio.

    Raises:
        InputError: The file cannot be read, a value is of the wrong type, or two proofs of concept have one
            name or are priced in two currencies.
        UnknownName: It has an option that does not exist; names the nearest.
    """
    path = Path(path)
    read = {key.replace("-", "_"): value for key, value in read_tables(path).items()}
    tables = {name: read.pop(name) for name in _TABLES if name in read}
    for key in read:
        if key not in {"out", "horizon_months"}:
            raise UnknownName(f"option in {path}", key, ["out", "horizon_months", *_TABLES])
    head = filled(PortfolioOptions, read_options(read, PortfolioOptions, str(path)))
    shared = assumptions_of(tables.get("assume", {}))
    defaults = read_options(tables.get("defaults", {}), StudyConfig, f"[defaults] of {path}")
    rows = tables.get("poc", [])
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path} has no [[poc]].", remedy="Write one for each proof of concept.")
    made = _Reader(path, Path(out) if out is not None else path.parent / head.out, head, shared, defaults)
    pocs = tuple(made.poc(row, n) for n, row in enumerate(rows, 1))
    names = [poc.name for poc in pocs]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"{path} has several [[poc]] called {doubled[0]!r}.", remedy="Give each its own name."
        )
    limits = {
        name: filled(
            BudgetOptions, read_options(tables.get(name, {}), BudgetOptions, f"[{name}] of {path}")
        ).budget()
        for name in ("budget", "next_month")
    }
    return PortfolioConfig(
        path=path,
        out=made.out,
        pocs=pocs,
        budget=limits["budget"],
        next_month=limits["next_month"] if "next_month" in tables else limits["budget"],
        shared=shared,
        horizon_months=head.horizon_months,
    )


@dataclass(frozen=True)
class _Reader:
    """What every proof of concept is read with."""

    path: Path
    out: Path
    head: PortfolioOptions
    shared: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def poc(self, row: Mapping[str, Any], number: int) -> Poc:
        """Returns the proof of concept that a table describes."""
        row = {key.replace("-", "_"): value for key, value in row.items()}
        where = f"[[poc]] {row.get('name') or number} of {self.path}"
        known = set(PocOptions.__dataclass_fields__)
        mine = {key: value for key, value in row.items() if key in known}
        about = filled(PocOptions, read_options(mine, PocOptions, where))
        rest = {key: value for key, value in row.items() if key not in known}
        for fixed in ("out", "lang"):
            if fixed in rest or fixed in self.defaults:
                raise InputError(f"{fixed} cannot be set in {where}.", remedy="The portfolio sets it.")
        if not re.fullmatch(r"[\w][\w .-]*", about.name):
            raise InputError(
                f"The name of {where} is not usable (got {about.name!r}).",
                remedy="Give each [[poc]] a name of letters, digits, spaces and dashes.",
            )
        own = assumptions_of(rest.get("assume", {}))
        shared = self.shared.get("currency", Prices().currency)
        if own.get("currency", shared) != shared:
            raise InputError(
                f"{where} is in {own['currency']}, and the portfolio in {shared}.",
                why="Money is added up and ranked.",
                remedy="State all prices in one currency: [assume] currency.",
            )
        stated = (*self.shared.get("stated", ()), *own.get("stated", ()))
        assumed = {**self.shared, **own, "stated": list(dict.fromkeys(stated))}
        if about.questions_per_month:
            assumed |= {"questions_per_month": about.questions_per_month}
        values = {**self.defaults, **read_options(rest, StudyConfig, where)}
        plain = {k: v for k, v in assumed.items() if k not in {"stated", "models"}}
        study = filled(StudyConfig, {**values, "assume": {**plain, **assumed.get("models", {})}})
        study = replace(study, output=replace(study.output, out=self.out / about.name))
        stakes = Stakes(
            questions_per_month=about.questions_per_month or None,
            one_off=about.one_off,
            operating_per_month=about.operating_per_month,
            cost_per_error=about.cost_per_error,
            horizon_months=self.head.horizon_months,
        )
        return Poc(about.name, about.team, stakes, self._placed(study), assumed)

    def _placed(self, study: StudyConfig) -> StudyConfig:
        """Returns a study whose files are taken from where the portfolio's lies."""

        def there(name: str) -> str:
            beside = self.path.parent / name
            return str(beside) if name and beside.exists() else name

        questions = replace(study.questions, questions=there(study.questions.questions))
        model = replace(study.model, model=there(study.model.model))
        return replace(study, questions=questions, model=model)
