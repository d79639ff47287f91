"""Reasons and actions in words: the study holds values, and only here do they become sentences."""

from karui.core.study import ActionTaken
from karui.core.study.reasons import Because, Reason
from karui.i18n.formats import Format
from karui.i18n.translator import Translator


def reason(w: Translator, form: Format, because: Because) -> str:
    """Returns why a plan was not chosen, with its figures; `detail` has the words of an error."""
    if because.reason is Reason.OTHER:
        return because.text
    points = form.points(because.values.get("points"))
    return w(f"reason_{because.reason.value}", points=points)


def detail(because: Because) -> str:
    """Returns what an error said of the one plan, in English as all errors are; "" where none did."""
    return because.text if because.reason is Reason.NOT_REPLAYABLE else ""


def reason_group(w: Translator, form: Format, because: Because) -> str:
    """Returns a reason without its figures, so that plans with the same one come together."""
    if because.reason is Reason.CONFIDENTLY_WRONG:
        return w("reason_confidently_wrong_group")
    return reason(w, form, because)


def action(w: Translator, form: Format, number: int, taken: ActionTaken) -> str:
    """Returns what a plan did to one trace of a question.

    Args:
        w: The texts.
        form: The number formats.
        number: Which trace it was, from 1.
        taken: What was done.
    """
    values = {
        "n": number,
        "end": w(f"action_{taken.end.value}"),
        "tokens": form.integer(taken.thinking_tokens),
    }
    if taken.model == "main":
        return w("action", **values)
    return w("action_of", model=taken.model, **values)
