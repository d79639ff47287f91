"""`karui import`: recordings made elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from karui.cli.options import configured
from karui.study.config.verbs import ImportOptions

if TYPE_CHECKING:
    from karui.recording.importing import Imported, Known


@configured(ImportOptions, files=False)
def import_(
    options: ImportOptions,
    source: str = typer.Argument(
        "", help="The log, in any known format; or `scout` to read that layout from a folder."
    ),
    folder: Path | None = typer.Argument(None, help="The folder, with `scout`."),
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
    from karui.cli.console import table
    from karui.core.errors import InputError
    from karui.recording import importing
    from karui.recording.store import save
    from karui.tasks import verifier as named

    if options.formats:
        table(("format", "what it reads"), [(name, line) for name, line in importing.known_formats()])
        return
    if source == "scout":
        _import_scout(folder, options)
        return
    if not source:
        raise InputError("`karui import` needs a log to read.", remedy="--formats lists the known formats.")
    done = importing.import_log(
        Path(source),
        format=options.format,
        verifier=named(options.verifier),
        counter=importing.ByTokenizer(options.tokenizer) if options.tokenizer else None,
        model=options.model,
        requests=options.requests,
        references=_references(options.questions) if options.questions else None,
        agreement=options.reference == "self",
        trial_tokens=options.trial_tokens,
        skip=options.skip_broken,
    )
    save(done.recording, options.out)
    _tell(done)
    typer.echo(options.out)


def _import_scout(folder: Path | None, options: ImportOptions) -> None:
    from karui.cli.console import say
    from karui.core.errors import InputError
    from karui.recording.importing.scout import import_scout
    from karui.recording.store import save

    if folder is None:
        raise InputError("`karui import scout` needs the folder with the .json files.")
    for name, recording in import_scout(folder, trial_tokens=options.trial_tokens).items():
        save(recording, options.out / name)
        say(f"{name}: {len(recording.questions)} questions, {recording.manifest.samples} traces each")
        typer.echo(options.out / name)


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
