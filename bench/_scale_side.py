"""One size of bench/scale.py in a process of its own: replays plans, chooses, and says what it took.

python bench/_scale_side.py '{"recording": FOLDER, "plans": 300, "processes": 2}'
"""

import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import _figures  # noqa: F401 - no look of the user's is counted

from karui.core.recording import Recording
from karui.core.study.choice import Rule
from karui.recording import store
from karui.recording.blocks.questions import reads_blocks
from karui.recording.blocks.reader import BlockSize
from karui.selection.evidence import gather, refuse_truncated
from karui.selection.groups import Sources, groups_of
from karui.selection.search_space import SearchSpace
from karui.study.baseline import examined, usable
from karui.study.options import StudyOptions
from karui.study.progress import SILENT
from karui.study.steps import decide, space_of, study_of


def main() -> None:
    """Does what `karui choose` does, with as many plans as are asked for."""
    task = json.loads(sys.argv[1])
    began, spent, marks = perf_counter(), 0.0, {}

    def mark(name: str) -> None:
        nonlocal spent
        now = _seconds()
        marks[name], spent = round(now - spent, 2), now
        say(f"{name}: {marks[name]:,.0f} s of processors")

    def say(so_far: str) -> None:
        wall, most = perf_counter() - began, _megabytes(resource.RUSAGE_SELF)
        print(f"  {wall:,.0f} s, {most:,.0f} MB: {so_far}", file=sys.stderr, flush=True)

    said = 0

    def progressed(done: int, total: int) -> None:
        nonlocal said
        if 10 * done // total > said:
            said = 10 * done // total
            say(f"{said}0% replayed")

    wanted = StudyOptions(Rule(), processes=task["processes"], accept_truncation=True)
    blocks = BlockSize() if task["by_blocks"] else None
    recording = store.load(Path(task["recording"]), blocks=blocks)
    sources = Sources(usable(recording, SILENT, accept_no_thinking=True))
    assert examined(sources.main, wanted) is None
    refuse_truncated(sources.main)
    mark("reading")

    def space(recordings: Mapping[str, Recording], pilots: Mapping[str, Recording]) -> SearchSpace:
        return _spaced(space_of(recordings, pilots), task["plans"])

    groups, test = groups_of(sources, space, space_of)
    mark("lining up")
    evidence = gather(groups, runs=wanted.runs, processes=wanted.processes, on_progress=progressed)
    mark("replaying")
    choice = decide(evidence, test, sources, wanted)
    mark("choosing")
    study = study_of(evidence, test, choice, wanted, sources)
    mark("summing up")
    told = {
        "traces": sum(len(q.traces) for q in recording.questions),
        "plans": len(study.plans) + 1,
        "by_blocks": reads_blocks(recording),
        "seconds": perf_counter() - began,
        "processor_seconds": _seconds(),
        "steps": marks,
        "megabytes": _megabytes(resource.RUSAGE_SELF),
        "megabytes_of_workers": _megabytes(resource.RUSAGE_CHILDREN),
        "decision": choice.decision.value,
        "label": choice.label,
        "units": choice.looks.units if choice.looks else 0,
    }
    json.dump(told, sys.stdout)


def _spaced(space: SearchSpace, plans: int) -> SearchSpace:
    """Returns as many plans, evenly spaced over the space, the baseline first."""
    chosen = [space.plans[n * len(space.plans) // plans] for n in range(min(plans, len(space.plans)))]
    return SearchSpace(tuple(chosen), ())


def _megabytes(whose: int) -> float:
    """Most memory that this process, or one of those that have ended, had resident."""
    return resource.getrusage(whose).ru_maxrss / 1024


def _seconds() -> float:
    """Processor seconds of this process and of those that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
