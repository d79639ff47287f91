"""The file of a gateway with several routes: what holds for all, and a table for each route.

    history = "karui-history.sqlite3"
    keys = "keys.toml"

    [routes.support]                     # clients ask for it as the model "support", or "support/full"
    choice = "runs/support"
    upstream = "http://127.0.0.1:8000/v1#qwen3-8b"
    stage = "5"

    [routes.search]
    choice = "runs/search"
    upstream = "http://10.0.0.7:8000/v1#r1-distill"
    fallback = "http://10.0.0.8:8000/v1#larger"

What a route may say for itself and does not is taken from the top of the file.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.codec.disk import reading
from karui.core.errors import InputError, UnknownName
from karui.gateway.settings import Settings

_OWN = (
    *("upstream", "fallback", "beside", "stage", "folder", "route", "same_model", "names", "any_sampling"),
    *(
        "any_questions",
        "canaries",
        "canaries_per_hour",
        "guard",
        "breaker",
        "rollout",
        "feedback",
        "experiment",
        "table",
        "price",
    ),
)
"""What a route decides for itself; the rest is the process's."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_TAKEN = ("karui",)


@dataclass(frozen=True)
class RouteSettings:
    """One route as the file has it.

    Attributes:
        name: By which clients ask for it, as a model.
        choices: `choice.json`, or its folder; several are an experiment.
        settings: What holds for it.
    """

    name: str
    choices: tuple[Path, ...]
    settings: Settings


@dataclass(frozen=True)
class RouteFile:
    """A file with routes.

    Attributes:
        path: The file.
        options: What the command line said besides; it wins over the file.
        settings: What holds for the process.
        routes: The routes, in the file's order; none in a file that has no such table.
        faults: Why a table cannot be used, by route.
        order: The names of all routes, those with faults among them, as they follow each other.
    """

    path: Path | None
    options: Mapping[str, Any]
    settings: Settings
    routes: tuple[RouteSettings, ...] = ()
    faults: Mapping[str, str] | None = None
    order: tuple[str, ...] = ()

    @staticmethod
    def read(path: Path | None, options: Mapping[str, Any]) -> "RouteFile":
        """Reads a file, if there is one, and puts the options over it.

        Args:
            path: The file.
            options: By name; None was not given.

        Raises:
            InputError: The file cannot be read, or a setting of the process has a wrong value. What is wrong
                in a route's own table is in `faults`.
            UnknownName: A setting of the process does not exist.
        """
        told: dict[str, Any] = {}
        if path is not None:
            with reading(path, format="TOML"):
                told = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = told.pop("routes", {})
        if not isinstance(tables, Mapping):
            raise InputError(f"routes must be a table (got {tables!r}).")
        settings = Settings.of(told, options)
        routes: list[RouteSettings] = []
        faults: dict[str, str] = {}
        for name, table in tables.items():
            try:
                route = _route(name, table, told, options)
                _ensure_apart(route, routes, tables)
                routes.append(route)
            except (InputError, UnknownName) as error:
                faults[name] = str(error)
        return RouteFile(path, options, settings, tuple(routes), faults, tuple(tables))

    def again(self) -> "RouteFile":
        """Reads the same file once more."""
        return RouteFile.read(self.path, self.options)


def _ensure_apart(route: RouteSettings, before: Sequence[RouteSettings], tables: Mapping[str, Any]) -> None:
    """Refuses a name for the plan by which another route is known."""
    taken = {other for name in tables if name != route.name for other in (name, f"{name}/full")}
    for name in route.settings.names:
        if name in taken or any(name in other.settings.names for other in before):
            raise InputError(
                f"routes.{route.name}.names: {name} is the name of another route.",
                remedy="Name each model in one route only.",
            )


def _route(name: str, table: Any, above: Mapping[str, Any], options: Mapping[str, Any]) -> RouteSettings:
    where = f"routes.{name}"
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise InputError(
            f"{where[:80]} is no name of a route.",
            remedy="Use up to 64 small letters, digits, dots, dashes and underscores, and not 'karui'.",
        )
    if not isinstance(table, Mapping):
        raise InputError(f"{where} must be a table (got {table!r}).")
    told = table.get("choice")
    choices = told if isinstance(told, list) else [told]
    if not choices or not all(isinstance(choice, str) and choice for choice in choices):
        raise InputError(
            f"{where} names no choice.", remedy='Add choice = "FOLDER" of `karui choose` or `karui poc`.'
        )
    own = {key: value for key, value in table.items() if key != "choice"}
    for key in own:
        if key not in _OWN:
            known = key in Settings.__dataclass_fields__
            raise (
                InputError(f"{where}.{key} is the process's.", remedy="Set it at the top of the file.")
                if known
                else UnknownName("setting", f"{where}.{key}", [f"{where}.{k}" for k in (*_OWN, "choice")])
            )
    settings = Settings.of({**above, **own}, options)
    if not settings.upstream:
        raise InputError(
            f"{where} names no upstream.",
            why="A gateway with several routes loads no models itself.",
            remedy='Add upstream = "http://HOST:PORT/v1#model".',
        )
    return RouteSettings(name, tuple(map(Path, choices)), settings)
