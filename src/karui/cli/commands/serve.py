"""`karui serve`: the choice behind OpenAI's API, guarded, with a fallback."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from karui.cli.options import configured
from karui.cli.serving_routes import check_routes, serve_routes
from karui.study.config.verbs import ServeOptions

if TYPE_CHECKING:
    from karui.core.study.choice import Choice
    from karui.gateway.assemble import Gateway
    from karui.gateway.route_file import RouteFile
    from karui.gateway.settings import Settings
    from karui.study.api.serve import Opened


@configured(ServeOptions, files=False)
def serve(
    options: ServeOptions,
    choices: list[Path] | None = typer.Argument(
        None,
        help="choice.json of `karui choose` or `karui poc`, or its folder; several are an experiment. None "
        "where the file of settings has routes.",
    ),
    config: Path | None = typer.Option(None, help="A TOML file of settings, maybe with routes; options win."),
    test_fallbacks: bool = typer.Option(
        False, "--test-fallbacks", help="Test of every fallback, once each; then the gateway ends."
    ),
    check: bool = typer.Option(
        False, "--check", help="Test of everything that a start needs, one by one; nothing is served."
    ),
) -> None:
    """Serve a choice; keys are read from KARUI_SERVE_KEY, KARUI_OPERATOR_KEY and KARUI_API_KEY."""
    from karui.cli.console import say
    from karui.gateway.route_file import RouteFile
    from karui.gateway.server.server import run
    from karui.gateway.server.workers import is_worker, tell_ready
    from karui.study.api.serve import opened

    file = RouteFile.read(config, options.settings)
    if (file.routes or file.faults) and not choices:
        (check_routes if check else serve_routes)(file)
        return
    choices, settings = _one(choices, file), file.settings
    if check:
        for choice in choices:
            _check(choice, settings, options.model)
        return
    if test_fallbacks:
        settings = replace(settings, history="", keep_hours=0.0, workers=1, state="")
    first, *rivals = choices
    if settings.workers > 1 and not is_worker():
        _supervise(first, settings, rivals)
        return
    with opened(
        first, settings, model=options.model, concurrency=options.concurrency, rivals=rivals
    ) as found:
        if test_fallbacks:
            _test_fallbacks(found.gateway)
            return
        if is_worker():
            run(found.gateway, found.listening, tell_ready)
            return
        _show(found)

        def ready() -> None:
            say(f"Serving at {found.url}/v1 (models karui/plan, karui/full)")
            say(f"Monitor at {found.url}/")

        run(found.gateway, found.listening, ready)


def _one(choices: list[Path] | None, file: "RouteFile") -> list[Path]:
    """Returns the choices that were named; refuses none, and those beside a file with routes."""
    from karui.core.errors import InputError

    if not choices:
        raise InputError(
            "No choice is named.", remedy="Name one: karui serve FOLDER; or routes in a file: --config FILE."
        )
    if file.routes or file.faults:
        raise InputError(
            f"{file.path} has routes, and a choice is named besides.",
            remedy="Leave the choice out, or name it as a route in the file.",
        )
    return choices


def _supervise(choice: Path, settings: "Settings", rivals: list[Path]) -> None:
    """Runs the workers, each this very command anew, and exits with 1 where they cannot be started."""
    from karui.cli.console import say, table
    from karui.study.api.serve import supervised

    with supervised(choice, settings, rivals) as found:
        table(("setting", "value"), settings.rows())
        say()

        def ready() -> None:
            say(f"Serving at {found.url}/v1 by {settings.workers} processes (models karui/plan, karui/full)")
            say(f"Monitor at {found.url}/")

        if not found.workers.run(ready):
            raise typer.Exit(1)


def _check(choice: Path, settings: "Settings", model: str) -> None:
    """Shows what a start needs, and exits with 1 where something is missing."""
    from karui.cli.console import say, table
    from karui.gateway.server.checks import checks

    found = list(checks(choice, settings, model))
    table(("tried", "well", "found"), [(c.name, "yes" if c.well else "NO", c.told) for c in found])
    lost = sum(not c.well for c in found)
    say()
    say(f"{lost} of {len(found)} cannot be used." if lost else "Everything that a start needs is there.")
    if lost:
        raise typer.Exit(1)


def _show(found: "Opened") -> None:
    from karui.cli.console import say, table
    from karui.gateway.records.cause import Cause
    from karui.gateway.records.events import EventKind
    from karui.i18n.formats import Format
    from karui.i18n.translator import Translator
    from karui.report.judge import judge

    gateway, deployment = found.gateway, found.deployment
    table(("setting", "value"), found.settings.rows())
    say()
    table(("when", "what answers then"), gateway.handler.dispatcher.router.policy.in_words())
    say()
    verdict = deployment.choice.verdict
    say(f"Plan: {deployment.expectation.label} ({verdict}), stage {gateway.rollout.stage}")
    judged = judge(deployment.choice, Translator("en", judged=True), Format("en"))[:1]
    for sentence in (*_speaks_of(deployment.choice), *judged):
        say(sentence)
    plans, comparison = gateway.handler.dispatcher.plans, gateway.rollout.comparison
    if len(plans) > 1 and comparison is not None:
        shares = comparison.shares.of
        rows = [
            (d.expectation.label, comparison.verdicts[plan], f"{shares.get(plan, 0.0):.0%}")
            for plan, d in plans.items()
        ]
        table(
            ("plan of the experiment", "found", "share"),
            [*rows, ("full thinking", "", f"{shares['full']:.0%}")],
        )
    begun = next((e for e in gateway.stores.requests.events() if e.kind is EventKind.STAGE_SET), None)
    if begun is not None and begun.because.cause is Cause.OTHER_CHOICE:
        say("This choice has not been served before: its roll-out begins in shadow.")


def _speaks_of(choice: "Choice") -> list[str]:
    """Returns what is known of the questions that the choice speaks of, and of the limits it keeps."""
    from karui.i18n.formats import Format
    from karui.i18n.translator import Translator
    from karui.report.limits import limits
    from karui.report.sections.domain import limit

    words, form = Translator("en"), Format("en")
    if choice.domain is None:
        unlike = "This choice does not say which questions it was made with: none is found unlike them."
    else:
        unlike = limit(choice.domain, words, form)
    return [unlike, *limits(choice, words, form)]


def _test_fallbacks(gateway: "Gateway") -> None:
    """Shows what answers for each reason, and exits with 1 where that is not what was decided."""
    import asyncio

    from karui.cli.console import say, table
    from karui.gateway.requests.drill import drill
    from karui.gateway.routing.fallback_drill import DrillResult

    async def rehearsed() -> list[DrillResult]:
        try:
            return await drill(gateway.handler)
        finally:
            await gateway.close()

    found = asyncio.run(rehearsed())
    rows = [
        (
            r.why.value,
            r.wanted.value,
            "cannot happen: the plan's answers carry no confidence" if r.never else r.told,
            f"{r.status}",
            f"{r.seconds:.2f} s",
            "yes" if r.well else "NO",
        )
        for r in found
    ]
    table(("made to happen", "decided", "what the client is told", "status", "took", "as decided"), rows)
    lost = sum(not r.well for r in found)
    say()
    say(f"{lost} of {len(found)} did not go as decided." if lost else "Every fallback went as decided.")
    if lost:
        raise typer.Exit(1)
