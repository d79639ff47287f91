"""The decision to fix the baseline: what the terminal says."""

from karui.cli.console import say
from karui.core.study.failure import BaselineFailure
from karui.i18n.formats import Format
from karui.i18n.translator import Translator
from karui.report import failing as words_of


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
