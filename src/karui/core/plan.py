"""A plan: which techniques, over which model."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from karui.core.ability import LISTED, Ability
from karui.core.errors import PlanError
from karui.core.request import Request
from karui.core.technique import Technique
from karui.core.watcher import Watcher

_LISTED_MORE = " A server may have been asked for fewer log-probabilities than it lists: --logprobs all."


@dataclass(frozen=True)
class Plan:
    """An ordered list of techniques. Flows nest in this order, watchers see in this order.

    The plan without techniques is the baseline: one full trace.

    Attributes:
        techniques: In order; the order is part of the plan's id.
    """

    techniques: tuple[Technique, ...] = ()

    def __post_init__(self) -> None:
        """Refuses techniques that do not go together.

        Raises:
            PlanError: Two techniques share a slot.
        """
        held: dict[str, Technique] = {}
        for technique in self.techniques:
            slot = technique.slot
            if slot and slot in held:
                raise PlanError(
                    f"{held[slot].name()} and {technique.name()} cannot be in one plan.",
                    why=f"Both are the plan's {slot}.",
                    remedy="Keep one of them.",
                )
            held[slot] = technique

    @property
    def spec(self) -> list[dict[str, Any]]:
        """What a file keeps of the plan."""
        return [t.spec for t in self.techniques]

    @cached_property
    def id(self) -> str:
        """A digest of the spec; equal plans have equal ids wherever they were made."""
        return sha256(json.dumps(self.spec, sort_keys=True, default=str).encode()).hexdigest()[:12]

    @cached_property
    def label(self) -> str:
        """For people: the techniques and their parameters."""
        return " + ".join(map(str, self.techniques)) or "full thinking"

    @cached_property
    def watching(self) -> tuple[Technique, ...]:
        """The techniques that watch, in order: one memo of walks serves all plans that share this."""
        return tuple(t for t in self.techniques if t.changes("watch"))

    @cached_property
    def flows(self) -> tuple[Technique, ...]:
        """The techniques that flow, outermost first."""
        return tuple(t for t in self.techniques if t.changes("flow"))

    @cached_property
    def recorded(self) -> tuple[Technique, ...]:
        """The techniques that need a recording of their own: what a recording is made with."""
        return tuple(t for t in self.techniques if t.needs_recording())

    @cached_property
    def prepared(self) -> tuple[Technique, ...]:
        """The techniques that make new weights, in order: each works on what the one before it made."""
        return tuple(t for t in self.techniques if t.changes("prepare"))

    @cached_property
    def models(self) -> Mapping[str, int]:
        """The models it may ask, "main" first, and how many traces of one question of each at most."""
        asked, alone = Counter({"main": 1}), Counter[str]()
        for technique in self.techniques:
            further = Counter({m: traces * asked["main"] for m, traces in technique.models.items()})
            asked = Counter({model: traces * technique.traces for model, traces in asked.items()})
            if technique.alone:
                alone += further
            else:
                asked += further
        return dict(asked + alone)

    @property
    def traces(self) -> int:
        """How many traces of one question it may ask of the main model at most."""
        return self.models["main"]

    @property
    def needs(self) -> frozenset[Ability]:
        """Every ability that some technique needs."""
        return frozenset().union(*(t.needs for t in self.techniques))

    def check(self, abilities: Iterable[Ability], where: str, model: str = "main") -> None:
        """Refuses the plan if it needs what `where` (an engine or a recording of `model`) lacks.

        Raises:
            PlanError: Names the technique and the ability.
        """
        have = frozenset(abilities)
        for technique in self.techniques:
            if technique.models and model not in technique.models:
                continue  # a cascade reads the replies of the models it names, not of the last
            if lacking := technique.needs - have:
                raise PlanError(
                    f"{technique.name()} cannot run on {where}.",
                    why=f"It needs what is not there: {', '.join(sorted(lacking))}.",
                    remedy="Choose a technique without that need, or another engine or recording."
                    + (_LISTED_MORE if lacking & LISTED else ""),
                )

    def configure(self, options: dict[str, Any]) -> dict[str, Any]:
        """Returns the engine's options as every technique in turn changes them."""
        for technique in self.techniques:
            options = technique.configure(options)
        return options

    def rewrite(self, ask: Request) -> Request:
        """Returns the ask as every technique in turn rewrites it."""
        for technique in self.techniques:
            ask = technique.rewrite(ask)
        return ask

    def watchers(self, ask: Request) -> list[Watcher]:
        """Returns fresh watchers for one generation: those attached to the ask, then the plan's own."""
        made = [w.watch(ask) for w in (*ask.watches, *self.watching)]
        return [w for w in made if w is not None]
