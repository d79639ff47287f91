"""`karui.portfolio`: several proofs of concept within one budget, and the page that ranks them."""

from pathlib import Path
from shlex import quote
from typing import Literal

from karui.codec.disk import writing
from karui.portfolios.page import page
from karui.portfolios.portfolio import Portfolio
from karui.study.api.poc import prepare
from karui.study.loop import awaitable, blocking
from karui.study.portfolios.file import Poc, read_portfolio
from karui.study.portfolios.runner import run_portfolio, summed_up
from karui.study.portfolios.state import Book
from karui.study.progress import OnProgress, Progress, progress_of
from karui.study.run import Job

PAGE = "portfolio.html"


async def _portfolio(
    file: Path | str,
    *,
    out: Path | str | None = None,
    lang: Literal["en", "ja"] = "en",
    only_page: bool = False,
    on_progress: OnProgress = None,
) -> Portfolio:
    """Runs or resumes the proofs of concept of a file, one by one within its budget, and writes their page.

    What is done is not run again: after a change of prices or volumes in the file, the same call reckons
    anew. A call that was killed goes on where it stood.

    Args:
        file: The TOML file of the portfolio; docs/portfolio.md describes it.
        out: Folder for everything; None takes the file's own.
        lang: Language of the page.
        only_page: Whether to write the page of what there is, and run nothing.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.

    Returns:
        The portfolio, best first. `portfolio.plan()` is the next month's plan.

    Raises:
        InputError: The file cannot be read, or another process runs the portfolio.
        UnknownName: The file has an option that does not exist; names the nearest.
        StorageError: The folder cannot be written.
    """
    config = read_portfolio(file, out)
    progress = progress_of(on_progress)
    again = f"karui portfolio {quote(str(file))}"

    def job(poc: Poc, told: Progress) -> Job:
        return prepare(poc.study, told, commands=[again]).announced()

    made = (
        summed_up(config, Book.open(config.out)) if only_page else await run_portfolio(config, progress, job)
    )
    with writing(config.out / PAGE):
        config.out.mkdir(parents=True, exist_ok=True)
        (config.out / PAGE).write_text(page(made, lang), encoding="utf-8")
    return made


portfolio = blocking(_portfolio)
portfolio_async = awaitable(_portfolio)
