"""`karui choose`: the cheapest plan whose loss is certified."""

from pathlib import Path

import typer

from karui.cli.options import configured
from karui.study.config.schema import ChooseConfig


@configured(ChooseConfig, out=Path("choice"))
def choose(config: ChooseConfig, recording: Path = typer.Argument(help="The folder of a recording.")) -> None:
    """Choose from recordings; writes choice.json, study.json and the report."""
    import karui
    from karui.cli.console import Steps
    from karui.cli.result import say_study
    from karui.cli.usage import command_line

    with Steps() as steps:
        study = karui.choose(recording, config=config, commands=[command_line()], on_progress=steps)
    say_study(study)
