"""The `karui` command."""

from collections.abc import Callable

import typer

from karui.cli.commands import (
    benchmark,
    catalogue,
    choose,
    compare,
    explain,
    export,
    feedback,
    import_,
    judge,
    label,
    make,
    merge,
    passport,
    poc,
    portfolio,
    probe,
    profile,
    record,
    replay,
    report,
    rollout,
    serve,
    trials,
)
from karui.cli.console import explained
from karui.cli.usage import RENAMED_VERBS, Verb

app = typer.Typer(
    name="karui",
    help="Make a reasoning model light to run without making it worse, and prove it on your own questions. "
    "Python files that only data names (a questions file, a recording, a choice) run with --allow-code only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_VERBS: dict[str, tuple[Callable[..., None], str]] = {
    "poc": (poc.poc, "The whole job: record, replay, choose, confirm, report."),
    "portfolio": (
        portfolio.portfolio,
        "Run several proofs of concept within a budget, and rank them by ROI.",
    ),
    "record": (record.record, "Record full traces, with a trial at every checkpoint."),
    "merge": (merge.merge, "Merge recordings of one task that were made apart."),
    "make": (make.make, "Make new weights from a model: quantize, prune, distil, train."),
    "replay": (replay.replay, "Evaluate plans over a recording."),
    "choose": (choose.choose, "Choose the cheapest plan whose loss is certified."),
    "compare": (compare.compare, "Compare two runs question by question: is the difference real?"),
    "judge": (judge.judge, "Have another model judge answers that no rule can check."),
    "label": (label.label, "Label a few judged answers by hand, blind, in the browser."),
    "serve": (serve.serve, "Serve the choice behind OpenAI's API, guarded, with a fallback."),
    "rollout": (rollout.rollout, "Show or change the stage of a running gateway."),
    "feedback": (feedback.feedback, "Show what users say, or write it as the next study's questions."),
    "report": (report.report, "Write the report of a finished study."),
    "profile": (profile.profile, "Measure models: memory and tokens per second on this machine."),
    "probe": (probe.probe, "Find out what a server can do, by trying it."),
    "explain": (explain.explain, "Think a short answer of the gateway through in full."),
    "export": (export.export, "Write a run for other tools: lm-eval, inspect, CSV, Parquet, MLflow."),
    "import": (import_.import_, "Import traces recorded elsewhere."),
    "trials": (trials.trials, "Add trials to imported texts, so that early exits can be replayed on them."),
    "techniques": (catalogue.techniques, "List the techniques."),
    "tasks": (catalogue.tasks, "List the sources of questions."),
}
for _verb, (_run, _line) in _VERBS.items():
    app.command(_verb, cls=Verb, short_help=_line)(explained()(_run))
app.add_typer(passport.app, name="passport", short_help="Issue, check and compare signed promises.")
app.add_typer(benchmark.app, name="benchmark", short_help="Compare methods and models on common questions.")
for _old, _new in RENAMED_VERBS.items():
    app.command(_old, cls=Verb, hidden=True)(explained()(_VERBS[_new][0]))


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="The version, and nothing else.")) -> None:
    if version:
        from karui.version import __version__

        typer.echo(f"karui {__version__}")
        raise typer.Exit
