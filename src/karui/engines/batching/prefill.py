"""Reading the prompts of new sequences into the cache."""

from karui.engines.batching.runner import ModelRunner
from karui.engines.batching.sequence import SequenceState


def read_prompts(runner: ModelRunner, rows: list[SequenceState], held: list[SequenceState]) -> None:
    """Fills the cache of new rows; rows of one prompt share the reading.

    Args:
        runner: Model and cache.
        rows: The new rows, which hold their slots already.
        held: All rows that hold a slot.
    """
    new = {r.slot for r in rows}
    known = {tuple(r.prompt): r for r in held if r.slot not in new}
    sources: list[tuple[SequenceState, SequenceState]] = []
    first: list[SequenceState] = []
    for row in rows:
        key = tuple(row.prompt)
        if key in known:
            sources.append((known[key], row))
        else:
            known[key] = row
            first.append(row)
    first = sorted((r for r in first if r.cached), key=lambda r: r.cached)
    while first:
        # Padding is computed too: rows of like length go together, as many as the budget allows.
        shortest, taken = first[0].cached, 1
        while (
            taken < len(first)
            and first[taken].cached <= 2 * shortest
            and first[taken].cached * (taken + 1) <= runner.prompt_budget
        ):
            taken += 1
        group, first = first[:taken], first[taken:]
        runner.prefill([r.slot for r in group], [r.prompt[:-1] for r in group])
    if sources and (length := max(target.cached for _, target in sources)):
        runner.copy([s.slot for s, _ in sources], [t.slot for _, t in sources], length)
