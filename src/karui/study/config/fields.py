"""How an option is declared, and how a config is filled from names and values."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from karui.core.errors import UnknownName

C = TypeVar("C")


def option(
    default: Any,
    help: str,  # noqa: A002 - what the command line calls it
    *,
    names: tuple[str, ...] = (),
    shown: str = "",
    least: float | None = None,
) -> Any:
    """Returns the field of an option.

    Args:
        default: Where it is a tuple or a mapping, the option may be repeated on the command line.
        help: A noun phrase, for the command line.
        names: The option's names there, if they are not the field's.
        shown: What help shows as the default, where the default is found out later.
        least: The smallest number that the command line accepts.
    """
    told = {"help": help, "names": names, "shown": shown, "least": least}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=told)
    return field(default=default, metadata=told)


def same(options: type, name: str) -> Any:
    """Returns a field like that of another class, for a verb that has only some of its options."""
    known = next(f for f in fields(options) if f.name == name)
    if known.default_factory is not MISSING:
        return field(default_factory=known.default_factory, metadata=known.metadata)
    return field(default=known.default, metadata=known.metadata)


def options_of(config: type) -> Iterator[tuple[str, Field[Any], Any]]:
    """Yields every option of a config: its name, its field and its type, in the order of declaration."""
    hints = get_type_hints(config)
    for f in fields(config):
        if isinstance(kind := hints[f.name], type) and is_dataclass(kind):
            yield from options_of(kind)
        else:
            yield f.name, f, hints[f.name]


def filled(config: type[C], values: Mapping[str, Any]) -> C:
    """Returns a config with these values, by the names of its options; the rest are defaults.

    Raises:
        UnknownName: There is no such option; names the nearest.
    """
    known = [name for name, _, _ in options_of(config)]
    for name in values:
        if name not in known:
            raise UnknownName("option", name, known)
    return _filled(config, values)


def _filled(config: type[C], values: Mapping[str, Any]) -> C:
    hints = get_type_hints(config)
    made: dict[str, Any] = {}
    for f in fields(config):  # type: ignore[arg-type]  # a dataclass, as options are
        kind = hints[f.name]
        if isinstance(kind, type) and is_dataclass(kind):
            made[f.name] = _filled(kind, values)
        elif f.name in values:
            made[f.name] = values[f.name]
    return config(**made)


def flat(config: Any) -> dict[str, Any]:
    """Returns every option of a config with its value, by name."""
    found: dict[str, Any] = {}
    for f in fields(config):
        value = getattr(config, f.name)
        found |= flat(value) if is_dataclass(value) else {f.name: value}
    return found
