"""`karui explain`: the full thinking beside a short answer."""

import unicodedata
from typing import Any

import typer

from karui.cli import options as o


def explain(
    request: str = typer.Argument(
        help="Id of the request: header x-karui-request-id, or the monitor's list."
    ),
    url: str = typer.Option("http://127.0.0.1:8321", help="Address of the gateway."),
    route: str = typer.Option("", help="Route of a gateway that serves several."),
    lang: o.Lang = "en",
    json: o.Json = False,
) -> None:
    """Think a kept question through in full; the operator's key is read from KARUI_OPERATOR_KEY."""
    from json import dumps

    from karui.gateway.client import explanation

    found = explanation(url, request, route)
    if json:
        typer.echo(dumps(found, ensure_ascii=False, indent=1))
        return
    _print(_harmless(found), lang)


def _harmless(value: Any) -> Any:
    """Returns a JSON value without control characters: a model's text must not command the terminal."""
    if isinstance(value, str):
        return "".join(c for c in value if c in "\n\t" or unicodedata.category(c) != "Cc")
    if isinstance(value, dict):
        return {key: _harmless(v) for key, v in value.items()}
    return [_harmless(v) for v in value] if isinstance(value, list) else value


_NARROWEST = 100
"""Columns below which two texts side by side cannot be read; a pipe gets as many."""


def _print(found: dict[str, object], lang: str) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from karui.i18n.monitor import MonitorTranslator

    w = MonitorTranslator(lang)
    kept, full = found["kept"], found["full"]
    assert isinstance(kept, dict)
    assert isinstance(full, dict)
    console = Console()
    for message in kept["messages"]:
        console.print(Text(f"{message.get('role')}: ", style="bold") + Text(str(message.get("content"))))
    if by := str(kept.get("unlike_by") or ""):
        console.print(w("explain_unlike", by=w.known("unlike", by)))
    cut, thought = found["cut_chars"], str(full["thinking"])
    short = Text(str(kept["thinking"]))
    if kept["cut"] is not None:
        short.append(f"\n✂ {w('explain_cut', n=kept['cut'])}", style="bold green")
    short.append(f"\n\n{w('explain_answer')}: {kept['answer']}", style="bold")
    whole = Text(thought[: cut if isinstance(cut, int) else len(thought)])
    if isinstance(cut, int):
        whole.append(f"\n✂ {w('explain_same_cut')}\n", style="bold green")
        whole.append(thought[cut:], style="dim")
    whole.append(f"\n\n{w('explain_answer')}: {full['answer']}", style="bold")
    sides = [
        Panel(text, title=f"{w(name)} · {w('explain_tokens', n=tokens)}")
        for text, name, tokens in (
            (short, "explain_short", kept["thinking_tokens"]),
            (whole, "explain_full", full["thinking_tokens"]),
        )
    ]
    side_by_side = Table.grid(expand=True)
    for _ in sides:
        side_by_side.add_column(ratio=1)
    side_by_side.add_row(*sides)
    console.width = max(console.width, _NARROWEST)
    console.print(side_by_side)
    if not found["same"] and cut is not None:
        console.print(w("explain_anew"))
    console.print(w("explain_agree" if found["agree"] else "explain_differ"))
