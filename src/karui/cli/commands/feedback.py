"""`karui feedback`: what users say of a running gateway, and what they say is right as the next questions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from karui.cli import options as o
from karui.core.errors import InputError


def feedback(
    what: str = typer.Argument(
        "", help="export: writes a questions file. Without it, what users say is shown."
    ),
    kept: Annotated[
        Path, typer.Option(help="The file in which the gateway keeps conversations, for export.")
    ] = Path("karui-kept.sqlite3"),
    out: Annotated[Path, typer.Option(help="The questions file.")] = Path("feedback.jsonl"),
    url: Annotated[str, typer.Option(help="Address of the gateway.")] = "http://127.0.0.1:8321",
    json: o.Json = False,
) -> None:
    """Show what users say, or write what they say is right as questions for `karui record`."""
    if what == "export":
        _export(kept, out)
    elif what:
        raise InputError(f"karui feedback cannot {what!r}.", remedy="Say export, or nothing.")
    else:
        _show(url, json=json)


def _export(kept: Path, out: Path) -> None:
    from time import time

    from karui.cli.console import say
    from karui.gateway.records.conversation_store import kept_in, references_in
    from karui.gateway.records.export_questions import Traffic

    traffic = Traffic.of(kept_in(kept, time()), references=references_in(kept))
    traffic.write(out)
    say(traffic.told())
    say(f"They stay in {out} until you delete it: the gateway's time does not count.")
    say("Record them: karui record --questions " + str(out))
    typer.echo(out)


def _show(url: str, *, json: bool) -> None:
    from json import dumps

    from karui.cli.console import say, table
    from karui.gateway.client import state

    said: dict[str, Any] = state(url)["feedback"]
    if json:
        typer.echo(dumps(said, indent=1))
        return
    rows = [
        (
            said["names"].get(arm["arm"], arm["arm"]),
            arm["verdict"],
            f"{arm['share']:.0%}",
            _mean(arm["count"], arm["mean"]),
            _mean(arm["full_count"], arm["full_mean"]),
            f"{arm['worse']:.1f} of {said['worse_needed']:.0f}",
            f"{arm['fine']:.1f} of {said['fine_needed']:.0f}",
        )
        for arm in said["arms"]
    ]
    head = ("plan", "found", "share", "said of it", "of full thinking", "evidence: worse", "evidence: fine")
    table(head, rows)
    say(f"{said['given']} feedbacks.")
    if not said["on"]:
        say("Nothing is compared: full thinking has no share of the requests (karui serve --full-share 0.1).")


def _mean(count: int, mean: float | None) -> str:
    return f"{mean:.0%} of {count}" if mean is not None else "none"
