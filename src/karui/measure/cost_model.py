"""The footing: what the plans of one study are measured on, whichever models they ask."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from karui.core.engine import ModelInfo
from karui.core.errors import InputError
from karui.core.outcome import Outcomes, Throughput
from karui.core.study.choice import Axis
from karui.measure.cost import MachinePrice, TokenPrices, per_thousand_questions
from karui.measure.flops import Shape, bill_flops, kv_bytes_per_token

Floats: TypeAlias = NDArray[np.float64]

_WIDE = frozenset({"float32", "torch.float32", "fp32"})


@dataclass(frozen=True, slots=True)
class CostModel:
    """What is common to all plans of a study; what differs between models comes with the outcomes.

    Attributes:
        prices: Per million tokens, of every model without prices of its own; None where none were stated.
        own_prices: Of models that cost something else, by the name that plans ask for.
        machine: What an hour of a machine costs; used where no token prices were stated.
    """

    prices: TokenPrices | None = None
    own_prices: Mapping[str, TokenPrices] = field(default_factory=dict)
    machine: MachinePrice | None = None

    def flops(self, outcomes: Outcomes, model: str | None = None) -> Floats | None:
        """Returns mean FLOPs per question, shape [questions]; None where a model's shape is unknown.

        Each model's own bill by its own shape, all models together; or those of one model alone.
        """
        wanted = [model] if model else outcomes.models_billed
        total = np.zeros(len(outcomes.questions))
        for name in wanted:
            shape = shape_of(outcomes.models.get(name))
            if shape is None:
                return None
            prompt, cached, seen = (
                outcomes.billed(kind, model=name) for kind in ("prompt", "cached", "attended")
            )
            total += bill_flops(shape, prompt - cached, outcomes.generated(name), seen)
        return total

    def weight_bytes(self, outcomes: Outcomes) -> int:
        """Returns the bytes of the weights of all models that the plan may ask; 0 where one is unknown.

        As on disk; a model that is asked by two names is loaded once.
        """
        sizes = {card.digest or name: card.weight_bytes for name, card in outcomes.models.items()}
        return sum(sizes.values()) if all(sizes.values()) else 0

    def kv_bytes(self, outcomes: Outcomes) -> Floats | None:
        """Returns the mean peak of the KV caches per question in bytes, shape [questions]; None if unknown.

        The peaks of several models are added up, though they need not fall together: each has a cache of
        its own, which has to be there.
        """
        total = np.zeros(len(outcomes.questions))
        for name, positions in outcomes.held.items():
            card = outcomes.models.get(name)
            shape = shape_of(card)
            if shape is None or card is None:
                return None
            value_bytes = 4.0 if card.dtype in _WIDE else 2.0
            mean = outcomes.remembered(("held", name), partial(_over_runs, positions))
            total += mean * kv_bytes_per_token(shape, value_bytes)
        return total

    def memory_bytes(self, outcomes: Outcomes) -> Floats | None:
        """Returns weights and mean peak KV cache, bytes per question, shape [questions]; None if unknown."""
        weights, cache = self.weight_bytes(outcomes), self.kv_bytes(outcomes)
        return None if cache is None or not weights else weights + cache

    def seconds(self, outcomes: Outcomes) -> Floats | None:
        """Returns the seconds of every run, shape [questions, runs]; None where a model's pace is unknown.

        Measured where live. Where replayed an estimate: the token-time in which each model was running, at
        its own recorded seconds per token. Exact, as token-time goes, where models work one after the other;
        where they overlap, the whole token-time at the mean pace, weighted by how long each was running.
        """
        if outcomes.live:
            return np.asarray(outcomes.seconds, dtype=np.float64)
        paces = [outcomes.paces.get(name, Throughput()).seconds_per_token for name in outcomes.busy]
        if not paces or not all(paces):
            return None
        time = outcomes.time.astype(np.float64)
        if len(paces) == 1:
            return np.asarray(time * paces[0])
        busy = np.stack([b.astype(np.float64) for b in outcomes.busy.values()])
        spent = np.tensordot(np.array(paces), busy, axes=1)
        return np.asarray(time * spent / np.maximum(busy.sum(axis=0), 1))

    def cost(self, outcomes: Outcomes) -> Floats | None:
        """Returns money per 1,000 questions, shape [questions]; None where no prices were stated.

        By token prices, each model's own or the common ones; where only an hour of a machine has a price,
        by the machine time that the generated tokens take at the throughput of each model's recording.
        """
        total = np.zeros(len(outcomes.questions))
        for name in outcomes.models_billed:
            cost = self._token_cost(outcomes, name) if self._by_token else self._machine_cost(outcomes, name)
            if cost is None:
                return None
            total += cost
        return total

    def measure(self, axis: Axis, studied: Iterable[Outcomes]) -> Callable[[Outcomes], Floats]:
        """Returns what measures `axis` per question, the same way for all of `studied`.

        Raises:
            InputError: Something the axis is made of is unknown for one of them.
        """
        every = list(studied)
        digests = {card.digest or card.name for o in every for card in o.models.values()}
        if axis is Axis.TOKENS or (axis is Axis.COST and not self.priced):
            return lambda outcomes: outcomes.tokens
        if axis is Axis.LATENCY and len(digests) < 2:
            return _token_time
        named = {
            Axis.COST: self.cost,
            Axis.FLOPS: self.flops,
            Axis.MEMORY: self.memory_bytes,
            Axis.LATENCY: self._mean_seconds,
        }[axis]
        unknown = next((o for o in every if named(o) is None), None)
        if unknown is not None:
            raise InputError(
                f"{axis.value} cannot be measured for every plan: not for {unknown.plan.label}.",
                why=f"{_LACKING[axis]} is unknown for one of: {_names(unknown)}.",
                remedy="Choose by another axis, such as --minimize tokens.",
            )
        return named  # type: ignore[return-value]  # never None for what was looked at above

    @property
    def priced(self) -> bool:
        """Whether the user stated any price."""
        return self._by_token or self.machine is not None

    @property
    def _by_token(self) -> bool:
        return self.prices is not None or bool(self.own_prices)

    def _token_cost(self, outcomes: Outcomes, model: str) -> Floats | None:
        prices = self.own_prices.get(model, self.prices)
        if prices is None:
            return None
        billed = (outcomes.billed(kind, model=model) for kind in ("prompt", "cached"))
        rows = zip(*billed, outcomes.generated(model), strict=True)
        return np.array([per_thousand_questions(prices, *row) for row in rows])

    def _machine_cost(self, outcomes: Outcomes, model: str) -> Floats | None:
        pace = outcomes.paces.get(model)
        if self.machine is None or pace is None or not pace.tokens_per_second:
            return None
        seconds = outcomes.generated(model) / pace.tokens_per_second
        return np.asarray(1000.0 * seconds * self.machine.per_hour / 3600.0)

    def _mean_seconds(self, outcomes: Outcomes) -> Floats | None:
        seconds = self.seconds(outcomes)
        return None if seconds is None else np.asarray(np.nanmean(seconds, axis=1))


def _over_runs(values: NDArray[np.float32]) -> Floats:
    """Returns the mean of each question over its runs."""
    return np.asarray(np.nanmean(values, axis=1, dtype=np.float64))


def shape_of(card: ModelInfo | None) -> Shape | None:
    """Returns the shape of a card's model; None where its configuration is unknown or unsupported."""
    try:
        return Shape.from_config(card.config) if card and card.config else None
    except InputError:
        return None


def _token_time(outcomes: Outcomes) -> Floats:
    return _over_runs(outcomes.time)


_LACKING = {
    Axis.COST: "A price, or the throughput of the recording,",
    Axis.FLOPS: "The shape",
    Axis.MEMORY: "The shape or the size of the weights",
    Axis.LATENCY: "The time that a token takes",
}


def _names(outcomes: Outcomes) -> str:
    return ", ".join(f"{name} ({card.name})" for name, card in outcomes.models.items()) or "its models"
