"""`karui serve --config FILE` with routes: what it shows, checks and runs."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from karui.gateway.route_file import RouteFile
    from karui.gateway.routes import RouteTable


def serve_routes(file: "RouteFile") -> None:
    """Serves the routes of a file until it is told to end."""
    from karui.cli.console import say
    from karui.gateway.server.server import run
    from karui.gateway.server.workers import is_worker, tell_ready
    from karui.study.api.serve_routes import opened_routes, supervised_routes

    if file.settings.workers > 1 and not is_worker():
        with supervised_routes(file) as workers:

            def all_ready() -> None:
                say(f"Serving at {workers.url}/v1 by {file.settings.workers} processes; {_names(file)}")
                say(f"Monitor at {workers.url}/")

            if not workers.workers.run(all_ready):
                raise typer.Exit(1)
        return
    with opened_routes(file) as found:
        if is_worker():
            run(found.table, found.listening, tell_ready)
            return
        show(found.table)

        def ready() -> None:
            say(f"Serving at {found.url}/v1; {_names(file)}")
            say(f"Monitor at {found.url}/; SIGHUP or POST /api/reload reads {file.path} anew")

        run(found.table, found.listening, ready)


def check_routes(file: "RouteFile") -> None:
    """Shows what a start of each route needs, and exits with 1 where something is missing."""
    from karui.cli.console import say, table
    from karui.gateway.server.checks import Check, checks

    found = [(name, Check("settings", well=False, told=why)) for name, why in (file.faults or {}).items()]
    for route in file.routes:
        for choice in route.choices:
            found += [(route.name, one) for one in checks(choice, route.settings)]
    table(
        ("route", "tried", "well", "found"),
        [(name, c.name, "yes" if c.well else "NO", c.told) for name, c in found],
    )
    lost = sum(not c.well for _, c in found)
    say()
    say(f"{lost} of {len(found)} cannot be used." if lost else "Everything that a start needs is there.")
    if lost:
        raise typer.Exit(1)


def show(routes: "RouteTable") -> None:
    """Shows the settings of the process, and each route."""
    from karui.cli.console import say, table

    table(("setting", "value"), routes.file.settings.rows())
    say()
    rows = [
        (
            gateway.name,
            f"{gateway.deployment.expectation.label} ({gateway.deployment.choice.verdict})",
            gateway.settings.upstream,
            gateway.settings.fallback,
            str(gateway.rollout.stage),
        )
        for gateway in routes
    ]
    table(("route", "plan", "upstream", "fallback", "stage"), rows)
    say()


def _names(file: "RouteFile") -> str:
    return "models " + ", ".join(f"{route.name}, {route.name}/full" for route in file.routes)
