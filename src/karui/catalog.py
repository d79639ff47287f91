"""Names to techniques, lazily: listing the names imports none of them.

A technique is a file of `karui.shorter`, `karui.smaller` or `karui.faster` (its name with dashes), an entry
point of the group `karui.techniques` of an installed package, or a class in a file of one's own:
`path/to/file.py:Class`.

Plans are written as techniques joined by `+`, each with its parameters after a colon:
`adaptive-consistency:k=16,threshold=0.95 + token-cap:tokens=800`.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from karui.core.errors import InputError, UnknownName
from karui.core.plan import Plan
from karui.core.technique import Technique
from karui.permission import allow_named, ensure_allowed

_FAMILIES = ("shorter", "smaller", "faster")
_GROUP = "karui.techniques"
_IN_FILE = re.compile(r"((?:[A-Za-z]:)?[^:=]*\.py:\w+)(?::(.*))?$")
"""A class in a file, perhaps of another drive, and its parameters."""


def names() -> tuple[str, ...]:
    """Returns the name of every technique of karui and of installed packages, sorted."""
    return tuple(sorted(_places()))


def technique(name: str) -> type[Technique]:
    """Returns the technique of this name, or of a path `path/to/file.py:Class`.

    Raises:
        UnknownName: There is none; the nearest name is part of the message.
        InputError: There is no such file, or it cannot be imported, or holds no technique.
    """
    return _from_file(name) if re.search(r"\.py(:|$)", name) else _from_name(name)


def parse(text: str) -> Plan:
    """Reads a plan as people write it; empty text, or "full thinking", is the baseline.

    Raises:
        UnknownName: A technique or parameter that does not exist.
        InputError: Something else that cannot be read.
        PlanError: Techniques that do not go together, or parameters that cannot run.
    """
    if text.strip() in {"", "full thinking"}:
        return Plan()
    allow_named(text)
    # A plus inside a value, as in 1e+5, is followed by a digit; a name is not.
    return Plan(tuple(_parse_one(part) for part in re.split(r"\+(?=\s*[A-Za-z._~/]|\s*$)", text)))


def plan_from_spec(spec: Iterable[Mapping[str, Any]]) -> Plan:
    """Returns the plan that `Plan.spec` was taken from.

    Raises:
        UnknownName: A technique or parameter that this installation does not have.
        InputError: A value that cannot be read.
        PlanError: Techniques that do not go together.
    """
    made = []
    for values in spec:
        if "technique" not in values:
            raise InputError(
                f"{dict(values)} names no technique.", remedy="Each entry has a key 'technique'."
            )
        parameters = {key: value for key, value in values.items() if key != "technique"}
        made.append(technique(values["technique"]).from_spec(parameters))
    return Plan(tuple(made))


def _parse_one(text: str) -> Technique:
    text = text.strip()
    in_file = _IN_FILE.match(text)
    name, listed = in_file.groups("") if in_file else text.partition(":")[::2]
    if not name.strip():
        raise InputError(
            f"A technique is missing in {text!r}.", remedy="Write name:parameter=value,… joined by +."
        )
    values = {}
    for pair in filter(None, (p.strip() for p in listed.split(","))):
        key, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"{pair!r} of {name.strip()} is no parameter=value.")
        values[key.strip()] = value.strip()
    return technique(name.strip()).from_spec(values)


@cache
def _places() -> dict[str, str]:
    """Returns where each technique lies: `module`, or `module:Class` for other packages' techniques."""
    found: dict[str, str] = {}
    for family in _FAMILIES:
        package = import_module(f"karui.{family}")
        for module in iter_modules(package.__path__, f"karui.{family}."):
            file = module.name.rpartition(".")[2]
            if not file.startswith("_"):
                _add(found, file.replace("_", "-"), module.name)
    for entry in entry_points(group=_GROUP):
        _add(found, entry.name, entry.value)
    return found


def _add(found: dict[str, str], name: str, place: str) -> None:
    if found.setdefault(name, place) != place:
        raise InputError(
            f"Two techniques are called {name!r}: {found[name]} and {place}.",
            remedy="Uninstall one of the packages, or rename its technique.",
        )


@cache
def _from_name(name: str) -> type[Technique]:
    places = _places()
    if name not in places:
        raise UnknownName("technique", name, list(places))
    place, _, wanted = places[name].partition(":")
    try:
        module = import_module(place)
    except Exception as error:
        raise InputError(f"The technique {name} cannot be imported.", why=repr(error)) from error
    found = _pick(module, wanted, f"{name} ({place})")
    if found.name() != name:
        raise InputError(
            f"The technique {name} of {place} calls itself {found.name()}.",
            remedy="A technique is named as its file, with dashes.",
        )
    return found


@cache
def _from_file(name: str) -> type[Technique]:
    path, _, wanted = name.rpartition(":") if ".py:" in name else (name, "", "")
    if not Path(path).is_file():
        raise InputError(f"There is no file {path}.", remedy="Name a technique as path/to/file.py:Class.")
    ensure_allowed(Path(path), "technique")
    # Dataclasses look their module up by name; two files of one name must not meet there.
    ident = f"{Path(path).stem}_{sha256(str(Path(path).resolve()).encode()).hexdigest()[:8]}"
    spec = spec_from_file_location(ident, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[ident] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[ident]
        raise InputError(f"The technique {name} cannot be imported.", why=repr(error)) from error
    found = _pick(module, wanted, path)
    # Its name is its path, so that a plan's spec recreates it where the catalog does not know it.
    whole = f"{path}:{found.__name__}"
    found.name = classmethod(lambda _cls: whole)  # type: ignore[assignment, method-assign]
    return found


def _pick(module: ModuleType, wanted: str, where: str) -> type[Technique]:
    """Returns the technique called `wanted` in a module, or its only one."""
    own = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Technique) and value.__module__ == module.__name__
    }
    if wanted:
        if wanted not in own:
            raise UnknownName(f"technique in {where}", wanted, list(own))
        return own[wanted]
    if len(own) != 1:
        raise InputError(
            f"{where} holds {len(own)} techniques.", remedy="One file holds one; else name it: file.py:Class."
        )
    return next(iter(own.values()))
