"""`karui compare`: is the difference between two runs real?"""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from karui.cli.options import Json, Lang, configured
from karui.study.config.verbs import CompareOptions

if TYPE_CHECKING:
    from karui.comparison.words import Told

BROKEN = 1
"""What the command exits with where the second run breaks a rule."""


@configured(CompareOptions, files=False)
def compare(
    options: CompareOptions,
    a: str = typer.Argument(help="The run to judge by: a study, a recording, or a log of another tool."),
    b: str = typer.Argument(help="The run to judge. Behind either, #PLAN replays a plan: runs/rec#full."),
    lang: Lang = "en",
    markdown: Path | None = typer.Option(
        None, help="File for a summary as Markdown, for a pull request; - is stdout."
    ),
    as_json: Json = False,
) -> None:
    """Compare two runs question by question: accuracy, tokens, latency, memory.

    Known are studies, recordings, and every log that `karui import` reads: lm-eval's samples, inspect logs.
    Questions are paired by their text. Rules of --fail-on: accuracy, accuracy:POINTS, unproven:POINTS,
    tokens:PERCENT, latency:PERCENT, memory:PERCENT, unpaired. Exit code 1 says that one is broken.
    """
    import karui
    from karui.comparison.rules import Rule, broken_rules
    from karui.comparison.words import Told

    rules = [Rule.parse(text) for text in options.fail_on]
    found = karui.compare(
        a,
        b,
        match=options.match,
        alpha=options.alpha,
        verifier=options.verifier,
        tokenizer=options.tokenizer,
    )
    broken = broken_rules(found, rules)
    told = Told(found, lang, rules, broken)
    if markdown is not None and str(markdown) != "-":
        from karui.codec.disk import writing

        with writing(markdown):
            markdown.write_text(told.markdown(), encoding="utf-8")
    if as_json:
        _print_json(told)
    elif str(markdown) == "-":
        typer.echo(told.markdown(), nl=False)
    else:
        _print(told)
    if broken:
        raise typer.Exit(BROKEN)


def _print_json(told: "Told") -> None:
    import json

    from karui.codec.values import encode

    values = {
        **told.found.as_dict(),
        "rules": [rule.text for rule in told.rules],
        "broken": [rule.text for rule in told.broken],
    }
    typer.echo(json.dumps(encode(values), ensure_ascii=False, indent=1, allow_nan=False))


def _print(told: "Told") -> None:
    from karui.cli.console import say, table

    table(told.head, told.rows())
    for line in (*told.runs(), *told.notes()):
        say(f"- {line}")
    if verdict := told.verdict():
        say()
        say(verdict)
