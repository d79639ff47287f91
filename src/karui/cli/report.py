"""`karui report`: from a study to pages."""

from pathlib import Path

import typer

from karui.cli import options as o


def report(
    study: Path = typer.Argument(help="A study.json, or the folder that holds one."),
    out: Path | None = typer.Option(None, help="Folder to write to; the study's own by default."),
    lang: o.Lang = "en",
) -> None:
    """Write the report (HTML, Markdown, JSON) of a finished study, from files only."""
    from karui.codec.files import load_study
    from karui.report import write

    path = study / "study.json" if study.is_dir() else study
    for page in write(load_study(path), out or path.parent, lang=lang):
        typer.echo(page)
