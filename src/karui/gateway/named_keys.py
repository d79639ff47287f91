"""Keys by name: of teams, with limits, and of operators; from a file, or the same text in the environment.

    [teams.search]
    key = "sha256:9f86d081884c7d65…"   # printf %s "$KEY" | sha256sum; or the key itself
    requests_per_minute = 600
    tokens_per_minute = 200_000
    concurrent = 8

    [operators.aoi]
    key = ["…", "…"]                   # several are valid side by side, so that one can be replaced

A key is looked up by its digest: no comparison tells how much of a wrong one is right. A plain digest does
for a key that is drawn at random; nobody tries those out, as they do passwords.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from karui.codec.disk import reading
from karui.core.errors import InputError, UnknownName

VARIABLE = "KARUI_KEYS"
"""Environment variable with the text of such a file, instead of one."""
_HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_SHORTEST = 16
"""Characters that a key has at least: a shorter one could be tried out."""


@dataclass(frozen=True, slots=True)
class Team:
    """Who asks for completions, and how much; None leaves it to the gateway's own limits.

    Attributes:
        name: By which it is recorded.
        requests_per_minute: Requests in any 60 seconds.
        tokens_per_minute: Tokens in any 60 seconds: prompts, thinking and answers.
        concurrent: Requests at a time.
    """

    name: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None


_LIMITS = tuple(f.name for f in fields(Team) if f.name != "name")


@dataclass(frozen=True, slots=True)
class NamedKeys:
    """The keys by name.

    Attributes:
        teams: The teams by the digests of their keys.
        operators: The operators' names by the digests of theirs.
    """

    teams: Mapping[str, Team] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """The names of the teams, and of the operators."""
        teams = {team.name for team in self.teams.values()}
        return sorted(teams), sorted({*self.operators.values()})

    @staticmethod
    def read(environment: Mapping[str, str], file: str) -> "NamedKeys":
        """Reads them from the file, or from the environment.

        Raises:
            InputError: Both are there, or what is there cannot be used; no key is repeated in the message.
        """
        text = environment.get(VARIABLE, "")
        if text and file:
            raise InputError(
                f"The keys are in {file} and in {VARIABLE}.",
                remedy="Keep one of the two: `keys` or the variable.",
            )
        if file:
            with reading(Path(file), format="TOML"):
                text = Path(file).read_text(encoding="utf-8")
        try:
            told = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            # The parser's own message may repeat a part of a key.
            where = re.search(r"at line \d+", str(error))
            raise InputError(f"{file or VARIABLE} is not TOML{f' {where[0]}' if where else ''}.") from None
        return NamedKeys.of(told, file or VARIABLE)

    @staticmethod
    def of(told: Mapping[str, Any], where: str) -> "NamedKeys":
        """Returns the keys that a table holds.

        Raises:
            InputError: It cannot be used: names the entry.
            UnknownName: A field does not exist.
        """
        for name in told:
            if name not in {"teams", "operators"}:
                raise UnknownName(f"table of {where}", name, ["teams", "operators"])
        teams = {
            key: Team(name, **_limits(entry, f"teams.{name}"))
            for name, entry in _entries(told, "teams", where)
            for key in _digests(entry, f"teams.{name}")
        }
        operators = {
            key: name
            for name, entry in _entries(told, "operators", where)
            for key in _digests(entry, f"operators.{name}")
        }
        found = [
            key for kind in told for _, entry in _entries(told, kind, where) for key in _digests(entry, kind)
        ]
        if len(found) != len(set(found)):
            raise InputError(
                f"{where} has the same key twice.",
                remedy="Give each team and each operator keys of their own.",
            )
        return NamedKeys(teams, operators)

    def ensure_apart(self, *keys: str) -> None:
        """Refuses keys that have a name and are the ones of the environment, too.

        Raises:
            InputError: One is.
        """
        for key in filter(None, keys):
            if digest(key) in self.teams or digest(key) in self.operators:
                raise InputError(
                    "A key has a name, and is a key of the environment too.",
                    remedy="Give each key to one only: else it is not known who has used it.",
                )


def digest(key: str) -> str:
    """Returns what a key is looked up by."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _entries(told: Mapping[str, Any], kind: str, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    table = told.get(kind, {})
    known = ("key", *_LIMITS) if kind == "teams" else ("key",)
    if not isinstance(table, Mapping):
        raise InputError(f"{kind} in {where} must be a table.")
    for name, entry in table.items():
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{kind}.{name[:64]} is no name.",
                remedy="Use up to 64 letters, digits, dots, dashes and underscores.",
            )
        if not isinstance(entry, Mapping) or "key" not in entry:
            raise InputError(f"{kind}.{name} in {where} has no key.", remedy='Give it one: key = "sha256:…".')
        for field_name in entry:
            if field_name not in known:
                raise UnknownName(
                    "setting", f"{kind}.{name}.{field_name}", [f"{kind}.{name}.{k}" for k in known]
                )
        yield name, entry


def _digests(entry: Mapping[str, Any], where: str) -> Iterator[str]:
    keys = entry["key"] if isinstance(entry["key"], list) else [entry["key"]]
    for key in keys:
        hashed = _HASHED.fullmatch(key) if isinstance(key, str) else None
        if hashed:
            yield hashed[1].lower()
            continue
        usable = isinstance(key, str) and key.isascii() and key.isprintable() and " " not in key
        if not usable or key.startswith("sha256:") or len(key) < _SHORTEST:
            raise InputError(
                f"{where} has a key that cannot be used.",
                why=f"A key has at least {_SHORTEST} letters, digits and signs, or is sha256: and 64 digits.",
                remedy="Make one with `openssl rand -hex 32`; `printf %s KEY | sha256sum` hashes it.",
            )
        yield digest(key)


def _limits(entry: Mapping[str, Any], where: str) -> dict[str, int]:
    found = {name: entry[name] for name in _LIMITS if name in entry}
    for name, value in found.items():
        if type(value) is not int or value < 1:
            raise InputError(
                f"{where}.{name} must be a whole number of at least 1 (got {value!r}).",
                remedy="Leave it out for no limit.",
            )
    return found
