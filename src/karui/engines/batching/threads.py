"""How many threads a CPU is fastest with."""

import os
from collections.abc import Callable
from time import perf_counter


def choose_threads(
    threads: int | None, step: Callable[[], object], set_threads: Callable[[int], object]
) -> tuple[int, str]:
    """Sets the number of threads, and returns it and why.

    More threads than idle cores spin and wait for each other, up to ten times slower than one; so None takes
    what `step` is fastest with right now, trying one thread, two, half of the cores and all of them, for
    under a second in all, or two steps each where a step is slow. It goes on to a larger number only while
    the last one was at least 15% faster: on a busy machine the next could take seconds a step.

    Args:
        threads: As asked; None goes by OMP_NUM_THREADS, or measures.
        step: Does what the model will do most.
        set_threads: Sets their number.
    """
    if threads is not None:
        set_threads(max(1, threads))
        return max(1, threads), "as asked"
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdecimal() and int(said):
        set_threads(int(said))
        return int(said), "OMP_NUM_THREADS"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found: dict[int, float] = {}
    best = 1
    for count in sorted({1, 2, max(1, cores // 2), cores} & set(range(1, cores + 1))):
        set_threads(count)
        step()  # wakes the threads
        times: list[float] = []
        until = perf_counter() + 0.2
        while not times or (perf_counter() < until and len(times) < 30):
            began = perf_counter()
            step()
            times.append(perf_counter() - began)
        found[count] = sorted(times)[len(times) // 2]
        if count > best and found[count] * 1.15 > found[best]:
            break
        best = count
    set_threads(best)
    shown = ", ".join(f"{n}: {t * 1000:.1f} ms" for n, t in found.items())
    return best, f"measured, a step takes with threads {shown}"
