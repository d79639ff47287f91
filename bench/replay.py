"""How fast plans replay, against the build of commit 5682b79: 300 plans × 200 questions × 160 traces.

    python bench/replay.py [--quick] [--old FOLDER] [--out bench/results/replay.json]

Both sides replay the same plans over the same synthetic recording (`karui.testing.synthetic`: 16 traces a
question in 10 orders, some 250 thinking tokens each) in one run, on two processes each, and have to come to
the same outcomes to the last bit. What is compared is processor seconds of all processes together, from a
recording in memory to all outcomes. The plans are evenly spaced over the old build's whole space for the
recording, so that each technique and each pair keeps its share. Today's space, with what came later, is
compared with its own machines, on fewer questions. The old side needs the repository's history; without
`--old` it is checked out for the time of the bench.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

from _figures import ROOT, Figures, arguments
from _replay_side import digest

from karui import catalog
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.runners.replay import Replay, replay_all
from karui.study.steps import space_of
from karui.testing.synthetic import synthetic

OLD = "5682b79dfecbb2e66eb0a15fcc8b9cde39613b9f"
PLANS, QUESTIONS, SAMPLES, RUNS, PROCESSES = 300, 200, 16, 10, 2
RATIO, MEGABYTES = 0.1, 300.0


def main() -> int:
    """Measures both sides, and judges."""
    parser = arguments(__doc__)
    parser.add_argument("--old", type=Path, help="a checkout of the old commit; None makes one")
    options = parser.parse_args()
    figures = Figures("replay", options)
    plans_wanted, questions, runs = (60, 20, 4) if options.quick else (PLANS, QUESTIONS, RUNS)

    task = {"questions": questions, "samples": SAMPLES, "runs": runs, "processes": PROCESSES}
    with _checkout(options.old) as old:
        load, cores = os.getloadavg()[0], os.cpu_count()
        space = _side(old, plans_wanted, task)
        plans = [catalog.plan_from_spec(spec) for spec in space["specs"]]
        kinds = Counter(" + ".join(t.name() for t in p.techniques) for p in plans)
        figures.note(
            f"{len(plans)} plans of {len(kinds)} kinds, evenly spaced over the {space['space']} of the old "
            f"space; {questions} questions × {SAMPLES} traces; load before {load:.1f} on {cores} cores"
        )
        sides = {side: _side(tree, space["specs"], task) for side, tree in (("new", ROOT), ("old", old))}
    new, old_side = sides["new"], sides["old"]

    figures.shown("plans replayed", len(plans), digits=0)
    figures.shown("runs replayed", new["runs"], digits=0)
    for name, side in sides.items():
        figures.shown(f"processor seconds, {name} side", side["processor_seconds"], "s", digits=2)
        figures.shown(f"seconds on two processes, {name} side", side["seconds"], "s", digits=2)
    figures.shown("processor time a run", 1e6 * new["processor_seconds"] / new["runs"], "µs")
    ratio = new["processor_seconds"] / old_side["processor_seconds"]
    figures.at_most("processor seconds, new against old", ratio, RATIO, digits=3)
    figures.at_most("peak memory of a process", new["megabytes"], MEGABYTES, "MB", digits=0)
    figures.shown("peak memory of a process, old side", old_side["megabytes"], "MB", digits=0)
    differing = [p.label for p in plans if new["digests"][p.id] != old_side["digests"][p.id]]
    figures.at_most("plans whose outcomes differ from the old side's", len(differing), 0, digits=0)
    few = synthetic(20, SAMPLES)
    own = space_of({"main": few}).plans
    own = [own[i * len(own) // (plans_wanted // 5)] for i in range(plans_wanted // 5)]
    different, ratios = _differences(few, own, runs)
    figures.at_most("plans that differ stepwise, again, or on two processes", different, 0, digits=0)
    figures.shown(f"{len(own)} plans of today's space, against its own machines", ratios, digits=3)
    figures.note(
        f"the processes were made to wait for others {new['waited']:,} times, "
        f"the old side's {old_side['waited']:,} times"
    )
    figures.extra = {
        "old": OLD,
        "waited": {name: side["waited"] for name, side in sides.items()},
        "differing": differing,
        "plans": dict(kinds),
        "space": space["space"],
        "load_before": round(load, 2),
    }
    return figures.close()


@contextmanager
def _checkout(given: Path | None) -> Iterator[Path]:
    """Yields a folder with the old commit."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old"
        _git("worktree", "add", "--detach", str(path), OLD)
        try:
            yield path
        finally:
            _git("worktree", "remove", "--force", str(path))


def _git(*words: str) -> None:
    subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True)


def _side(tree: Path, asked: object, task: dict[str, int]) -> dict[str, Any]:
    """Returns what one side says of itself."""
    run = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "_replay_side.py"), json.dumps(task)],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def _differences(recording: Recording, plans: list[Plan], runs: int) -> tuple[int, float]:
    """Compares plans with themselves: stepwise, replayed a second time, and in two processes.

    Returns how many come to something else, and the processor seconds of arrays as a share of the machines'.
    """

    def replayed(order: int = 1, processes: int = 1, *, stepwise: bool = False) -> tuple[list[str], float]:
        began = process_time()
        replay = Replay({"main": recording}, runs, stepwise=stepwise)
        found = list(replay_all(replay, plans[::order], processes=processes))[::order]
        return list(map(digest, found)), process_time() - began

    once, seconds = replayed()
    stepped, stepped_seconds = replayed(stepwise=True)
    again, _ = replayed(-1)
    forked, _ = replayed(processes=PROCESSES)
    different = sum(len(set(digests)) > 1 for digests in zip(once, stepped, again, forked, strict=True))
    return different, seconds / stepped_seconds


if __name__ == "__main__":
    sys.exit(main())
