"""Who judged the answers, how it errs, and what people's labels add, in sentences."""

from karui.core.study.choice import Choice
from karui.core.study.judge import Judging, Labelling
from karui.i18n.formats import Format
from karui.i18n.translator import Translator


def judge(choice: Choice, words: Translator, form: Format) -> list[str]:
    """Returns what has to be known of a judge; nothing where answers were checked.

    Args:
        choice: What the study came to.
        words: Returns the text of a key in some language.
        form: The number formats of the same language.
    """
    found = choice.judge
    if found is None:
        return []
    asked, labelled = found.judging, found.labelling
    if labelled is None or found.seen:
        told = [words("judge_alone", model=asked.model)]
    else:
        n, units = form.integer(labelled.labels), form.integer(labelled.units)
        told = [words("judge_labelled", model=asked.model, labels=n, units=units)]
    if labelled is not None:
        told += _labels(labelled, words, form, certified=bool(choice.spec))
    return told + _leanings(asked, labelled, words, form) + [_bill(asked, words, form)]


def _labels(found: Labelling, words: Translator, form: Format, *, certified: bool) -> list[str]:
    told = []
    if certified:
        pass
    elif found.wanted is None:
        told.append(words("judge_never"))
    elif found.wanted > found.planned:
        wanted, planned = form.integer(found.wanted), form.integer(found.planned)
        told.append(words("judge_too_few", wanted=wanted, planned=planned))
    else:
        # What was guessed may be reached without a certificate: at least one more is missing then.
        missing = form.integer(max(1, found.missing or 0))
        told.append(words("judge_missing", missing=missing, labels=form.integer(found.labels)))
    if found.agreement is not None:
        told.append(words("judge_agreement", agreement=form.percent(found.agreement, 0)))
    return told


def _leanings(asked: Judging, found: Labelling | None, words: Translator, form: Format) -> list[str]:
    told = []
    if asked.first is not None and asked.flips is not None:
        first, flips = form.percent(asked.first, 0), form.percent(asked.flips, 0)
        told.append(words("judge_position", first=first, flips=flips))
    if asked.longer is not None:
        longer = form.percent(asked.longer, 0)
        people = found.longer if found else None
        if people is None:
            told.append(words("judge_length", longer=longer))
        else:
            told.append(words("judge_length_people", longer=longer, people=form.percent(people, 0)))
    if asked.unjudged:
        unjudged, every = form.integer(asked.unjudged), form.integer(asked.judged + asked.unjudged)
        told.append(words("judge_unjudged", unjudged=unjudged, all=every))
    return told


def _bill(asked: Judging, words: Translator, form: Format) -> str:
    return words(
        "judge_bill",
        requests=form.integer(asked.requests),
        read=form.integer(asked.prompt_tokens),
        written=form.integer(asked.generated_tokens),
    )
