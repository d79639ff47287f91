"""What the user wants from a choice, ready to be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import inf
from os import cpu_count
from typing import Any

from karui import catalog
from karui.core.errors import InputError, UnknownName
from karui.core.recording import Recording
from karui.core.study import Assumptions
from karui.core.study.choice import Axis, Rule
from karui.core.study.limits import Limits
from karui.measure.cost import MachinePrice, TokenPrices
from karui.measure.cost_model import CostModel, shape_of
from karui.recording.workers.ray_cluster import connect
from karui.runners.ray_spread import OnRay
from karui.runners.spread import Spread
from karui.selection.groups import model_of
from karui.study.config.schema import BaselineOptions, ObjectiveOptions, PlaceOptions

HERE = PlaceOptions()
PROCESSES = min(2, cpu_count() or 1)
"""How many processes replay."""

MIN_ACCURACY = 100 * Rule().floor
"""In percent: below it, full thinking is taken to fail."""

PRIORITIES = {"edge": Axis.MEMORY, "dialogue": Axis.LATENCY, "batch": Axis.COST}
"""What each preset makes small."""


@dataclass(frozen=True)
class StudyOptions:
    """What the user wants from a choice.

    Attributes:
        rule: Margin, level, axis.
        assumptions: What the user stated for the calculation of savings.
        processes: Worker processes for replay.
        runs: Permutations for plans that spend several traces.
        extra: Techniques of the user's own, by path.
        accept_truncation: Go on although the baseline was cut too often.
        named: Whether the user named an axis or a preset; see `fair`.
        on: The Ray cluster that replays, as `--on` has it; "" is this machine.
    """

    rule: Rule
    assumptions: Mapping[str, Any] = field(default_factory=dict)
    processes: int = PROCESSES
    runs: int = 10
    extra: tuple[str, ...] = ()
    accept_truncation: bool = False
    named: bool = True
    on: str = ""

    def __post_init__(self) -> None:
        """Finds the user's own techniques now: a slip in a name must not cost a recording.

        Raises:
            UnknownName: There is no such file, or no such class in it.
        """
        for name in self.extra:
            catalog.technique(name)

    @staticmethod
    def of(
        objective: ObjectiveOptions, baseline: BaselineOptions, place: PlaceOptions = HERE
    ) -> "StudyOptions":
        """Returns what the options ask for.

        Raises:
            InputError: A number is out of range.
            UnknownName: There is no such objective, preset, assumption or technique.
        """
        return StudyOptions(
            rule_of(
                objective.max_drop,
                objective.confidence,
                objective.minimize,
                objective.priority,
                baseline.min_accuracy,
                limits_of(objective.max_first_answer, objective.max_cost),
            ),
            assumptions_of(objective.assume),
            extra=tuple(objective.technique),
            accept_truncation=objective.accept_truncation,
            named=bool(objective.minimize or objective.priority),
            on=place.on,
        )

    def spread(self) -> Spread | None:
        """Returns what spreads replays over a cluster; None where this machine does them.

        Raises:
            InputError: Ray is not installed.
            EngineError: There is no such cluster.
        """
        return spread_on(self.on)

    @property
    def footing(self) -> CostModel:
        """What everything is measured on: the prices that the user stated."""
        machine = None
        given = Assumptions.of(self.assumptions)
        if given.machine_price_per_hour is not None:
            machine = MachinePrice(given.machine_price_per_hour, given.currency)
        own = self.assumptions.get("models", {})
        own_prices = {name: _prices({**self.assumptions, **stated}) for name, stated in own.items()}
        return CostModel(
            _prices(self.assumptions), {m: p for m, p in own_prices.items() if p is not None}, machine
        )


def spread_on(place: str) -> Spread | None:
    """Returns what spreads replays over the cluster that `--on` names; None of "".

    Raises:
        InputError: Ray is not installed.
        EngineError: There is no such cluster.
    """
    return OnRay(connect(place)) if place else None


def _prices(assumptions: Mapping[str, Any]) -> TokenPrices | None:
    given = Assumptions.of(assumptions)
    if given.price_prompt is None or given.price_output is None:
        return None
    cached = given.price_prompt if given.price_cached is None else given.price_cached
    return TokenPrices(given.price_prompt, cached, given.price_output, given.currency)


def rule_of(
    max_drop: float,
    confidence: float,
    minimize: str,
    priority: str,
    min_accuracy: float = MIN_ACCURACY,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Rule:
    """Returns the rule behind the command line's options; the accuracies in percent.

    Raises:
        InputError: A number is out of range.
        UnknownName: There is no such axis or preset.
    """
    if not 0 < max_drop < 100 or not 0.5 <= confidence < 1:
        raise InputError(
            f"--max-drop or --confidence is out of range (got {max_drop} and {confidence}).",
            remedy="Give --max-drop in points, above 0 and below 100, and --confidence from 0.5 to below 1, "
            "such as 0.95.",
        )
    if not 0 <= min_accuracy < 100:
        raise InputError(
            f"--min-accuracy is out of range (got {min_accuracy}).",
            remedy="Give it in percent, from 0 to 100; 0 switches the check of the baseline off.",
        )
    if priority and priority not in PRIORITIES:
        raise UnknownName("priority", priority, list(PRIORITIES))
    axis = minimize or (PRIORITIES[priority].value if priority else Axis.TOKENS.value)
    if axis not in set(Axis):
        raise UnknownName("axis to minimize", axis, [a.value for a in Axis])
    rule = Rule(max_drop / 100, 1 - confidence, Axis(axis), priority, floor=min_accuracy / 100)
    return replace(rule, limits=limits)


def limits_of(first_answer: float, cost: float) -> Limits:
    """Returns the limits on time and cost behind the command line's options.

    Raises:
        InputError: A limit is negative or no number.
    """
    for name, value in (("--max-first-answer", first_answer), ("--max-cost", cost)):
        if not 0 <= value < inf:
            raise InputError(
                f"{name} is out of range (got {value}).", remedy="Give a number above 0, or 0 for no limit."
            )
    return Limits(first_answer, cost)


def fair(wishes: StudyOptions, recordings: Sequence[Recording]) -> StudyOptions:
    """Returns the wishes with FLOPs to be made small where the user named no axis and models differ.

    A small model's tokens are not worth a large one's. Where the FLOPs of one are unknown, tokens stay.
    """
    models = {model_of(r) for r in recordings}
    cards = [r.manifest.model for r in recordings]
    if len(models) == 1 or wishes.named or not all(shape_of(card) for card in cards):
        return wishes
    return replace(wishes, rule=replace(wishes.rule, minimize=Axis.FLOPS))


def on_this_machine(wishes: StudyOptions) -> StudyOptions:
    """Returns the wishes with latency to be made small where the user named no axis.

    Versions of one model differ in the seconds and bytes that a token takes, not in FLOPs alone; seconds on
    this machine are what both a lighter version and a shorter thought save.
    """
    if wishes.named:
        return wishes
    return replace(wishes, rule=replace(wishes.rule, minimize=Axis.LATENCY), named=True)


def assumptions_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the user stated for the calculation of savings.

    A price of a model beside the main one has its name in front: `small.price_output`. It is kept under
    "models".

    Raises:
        InputError: A value is not a number.
        UnknownName: There is no such assumption.
    """
    known = [f.name for f in fields(Assumptions) if f.name not in {"stated", "mode", "models"}]
    stated: dict[str, Any] = {}
    models: dict[str, dict[str, Any]] = {}
    for name, value in _dotted(given).items():
        model, dot, price = name.rpartition(".")
        allowed = [n for n in known if n.startswith("price_")] if dot else known
        if price not in allowed:
            raise UnknownName("assumption", price, allowed)
        try:
            number = str(value) if price == "currency" else float(value)
        except (TypeError, ValueError):
            raise InputError(f"--assume {name} is not a number (got {value!r}).") from None
        (models.setdefault(model, {}) if dot else stated)[price] = number
    if not stated and not models:
        return {}
    return {**stated, **({"models": models} if models else {}), "stated": list(stated)}


def _dotted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the names with a table's name in front of its own: a TOML file may have one for each model."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        inner = _dotted(value) if isinstance(value, Mapping) else {"": value}
        found |= {f"{name}.{key}" if key else name: v for key, v in inner.items()}
    return found
