"""`karui poc`: the whole job, from questions to a report."""

import typer

from karui.cli.options import configured
from karui.study.config.schema import StudyConfig


@configured(StudyConfig)
def poc(
    config: StudyConfig,
    estimate: bool = typer.Option(
        False,
        "--estimate",
        help="Recording of five questions only, and what all would take, and what fits here.",
    ),
) -> None:
    """Record, replay every plan, choose with a guarantee, confirm live, and report."""
    from shlex import quote

    import karui
    from karui.cli.console import Steps
    from karui.cli.result import say_study
    from karui.cli.usage import command_line

    if estimate:
        _estimate(config)
        return
    commands = [command_line(), f"karui report {quote(str(config.output.out))}"]
    with Steps() as steps:
        study = karui.poc(config=config, commands=commands, on_progress=steps)
    say_study(study)


def _estimate(config: StudyConfig) -> None:
    from karui.cli.console import Steps, say
    from karui.cli.failing import say_failure
    from karui.cli.summary import say_fits
    from karui.recording.workers.streams import STREAMS
    from karui.study.api.poc import estimate
    from karui.study.baseline import FAILS

    with Steps() as steps:
        found = estimate(config, on_progress=steps)
    for line in found.lines:
        say(line)
    if found.failure is not None:
        say_failure(found.failure, config.output.lang, agreement=found.recording.manifest.agreement)
        raise typer.Exit(FAILS)
    say_fits(found.recording, config.model.concurrency or STREAMS)
