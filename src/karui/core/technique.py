"""The technique: one method of one family, with five hooks in the order of time."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum, StrEnum
from inspect import getdoc
from math import exp, inf, log, nextafter
from pathlib import Path
from typing import Any, ClassVar

from karui.core.ability import Ability
from karui.core.arrays.columns import TraceTable
from karui.core.arrays.looks import Looks, Watched
from karui.core.arrays.runs import ReplyColumns, Runs
from karui.core.build_context import BuildContext
from karui.core.errors import InputError, PlanError, UnknownName
from karui.core.flow.flow_tree import Flow
from karui.core.flow.lesson import Lessons
from karui.core.request import Request
from karui.core.trace import Reply
from karui.core.watcher import Watcher


class Family(StrEnum):
    """The three directions of efficient reasoning (2504.10903), and what they are compared with."""

    SHORTER = "shorter"
    SMALLER = "smaller"
    FASTER = "faster"
    CONTROL = "control"
    """A cheap trick that every technique beside it has to beat."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A parameter's search range.

    Attributes:
        low: Smallest value worth trying.
        high: Largest value worth trying.
        log: Whether the range is walked in ratios rather than in steps.
        choices: The only values, instead of a range.
        per_length: Whether the range is in mean thinking lengths of the recording instead of tokens, so
            that one range serves a model that thinks for 200 tokens and one that thinks for 20,000.
        of_recorded: Whether the value counts traces, so that the range ends at what was recorded.
        share_below: Name of the method whose result the value is compared with, where the range is in shares
            of asks below the value: what a score is worth differs between models, its order does not. The
            value is then found where scores are known, on a pilot, and is what the plan holds. The method
            takes the replies to the first asks that the technique's flow yields.
        help: One line for the command line and the documentation.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()
    per_length: bool = False
    of_recorded: bool = False
    share_below: str = ""
    help: str = ""

    def grid(
        self, points: int, *, whole: bool, length: float = 1.0, recorded: int | None = None
    ) -> list[Any]:
        """Returns up to `points` values over the range, ends included.

        Args:
            points: At most this many, one being the middle; all choices where there are any.
            whole: Whether values are whole numbers.
            length: Mean thinking tokens of the recording, for a range `per_length`.
            recorded: Traces recorded of each question, for a range `of_recorded`; None where unknown.
        """
        if self.choices:
            return list(self.choices)
        if self.low is None or self.high is None:
            return []
        low, high = self.low, self.high
        if self.of_recorded and recorded is not None:
            low, high = min(low, recorded), min(high, recorded)
        steps = [i / (points - 1) for i in range(points)] if points > 1 else [0.5]
        if self.log:
            values = [exp(log(low) + s * (log(high) - log(low))) for s in steps]
        else:
            values = [low + s * (high - low) for s in steps]
        if self.per_length:
            values = [v * length for v in values]
        rounded = [round(v) if whole else float(f"{v:.4g}") for v in values]
        return sorted(set(rounded))

    def below(self, points: int, scores: Sequence[float]) -> list[float]:
        """Returns values that the shares of a grid of `points` of these scores lie below, distinct ones.

        A value lies midway between two scores, and is written with four digits, as those of a grid. Equal
        scores stay together, so a share is met as nearly as they allow.
        """
        ordered = sorted(scores)
        if not ordered:
            return []
        cuts = [0] + [i for i in range(1, len(ordered)) if ordered[i - 1] < ordered[i]] + [len(ordered)]
        found = set()
        for share in self.grid(points, whole=False):
            cut = min(cuts, key=lambda c: abs(c - share * len(ordered)))
            if cut == 0:
                value = ordered[0]  # nothing is below it
            elif cut == len(ordered):
                value = nextafter(ordered[-1], inf)
            else:
                value = float(f"{(ordered[cut - 1] + ordered[cut]) / 2:.4g}")
            found.add(value)
        return sorted(found)


def knob(default: Any = MISSING, **declared: Any) -> Any:
    """Declares a technique's parameter with its search range; a field without a range is never searched.

    One without a default has to be given, and its technique is never searched.

    Args:
        default: The parameter's default.
        **declared: The fields of `Knob`.
    """
    return field(default=default, metadata={"knob": Knob(**declared)})


