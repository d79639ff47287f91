"""How fast plans replay: 300 plans × 200 questions × 10 permutations of 16 traces, on two processes.

    python bench/replay.py [--quick] [--out bench/results/replay.json]

The recording is synthetic (`karui.testing.synthetic`, some 250 thinking tokens a trace). The plans are evenly
spaced over karui's whole space for it, so that each technique and each pair keeps its share. Timings on a
busy machine are no timings: the load is printed beside them.
"""

import os
import resource
import sys
from collections import Counter
from time import perf_counter

import numpy as np
from _figures import Figures, arguments

from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.runners.replay import Replay, replay_all
from karui.study.steps import space_of
from karui.testing.synthetic import synthetic

PLANS, QUESTIONS, SAMPLES, RUNS, PROCESSES = 300, 200, 16, 10, 2
SECONDS, MEGABYTES = 30.0, 300.0


def main() -> int:
    options = arguments(__doc__).parse_args()
    figures = Figures("replay", options)
    plans_wanted, questions, runs = (60, 40, 4) if options.quick else (PLANS, QUESTIONS, RUNS)

    load, cores = os.getloadavg()[0], os.cpu_count()
    recording = synthetic(questions, SAMPLES)
    space = space_of({"main": recording}).plans
    plans = [space[i * len(space) // plans_wanted] for i in range(min(plans_wanted, len(space)))]
    kinds = Counter(" + ".join(t.name() for t in p.techniques) for p in plans)
    figures.note(
        f"{len(plans)} plans of {len(kinds)} kinds, evenly spaced over the {len(space)} of the space; "
        f"{questions} questions × {SAMPLES} traces; load before the start {load:.1f} on {cores} cores"
    )
    began = perf_counter()
    found = list(replay_all(Replay({"main": recording}, runs), plans, processes=PROCESSES))
    seconds = perf_counter() - began
    played = sum(int(np.isfinite(o.correct).sum()) for o in found)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The children's peak includes the recording that they share with this process.
    peak = children.ru_maxrss / 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    figures.shown("plans replayed", len(found), digits=0)
    figures.shown("runs replayed", played, digits=0)
    figures.at_most("seconds, two processes", seconds, SECONDS, "s")
    figures.shown("processor seconds, both together", children.ru_utime + children.ru_stime, "s")
    figures.shown("processor time a run", 1e6 * (children.ru_utime + children.ru_stime) / played, "µs")
    figures.at_most("peak memory of a process", max(peak, own), MEGABYTES, "MB", digits=0)
    different = _differences(recording, plans[:: max(1, len(plans) // 30)], runs)
    figures.at_most("plans that differ with the number of processes", different, 0, digits=0)
    figures.note(f"the two processes were made to wait for others {children.ru_nivcsw:,} times")
    figures.extra = {
        "waited": children.ru_nivcsw,
        "plans": dict(kinds),
        "space": len(space),
        "load_before": round(load, 2),
    }
    return figures.close()


def _differences(recording: Recording, plans: list, runs: int) -> int:
    """Returns how many plans come out differently in one process, in two, or replayed a second time."""
    few = recording.subset({q.id for q in recording.questions[:20]})
    once = list(replay_all(Replay({"main": few}, runs), plans))
    again = list(replay_all(Replay({"main": few}, runs), plans[::-1]))[::-1]
    forked = list(replay_all(Replay({"main": few}, runs), plans, processes=PROCESSES))
    return sum(not (_same(a, b) and _same(a, c)) for a, b, c in zip(once, again, forked, strict=True))


def _same(a: Outcomes, b: Outcomes) -> bool:
    arrays = ("correct", "confidence", "answered", "traces", "truncated", "time")
    by_model = ("bills", "held", "busy")
    return all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in arrays) and all(
        np.array_equal(getattr(a, n)[m], getattr(b, n)[m], equal_nan=True) for n in by_model for m in a.bills
    )


if __name__ == "__main__":
    sys.exit(main())
