"""`karui trials`: answers tried inside texts that are there already."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from karui.cli.options import configured
from karui.study.config.verbs import TrialsOptions

if TYPE_CHECKING:
    from karui.core.engine import Engine
    from karui.core.question import Verifier
    from karui.core.recording import Recording


@configured(TrialsOptions, files=False)
def trials(
    options: TrialsOptions,
    recording: Path = typer.Argument(help="The folder of a recording with whole texts, as import writes it."),
) -> None:
    """Add a trial at every checkpoint to imported texts, so that early exits can be replayed on them.

    The model reads each text up to a checkpoint and is made to answer there; it generates nothing else.
    Checkpoints and token counts are those of this model's tokenizer. Its trials stand in for those of the
    model that wrote the texts; what is chosen from them says so. Killed, the same line goes on where it was.
    """
    import asyncio

    from karui import engines
    from karui.cli.console import say
    from karui.models import place
    from karui.recording.store import load
    from karui.recording.trials import spaced
    from karui.study.options import assumptions_of
    from karui.study.workspace import MINI

    prices = assumptions_of(options.assume)
    read = load(recording)
    read = replace(read, questions=read.questions[: options.limit or None])
    loading: dict[str, Any] = {
        "device": options.device,
        "dtype": options.dtype,
        "threads": options.threads or None,
        "slots": options.concurrency,
    }
    loading |= {"folder": options.tokenizer} if options.tokenizer else {}
    loading |= {"rule": spaced(options.every)} if options.every else {}
    name = options.model or MINI
    engine = engines.load(place(name), name=name, **loading)
    say(f"Texts by {read.manifest.model.name}, trials by {engine.card.name}")

    async def work() -> None:
        try:
            if options.estimate:
                await _estimate(read, engine, prices)
            else:
                judge = _judge(options.verifier or read.manifest.verifier, recording)
                folder = options.out or recording.with_name(f"{recording.name}-trials")
                await _add(read, engine, folder, judge, options)
                typer.echo(folder)
        finally:
            await engine.close()

    asyncio.run(work())


async def _estimate(read: "Recording", engine: "Engine", prices: dict[str, Any]) -> None:
    from karui.cli.console import say
    from karui.recording.trials import estimate

    found = await estimate(read, engine)
    _say_lengths(found.textless, found.short)
    say(
        f"{found.traces} traces, {found.checkpoints:,} checkpoints: {found.prompt:,} tokens to prefill "
        f"(exact), about {found.trial:,} to generate (at most {found.most:,})"
    )
    if {"price_prompt", "price_output"} <= prices.keys():
        prefill, output = float(prices["price_prompt"]), float(prices["price_output"])
        cost = (found.prompt * prefill + found.trial * output) / 1e6
        say(f"At these prices about {cost:,.2f} {prices.get('currency', '')}".rstrip())


async def _add(
    read: "Recording", engine: "Engine", folder: Path, judge: "Verifier", options: TrialsOptions
) -> None:
    from karui.cli.console import Steps, say
    from karui.recording.store import missing
    from karui.recording.trials import Progress, add_trials, estimate, spent

    with Steps() as steps:
        steps.begin("Estimating")
        found = await estimate(read, engine)
        _say_lengths(found.textless, found.short)
        say(f"   {found.prompt:,} tokens to prefill, about {found.trial:,} to generate")
        steps.begin("Trying the answer at every checkpoint")

        def progressed(now: Progress) -> None:
            failed = f", {now.failed} failed" if now.failed else ""
            steps.at(now.done, now.total, f"{now.trials:,} trials{failed}")

        made = await add_trials(
            read,
            engine,
            folder,
            verifier=judge,
            same_model=options.same_model,
            at_once=options.concurrency,
            on_progress=progressed,
        )
    bill = spent(made)
    say(
        f"Spent: {bill.prompt:,} tokens prefilled ({bill.cached:,} of them cached), {bill.trial:,} generated "
        f"in {sum(len(t.checkpoints) for t in made.traces()):,} trials"
    )
    if lost := missing(made):
        say(f"Warning: Traces that failed and are missing: {lost}; the same command tries them again.")


def _judge(spec: str, recording: Path) -> "Verifier":
    from karui.core.errors import InputError
    from karui.tasks import verifier as named

    if not spec:
        raise InputError(
            f"Which verifier read the answers of {recording} is not known.",
            remedy="Name it with --verifier, such as math or numeric.",
        )
    return named(spec)


def _say_lengths(textless: int, short: int) -> None:
    from karui.cli.console import say

    if textless:
        say(f"   {textless} traces hold no text of their thinking: nothing can be tried in them")
    if short:
        say(f"   {short} traces are longer than this model's context: tried as far as it goes")
