"""`karui import`: recordings made elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from karui.recording.importing import Imported, Known


def import_(
    source: str = typer.Argument(
        "", help="The log, in any known format; or `scout` to read that layout from a folder."
    ),
    folder: Path | None = typer.Argument(None, help="The folder, with `scout`."),
    out: Path = typer.Option(Path("recording"), help="Folder for the recording."),
    format: str = typer.Option("", help="Format of the log; recognised by default."),  # noqa: A002
    formats: bool = typer.Option(False, "--formats", help="List of the known formats, and nothing else."),
    verifier: str = typer.Option("math", help="Verifier that reads and judges the answers."),
    model: str = typer.Option(
        "", help="Model whose replies are taken; or who replied, where the log does not say."
    ),
    tokenizer: str = typer.Option(
        "", help="Model (folder or Hub name) whose tokenizer counts what the log does not."
    ),
    requests: Path | None = typer.Option(
        None, help="A second file, with what was asked: a batch's input, a benchmark's dataset."
    ),
    questions: Path | None = typer.Option(
        None, help="Your questions with their answers, matched by id or text, if the log has no answers."
    ),
    reference: str = typer.Option(
        "given",
        help="Source of the references: given, or self (the majority of the replies to a question).",
    ),
    skip_broken: bool = typer.Option(
        False,
        "--skip-broken",
        help="Omission of what cannot be imported, with a list of it; else it stops the import.",
    ),
    trial_tokens: int = typer.Option(
        10, help="Tokens that an imported trial is taken to have cost, where the log does not say."
    ),
) -> None:
    """Import traces recorded elsewhere (logs of other tools, a paper's data) as a recording to be replayed.

    Known are the logs of lm-eval, inspect_ai, EvalScope, OpenAI's batch API, LiteLLM, Langfuse and vLLM's
    benchmark (--formats lists all); and karui's own layout, one question a line, each with its reference and
    its samples; a trial is [thinking tokens so far, the answer it gave, its confidence or null]:

    \b
    {"id": "q1", "question": "6 × 7?", "reference": "42", "kind": "arithmetic",
     "samples": [{"tokens": 310, "answer": "42", "answer_tokens": 12,
                  "trials": [[64, "41", 0.55], [128, "42", null]]}]}

    Needed are samples, in each of them tokens and answer (null where there was none), and either a
    reference or "correct" in every sample that has an answer. Also known: prompt_tokens, truncated,
    thinking, text.
    """  # noqa: D301 - typer wants the control character: it keeps the lines below it as they are
    from karui.cli.console import say, table
    from karui.core.errors import InputError
    from karui.recording import importing
    from karui.recording.scout import import_scout
    from karui.recording.store import save
    from karui.tasks import verifier as named

    if formats:
        table(("format", "what it reads"), [(name, line) for name, line in importing.known_formats()])
        return
    if source == "scout":
        if folder is None:
            raise InputError("`karui import scout` needs the folder with the .json files.")
        for name, recording in import_scout(folder, trial_tokens=trial_tokens).items():
            save(recording, out / name)
            say(f"{name}: {len(recording.questions)} questions, {recording.manifest.samples} traces each")
            typer.echo(out / name)
        return
    if not source:
        raise InputError("`karui import` needs a log to read.", remedy="--formats lists the known formats.")
    if reference not in {"given", "self"}:
        raise InputError(f"--reference {reference} is not known.", remedy="Give given or self.")
    done = importing.import_log(
        Path(source),
        format=format,
        verifier=named(verifier),
        counter=importing.ByTokenizer(tokenizer) if tokenizer else None,
        model=model,
        requests=requests,
        references=_references(questions) if questions else None,
        agreement=reference == "self",
        trial_tokens=trial_tokens,
        skip=skip_broken,
    )
    save(done.recording, out)
    _tell(done)
    typer.echo(out)


def _references(questions: Path) -> "dict[str, Known]":
    """Returns the user's own questions by id and by text."""
    from karui import tasks
    from karui.recording.importing import Known

    task = tasks.load(str(questions))
    known: dict[str, Known] = {}
    for q in task.questions:
        found = Known(q.id, q.prompt(), q.reference, q.kind)
        known |= {q.id: found, q.text.strip(): found}
    return known


def _tell(done: "Imported") -> None:
    """Says what was read, and everything that was not as it should be."""
    from karui.cli.console import say
    from karui.core.trace import End

    recording = done.recording
    traces = list(recording.traces())
    cut = sum(t.end is End.TRUNCATED for t in traces)
    none = sum(t.end is not End.TRUNCATED and t.answer is None for t in traces)
    right = sum(q.correct(t.answer) for q in recording.questions for t in q.traces)
    say(
        f"Read as {done.format}: {len(recording.questions)} questions, up to "
        f"{recording.manifest.samples} traces each, {len(traces)} in all, by {recording.manifest.model.name}"
    )
    say(f"  {right} right, {cut} truncated, {none} without an answer that could be read")
    for note in done.notes:
        say(f"  {note}")
    if done.unknown:
        say(f"  Columns not known to this format, left aside: {', '.join(done.unknown)}")
    if done.skipped:
        say(f"  Left out: {len(done.skipped)} rows")
        for problem in done.skipped[:10]:
            say(f"    {problem}")
    if not recording.manifest.abilities & {"trials"} and any(t.thinking for t in traces):
        say("  It holds no trials: `karui trials` adds them, so that early exits can be replayed too.")
