"""How often these questions were looked at, and how many independent ones they are, in sentences."""

from karui.core.study.choice import Choice
from karui.i18n.formats import Format
from karui.i18n.translator import Translator

_NAMED = 10
"""Looks that have a word of their own in English."""


def looks(choice: Choice, words: Translator, form: Format) -> list[str]:
    """Returns what has to be known of all looks at the test questions; nothing for older choices.

    Args:
        choice: What this look came to.
        words: Returns the text of a key in some language.
        form: The number formats of the same language.
    """
    seen = choice.looks
    if seen is None:
        return []
    alpha = form.percent(choice.rule.alpha, 0 if choice.rule.alpha >= 0.01 else 1)
    which = words(f"look_{seen.look}") if seen.look <= _NAMED else words("look_n", n=seen.look)
    told = [words("looks", which=which, alpha=alpha, spent=form.percent(seen.spent, 1))]
    if seen.grouped:
        told.append(
            words(
                "looks_units",
                n=form.integer(choice.questions),
                units=form.integer(seen.units),
                grouped=form.integer(seen.grouped),
            )
        )
    if seen.unwritten:
        told.append(words("looks_unwritten"))
    return told
