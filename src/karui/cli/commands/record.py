"""`karui record`: a model on questions, once."""

from dataclasses import replace
from pathlib import Path

import typer

from karui.cli.options import configured
from karui.study.config.schema import RecordConfig


@configured(RecordConfig)
def record(
    config: RecordConfig,
    from_gateway: Path | None = typer.Option(
        None,
        help="The file in which a gateway keeps conversations: their questions are recorded, and compared "
        "with the full model's own answers.",
    ),
) -> None:
    """Record full traces with a trial at every checkpoint; killed, it goes on where it was."""
    import karui
    from karui.cli.console import Steps, say
    from karui.cli.failing import say_failure
    from karui.study.baseline import FAILS, failure_of

    out, questions = config.recording.out, config.questions
    if from_gateway is not None:
        questions = replace(
            questions, questions=_asked_of_gateway(from_gateway, out, questions.limit), reference="self"
        )
    with Steps() as steps:
        made = karui.record(config=replace(config, questions=questions), on_progress=steps)
    rate = made.manifest.tokens_per_second
    each = f"{config.sampling.samples} trace{'' if config.sampling.samples == 1 else 's'}"
    say(f"{len(made.questions)} questions × {each}, {rate:,.0f} tokens/s")
    # A shard's few questions decide nothing: the whole is looked at where plans are chosen.
    part = bool(config.recording.variant or config.recording.shard)
    failure = None if part else failure_of(made, config.baseline.min_accuracy)
    if failure is not None:
        say_failure(failure, "en", agreement=made.manifest.agreement)
    typer.echo(out)
    if failure is not None:
        raise typer.Exit(FAILS)


def _asked_of_gateway(kept: Path, out: Path, limit: int) -> str:
    """Writes what users asked as a questions file beside the recording, and returns its name."""
    from time import time

    from karui.cli.console import say
    from karui.gateway.records.conversation_store import kept_in
    from karui.gateway.records.export_questions import Traffic

    traffic = Traffic.of(kept_in(kept, time()), limit)
    path = out.with_name(f"{out.name}-questions.jsonl")
    traffic.write(path)
    say(traffic.told())
    say(f"They stay in {path} and in the recording until you delete both: the gateway's time does not count.")
    return str(path)
