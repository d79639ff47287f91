"""`karui profile`: what models take in memory and give in speed, on this machine."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from karui.cli import options as o
from karui.cli.options import configured
from karui.study.config.verbs import ProfileOptions

if TYPE_CHECKING:
    from karui.core.study import ModelProfile


@configured(ProfileOptions, files=False)
def profile(
    options: ProfileOptions,
    models: list[str] = typer.Argument(
        help="Model folders, Hub names or .gguf files; karui-mini, karui-micro."
    ),
    json: o.Json = False,
) -> None:
    """Measure models one after the other, each in a process of its own: memory, tokens per second."""
    from json import dumps

    import karui
    from karui.cli.console import Steps
    from karui.codec.values import encode
    from karui.core.errors import InputError

    try:
        counts = [int(n) for n in options.concurrency.split(",")]
    except ValueError:
        raise InputError(
            f"--concurrency is not a list of numbers (got {options.concurrency!r}).",
            remedy="Write numbers, such as 1,8,32.",
        ) from None
    with Steps() as steps:
        found = karui.profile(
            models,
            questions=options.questions,
            concurrency=counts,
            tokens=options.tokens,
            configure=options.configure,
            on_progress=steps,
            device=options.device,
            dtype=options.dtype,
            threads=options.threads,
            compile=options.compile,
        )
    if json:
        typer.echo(dumps([encode(w) for w in found], indent=1))
    else:
        _show(found, counts)


def _show(found: "Sequence[ModelProfile]", counts: Sequence[int]) -> None:
    from karui.cli.console import table
    from karui.i18n.formats import Format

    first, form = found[0], Format("en")
    rows = [
        (
            w.model,
            f"{w.engine}, {w.dtype}",
            f"{w.parameters / 1e6:,.1f} M",
            form.bytes(w.disk_bytes),
            form.bytes(w.loaded_bytes),
            form.bytes(w.resident_bytes),
            form.bytes(w.kv_bytes_per_token),
            *(f"{rate:,.0f} ({rate / first.speed[n]:.2f}×)" for n, rate in w.speed.items()),
        )
        for w in found
    ]
    heads = ("model", "engine", "parameters", "on disk", "loaded", "process", "KV a token")
    table((*heads, *(f"tokens/s at {n}" for n in counts)), rows)
    guessing = [w for w in found if w.speculated]
    if guessing:
        typer.echo()
        table(
            ("tokens guessed ahead", *(f"stood, and tokens a forward, at {n}" for n in counts)),
            [(w.model, *(guessed(w.speculated[n]) for n in counts)) for w in guessing],
        )


def guessed(shares: Mapping[str, float]) -> str:
    """Returns how many guesses stood, and the tokens of a forward; – where nothing was guessed."""
    if shares["tokens_per_forward"] == 1:
        return "–"
    return f"{shares['acceptance']:.0%}, {shares['tokens_per_forward']:.2f}"
