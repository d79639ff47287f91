"""`karui probe`: how a model thinks, what a server can do, and which techniques work with it."""

from typing import TYPE_CHECKING, Any

import typer

from karui.cli import options as o

if TYPE_CHECKING:
    from karui.engines.chat.override import Override


def probe(
    model: str = typer.Argument(
        help="A model folder, a GGUF file or a Hub name, of which only the tokenizer is read; or a server: "
        "http://HOST:PORT/v1, and #model behind it."
    ),
    thinking: o.Thinking = None,
    folder: str = typer.Option("", help="Folder or Hub name with the model's tokenizer and chat template."),
    route: str = typer.Option("", help="Route: completions or chat, instead of what is found best."),
    budget_chats: int = typer.Option(
        75,
        min=1,
        help="Chats with the server's own thinking budget that have to be clean: 75 find a fault in 4% of "
        "chats with a probability of 95%.",
    ),
    json: o.Json = False,
) -> None:
    """Find out how a model thinks, and what its server can do; a server's key is read from KARUI_API_KEY."""
    from json import dumps

    from karui.core.errors import InputError
    from karui.engines.chat.override import NOTHING_SAID, read_override

    if route not in {"", "completions", "chat"}:
        raise InputError(
            f"--route is neither completions nor chat (got {route!r}).", remedy="Set --route to one of them."
        )
    said = read_override(thinking) if thinking else NOTHING_SAID
    server = model.startswith(("http://", "https://"))
    found = _server(model, folder, route, budget_chats, said) if server else _folder(model, said)
    if json:
        typer.echo(dumps(found, indent=1, default=str, ensure_ascii=False))
    else:
        _show(found)


def _folder(model: str, said: "Override") -> dict[str, Any]:
    """Returns how the model of a folder or file thinks, as its tokenizer tells; no weights are read."""
    from karui.engines.chat.template import find_format
    from karui.engines.llama_cpp import gguf_file
    from karui.models import place

    path = place(model)
    if file := gguf_file(path):
        from karui.engines.llama_cpp.file import check_file, read_tokenizer
        from karui.engines.llama_cpp.model import LlamaModel

        check_file(file)
        tokenizer, _ = read_tokenizer(file, LlamaModel(file, vocabulary_only=True))
    else:
        from karui.engines.chat.tokenizer import load_tokenizer
        from karui.engines.transformers.load import quiet
        from karui.models.folder import find_folder

        quiet()
        tokenizer = load_tokenizer(find_folder(path))
    return {"thinking": find_format(tokenizer, override=said).as_dict()}


def _server(model: str, folder: str, route: str, budget_chats: int, said: "Override") -> dict[str, Any]:
    from dataclasses import asdict

    from karui.catalog import names, technique
    from karui.engines.openai import HttpEngine

    engine = HttpEngine.load(model, folder=folder, route=route, budget_chats=budget_chats, thinking=said)
    lacking = engine.lacking
    works = {
        name: "; ".join(f"{a}: {lacking[a]}" for a in sorted(technique(name).needs & lacking.keys()))
        for name in names()
        if not technique(name).changes("prepare") and not technique(name).changes("configure")
    }
    return {
        "thinking": engine.thinks,
        "capabilities": asdict(engine.can),
        "rows": engine.can.rows(),
        "abilities": sorted(engine.abilities),
        "lacking": works,
    }


def _show(found: dict[str, Any]) -> None:
    from karui.cli.console import say, table

    thinking = found["thinking"]
    rows = [(f["what"], f["value"], f["how"]) for f in thinking["findings"]]
    table(("thinking", "found", "how"), rows)
    for note in thinking["notes"]:
        say(note)
    if "rows" in found:
        say()
        table(("server", "found"), found["rows"])
        say()
        table(("technique", "works"), [(name, why or "yes") for name, why in found["lacking"].items()])
