"""Every error karui raises, in one tree.

    KaruiError
    ├── InputError               something the user wrote or pointed at
    │   ├── QuestionsError       a questions file, or one row of it
    │   ├── UnknownName          a technique, parameter, task or file that does not exist
    │   └── ModelError           a folder or name that is not a usable model
    ├── PlanError                a plan that cannot run; raised before a token is spent
    ├── RecordingError           a recording that cannot be used
    │   ├── RecordingMismatch    a recording of another model, task or prompt style
    │   └── NotRecorded          replay was asked for what was never taped
    ├── EngineError              an engine that failed while generating
    │   ├── RequestRejected      a server that will not do what it was asked
    │   └── EngineTimeout        a server that has said nothing for too long
    └── StorageError             a disk that is full or cannot be written

A failed question is data and stays in the recording; errors are for what stops the work.
"""

from difflib import get_close_matches
from typing import Any, ClassVar


class KaruiError(Exception):
    """What went wrong, why, and what to do about it.

    Attributes:
        what: One sentence naming the thing that failed and where.
        why: The reason, if it is not obvious from `what`.
        remedy: What the reader can do next.
        retry: Whether the same call may succeed later without any change.
        exit_code: What the command line exits with.
    """

    retry: ClassVar[bool] = False
    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.remedy = what, why, remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles all of it, whatever its class takes: errors of workers come from another process."""
        return _unpickled, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.remedy) if part)


def _unpickled(kind: type[KaruiError], args: tuple[Any, ...], fields: dict[str, Any]) -> KaruiError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class InputError(KaruiError):
    """Something the user wrote or pointed at cannot be used as it is."""


class QuestionsError(InputError):
    """A questions file, or rows of it, cannot be read or fail their own verifier."""


class UnknownName(InputError):
    """A name that nothing goes by; the nearest known name is part of the message."""

    def __init__(self, noun: str, name: str, known: list[str]) -> None:
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known))}."
        super().__init__(f"There is no {noun} called {name!r}.", remedy=remedy)


class ModelError(InputError):
    """A folder or name that is missing, is no model, or lacks something karui needs."""


class PlanError(KaruiError):
    """A plan that cannot run here: its techniques clash, or the engine lacks an ability."""


class RecordingError(KaruiError):
    """A recording that is incomplete, damaged or written by another format version."""


class RecordingMismatch(RecordingError):
    """A recording of another model, task, prompt style or sampling than the one asked for."""


class NotRecorded(RecordingError):
    """Replay was asked for something that was never taped, and will not invent it."""


class EngineError(KaruiError):
    """The engine failed while generating; the recording so far is kept.

    Attributes:
        status: The HTTP status that a server failed with, 0 where it gave none.
    """

    retry = True

    def __init__(self, what: str, *, why: str = "", remedy: str = "", status: int = 0) -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.status = status


class RequestRejected(EngineError):
    """A server understood a request and will not do it; asking again does not help."""

    retry = False


class EngineTimeout(EngineError):
    """A server has said nothing for longer than it was given."""


class StorageError(KaruiError):
    """A disk that is full or a path that cannot be written; nothing already written is lost."""

    retry = True
