"""Replay of recordings that are larger than memory, or on several machines: by blocks of questions.

Each share of the work reads one block, replays plans on it and gives back their outcomes compressed. What is
in memory is a block of each process, and here the outcomes that somebody is looking at.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any, Protocol, Self

from karui import catalog
from karui.core.errors import KaruiError
from karui.core.outcome import Outcomes, Throughput
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study.choice import Rejected
from karui.core.study.reasons import not_replayable
from karui.permission import allow_named
from karui.recording.blocks.questions import parted
from karui.runners.outcome_columns import OutcomeColumns
from karui.runners.outcome_store import OutcomeStore, Packed, StoredOutcomes
from karui.runners.spread import Spread


class Replayer(Protocol):
    """What is asked of a replay (`karui.runners.replay.Replay`)."""

    @property
    def recordings(self) -> Mapping[str, Recording]:
        """By the names that asks use."""

    def ensure_replayable(self, plan: Plan) -> None:
        """Raises what can be known before anything is replayed."""

    def part(self, places: range, models: Sequence[str]) -> Self:
        """Returns a replay of some of the questions, by models that plans ask."""

    def loaded(self) -> Self:
        """Returns the same with all traces in memory."""

    def columns(self, plan: Plan) -> OutcomeColumns:
        """Returns a plan's outcomes."""


@dataclass(frozen=True)
class BlockShare:
    """Plans on one block of questions.

    Attributes:
        replay: Of the block, its traces not read yet.
        plans: Pickled, they are their specs: classes of a file of one's own cannot be.
    """

    replay: Replayer
    plans: tuple[Plan, ...]

    def __call__(self) -> list[Packed | KaruiError]:
        """Returns what each plan comes to, or why it cannot be replayed."""
        block = self.replay.loaded()
        found: dict[int, Packed | KaruiError] = {}
        for number in (n for stack in stacks(self.plans) for n in stack):
            try:
                found[number] = Packed.of(block.columns(self.plans[number]))
            except KaruiError as error:
                found[number] = error
        return [found[n] for n in range(len(self.plans))]

    def __reduce__(self) -> tuple[Any, ...]:
        return _share, (self.replay, [plan.spec for plan in self.plans])


def _share(replay: Replayer, specs: Sequence[list[dict[str, Any]]]) -> BlockShare:
    for spec in specs:
        for technique in spec:
            allow_named(str(technique["technique"]))  # the user has named it where the work was shared out
    return BlockShare(replay, tuple(map(catalog.plan_from_spec, specs)))


def stacks(plans: Sequence[Plan]) -> list[list[int]]:
    """Returns the numbers of plans that watch alike, together; the most first."""
    found: dict[tuple[object, ...], list[int]] = {}
    for number, plan in enumerate(plans):
        found.setdefault(plan.watching, []).append(number)
    return sorted(found.values(), key=len, reverse=True)


def replay_by_blocks(
    replay: Replayer,
    plans: Sequence[Plan],
    spread: Spread,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    on_refused: Callable[[Rejected], None] | None = None,
) -> Iterator[Outcomes]:
    """Replays plans on blocks of questions, and yields their outcomes in the order given once all are there.

    Raises:
        KaruiError: As `karui.runners.replay.replay_all`.
        StorageError: The disk is full.
    """
    errors = _refused(replay, plans, stop=on_refused is None)
    able = [n for n in range(len(plans)) if n not in errors]
    blocks = _blocks(replay, sorted({m for n in able for m in plans[n].models}))
    store = OutcomeStore([len(block) for block in blocks])
    lost = _fill(store, replay, [(n, plans[n]) for n in able], blocks, spread, on_progress)
    if lost and on_refused is None:
        raise lost[min(lost)]
    errors |= lost
    main = replay.recordings["main"].questions
    ids, kinds = tuple(q.id for q in main), tuple(q.kind for q in main)
    for number, plan in enumerate(plans):
        if number not in errors:
            models, paces = told_of(replay.recordings, plan)
            yield StoredOutcomes(store, number, plan, ids, kinds, models, paces)
        elif on_refused is not None:
            on_refused(Rejected(plan.id, plan.label, not_replayable(errors[number])))


def told_of(recordings: Mapping[str, Recording], plan: Plan) -> tuple[dict[str, Any], dict[str, Throughput]]:
    """Returns the cards and the paces of the models that a plan may ask."""
    manifests = {m: recordings[m].manifest for m in plan.models}
    models = {m: manifest.model for m, manifest in manifests.items()}
    return models, {m: Throughput(x.seconds_per_token, x.tokens_per_second) for m, x in manifests.items()}


def _refused(replay: Replayer, plans: Sequence[Plan], *, stop: bool) -> dict[int, KaruiError]:
    found: dict[int, KaruiError] = {}
    for number, plan in enumerate(plans):
        try:
            replay.ensure_replayable(plan)
        except KaruiError as error:
            if stop:
                raise
            found[number] = error
    return found


def _blocks(replay: Replayer, models: Sequence[str]) -> list[range]:
    """Returns blocks of the main recording's questions that are small enough in each model's recording."""
    main = replay.recordings["main"].questions
    begins = {block[0] for block in parted(main)}
    for model in models:
        there = {q.id: q for q in replay.recordings[model].questions}
        begins |= {block[0] for block in parted([there[q.id] for q in main])}
    ends = [*sorted(begins), len(main)]
    return [range(a, b) for a, b in pairwise(ends)]


def _fill(
    store: OutcomeStore,
    replay: Replayer,
    plans: Sequence[tuple[int, Plan]],
    blocks: Sequence[range],
    spread: Spread,
    on_progress: Callable[[int, int], None] | None,
) -> dict[int, KaruiError]:
    """Has every share done; returns by number of a plan what its first block raised."""
    models = sorted({m for _, plan in plans for m in plan.models})
    # Where blocks are few, plans are divided too: those that watch alike stay together.
    kinds = stacks([plan for _, plan in plans])
    divided = min(len(kinds), ceil(2 * spread.width / max(1, len(blocks)))) if spread.width > 1 else 1
    groups = [[plans[n] for kind in kinds[start::divided] for n in kind] for start in range(divided)]
    shares = [(block, group) for block in range(len(blocks)) for group in groups if group]

    def share(number: int) -> BlockShare:
        block, group = shares[number]
        return BlockShare(replay.part(blocks[block], models), tuple(plan for _, plan in group))

    failed: dict[int, tuple[int, KaruiError]] = {}
    for done, (place, found) in enumerate(spread.each(share, len(shares)), 1):
        block, group = shares[place]
        for (number, _), packed in zip(group, found, strict=True):
            if isinstance(packed, Packed):
                store.put(block, number, packed)
            elif number not in failed or block < failed[number][0]:
                failed[number] = block, packed
        if on_progress is not None:
            on_progress(done * len(plans) // len(shares), len(plans))
    return {number: error for number, (_, error) in failed.items()}