class Technique:
    """One method. Subclasses are frozen dataclasses, one a file; the file's name is the technique's.

    Every hook is the identity here. `prepare`, `configure` and `rewrite` change what the model is or is
    shown, so a plan with one of them needs a recording of its own; `watch` and `flow` only decide how
    thinking is spent, so any number of them replay over one recording.

    Attributes:
        family: The direction it belongs to.
        needs: What the engine or the recording must be able to do.
        slot: Techniques of one plan never share a slot ("prompt", "vote", …); empty shares with all.
        shared: Whether its own watchers see each other's traces (see `Watch.shared`).
        takes_quantized: Whether it can `prepare` new weights from a model that is quantized already.
    """

    __slots__ = ()

    family: ClassVar[Family]
    needs: ClassVar[frozenset[Ability]] = frozenset()
    slot: ClassVar[str] = ""
    shared: ClassVar[bool] = False
    takes_quantized: ClassVar[bool] = False

    def prepare(self, model: Path, build: BuildContext) -> None:
        """Once, offline: makes new weights from the model in the folder `model`, written to `build.folder`.

        What makes it impossible (an architecture, too few right traces) is raised before the long work.
        """

    def configure(self, options: dict[str, Any]) -> dict[str, Any]:
        """Once, at load: returns the engine's options (as `karui.engines.load` takes them), changed."""
        return options

    def rewrite(self, ask: Request) -> Request:
        """Once a generation: returns the ask with another prompt or sampling."""
        return ask

    def watch(self, ask: Request) -> Watcher | None:
        """Within a generation: returns a fresh watcher, None where there is nothing to watch."""
        return None

    def flow(self, ask: Request) -> Flow:
        """Between generations: yields asks, returns the reply they come to."""
        reply = yield ask
        assert isinstance(reply, Reply)
        return reply

    def watch_all(self, traces: TraceTable, looks: Looks) -> Watched | None:
        """Says in one go what `watch`'s watchers do on each of many traces; optional, for a faster replay.

        `watch` alone decides what the technique means: `karui.testing.conformance` holds this equal to it. A
        class that inherits both and changes one is stepped.

        Args:
            traces: The traces.
            looks: What watchers before it have looked at.

        Returns:
            What its watcher does where nothing else ends the trace; None where only the machine knows.
        """
        return None

    def flow_all(self, runs: Runs) -> ReplyColumns | None:
        """Says in one go what `flow` comes to on many questions; optional, for a faster replay.

        As `watch_all` is to `watch`. It gathers what `flow` does, of the ask as it is, and of no other model.
        """
        return None

    @property
    def traces(self) -> int:
        """How many traces of the model it is asked for its flow may want at most.

        A recording with fewer cannot replay it.
        """
        return 1

    @property
    def alone(self) -> bool:
        """Whether its flow asks the further models for traces `alone`, past the flows behind it."""
        return False

    @property
    def models(self) -> Mapping[str, int]:
        """The models its flow may ask besides the one it is asked for: how many traces of each at most.

        For each ask of the main model, by the name that an ask goes by. What the technique `needs` is then
        needed of these models.
        """
        return {}

    @classmethod
    def learned(cls, lessons: Lessons) -> Sequence["Technique"]:  # noqa: ARG003 - as every hook's interface
        """Returns the instances worth testing that are learned from pilot questions; none by default.

        What is learned is among the parameters: it is in the spec, and the plan's id covers it.
        """
        return ()

    @classmethod
    def name(cls) -> str:
        """The technique's name: its file's, with dashes."""
        return cls.__module__.rpartition(".")[2].replace("_", "-")

    @classmethod
    def summary(cls) -> str:
        """The first line of its docstring."""
        return (getdoc(cls) or "").partition("\n")[0]

    @classmethod
    def knobs(cls) -> dict[str, tuple[Any, Knob]]:
        """Default value (None for a parameter that has to be given) and range of every parameter, by name."""
        return {
            f.name: (None if f.default is MISSING else f.default, f.metadata.get("knob", Knob()))
            for f in fields(cls)  # type: ignore[arg-type]
        }

    @property
    def spec(self) -> dict[str, Any]:
        """Name and parameters: what a file keeps, and what its digest is made of."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {"technique": self.name(), **values}

    @classmethod
    def from_spec(cls, values: Mapping[str, Any]) -> "Technique":
        """Returns the technique with these parameters, each read as its default's type.

        Raises:
            UnknownName: A parameter that it does not have.
            InputError: A value that cannot be read, or a parameter without a default that is not given.
            PlanError: Values that no run could have.
        """
        known = cls.knobs()
        read = {}
        for key, value in values.items():
            if key not in known:
                raise UnknownName(f"parameter of {cls.name()}", key, list(known))
            read[key] = _read(cls.name(), key, value, known[key][0])
        for f in fields(cls):  # type: ignore[arg-type]
            if f.default is MISSING and f.name not in read:
                raise InputError(f"{cls.name()} needs {f.name}.", remedy=known[f.name][1].help)
        return cls(**read)

    @classmethod
    def changes(cls, hook: str) -> bool:
        """Whether it overrides the hook of this name."""
        return getattr(cls, hook) is not getattr(Technique, hook)

    @classmethod
    def has_array(cls, hook: str) -> bool:
        """Whether the class itself states the array program of a hook ("watch" or "flow")."""
        return f"{hook}_all" in vars(cls)

    @classmethod
    def needs_recording(cls) -> bool:
        """Whether a plan with it needs a recording of its own."""
        return any(cls.changes(hook) for hook in ("prepare", "configure", "rewrite"))

    def __str__(self) -> str:
        """For people: its name, its first parameter, and whatever else is not as by default."""
        knobs = self.knobs()
        values = {name: getattr(self, name) for name in knobs}
        first = next(iter(knobs), None)
        told = [f"{n}={v}" for n, v in values.items() if n == first or v != knobs[n][0]]
        return f"{self.name()}({', '.join(told)})" if told else self.name()


def require(holds: bool, technique: Technique, what: str) -> None:
    """Refuses a technique's parameters unless `holds`; for `__post_init__`.

    Raises:
        PlanError: Says which technique and what has to hold.
    """
    if not holds:
        raise PlanError(f"{technique} cannot run: {what}.", remedy="Change that parameter.")


def _read(technique: str, key: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if isinstance(value, kind) or default is None:
        return value
    try:
        if kind is bool:
            return {"true": True, "false": False}[str(value).lower()]
        if issubclass(kind, Enum):
            return kind(value)
        if kind is int and float(value) != int(float(value)):
            raise ValueError
        return kind(float(value)) if kind is int else kind(value)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise InputError(
            f"{technique}: {key}={value!r} cannot be read as {kind.__name__}.",
            remedy=f"The default is {default!r}.",
        ) from None
