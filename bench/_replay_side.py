"""One side of `bench/replay.py`: replays plans with the karui that PYTHONPATH names, this or an older one.

    PYTHONPATH=OLD/src python bench/_replay_side.py '{"questions": 200, …}' < specs.json > side.json

Where `specs.json` holds a number, it says so many plans of its own space instead, evenly spaced.
"""

import hashlib
import json
import os
import resource
import sys
from time import perf_counter
from typing import Any

import numpy as np

from karui import catalog
from karui.testing.synthetic import synthetic

try:
    from karui.runners.replay import Replay, replay_all
    from karui.study.steps import space_of
except ImportError:  # karui of commit 5682b79
    from karui.cli.steps import space_of  # type: ignore[import-not-found, no-redef]
    from karui.recording.replay import Replay, replay_all  # type: ignore[import-not-found, no-redef]

ARRAYS = ("correct", "confidence", "answered", "traces", "truncated", "time")
BY_MODEL = ("bills", "held", "busy")


def main() -> None:
    """Replays, and writes what it took and a digest of what each plan came to."""
    task = json.loads(sys.argv[1])
    recording = synthetic(task["questions"], task["samples"])
    asked = json.load(sys.stdin)
    if isinstance(asked, int):
        space = space_of({"main": recording}).plans
        plans = [space[i * len(space) // asked] for i in range(min(asked, len(space)))]
        json.dump({"space": len(space), "specs": [plan.spec for plan in plans]}, sys.stdout)
        return
    plans = [catalog.plan_from_spec(spec) for spec in asked]
    replay = Replay({"main": recording}, task["runs"])
    before, began = _seconds(), perf_counter()
    found = list(replay_all(replay, plans, processes=task["processes"]))
    wall, after = perf_counter() - began, _seconds()
    here, there = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    told = {
        "seconds": wall,
        "processor_seconds": after - before,
        "runs": sum(int(np.isfinite(o.correct).sum()) for o in found),
        "megabytes": max(here.ru_maxrss, there.ru_maxrss) / 1024,
        "waited": here.ru_nivcsw + there.ru_nivcsw,
        "digests": {plan.id: digest(o) for plan, o in zip(plans, found, strict=True)},
    }
    json.dump(told, sys.stdout)


def digest(outcomes: Any) -> str:
    """Returns a digest of every bit of a plan's outcomes."""
    told = hashlib.sha256(json.dumps([outcomes.questions, outcomes.kinds]).encode())
    for name in ARRAYS:
        _add(told, name, getattr(outcomes, name))
    for name in BY_MODEL:
        for model, array in sorted(getattr(outcomes, name).items()):
            _add(told, f"{name} of {model}", array)
    return told.hexdigest()


def _add(told: Any, name: str, array: Any) -> None:
    # One NaN is as good as another: what they carry besides is nobody's result.
    plain = np.where(np.isnan(array), np.asarray(np.nan, array.dtype), array)
    told.update(f"{name} {array.dtype} {array.shape}".encode())
    told.update(np.ascontiguousarray(plain).tobytes())


def _seconds() -> float:
    """Processor seconds of this process and of those that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
