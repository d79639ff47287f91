"""Settings: what an operator decides, from a TOML file and from options; options win.

    upstream = "http://127.0.0.1:8000/v1#my-model"
    fallback = "full"
    stage = "5"

    [limits]
    at_once = 64

Everything is shown when the gateway starts. Keys come from the environment only and are never shown.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from karui.codec.disk import reading
from karui.core.errors import InputError, UnknownName
from karui.gateway.arms.experiment import ExperimentConfig
from karui.gateway.arms.rule import FeedbackConfig
from karui.gateway.backends.circuit_breaker import BreakerRule
from karui.gateway.limits import Limits
from karui.gateway.rollout.guard_status import GuardConfig
from karui.gateway.rollout.stages import StageRule
from karui.gateway.status import Price

FALLBACK_KEY = "KARUI_FALLBACK_KEY"
"""Environment variable with the key for the fallback server; the upstream's is KARUI_API_KEY."""
_PASSWORD = re.compile(r"(://[^/@:]*:)[^@]*(?=@)|((?:^|[?&\s])(?:ssl)?password=)[^&\s]*")


@dataclass(frozen=True)
class Settings:
    """What an operator decides.

    Attributes:
        upstream: The served model's server, http://HOST:PORT/v1#model; "" runs it in this process.
        fallback: "full", or the address of another server.
        beside: Servers of the further models that the plan asks, by the names it asks for.
        stage: shadow, 5, 25 or 100; "" goes on where the history says, at first with shadow.
        host: Where to listen.
        port: Likewise; 0 takes a free one.
        workers: Processes that answer; several share the roll-out and what users say, in the history.
        state: Address of a PostgreSQL database in which the history is instead of a file: gateways on several
            machines share it, postgresql://USER@HOST:PORT/NAME. Its password is never shown.
        allowed_hosts: Names by which browsers may reach a gateway without keys, besides addresses.
        open_to_all: Whether everybody who reaches the port may ask, where no key is set.
        folder: Folder or Hub name with the upstream model's tokenizer and chat template.
        route: completions or chat, instead of what is found best.
        same_model: Whether the upstream serves the chosen model although its name says otherwise.
        names: Further names of models by which clients may ask for the plan.
        any_sampling: Whether clients may change temperature and top_p under the plan.
        any_questions: Whether the plan answers questions unlike the recorded ones as well.
        any_parameters: Whether it answers with tools, formats and stop words that no recorded question had.
        history: The file of the history; "" keeps it in memory only.
        canaries: A questions file with answers, sent at a low rate; "" sends none.
        canaries_per_hour: How many.
        keep_hours: How long what is said is kept, for `karui explain`; 0 keeps nothing.
        keep: The file that it is kept in.
        keep_megabytes: What that file may hold; beyond, the oldest go before their time.
        redact: The operator's own patterns of what is masked in it, by name.
        limits: What protects the gateway.
        guard: When the plan is taken back.
        breaker: When the upstream is left alone.
        rollout: When a stage is followed by the next.
        feedback: How the plan is compared with full thinking by what users say.
        experiment: How several plans share the traffic.
        table: What is done instead of the plan, by reason; see `FallbackPolicy`.
        price: What tokens or machines cost, for the monitor.
    """

    upstream: str = ""
    fallback: str = "full"
    beside: Mapping[str, str] = field(default_factory=dict)
    stage: str = ""
    host: str = "127.0.0.1"
    port: int = 8321
    workers: int = 1
    state: str = field(default="", repr=False)
    allowed_hosts: tuple[str, ...] = ()
    open_to_all: bool = False
    folder: str = ""
    route: str = ""
    same_model: bool = False
    names: tuple[str, ...] = ()
    any_sampling: bool = False
    any_questions: bool = False
    any_parameters: bool = False
    history: str = "karui-history.sqlite3"
    canaries: str = ""
    canaries_per_hour: float = 6.0
    keep_hours: float = 0.0
    keep: str = "karui-kept.sqlite3"
    keep_megabytes: float = 1024.0
    redact: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    guard: GuardConfig = field(default_factory=GuardConfig)
    breaker: BreakerRule = field(default_factory=BreakerRule)
    rollout: StageRule = field(default_factory=StageRule)
    feedback: FeedbackConfig = field(default_factory=FeedbackConfig)
    experiment: ExperimentConfig = field(default_factory=ExperimentConfig)
    table: Mapping[str, str] = field(default_factory=dict)
    price: Price = field(default_factory=Price)

    @property
    def shared(self) -> bool:
        """Whether other processes decide as well."""
        return self.workers > 1 or bool(self.state)

    @staticmethod
    def read(path: Path | None, options: Mapping[str, Any]) -> "Settings":
        """Reads a file, if there is one, and puts the options over it.

        Args:
            path: The file.
            options: By name; None was not given.

        Raises:
            InputError: The file cannot be read, or a setting has a wrong value.
            UnknownName: A setting does not exist.
        """
        values: dict[str, Any] = {}
        if path is not None:
            with reading(path, format="TOML"):
                values = tomllib.loads(path.read_text(encoding="utf-8"))
        for name, value in options.items():
            told = values.get(name)
            if isinstance(value, Mapping) and isinstance(told, Mapping):
                values[name] = {**told, **value}
            elif value is not None:
                values[name] = value
        made: Settings = _made(Settings, values, "")
        return made

    def rows(self) -> list[tuple[str, str]]:
        """Returns every setting and its value, in words."""
        hidden = replace(self, state=_PASSWORD.sub(r"\1\2…", self.state))
        return list(_rows(hidden, ""))


def _made(kind: type, values: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind)]
    made = {}
    for name, value in values.items():
        if name not in known:
            raise UnknownName("setting", f"{where}{name}", [f"{where}{k}" for k in known])
        made[name] = _read(hints[name], value, f"{where}{name}")
    return kind(**made)


def _read(kind: Any, value: Any, name: str) -> Any:
    wanted = str(getattr(kind, "__name__", kind))
    if is_dataclass(kind):
        if isinstance(value, Mapping):
            return _made(kind, value, f"{name}.")  # type: ignore[arg-type]  # a class, not one of its objects
        wanted = "a table"
    elif kind == tuple[str, ...]:
        if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
            return tuple(value)
        wanted = "a list of texts"
    elif kind == Mapping[str, str]:
        if isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
            return dict(value)
        wanted = "a table of texts"
    elif kind in {float, float | None}:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif type(value) is kind:
        return value
    raise InputError(f"The setting {name} must be {wanted} (got {value!r}).")


def _rows(settings: Any, where: str) -> Any:
    for f in fields(settings):
        value = getattr(settings, f.name)
        if is_dataclass(value):
            yield from _rows(value, f"{where}{f.name}.")
        elif isinstance(value, Mapping):
            yield from ((f"{where}{f.name}.{key}", str(word)) for key, word in value.items())
        else:
            told = ", ".join(value) if isinstance(value, tuple) else str(value)
            yield f"{where}{f.name}", told or "-"
