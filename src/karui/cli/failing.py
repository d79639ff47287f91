"""The decision to fix the baseline: what the terminal says, and how such a study ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from karui.cli.console import say
from karui.cli.summary import say_notice
from karui.core.study.failure import BaselineFailure
from karui.i18n.formats import Format
from karui.i18n.translator import Translator
from karui.report import failing as words_of
from karui.selection.evidence import Evidence
from karui.study.baseline import FAILS
from karui.study.options import StudyOptions
from karui.study.steps import Recorded, decide, publish, study_of


def stop(
    main: Recorded,
    failing: tuple[BaselineFailure, Evidence],
    wishes: StudyOptions,
    out: Path,
    lang: str,
    commands: Sequence[str],
) -> NoReturn:
    """Writes the report of a baseline that fails, says why, and ends.

    Raises:
        typer.Exit: With 4.
    """
    failure, evidence = failing
    choice = decide(evidence, main.recording, [main], None, wishes, failure=failure)
    study = study_of(evidence, main.recording, choice, wishes, commands=commands)
    pages = publish(choice, study, out, lang)
    say_notice(study, lang)
    say_failure(failure, lang, agreement=choice.agreement)
    say()
    for page in pages:
        typer.echo(page)
    raise typer.Exit(FAILS)


def say_failure(failure: BaselineFailure, lang: str, *, agreement: bool) -> None:
    """Prints that full thinking fails, the likely reasons, and some of its replies."""
    w, form = Translator(lang, agreement=agreement), Format(lang)
    say()
    say(w("fix"))
    say(f"  {words_of.how_badly(w, form, failure)}")
    say(f"  {w('lead_fix')}")
    say()
    say(f"{w('likely')}:")
    for place, (because, cure) in enumerate(words_of.likely(w, form, failure), 1):
        say(f"  {place}. {because}")
        say(f"     {cure}")
    say()
    say(f"{w('its_replies')}:")
    for reply in failure.examples:
        lines = words_of.told(w, reply)
        for number, (label, text) in enumerate(lines):
            said = " ".join(text.split())
            say(f"  {'-' if not number else ' '} {label}: {said}")
    say()
    say(f"{w('next_step')}:")
    say(f"  {w('next_fix')}")
