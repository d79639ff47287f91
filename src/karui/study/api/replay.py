"""`karui.replay`: plans over a recording, without generating a token."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from karui import catalog
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study.choice import Rejected
from karui.runners.replay import Replay, replay_all
from karui.selection.evidence import Evidence
from karui.study.api.arguments import recording_of
from karui.study.loop import awaitable, blocking, interruptible
from karui.study.options import PROCESSES, spread_on
from karui.study.progress import OnProgress, progress_of
from karui.study.result import ReplayResult
from karui.study.steps import misbehaving, space_of


async def _replay(
    recording: Recording | Path | str,
    plans: Sequence[Plan | str] = (),
    *,
    aux_model: Mapping[str, Recording | Path | str] | None = None,
    technique: Sequence[str] = (),
    runs: int = 10,
    stepwise: bool = False,
    on: str = "",
    on_progress: OnProgress = None,
) -> ReplayResult:
    """Evaluates plans over what was recorded: no token is generated.

    Args:
        recording: Of full thinking, or of a variant; or its folder.
        plans: Such as "self-consistency:k=8"; none named takes the whole search space.
        aux_model: Recordings of the same questions by further models, by the names that plans ask for.
        technique: Techniques of your own, as path/to/file.py:Class.
        runs: Permutations of each question's traces, for plans that use several.
        stepwise: Whether to step every plan, and use no array programs: slower, to the same outcomes.
        on: The Ray cluster that does it: "ray", or its address; "" is this machine.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.

    Returns:
        Measurements of the baseline and of every plan, and the plans that these recordings cannot replay.

    Raises:
        UnknownName: There is no such technique; names the nearest.
        NotRecorded: None of the plans named can be replayed.
        RecordingError: A recording cannot be read.
    """
    progress = progress_of(on_progress)
    read = recording_of(recording)
    further = {name: recording_of(other) for name, other in (aux_model or {}).items()}
    recordings = {"main": read, **further}
    replayed = Replay(recordings, runs, stepwise=stepwise)
    style = catalog.plan_from_spec(read.manifest.style)
    refused: list[Rejected] = []
    if plans:
        asked = [style, *(Plan((*style.techniques, *_plan(p).techniques)) for p in plans)]
    else:
        space = space_of(recordings, extra=technique)
        asked, refused = list(space.plans), list(space.refused)
    found: dict[str, Outcomes] = {}
    progress.begin("Replaying")
    with interruptible():
        for outcomes in replay_all(
            replayed,
            asked,
            processes=PROCESSES,
            spread=spread_on(on),
            on_progress=progress.at,
            on_refused=refused.append,
        ):
            found[outcomes.plan.id] = outcomes
    if style.id not in found or (plans and len(found) == 1 < len(asked)):
        # Without the baseline, or of plans named by the user all, nothing is left to show.
        replayed.outcomes(style if style.id not in found else asked[1])
    evidence = Evidence({}, found, asked[0].id)
    return ReplayResult(
        evidence.measured[evidence.baseline],
        evidence.plans,
        refused,
        misbehaving(read, list(further.values())),
        read,
    )


def _plan(given: Plan | str) -> Plan:
    return given if isinstance(given, Plan) else catalog.parse(given)


replay = blocking(_replay)
replay_async = awaitable(_replay)
