"""`karui rollout`: the stages of a running gateway."""

from typing import Annotated

import typer

from karui.cli import options as o


def rollout(
    what: str = typer.Argument(
        "",
        help="Command: advance; a stage (the next one, by its rule, or one to go back to); trip or reset "
        "(the guard). Without one, the state is shown.",
    ),
    why: Annotated[str, typer.Option(help="Reason, which is kept with the change.")] = "",
    who: Annotated[str, typer.Option(help="Your name; this machine's user by default.")] = "",
    url: Annotated[str, typer.Option(help="Address of the gateway.")] = "http://127.0.0.1:8321",
    route: Annotated[str, typer.Option(help="Route of a gateway that serves several.")] = "",
    json: o.Json = False,
) -> None:
    """Show or change a gateway's stage; the operator's key is read from KARUI_OPERATOR_KEY."""
    from getpass import getuser
    from json import dumps

    from karui.cli.console import say, table
    from karui.gateway.client import command, state

    if what:
        command(url, what, who or getuser(), why, route)
    now = state(url, route)
    if json:
        typer.echo(dumps(now, indent=1))
        return
    guard = now["guard"]
    rows = [("stage", now["stage"]), ("guard", guard["phase"]), ("breaker", now["breaker"])]
    rows += [(name, found) for name, found in (("stale", now["stale"]), ("why", guard["reason"])) if found]
    table(("what", "now"), rows)
    say(now["stage_next"] or "The rule for the next stage holds." if now["stage"] != "100" else "")
