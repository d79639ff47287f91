"""One run of a suite: its full thinking, its controls, and what a setting comes to beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from karui import catalog
from karui.benchmarking.curves import Outside, Setting, accuracy_at, gain_at, gain_at_equal_cost
from karui.benchmarking.results import AXES, Axis, Cost, Estimate, Level, Matched, Missing, Point, short
from karui.core.ability import Ability
from karui.core.errors import KaruiError
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Caveat, Recording
from karui.measure.cost_model import CostModel
from karui.measure.intervals import mean_interval, paired_difference, ratio_interval
from karui.measure.paper_metrics import accuracy_efficiency_score, ock_score
from karui.runners.replay import Replay

Floats = NDArray[np.float64]
COSTS = CostModel()
FLOPS = "2001.08361"  # matrix products and attention, by `karui.measure.flops`
_NO_PROMPT = ", no prompt"


@dataclass(frozen=True)
class Measured:
    """One setting, question by question.

    Attributes:
        settings: For people.
        outcomes: What it came to.
        recording: Of the model that was asked.
    """

    settings: str
    outcomes: Outcomes = field(repr=False)
    recording: Recording = field(repr=False)

    @cached_property
    def costs(self) -> Mapping[Axis, Floats | None]:
        """By axis the mean of each question, None where unknown; of latency the longest path in tokens."""
        steps = np.asarray(np.nanmean(self.outcomes.time, axis=1, dtype=np.float64))
        return {"tokens": self.outcomes.tokens, "flops": COSTS.flops(self.outcomes), "latency": steps}

    def on(self, axis: Axis) -> Setting | None:
        """Returns it as a point of a curve."""
        cost = self.costs[axis]
        return None if cost is None else Setting(self.outcomes.accuracy, cost)

    @property
    def step(self) -> tuple[object, ...]:
        """What decides how long one token takes: equal for two runs whose tokens take equally long."""
        model, engine = self.recording.manifest.model, self.recording.manifest.engine
        return (engine, model.dtype, {k: v for k, v in model.config.items() if k in _SHAPE})


_SHAPE = ("hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "vocab_size")


@dataclass
class Bench:
    """A run with everything that its cells are compared with.

    Attributes:
        recording: Of full thinking.
        replay: Over it and over further models.
        controls: Each with its settings, cheapest first in the suite's order; full thinking is one of all.
    """

    recording: Recording
    replay: Replay
    controls: Mapping[str, Sequence[Measured]] = field(default_factory=dict)

    @cached_property
    def style(self) -> Plan:
        """What the recording itself was made with."""
        return catalog.plan_from_spec(self.recording.manifest.style)

    @cached_property
    def full(self) -> Measured:
        """Full thinking."""
        return Measured("full thinking", self.replay.outcomes(self.style), self.recording)

    @cached_property
    def length(self) -> float:
        """Mean tokens that full thinking thinks for."""
        return float(np.mean([t.thinking_tokens for t in self.recording.traces()]))

    @property
    def in_words(self) -> bool:
        """Whether lengths are in words."""
        return Caveat.WORDS in self.recording.manifest.caveats

    def measured(self, plans: Sequence[str]) -> tuple[list[Measured], list[str]]:
        """Returns the plans that the recording can replay, and the reasons of the others."""
        done, refused = [], []
        for words in dict.fromkeys(plans):
            try:
                done.append(self.played(catalog.parse(words), words))
            except KaruiError as error:
                refused.append(" ".join(filter(None, (error.what, error.why))))
        return done, refused

    def played(self, plan: Plan, settings: str) -> Measured:
        """Returns a plan replayed over the recording.

        Raises:
            KaruiError: It cannot be.
        """
        whole = Plan((*self.style.techniques, *plan.techniques))
        return Measured(settings, self.replay.outcomes(whole), self.recording)

    def point(self, one: Measured, control: str = "") -> Point:
        """Returns a setting as the results keep it.

        Args:
            one: The setting.
            control: The control that it is a setting of, and is not compared with.
        """
        outcomes, full = one.outcomes, self.full.outcomes
        itself = one is self.full
        return Point(
            settings=one.settings,
            accuracy=Estimate.of(mean_interval(outcomes.accuracy)),
            tokens=_cost(outcomes.tokens, "counted"),
            flops=self._flops(one),
            latency=_latency(outcomes),
            steps=_cost(one.costs["latency"], "counted"),
            truncated=self._truncated(one),
            unanswered=short(1 - float(np.nanmean(outcomes.answered))),
            looped=_looped(outcomes),
            gain=None if itself else Estimate.of(paired_difference(full.accuracy, outcomes.accuracy)),
            token_ratio=None if itself else Estimate.of(ratio_interval(outcomes.tokens, full.tokens)),
            aes=_aes(outcomes, full),
            ock_score=Missing(missing="in-words") if self.in_words else _ock(outcomes),
            matched=() if itself else tuple(self._matched(one, n) for n in self.controls if n != control),
        )

    def levels(self, settings: Sequence[Measured], shares: Sequence[float], control: str = "") -> list[Level]:
        """Returns a method's accuracy at shares of full thinking's cost, beside the first control's."""
        plain = next(iter(self.controls), "")
        found = []
        for axis in AXES:
            whole = self.full.costs[axis]
            curve = self._curve(settings, axis)
            if whole is None or not curve:
                continue
            beside = self._curve(self.controls.get(plain, ()), axis)
            for share in shares:
                at = share * float(whole.mean())
                try:
                    accuracy = Estimate.of(accuracy_at(curve, at))
                except Outside:
                    continue
                gain = None if control == plain else _gain_at(curve, beside, at)
                found.append(Level(axis=axis, share=share, accuracy=accuracy, gain=gain))
        return found

    def _curve(self, settings: Sequence[Measured], axis: Axis) -> list[Setting]:
        """Returns settings as a curve, full thinking with them, without those that cannot be compared."""
        comparable = [s for s in settings if axis != "latency" or self._lacks_latency(s) is None]
        points = [s.on(axis) for s in (self.full, *comparable)] if comparable else []
        return [p for p in points if p is not None]

    def _matched(self, one: Measured, name: str) -> Matched:
        return Matched(control=name, **{axis: self._at_equal(one, name, axis) for axis in AXES})

    def _at_equal(self, one: Measured, name: str, axis: Axis) -> Estimate | Missing:
        lacks = self._lacks_latency(one) if axis == "latency" else None
        mine, control = one.on(axis), self._curve(self.controls[name], axis)
        if lacks is not None or mine is None or not control:
            return Missing(missing=lacks or "no-shape")
        try:
            return Estimate.of(gain_at_equal_cost(mine, control))
        except Outside as outside:
            return Missing(missing="control-dearer" if outside.below else "control-cheaper")

    def _lacks_latency(self, one: Measured) -> str | None:
        if len(one.outcomes.models_billed) > 1:
            return "two-models"
        return None if one.step == self.full.step else "other-weights"

    def _flops(self, one: Measured) -> Cost | Missing:
        found = one.costs["flops"]
        if found is None:
            return Missing(missing="no-shape")
        no_prompt = not one.outcomes.billed("prompt").any()
        return _cost(found, FLOPS + (_NO_PROMPT if no_prompt else ""))

    def _truncated(self, one: Measured) -> float | Missing:
        outcomes, manifest = one.outcomes, one.recording.manifest
        cut, started = float(np.nansum(outcomes.truncated)), float(np.nansum(outcomes.traces))
        if manifest.source and Ability.TEXT not in manifest.abilities and not cut:
            return Missing(missing="not-stated")
        return short(cut / started) if started else 0.0


