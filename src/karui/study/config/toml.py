"""Options from a TOML file: its keys are the options' names, with _ or - between the words.

model = "Qwen/Qwen3-4B"
questions = "questions.jsonl"
max-drop = 2.0
variants = ["smaller"]

[assume]
price_output = 2.0
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

from karui.codec.disk import reading
from karui.core.errors import InputError, UnknownName
from karui.study.config.fields import flat, options_of


def read_config(path: Path | str, config: type) -> dict[str, Any]:
    """Returns the options that a file names, with their values.

    Args:
        path: A TOML file.
        config: The class whose options it may name.

    Raises:
        InputError: The file cannot be read, or a value is of the wrong type.
        UnknownName: There is no such option; names the nearest.
    """
    return read_options(read_tables(path), config, str(path))


def read_tables(path: Path | str) -> dict[str, Any]:
    """Returns what a TOML file holds, as it is.

    Raises:
        InputError: The file cannot be read.
    """
    with reading(path, format="TOML"):
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))


def read_options(table: Mapping[str, Any], config: type, where: str) -> dict[str, Any]:
    """Returns the options that a table names, with their values.

    Args:
        table: As it was read.
        config: The class whose options it may name.
        where: The table's place, for errors.

    Raises:
        InputError: A value is of the wrong type.
        UnknownName: There is no such option; names the nearest.
    """
    kinds = {name: kind for name, _, kind in options_of(config)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in kinds:
            raise UnknownName(f"option in {where}", key, list(kinds))
        values[name] = _value(kinds[name], value, f"{key} in {where}")
    return values


def config_text(config: Any) -> str:
    """Returns a config as such a file; options without a value are left out."""
    simple, tables = [], []
    for name, value in flat(config).items():
        if isinstance(value, Mapping):
            if value:
                rows = [f"{_quoted(key)} = {_toml(v)}" for key, v in value.items()]
                tables.append("\n".join([f"\n[{name}]", *rows]))
        elif value is not None:
            simple.append(f"{name} = {_toml(value)}")
    return "\n".join([*simple, *tables]) + "\n"


def _quoted(key: str) -> str:
    return json.dumps(key) if "." in key else key


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _value(kind: Any, value: Any, where: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    # Strict, so that max_drop = "2" and samples = true are mistakes; but 2 is a number where 2.0 is.
    plain = {k for k in (get_args(kind) if isinstance(kind, UnionType) else (kind,)) if k is not NoneType}
    strict = plain != {Path} and kind != tuple[str, ...]
    try:
        return TypeAdapter(kind).validate_python(value, strict=strict)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise InputError(f"The option {where} has the wrong type (got {value!r}).", why=f"{why}.") from error
