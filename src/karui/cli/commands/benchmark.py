"""`karui benchmark`: methods × models × question sets × engines, from recordings; and its page."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from karui.cli.console import explained
from karui.cli.options import Json, Lang, configured
from karui.cli.usage import Verb
from karui.study.config.verbs import BenchmarkOptions

if TYPE_CHECKING:
    from karui.benchmarking.results import Results

app = typer.Typer(
    help="The common benchmark: `karui benchmark run SUITE` measures it, `table` shows it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@configured(BenchmarkOptions, files=False)
def run(
    options: BenchmarkOptions,
    suite: Path = typer.Argument(help="The TOML file of a suite."),
    as_json: Json = False,
) -> None:
    """Measure the cells of a suite that are not in its results yet. No token is generated.

    Killed? The same command goes on. What is not there is listed with the command that makes it.
    """
    import karui
    from karui.benchmarking.run import FILE
    from karui.cli.console import Steps

    with Steps() as steps:
        results = karui.benchmark(
            suite, options.out, folders=options.folder, only=options.only, on_progress=steps
        )
    if as_json:
        typer.echo(results.model_dump_json(indent=1))
        return
    _say_missing(results)
    typer.echo(options.out / FILE)


def table(
    results: list[Path] = typer.Argument(help="Files of results, karui's and others', of one suite."),
    out: Path = typer.Option(Path("benchmark"), help="Folder for the page, the results and their schema."),
    question_set: str = typer.Option("", "--set", help="Question set to print as a table."),
    lang: Lang = "en",
) -> None:
    """Write the page: sortable tables and frontiers, English and Japanese, to be opened from the folder."""
    from karui.benchmarking.page import write_page
    from karui.benchmarking.results_file import load_results, merged
    from karui.benchmarking.text_table import text_table
    from karui.cli.console import say
    from karui.cli.console import table as print_table

    found = merged([load_results(file) for file in results])
    if question_set:
        head, rows = text_table(found, question_set, lang)
        print_table(head, rows)
    else:
        say(f"{len(found.cells)} cells on {len(found.sets)} question sets; {len(found.missing)} are missing.")
    for path in write_page(found, out):
        typer.echo(path)


def check(results: Path = typer.Argument(help="A file of results, such as others send.")) -> None:
    """Check that a file of results fits the schema and agrees with itself."""
    from karui.benchmarking.results_file import load_results

    found = load_results(results)
    typer.echo(f"{results}: {len(found.cells)} cells of {found.suite.name} {found.suite.version}")


def schema() -> None:
    """Print the JSON schema of results, for those who add cells without karui."""
    from karui.benchmarking.results_file import shipped_schema

    typer.echo(shipped_schema(), nl=False)


def _say_missing(results: "Results") -> None:
    from karui.benchmarking.run import makes
    from karui.cli.console import say

    say(f"{len(results.cells)} cells are there, {len(results.missing)} are missing.")
    for command, waiting in makes(results):
        names = ", ".join(dict.fromkeys(f"{m.model} {m.method}" for m in waiting))
        say(f"- {command}\n  makes what {names} ({waiting[0].set}) needs")


for _name, _run, _line in (
    ("run", run, "Measure what is not measured yet, cell by cell."),
    ("table", table, "Write the page, or print one question set's table."),
    ("check", check, "Check a file of results."),
    ("schema", schema, "Print the JSON schema of results."),
):
    app.command(_name, cls=Verb, short_help=_line)(explained()(_run))
