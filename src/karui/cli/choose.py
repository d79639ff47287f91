"""`karui choose`: the cheapest plan whose loss is certified."""

from pathlib import Path

import typer

from karui.cli import options as o


def choose(
    recording: Path = typer.Argument(help="The folder of a recording."),
    style: list[Path] = typer.Option(
        [], help="A recording of the same questions with another prompt, or by an artifact (repeatable)."
    ),
    beside: o.Beside = [],  # noqa: B006 - typer reads the default
    pilot: list[Path] = typer.Option(
        [],
        help="A pilot recording of other questions: of this model, and of each style and model beside it "
        "(repeatable); else a quarter is set aside.",
    ),
    kind: list[str] = typer.Option([], help="Only questions of this kind (repeatable)."),
    max_drop: o.MaxDrop = 2.0,
    confidence: o.Confidence = 0.95,
    minimize: o.Minimize = "",
    priority: o.Priority = "",
    technique: o.Own = [],  # noqa: B006 - typer reads the default
    accept_truncation: o.Truncation = False,
    accept_no_thinking: o.NoThinking = False,
    min_accuracy: o.MinAccuracy = 10.0,
    assume: o.Assume = [],  # noqa: B006 - typer reads the default
    lang: o.Lang = "en",
    out: o.Out = Path("choice"),
) -> None:
    """Choose from recordings; writes choice.json, study.json and the report."""
    from karui.cli.console import Steps
    from karui.cli.failing import stop
    from karui.cli.summary import say_between, say_misbehaviour, summary
    from karui.recording.store import load
    from karui.study.baseline import examined, loaded
    from karui.study.options import StudyOptions, assumptions_of, fair, rule_of
    from karui.study.serving_profile import expected
    from karui.study.steps import Recorded, beside_of, decide, evidence_of, publish, study_of

    wishes = StudyOptions(
        rule_of(max_drop, confidence, minimize, priority, min_accuracy),
        assumptions_of(assume),
        extra=tuple(technique),
        accept_truncation=accept_truncation,
        named=bool(minimize or priority),
    )
    main = loaded(recording, kind, accept_no_thinking=accept_no_thinking)
    if failing := examined(main, wishes):
        stop(main, failing, wishes, out, lang, _commands())
    styles = [Recorded(path, load(path).of_kinds(kind)) for path in style]
    further = beside_of(beside, kind)
    pilots = [Recorded(path, load(path)) for path in pilot]
    first, rest = (pilots[0] if pilots else None), pilots[1:]
    wishes = fair(wishes, [r.recording for r in (main, *styles, *further.values())])
    with Steps() as steps:
        steps.begin("Replaying every plan")
        evidence, test_part = evidence_of(main, styles, first, wishes, steps.at, beside=further, pilots=rest)
    choice = decide(evidence, test_part, [main, *styles], first, wishes, beside=further, pilots=rest)
    study = study_of(evidence, test_part, choice, wishes, commands=_commands(), beside=further, styles=styles)
    pages = publish(choice, study, out, lang, expected(choice, main, styles, further))
    summary(choice, study, lang)
    say_misbehaviour(study.misbehaviour)
    say_between(evidence, wishes)
    for page in pages:
        typer.echo(page)


def _commands() -> list[str]:
    import shlex
    import sys

    return [shlex.join(["karui", *sys.argv[1:]])]
