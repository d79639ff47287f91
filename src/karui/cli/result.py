"""How a verb that ends in a study ends: what the terminal says of it, and the exit code."""

import typer

from karui.cli.console import say
from karui.cli.failing import say_failure
from karui.cli.summary import (
    DECISIONS,
    say_between,
    say_misbehaviour,
    say_models,
    say_notice,
    say_overthinking,
    summary,
)
from karui.study.baseline import FAILS
from karui.study.result import Details, Study
from karui.study.run import LENGTHY

WITHDRAWN = 3
"""Exit code of a choice that the live confirmation contradicted."""


def say_study(study: Study) -> None:
    """Prints the decision, its evidence and the files.

    Raises:
        typer.Exit: With 4 where full thinking itself fails, with 3 where the live confirmation contradicted
            the choice.
    """
    details, choice = study.details, study.choice
    assert details is not None
    if choice.failure is not None:
        say_notice(study.data, study.language)
        say_failure(choice.failure, study.language, agreement=choice.agreement)
        say()
    else:
        _say_choice(study, details)
    for page in study.pages:
        typer.echo(page)
    if choice.failure is not None:
        raise typer.Exit(FAILS)
    if choice.withdrawn:
        raise typer.Exit(WITHDRAWN)


def _say_choice(study: Study, details: Details) -> None:
    summary(study.choice, study.data, study.language)
    say_between(details.evidence, details.options)
    say_models(study.data)
    say_misbehaviour(study.data.misbehaviour)
    say_overthinking(details.test)
    if details.control is not None:
        decision = DECISIONS[details.control.decision].lower()
        say(
            f"Where length is needed ({' and '.join(LENGTHY)}, {details.control.questions} questions of the "
            f"shipped recording): {decision} [replayed; {study.path}/needs-length]"
        )
    if details.weights is not None:
        say(f"Its weights: {details.weights}")
    say()
