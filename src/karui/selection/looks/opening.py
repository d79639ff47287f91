"""The ledger of looks at a recording's questions: where it lies, and what earlier looks still test."""

from collections.abc import Sequence
from typing import Any

from karui.core.recording import Recording
from karui.models import ships
from karui.recording.questions import read_questions
from karui.selection.looks.ledger import FILE, Ledger, users_file
from karui.selection.looks.units import key_of


def ledger_of(main: Recording, *, users: bool = True) -> Ledger:
    """Returns the ledger of looks at a recording's questions.

    Args:
        main: The recording of full thinking, or a part of it. One in memory has no ledger, and neither has
        one
            that ships with karui, which anybody may look at.
        users: Whether the user's own ledger counts too: not in the demonstration, which is run again and
        again.
    """
    if main.path is None or ships(main.path):
        return Ledger()
    asked = {key_of(q, main.manifest.instruction) for q in read_questions(main.path)}
    own = users_file() if users else None
    return Ledger.open([main.path / FILE, *([own] if own else [])], frozenset(asked))


def model_key(main: Recording) -> str:
    """Returns what tells a model from others in the ledger."""
    return main.manifest.model.digest or main.manifest.model.name


def begun(ledger: Ledger, main: Recording) -> Sequence[list[dict[str, Any]]]:
    """Returns the specs of all plans that earlier looks tested: they are replayed whatever the grids are."""
    looks = ledger.earlier(model_key(main), ())
    return [list(spec) for look in looks for family in look.families for spec in family.specs]
