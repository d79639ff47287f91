"""What live requests of a chosen plan will look like, and which ones it speaks of.

Both are written beside the choice, for `karui serve`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from karui import catalog, tasks
from karui.core.errors import KaruiError
from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.core.study.choice import Choice
from karui.core.study.domain import DomainSummary, Outskirts, Region
from karui.domain.domain import Asked, Domain, distances, fitted
from karui.measure.intervals import mean_interval
from karui.selection.evidence import Evidence
from karui.selection.groups import Sources, pilot_of
from karui.selection.looks.units import Unit, units_of
from karui.serving_profile import ServingProfile, contract_of
from karui.study.progress import SILENT, Progress

_FAR = 0.1
"""Share of the test questions that counts as far from the others."""
_FEWEST = 20
"""Questions of that share below which nothing is said of them."""


def expected(choice: Choice, sources: Sources, progress: Progress = SILENT) -> ServingProfile | None:
    """Returns what to expect of the chosen plan; None where full thinking was chosen: there is none to serve.

    Args:
        choice: What was chosen.
        sources: The recordings behind it.
        progress: Is warned where something is not known.
    """
    if not choice.spec or choice.withdrawn:
        return None
    plan = catalog.plan_from_spec(choice.spec)
    style = catalog.plan_from_spec([t.spec for t in plan.recorded]).id
    own = next(
        r for r in (sources.main, *sources.styles) if catalog.plan_from_spec(r.manifest.style).id == style
    )
    further = {name: sources.beside[name] for name in plan.models if name != "main"}
    verifier, instruction = _asked(own)
    terms = contract_of({"main": own, **further}, verifier, instruction)
    if not terms.verifier:
        progress.warn(
            "This older recording does not name its verifier; the gateway will "
            'use "exact". Record again, or set terms.verifier in expectation.json.'
        )
        terms = contract_of({"main": own, **further}, "exact", instruction)
    found = ServingProfile.of({"main": own, **further}, plan, choice, sources.main, terms)
    known = choice.domain is not None and choice.domain.known
    return replace(found, domain=domain_of(sources)[1]) if known else found


def domain_of(
    sources: Sources, units: Mapping[str, Unit] | None = None
) -> tuple[DomainSummary, Domain | None]:
    """Returns the domain of the questions behind a choice; None for it where they are too few.

    Args:
        sources: The recordings. A pilot of the same model is compared with; the main one then calibrates.
        units: Those of the main recording's questions, by id; None finds them.
    """
    main, pilot = sources.main, pilot_of(sources.main, sources.pilots)
    recorded = _questions(main, units)
    return fitted(
        list(recorded.values()),
        list(_questions(pilot).values()) if pilot else (),
        kinds=[q.kind for q in main.questions if q.id in recorded],
    )


def outskirts_of(evidence: Evidence, test_part: Recording, plan: str) -> Outskirts | None:
    """Returns how a plan does on the test questions least like the others; None where they are too few.

    Args:
        evidence: All plans replayed.
        test_part: The recording of the test questions.
        plan: Id of the plan.
    """
    base, found = evidence.test[evidence.baseline], evidence.test.get(plan)
    asked = _questions(test_part, evidence.units)
    if found is None or _FAR * len(asked) < _FEWEST:
        return None
    far_off = dict(zip(asked, distances(list(asked.values())), strict=True))
    score = np.array([far_off.get(question, np.nan) for question in base.questions])
    far = score >= np.nanquantile(score, 1 - _FAR)
    return Outskirts(_region(base, found, far), _region(base, found, ~far & ~np.isnan(score)))


def _region(base: Outcomes, plan: Outcomes, here: NDArray[np.bool_]) -> Region:
    sure = plan.confidence[here]
    return Region(
        int(here.sum()),
        mean_interval(plan.accuracy[here]),
        None if np.isnan(sure).all() else float(np.nanmean(sure)),
        mean_interval(base.accuracy[here]),
    )


def _questions(recording: Recording, known: Mapping[str, Unit] | None = None) -> dict[str, Asked]:
    """Returns the questions of a recording by id; imported ones without a text are left out."""
    units, manifest = known or units_of(recording), recording.manifest
    ending = manifest.instruction if manifest.verifier else _asked(recording)[1]
    return {
        q.id: Asked(q.prompt, units[q.id].key, ending) for q in recording.questions if q.prompt.user.strip()
    }


def _asked(recording: Recording) -> tuple[str, str]:
    """Returns verifier and instruction of a recording's task, where it does not say itself but can be found.

    The task is taken for the same only if it asks every recorded question in the same words.
    """
    manifest = recording.manifest
    if manifest.verifier or manifest.style:
        return "", ""
    try:
        task = tasks.load(manifest.task)
    except KaruiError:
        return "", ""
    asked = {q.id: q for q in task.questions}
    known = [asked[q.id] for q in recording.questions if q.id in asked]
    words = {q.id: task.prompt(q).user for q in known}
    if any(words.get(q.id) != q.prompt.user for q in recording.questions):
        return "", ""
    return Counter(q.verifier.spec for q in known).most_common(1)[0][0], task.instruction
