"""`karui techniques` and `karui tasks`: what there is."""

import typer

from karui.cli import options as o


def techniques(
    name: str = typer.Argument("", help="Technique to show in full."),
    json: o.Json = False,
) -> None:
    """List every technique with one line and its parameters."""
    from inspect import getdoc
    from json import dumps

    from karui.catalog import names, technique

    classes = [technique(name)] if name else [technique(n) for n in names()]
    if json:
        found = [
            {
                "name": t.name(),
                "family": t.family,
                "summary": t.summary(),
                "needs": sorted(t.needs),
                "own_recording": t.needs_recording(),
                "parameters": {
                    k: {"default": v, "low": n.low, "high": n.high} for k, (v, n) in t.knobs().items()
                },
            }
            for t in classes
        ]
        typer.echo(dumps(found, indent=1, default=str))
        return
    if name:
        typer.echo(f"{classes[0].name()} ({classes[0].family})\n\n{getdoc(classes[0])}")
        for key, (default, knob) in classes[0].knobs().items():
            typer.echo(f"  {key} = {default}   {knob.help}")
        return
    for family, title in _TITLES.items():
        typer.echo(f"\n{title}")
        for t in sorted((t for t in classes if t.family == family), key=lambda t: t.name()):
            typer.echo(f"  {t.name():<24}{t.summary()}")
            shown = [f"{k}={v}" for k, (v, _) in t.knobs().items() if len(str(v)) < 30]
            if t.needs_recording():
                shown.append("(needs a recording of its own: --variant)")
            if shown:
                typer.echo(f"  {'':<24}{'  '.join(shown)}")


def tasks(json: o.Json = False) -> None:
    """List the sources of questions."""
    from json import dumps

    from karui.cli.console import table
    from karui.tasks import available

    if json:
        typer.echo(dumps([{"name": n, "what": w} for n, w in available()], indent=1, ensure_ascii=False))
    else:
        table(("name", "what"), list(available()))


_TITLES = {
    "shorter": "shorter: think in fewer tokens",
    "smaller": "smaller: less model",
    "faster": "faster: spend the thinking better",
    "control": "controls: what a technique has to beat",
}
