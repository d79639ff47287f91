"""The space of plans: every technique that replays over a recording, its knobs, and pairs of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Protocol

from karui.core.errors import KaruiError
from karui.core.plan import Plan
from karui.core.study.choice import Rejected
from karui.core.study.reasons import not_replayable
from karui.core.technique import Family, Knob, Technique
from karui.core.trace import Reply

ALONE = (6, 2)
"""Values tried of a technique's first knob, its second, …; the rest keep their defaults."""
PAIRED = (3,)
"""The same where two techniques are combined."""
BETWEEN = (6, 3, 3)
"""The same of a technique between models, alone …"""
BETWEEN_PAIRED = (4, 3)
"""… and combined."""


class Replies(Protocol):
    """Begins a technique's flow, and says what it is answered; see `Rehearsal.first_replies`."""

    def __call__(self, technique: Technique, under: tuple[Technique, ...] = ()) -> Sequence[Sequence[Reply]]:
        """Returns the replies to its first asks, a list for each time it was begun."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What will be replayed.

    Attributes:
        plans: Each once, the baseline first.
        refused: What a recording of this kind cannot replay, with the reason.
    """

    plans: tuple[Plan, ...]
    refused: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True)
class Density:
    """How many values are tried of a technique's first knob, its second and so on.

    Attributes:
        alone: Of a technique alone.
        paired: Of two combined.
    """

    alone: tuple[int, ...] = ALONE
    paired: tuple[int, ...] = PAIRED


def search_space(
    techniques: Sequence[type[Technique]],
    *,
    lengths: Mapping[str, float],
    recorded: int,
    refuse: Callable[[Plan], None],
    style: tuple[Technique, ...] = (),
    replies: Replies | None = None,
    between: bool = False,
    density: Density = Density(),
) -> SearchSpace:
    """Returns every technique alone, and every one that exits early under every one that spends traces.

    A technique that asks further models (see `Technique.models`) is there once for each of them.

    Args:
        techniques: The classes to draw from; those that need a recording of their own are passed over.
        lengths: Mean thinking tokens of each model's recording, loops left out, by the names that plans ask
            for; "main" at least.
        recorded: Traces recorded of each question.
        refuse: Raises where a plan cannot be replayed (`Replay.refuse`).
        style: The techniques the recording was made with; they open every plan.
        replies: What a technique's first asks are answered on pilot questions, under techniques that watch
            (`Rehearsal.first_replies`): knobs that are shares of scores become values there.
        between: Whether to return only the plans that ask several models.
        density: How many values of each knob are tried.
    """
    further = {name: length for name, length in lengths.items() if name != "main"}
    replayable = [t for t in techniques if not t.needs_recording()]
    flows = [t for t in replayable if t.changes("flow")]
    exits = [t for t in replayable if not t.changes("flow") and t.family is not Family.CONTROL]
    one = partial(variants, length=lengths["main"], recorded=recorded)

    def grid(
        technique: type[Technique],
        points: Sequence[int],
        between: Sequence[int],
        under: tuple[Technique, ...] = (),
    ) -> list[Technique]:
        known = None if replies is None else partial(replies, under=under)
        if not technique.changes("models"):
            return list(one(technique, points, replies=known))
        return [
            v
            for name, own in further.items()
            for v in one(technique, between, length=own, model=name, replies=known)
        ]

    pairs = [
        (above, below)
        for outer, inner in product(flows, exits)
        for below in grid(inner, density.paired, ())
        for above in grid(outer, density.paired, BETWEEN_PAIRED, (below,))
    ]
    # What a pair is made of is there alone as well: only then is it known what each part saves.
    parts = {part: None for pair in pairs for part in pair}
    singles = [(v,) for v in (*(v for t in replayable for v in grid(t, density.alone, BETWEEN)), *parts)]
    plans, refused = {}, {}
    for chosen in [(), *singles, *pairs]:
        try:
            plan = Plan((*style, *chosen))
            if between and len(plan.models) == 1:
                continue
            refuse(plan)
        except KaruiError as error:
            label = " + ".join(map(str, chosen))
            refused[label] = Rejected("", label, not_replayable(error))
        else:
            plans[plan.id] = plan
    return SearchSpace(tuple(plans.values()), tuple(refused.values()))


def variants(
    technique: type[Technique],
    points: Iterable[int],
    *,
    length: float,
    recorded: int,
    replies: Callable[[Technique], Sequence[Sequence[Reply]]] | None = None,
    **given: Any,
) -> Iterator[Technique]:
    """Yields a technique over the grid of its searched knobs; the others are as given, or at their defaults.

    A technique with a parameter that has no default (a scorer of one's own) yields nothing. A knob that is a
    share of scores is at its default where no score is known.
    """
    searched = [
        (name, knob, isinstance(value, int) and not isinstance(value, bool))
        for name, (value, knob) in technique.knobs().items()
        if knob.choices or knob.low is not None
    ]
    placed = list(zip(points, searched, strict=False))
    grids = [
        [(name, value) for value in knob.grid(n, whole=whole, length=length, recorded=recorded)][: max(n, 1)]
        for n, (name, knob, whole) in placed
        if not knob.share_below
    ]
    shares = [(name, knob, n) for n, (name, knob, _) in placed if knob.share_below]
    for values in product(*grids):
        try:
            made = [technique(**dict(values), **given)]
        except TypeError:
            return
        except KaruiError:
            continue  # parameters that contradict each other
        for name, knob, n in shares:
            made = [m for each in made for m in _by_share(each, name, knob, n, replies)]
        yield from made


def _by_share(
    technique: Technique,
    name: str,
    knob: Knob,
    points: int,
    replies: Callable[[Technique], Sequence[Sequence[Reply]]] | None,
) -> list[Technique]:
    """Returns a technique over the grid of a knob whose range is in shares of scores."""
    score = getattr(technique, knob.share_below)
    known = [score(group) for group in replies(technique)] if replies else []
    return [replace(technique, **{name: value}) for value in knob.below(points, known)] or [technique]  # type: ignore[type-var]