def _gain_at(curve: Sequence[Setting], control: Sequence[Setting], cost: float) -> Estimate | Missing:
    try:
        return Estimate.of(gain_at(curve, control, cost))
    except Outside as outside:
        return Missing(missing="control-dearer" if outside.below else "control-cheaper")


def _cost(values: Floats | None, how: str) -> Cost:
    assert values is not None
    return Cost(**Estimate.of(mean_interval(values, bounds=None)).model_dump(), how=how)


def _latency(outcomes: Outcomes) -> Cost | Missing:
    seconds = COSTS.seconds(outcomes)
    if seconds is None:
        return Missing(missing="no-timings")
    return _cost(np.asarray(np.nanmean(seconds, axis=1)), "measured" if outcomes.live else "estimated")


def _looped(outcomes: Outcomes) -> float | Missing:
    ran = np.isfinite(outcomes.traces)
    looped = outcomes.looped[ran]
    if not np.isfinite(looped).all():
        return Missing(missing="no-text")
    return short(float(looped.sum() / max(outcomes.traces[ran].sum(), 1)))


def _aes(outcomes: Outcomes, full: Outcomes) -> float | Missing:
    if not (full.accuracy.mean() > 0 and full.tokens.mean() > 0):
        return Missing(missing="zero-accuracy")
    means = [float(column.mean()) for o in (outcomes, full) for column in (o.tokens, o.accuracy)]
    return short(accuracy_efficiency_score(*means))


def _ock(outcomes: Outcomes) -> float:
    return short(ock_score(float(outcomes.accuracy.mean()), float(outcomes.tokens.mean())))
