"""What tests of passports sign and check with. Whoever imports it is skipped without `cryptography`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner, Result

from karui.cli.main import app
from karui.passport import dsse, keys
from karui.passport.verify import Checked, Present, Problem, verify

pytest.importorskip("cryptography")

Pair: TypeAlias = tuple[Path, Path]
"""Files of a private key and its public one."""
NOW = datetime(2026, 12, 24, tzinfo=UTC)
"""A day in the term of the passport that `made` has."""


def signed(statement: Mapping[str, Any], pair: Pair) -> dict[str, Any]:
    """Returns the envelope of a statement."""
    return dsse.sealed(statement, [keys.read_private(pair[0])])


def check(envelope: Any, pair: Pair, now: datetime | None = NOW, **present: Any) -> Checked:
    """Verifies an envelope against what `Present` is given."""
    return verify(envelope, keys.read_public(pair[1]), Present(**present), now)


def refusals(checked: Checked) -> list[Problem]:
    """Returns what speaks against a passport."""
    return [f.problem for f in checked.findings if f.refuses]


def run(*words: object) -> Result:
    """Runs `karui passport`."""
    return CliRunner().invoke(app, ["passport", *map(str, words)])
