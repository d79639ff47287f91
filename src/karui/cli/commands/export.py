"""`karui export`: a run in the formats of other tools."""

import typer

from karui.cli.options import configured
from karui.study.config.verbs import ExportOptions


@configured(ExportOptions, files=False)
def export(
    options: ExportOptions,
    run: str = typer.Argument(
        help="A study, a recording, or a log of another tool; behind it, #PLAN replays a plan: runs/rec#full."
    ),
) -> None:
    """Write a run for other tools: lm-eval's results, an inspect log, CSV, Parquet, MLflow runs.

    A study stands for the plan it chose; CSV, Parquet and MLflow also get the figures of all of its plans.
    Prints the files, or the ids of MLflow's runs.
    """
    import karui

    for written in karui.export(
        run,
        options.out,
        format=options.format,
        to=options.to,
        experiment=options.experiment,
        verifier=options.verifier,
        tokenizer=options.tokenizer,
    ):
        typer.echo(written)
