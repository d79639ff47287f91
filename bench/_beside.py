"""Recordings that were made apart, laid side by side: the same questions, ids and order, one token limit."""

from collections.abc import Mapping
from dataclasses import replace

from karui.core.recording import Recording


def together(recordings: Mapping[str, Recording], main: str) -> tuple[dict[str, Recording], int]:
    """Returns the recordings of the questions that all of them hold, and how many questions are left out.

    Logs number their questions each for itself, so a question is known by its text, and has the id and the
    place that the main recording gives it. Logs tell no limit, so each has its longest reply for one; here
    all have the largest of these.

    Args:
        recordings: By the names that plans ask for.
        main: The one whose ids and order are taken.
    """
    ids = {q.prompt.user: q.id for q in recordings[main].questions}
    order = {id_: n for n, id_ in enumerate(ids.values())}
    limit = max(r.manifest.sampling.max_tokens for r in recordings.values())
    named = {
        name: replace(
            r,
            manifest=replace(r.manifest, sampling=replace(r.manifest.sampling, max_tokens=limit)),
            questions=tuple(replace(q, id=ids[q.prompt.user]) for q in r.questions if q.prompt.user in ids),
        )
        for name, r in recordings.items()
    }
    common = set.intersection(*({q.id for q in r.questions if q.traces} for r in named.values()))
    lost = max(len(r.questions) for r in recordings.values()) - len(common)
    return {
        name: replace(r, questions=tuple(sorted(r.subset(common).questions, key=lambda q: order[q.id])))
        for name, r in named.items()
    }, lost
