"""What a user says of how a model thinks, in a TOML file: it stands above whatever is found."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from karui.codec.disk import reading
from karui.core.errors import InputError
from karui.engines.chat.format import Switch

_TEXTS = ("open", "close", "answer", "answer_close", "bridge", "empty", "turn_end", "budget", "history")
_SWITCH = {"arguments": dict, "word": str}


@dataclass(frozen=True, slots=True)
class Override:
    """What a user says; None leaves it to be found.

    Attributes:
        open: Text that begins the thinking.
        close: Text that ends it.
        answer: The answer's own opening.
        answer_close: What closes the answer before the turn ends.
        bridge: All between thinking and answer, blanks included.
        empty: Thinking that is over before it began.
        turn_end: Text of the token that ends a turn.
        budget: The template's argument for a number of thinking tokens.
        history: The field in which earlier thinking goes back to the model; "" for none.
        on: What makes it think.
        off: What leaves its thinking out.
        efforts: By level, the template's arguments.
    """

    open: str | None = None
    close: str | None = None
    answer: str | None = None
    answer_close: str | None = None
    bridge: str | None = None
    empty: str | None = None
    turn_end: str | None = None
    budget: str | None = None
    history: str | None = None
    on: Switch | None = None
    off: Switch | None = None
    efforts: dict[str, dict[str, Any]] | None = None

    @staticmethod
    def of(said: Mapping[str, Any], where: str) -> "Override":
        """Reads a table of fields.

        Args:
            said: By name.
            where: What holds it, for errors.

        Raises:
            InputError: A field does not exist, or its value has the wrong type.
        """
        names = [f.name for f in fields(Override)]
        if unknown := sorted(set(said) - set(names)):
            raise InputError(
                f"{where} names {', '.join(map(repr, unknown))}, which are not fields of a thinking format.",
                remedy=f"The fields are {', '.join(names)}.",
            )
        for name in _TEXTS:
            if not isinstance(said.get(name, ""), str):
                raise InputError(
                    f"{where}: {name} must be a text (got {said[name]!r}).", remedy=f'Write {name} = "…".'
                )
        values: dict[str, Any] = {name: said[name] for name in _TEXTS if name in said}
        values |= {name: _switch(where, name, said[name]) for name in ("on", "off") if name in said}
        if "efforts" in said:
            levels = said["efforts"]
            if not isinstance(levels, dict) or not all(isinstance(v, dict) for v in levels.values()):
                raise InputError(
                    f"{where}: efforts must be a table of tables (got {levels!r}).",
                    remedy='Write efforts = {low = {reasoning_effort = "low"}}.',
                )
            values["efforts"] = levels
        return Override(**values)

    def as_dict(self) -> dict[str, Any]:
        """Returns what `of` reads: the fields that are said."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def texts(self) -> dict[str, str]:
        """What it says of the texts around thinking and answer."""
        names = ("open", "close", "answer", "answer_close", "bridge", "empty")
        return {n: value for n in names if (value := getattr(self, n)) is not None}


NOTHING_SAID = Override()
"""Everything is found out."""


def read_override(path: str | Path) -> Override:
    """Reads a file for `--thinking`.

    Raises:
        InputError: There is no such file, it is no TOML, or it names a field that does not exist.
    """
    remedy = 'Write lines like close = "</think>"; `karui probe FOLDER` prints what is found now.'
    with reading(path, remedy, format="TOML"):
        said = tomllib.loads(Path(path).read_text("utf-8"))
    return Override.of(said, str(path))


def _switch(where: str, name: str, said: Any) -> Switch:
    if (
        not isinstance(said, dict)
        or set(said) - set(_SWITCH)
        or not all(isinstance(value, _SWITCH[key]) for key, value in said.items())
    ):
        raise InputError(
            f"{where}: {name} must be a table with arguments and word (got {said!r}).",
            remedy=f"Write {name} = {{arguments = {{enable_thinking = true}}}}.",
        )
    return Switch(**said)
