"""Typed values to JSON and back: frozen dataclasses by their fields, enums by their values.

Numbers that JSON cannot hold (infinite ends, NaN) are written as null. Where a number has to be, null is read
as NaN, or as what the field's metadata says: `field(metadata={"null": inf})`.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Misfit(ValueError):
    """A value does not have the type that is read.

    Attributes:
        unknown: Whether it holds a field or an enum's value that this version does not know.
    """

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        """Takes what is wrong, and where."""
        super().__init__(message)
        self.unknown = unknown


def encode(value: Any) -> Any:
    """Returns a value as JSON knows it: dictionaries, lists, strings, finite numbers, booleans and None."""
    if _stores_itself(type(value)):
        return encode(value.as_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(encode(k)): encode(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [encode(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(map(encode, value))
    return _plain(value)


def _plain(value: Any) -> Any:
    """Returns a single value as JSON knows it."""
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "item"):
        value = value.item()  # a number of numpy's
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decode(kind: type[T], value: Any, where: str = "") -> T:
    """Returns a value of a type from what `encode` wrote.

    Args:
        kind: A dataclass, an enum, a plain type, or a collection or union of such.
        value: Parsed JSON.
        where: Its place, for messages.

    Raises:
        Misfit: The value has another type, or a field is missing or not known.
    """
    decoded: T = _decode(kind, value, where)
    return decoded


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin is not None:
        return _collection(origin, get_args(kind), value, where)
    if kind is Any:
        return value
    if _stores_itself(kind):
        return _own(kind, value, where)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    return _enum(kind, value, where) if issubclass(kind, Enum) else _as(kind, value, where)


def _collection(origin: Any, of: tuple[Any, ...], value: Any, where: str) -> Any:
    if origin in {Union, UnionType}:
        return _union(of, value, where)
    if origin is tuple:
        return _tuple(of, value, where)
    if issubclass(origin, Mapping):
        items = _as(dict, value, where).items()
        return {_key(of[0], k, where): _decode(of[1], v, f"{where}.{k}") for k, v in items}
    return origin(_decode(of[0], v, f"{where}[{n}]") for n, v in enumerate(_as(list, value, where)))


def _enum(kind: Any, value: Any, where: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(e.value) for e in kind)
        raise Misfit(f"{where} is {value!r}, none of {known}", unknown=True) from None


def _union(of: tuple[Any, ...], value: Any, where: str) -> Any:
    """Returns a value that may be None; there are no other unions in what is stored."""
    if value is None:
        return None
    (kind,) = (k for k in of if k is not NoneType)
    return _decode(kind, value, where)


def _tuple(of: tuple[Any, ...], value: Any, where: str) -> Any:
    values = _as(list, value, where)
    if of[1:] == (...,):
        return tuple(_decode(of[0], v, f"{where}[{n}]") for n, v in enumerate(values))
    if len(of) != len(values):
        raise Misfit(f"{where} has {len(values)} items instead of {len(of)}")
    return tuple(_decode(k, v, f"{where}[{n}]") for n, (k, v) in enumerate(zip(of, values, strict=True)))


def _key(kind: Any, key: str, where: str) -> Any:
    try:
        return kind(key)
    except ValueError:
        raise Misfit(f"{where} has the key {key!r}", unknown=issubclass(kind, Enum)) from None


def _as(kind: Any, value: Any, where: str) -> Any:
    if kind is float:
        if value is None:
            return math.nan
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                raise Misfit(f"{where} is larger than any number") from None
    if not isinstance(value, kind) or (kind in {int, float} and isinstance(value, bool)):
        raise Misfit(f"{where} is {type(value).__name__} instead of {kind.__name__}")
    return value


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    values = _as(dict, value, where)
    known = _fields(kind)
    if unknown := sorted(values.keys() - known.keys()):
        raise Misfit(f"{where or kind.__name__} has the unknown field {unknown[0]!r}", unknown=True)
    given = {}
    for name, (field, hint) in known.items():
        inside = f"{where}.{name}" if where else name
        if name not in values:
            if field.default is MISSING and field.default_factory is MISSING:
                raise Misfit(f"{inside} is missing")
            continue
        if values[name] is None and "null" in field.metadata:
            given[name] = field.metadata["null"]
        else:
            given[name] = _decode(hint, values[name], inside)
    return kind(**given)


def _stores_itself(kind: Any) -> bool:
    """Whether a class has names on disk that are older than those of its fields: manifests do."""
    return hasattr(kind, "as_dict") and hasattr(kind, "from_dict")


def _own(kind: Any, value: Any, where: str) -> Any:
    try:
        return kind.from_dict(_as(dict, value, where))
    except (KeyError, TypeError, ValueError) as error:
        unknown = "unexpected keyword" in str(error)
        raise Misfit(f"{where}: {error}", unknown=unknown) from error


@cache
def _fields(kind: Any) -> dict[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(kind)
    return {f.name: (f, hints[f.name]) for f in fields(kind)}
