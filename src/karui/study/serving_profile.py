"""What live requests of a chosen plan will look like: written beside the choice, for `karui serve`."""

from collections import Counter

from karui import catalog, tasks
from karui.core.errors import KaruiError
from karui.core.recording import Recording
from karui.core.study.choice import Choice
from karui.selection.groups import Sources
from karui.serving_profile import ServingProfile, contract_of
from karui.study.progress import SILENT, Progress


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
    return ServingProfile.of({"main": own, **further}, plan, choice, sources.main, terms)


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
