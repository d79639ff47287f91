"""Limits on time and cost in sentences: what is promised of a plan, on whose machine, and what is not."""

from karui.core.study.choice import Choice
from karui.core.study.limits import Finding, Measure, Promise
from karui.i18n.formats import Format
from karui.i18n.translator import Translator


def limits(choice: Choice, words: Translator, form: Format) -> list[str]:
    """Returns what has to be known of the limits; nothing where none were asked for.

    They are those of the chosen plan; where none was chosen, of the first that is certified.

    Args:
        choice: What was chosen.
        words: Returns the text of a key in some language.
        form: The number formats of the same language.
    """
    chosen = choice.plan if choice.spec else ""
    about = next((t for t in choice.tested if t.promises and chosen in {"", t.plan}), None)
    if about is None:
        return []
    told = [_sentence(promise, words, form) for promise in about.promises]
    timed = next((p for p in about.promises if p.measure is Measure.FIRST_ANSWER and p.estimate), None)
    if timed is not None:
        streams = form.integer(max(1.0, timed.streams))
        machine = timed.machine or words("limit_unbounded")
        told.append(words("limit_where", machine=machine, streams=streams))
    return told if chosen else [words("limit_of", plan=about.label), *told]


def _sentence(promise: Promise, words: Translator, form: Format) -> str:
    def amount(value: float | None) -> str:
        if value is None:
            return words("limit_unbounded")
        timed = promise.measure is Measure.FIRST_ANSWER
        return form.seconds(value) if timed else form.money(value, promise.currency)

    what = words(f"limit_{promise.measure.value}", limit=amount(promise.limit))
    values = {"what": what}
    if promise.finding in {Finding.KEPT, Finding.NOT_SHOWN, Finding.BROKEN}:
        values |= {"estimate": amount(promise.estimate)}
    if promise.finding in {Finding.KEPT, Finding.NOT_SHOWN}:
        level = form.percent(1 - promise.level, 1)
        values |= {"bound": amount(promise.bound), "level": level, "n": form.integer(promise.units)}
    return words(f"limit_{promise.finding.value}", **values)
