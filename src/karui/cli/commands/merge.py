"""`karui merge`: recordings of one task, made apart, as one."""

from pathlib import Path

import typer

from karui.cli.options import Out


def merge(
    recordings: list[Path] = typer.Argument(help="The folders of the recordings to be merged."),
    out: Out = Path("recording"),
) -> None:
    """Merge recordings of one task that were made apart, by `karui record --shard 1/3` and so on.

    They have to be made alike: the same model, questions, sampling and seed. The sources stay as they are.
    Killed, the same line goes on.
    """
    from karui.cli.console import say
    from karui.recording.merging import merge as merged
    from karui.recording.store import missing
    from karui.selection.looks.ledger import join

    whole = merged(recordings, out)
    join(recordings, out)
    say(f"{len(whole.questions)} questions, {sum(len(q.traces) for q in whole.questions)} traces")
    if lost := missing(whole):
        say(f"Warning: {lost} traces are missing; record the shards that lack them, and merge again.")
    typer.echo(out)
