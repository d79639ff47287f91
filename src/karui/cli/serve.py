"""`karui serve`: the choice behind OpenAI's API, guarded, with a fallback."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from karui.gateway.assemble import Gateway


def serve(
    choice: Path = typer.Argument(help="choice.json of `karui choose` or `karui poc`, or its folder."),
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings; options win.")] = None,
    upstream: Annotated[
        str | None, typer.Option(help="The model's server, http://HOST:PORT/v1#model; else in this process.")
    ] = None,
    fallback: Annotated[
        str | None, typer.Option(help="full, or another server: http://HOST:PORT/v1#model.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help="shadow, 5, 25 or 100 percent of the requests.")] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Likewise (8321); 0 takes a free one.")] = None,
    folder: Annotated[
        str | None, typer.Option(help="Folder or Hub name with the upstream's tokenizer and chat template.")
    ] = None,
    beside: Annotated[
        list[str] | None, typer.Option(help="A further model of the plan, as name=http://… or name=FOLDER.")
    ] = None,
    same_model: Annotated[
        bool | None, typer.Option("--same-model", help="The upstream's model is the chosen one, renamed.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="A further model name that means the plan (repeatable).")
    ] = None,
    canaries: Annotated[
        str | None, typer.Option(help="A questions file with answers, sent at a low rate.")
    ] = None,
    history: Annotated[str | None, typer.Option(help="File of the history; empty keeps none.")] = None,
    keep_hours: Annotated[
        float | None, typer.Option(help="Keep what is said for so long, masked, for `karui explain`.")
    ] = None,
    price_output: Annotated[
        float | None, typer.Option(help="Price of a million generated tokens, for the monitor.")
    ] = None,
    price_machine_hour: Annotated[
        float | None, typer.Option(help="Instead: price of an hour of the model's machine.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Of the price: EUR, JPY …")] = None,
    rehearse_fallback: Annotated[
        bool, typer.Option("--rehearse-fallback", help="Make every fallback happen once, and end.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Model folder to run in this process (default: the choice's).")
    ] = None,
    at_once: Annotated[int | None, typer.Option(help="Streams side by side in this process.")] = None,
) -> None:
    """Serve a choice; keys are read from KARUI_SERVE_KEY, KARUI_OPERATOR_KEY and KARUI_API_KEY."""
    from dataclasses import replace

    from karui.cli.console import say, table
    from karui.gateway.assemble import assemble
    from karui.gateway.deployment import Deployment
    from karui.gateway.server.server import check, connect, listen, run
    from karui.gateway.settings import Settings
    from karui.study.local_engines import inside, origin_of

    pairs = dict(word.partition("=")[::2] for word in beside) if beside else None
    stated = {"per_million": price_output, "per_machine_hour": price_machine_hour, "currency": currency}
    price = {key: value for key, value in stated.items() if value is not None}
    settings = Settings.read(
        config,
        {
            "upstream": upstream,
            "fallback": fallback,
            "stage": stage,
            "host": host,
            "port": port,
            "folder": folder,
            "beside": pairs,
            "same_model": same_model,
            "names": tuple(name) if name else None,
            "canaries": canaries,
            "history": history,
            "keep_hours": keep_hours,
            "price": price or None,
        },
    )
    if rehearse_fallback:
        settings = replace(settings, history="", keep_hours=0.0)
    chosen = Deployment.load(choice)
    taken = listen(settings.host, settings.port)
    try:
        if settings.upstream:
            engines = connect(settings, chosen)
        else:
            engines = inside(chosen, model or "", settings.beside, at_once or 32)
        check(settings, chosen, engines, origin_of(chosen, model or ""))
        gateway = assemble(settings, chosen, engines)
        where = f"http://{settings.host}:{taken.getsockname()[1]}"
        if rehearse_fallback:
            _rehearse(gateway)
            return
        table(("setting", "value"), settings.rows())
        say()
        table(("when", "what answers then"), gateway.handler.dispatcher.router.policy.in_words())
        say()
        say(f"Plan: {chosen.expectation.label} ({chosen.choice.verdict}), stage {gateway.rollout.stage}")

        def ready() -> None:
            say(f"Serving at {where}/v1 (models karui/plan, karui/full)")
            say(f"Monitor at {where}/")

        run(gateway, taken, ready)
    finally:
        taken.close()


def _rehearse(gateway: "Gateway") -> None:
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
