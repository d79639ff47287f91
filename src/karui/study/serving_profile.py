"""What live requests of a chosen plan will look like: written beside the choice, for `karui serve`."""

from collections import Counter
from collections.abc import Mapping, Sequence

from karui import catalog, tasks
from karui.cli.console import say
from karui.core.errors import KaruiError
from karui.core.recording import Recording
from karui.core.study.choice import Choice
from karui.serving_profile import ServingProfile, contract_of
from karui.study.steps import Recorded


def expected(
    choice: Choice, main: Recorded, styles: Sequence[Recorded], beside: Mapping[str, Recorded]
) -> ServingProfile | None:
    """Returns what to expect of the chosen plan; None where full thinking was chosen: there is none to serve.

    Args:
        choice: What was chosen.
        main: The recording of full thinking.
        styles: Recordings of the same questions with other prompts or weights.
        beside: Recordings of further models.
    """
    if not choice.spec or choice.withdrawn:
        return None
    plan = catalog.plan_from_spec(choice.spec)
    style = catalog.plan_from_spec([t.spec for t in plan.recorded]).id
    own = next(
        r.recording for r in (main, *styles) if catalog.plan_from_spec(r.recording.manifest.style).id == style
    )
    further = {name: beside[name].recording for name in plan.models if name != "main"}
    verifier, instruction = _asked(own)
    terms = contract_of({"main": own, **further}, verifier, instruction)
    if not terms.verifier:
        say(
            "Warning: which verifier reads the answers is not known of this older recording; the gateway "
            'takes "exact". Record again, or set terms.verifier in expectation.json.'
        )
        terms = contract_of({"main": own, **further}, "exact", instruction)
    return ServingProfile.of({"main": own, **further}, plan, choice, main.recording, terms)


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
