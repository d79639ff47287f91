"""`karui judge`: another model judges the answers of a recording."""

import asyncio
from pathlib import Path

import typer

from karui.cli import options as o


def judge(
    recordings: list[Path] = typer.Argument(
        help="The recording of full thinking (or a study's folder); behind it those of variants."
    ),
    judge: str = typer.Option(
        "",
        envvar="KARUI_JUDGE",
        help="The judge: http://HOST:PORT/v1#NAME (key: KARUI_JUDGE_KEY), a folder or a GGUF file.",
    ),
    json: o.Json = False,
) -> None:
    """Have answers judged whose verifier is judge:pairwise or judge:rubric; killed, the same line goes on.

    What a judge says certifies nothing: label a few by hand, with karui label.
    """
    from json import dumps

    from karui.cli.console import Steps, say
    from karui.codec.values import encode
    from karui.recording.store import load
    from karui.study.judging.study_judge import folder_of, judge_all

    with Steps() as steps:
        found = asyncio.run(
            judge_all([load(folder_of(path), signals=False) for path in recordings], steps, judge)
        )
    if json:
        typer.echo(dumps(encode(found), ensure_ascii=False, indent=1))
        return
    say(f"{found.model} judged {found.judged} answers ({found.mode}); {found.unjudged} without a verdict")
    say(
        f"Spent: {found.requests} requests, {found.prompt_tokens:,} tokens read, {found.generated_tokens:,} "
        "generated"
    )
    if found.flips is not None and found.first is not None:
        say(
            f"Of its single verdicts {found.first:.0%} are for the answer that stands first; on "
            f"{found.flips:.0%} of the pairs it contradicts itself when they change places."
        )
    if found.longer is not None:
        say(f"{found.longer:.0%} are for the longer answer.")
