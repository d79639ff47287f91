"""`karui portfolio`: several proofs of concept within one budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from karui.cli.options import Json, Lang

if TYPE_CHECKING:
    from karui.portfolios.words import Told


def portfolio(
    file: Path = typer.Argument(help="The TOML file of the portfolio (docs/portfolio.md)."),
    out: Path | None = typer.Option(
        None, help="Folder for everything this run makes.", show_default="the file's own, or runs/portfolio"
    ),
    only_page: bool = typer.Option(
        False, "--only-page", help="Page of what there is, without running anything."
    ),
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """Run or resume several proofs of concept, one by one within a budget, and rank them by ROI.

    What is done is not run again; killed, the same command goes on. Prices and volumes may be changed in
    the file at any time: the same command reckons anew.
    """
    import karui
    from karui.cli.console import Steps
    from karui.portfolios.words import Told
    from karui.study.api.portfolio import PAGE
    from karui.study.portfolios.file import read_portfolio

    with Steps() as steps:
        made = karui.portfolio(file, out=out, lang=lang, only_page=only_page, on_progress=steps)
    told = Told(made, lang)
    if as_json:
        _print_json(told)
        return
    _print(told)
    typer.echo(read_portfolio(file, out).out / PAGE)


def _print(told: "Told") -> None:
    from karui.cli.console import say, table

    w, made = told.words, told.portfolio
    table(
        (w("poc"), w("roi"), w("saving"), w("what")),
        [
            (
                entry.name,
                told.roi(entry),
                told.money(entry.returns.saving) if entry.returns and entry.plan else "–",
                w(entry.advice()[0].value),
            )
            for entry in made.entries
        ],
    )
    for entry in made.entries:
        say(f"- {entry.name}: {told.why(entry)}")


def _print_json(told: "Told") -> None:
    import json

    from karui.codec.values import encode

    made = told.portfolio
    entries: list[dict[str, Any]] = []
    for entry in made.entries:
        advice, why = entry.advice()
        plan = entry.plan
        entries.append(
            {
                "name": entry.name,
                "team": entry.team,
                "state": entry.state,
                "advice": advice,
                "why": why,
                "plan": plan.label if plan else None,
                "certified": entry.certified,
                "returns": encode(entry.returns),
                "spent": encode(entry.spent),
                "wanted": encode(entry.wanted),
                "failure": entry.failure,
            }
        )
    values = {
        "made": made.made,
        "currency": made.currency,
        "horizon_months": made.horizon_months,
        "budget": encode(made.budget),
        "spent": encode(made.spent),
        "pocs": entries,
        "next_month": encode(made.plan()),
    }
    typer.echo(json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False))
