"""`karui stage`: the roll-out of a running gateway."""

from typing import Annotated

import typer


def stage(
    what: str = typer.Argument(
        "", help="advance, shadow, 5 or 25 (to go back), trip or reset (the guard); nothing shows the state."
    ),
    why: Annotated[str, typer.Option(help="The reason; it is kept with the change.")] = "",
    who: Annotated[str, typer.Option(help="Your name; else this machine's user.")] = "",
    url: Annotated[str, typer.Option(help="Address of the gateway.")] = "http://127.0.0.1:8321",
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show or change a gateway's stage; the operator's key is read from KARUI_OPERATOR_KEY."""
    from getpass import getuser
    from json import dumps

    from karui.cli.console import say, table
    from karui.gateway.client import command, state

    if what:
        command(url, what, who or getuser(), why)
    now = state(url)
    if json:
        typer.echo(dumps(now, indent=1))
        return
    guard = now["guard"]
    rows = [("stage", now["stage"]), ("guard", guard["phase"]), ("breaker", now["breaker"])]
    rows += [(name, found) for name, found in (("stale", now["stale"]), ("why", guard["reason"])) if found]
    table(("what", "now"), rows)
    say(now["stage_next"] or "The rule for the next stage holds." if now["stage"] != "100" else "")
