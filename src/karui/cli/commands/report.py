"""`karui report`: from a study to pages."""

from pathlib import Path

import typer

from karui.cli import options as o


def report(
    study: Path = typer.Argument(help="A study.json, or the folder that holds one."),
    out: Path | None = typer.Option(None, help="Folder for the report; the study's own by default."),
    lang: o.Lang = "en",
) -> None:
    """Write the report (HTML, Markdown, JSON) of a finished study, from files only."""
    import karui
    from karui.report import write

    found = karui.load_study(study)
    for page in write(found.data, out or found.path or study, lang=lang):
        typer.echo(page)
