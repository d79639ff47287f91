"""How many threads a CPU is fastest with."""

import os
from collections.abc import Callable
from time import perf_counter


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def levels() -> list[int]:
    """Returns the numbers of threads that are tried: one, two, half of the cores and all of them."""
    have = cores()
    return sorted({1, 2, max(1, have // 2), have} & set(range(1, have + 1)))


def fixed(threads: int | None) -> int:
    """Returns the number of threads that the user has fixed, by option or OMP_NUM_THREADS; 0 for none."""
    if threads is not None:
        return max(1, threads)
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() else 0


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
    if asked := fixed(threads):
        set_threads(asked)
        return asked, "as asked" if threads is not None else "OMP_NUM_THREADS"
    found: dict[int, float] = {}
    best = 1
    for count in levels():
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
