"""`karui weigh`: what models take in memory and give in speed, on this machine."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from karui.cli import options as o

if TYPE_CHECKING:
    from karui.core.plan import Plan


def weigh(
    models: Annotated[
        list[str], typer.Argument(help="Model folders, Hub names or .gguf files; karui-mini, karui-micro.")
    ],
    questions: o.Questions = "mini",
    at_once: str = typer.Option("1,8,32", help="Streams side by side, one figure each."),
    tokens: int = typer.Option(256, min=32, help="Tokens of the longest stream of each measurement."),
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    threads: o.Threads = 0,
    compiled: o.Compile = False,
    configure: list[str] = typer.Option(
        [], help='Weigh each model once more with this: kv-cache, prompt-lookup, "draft-model:model=…".'
    ),
    json: bool = typer.Option(False, "--json", help="For programs."),
) -> None:
    """Weigh models one after the other, each in a process of its own: memory, tokens per second."""
    from json import dumps

    from karui.cli.console import Steps, table
    from karui.core.errors import InputError
    from karui.core.plan import Plan
    from karui.core.prompt import Sampling
    from karui.core.request import Request
    from karui.i18n.formats import Format
    from karui.models import place
    from karui.profiling.profile import profile as weighed
    from karui.study.workspace import task_of

    try:
        counts = [int(n) for n in at_once.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise InputError(f"--at-once {at_once} cannot be read.", remedy="Write numbers, such as 1,8,32.")
    task = task_of(questions, limit=max(counts))
    asks = [Request(q.id, task.prompt(q), Sampling(0.6, 0.95)) for q in task.questions]
    options: dict[str, Any] = {
        "device": device,
        "dtype": dtype,
        "threads": threads or None,
        "compile": compiled,
    }
    plans = [Plan(), *map(_configuring, configure)]
    found = []
    with Steps() as steps:
        for model in models:
            for plan in plans:
                name = f"{model}, {plan.label}" if plan.techniques else model
                steps.begin(f"Weighing {name}")
                given = plan.configure(options)
                found.append(weighed(place(model), asks, name=name, at_once=counts, tokens=tokens, **given))
    if json:
        typer.echo(dumps([w.as_dict() for w in found], indent=1))
        return
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
            [(w.model, *(_guessed(w.speculated[n]) for n in counts)) for w in guessing],
        )


def _configuring(text: str) -> "Plan":
    """Returns the plan of techniques that change how a model is loaded, and nothing else."""
    from karui.catalog import parse
    from karui.core.errors import InputError

    plan = parse(text)
    if not plan.techniques or not all(t.changes("configure") for t in plan.techniques):
        raise InputError(
            f"--configure {text} does not change how a model is loaded.",
            remedy="Name techniques that do: kv-cache, prompt-lookup, draft-model.",
        )
    return plan


def _guessed(shares: Mapping[str, float]) -> str:
    if shares["tokens_per_forward"] == 1:
        return "–"
    return f"{shares['acceptance']:.0%}, {shares['tokens_per_forward']:.2f}"
