"""A Python function of the user's own."""

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from karui.core.errors import InputError
from karui.permission import ensure_allowed
from karui.tasks.answers.extraction import final, last_line
from karui.tasks.answers.normalize import plain


@dataclass(frozen=True, slots=True)
class Python:
    """Judges by `function(reference, answer) -> bool` from a file.

    The file is run as Python when the questions are loaded, if somebody has allowed it
    (`karui.permission`); both arguments are strings, the answer in canonical form. An error inside the
    function counts as wrong and is shown as a warning.

    Canonical form: `exact`'s normal form of the boxed or stated answer, else of the last line.

    Too lax, too strict: as the function is. Votes compare canonical forms and never call it.

    Attributes:
        path: The file as written in the spec.
        function: Name of a function in it.
        root: Folder in which a relative path was found; where a file lies does not change the spec.
    """

    path: str
    function: str
    root: str = field(default="", compare=False)

    @classmethod
    def parse(cls, parameter: str, *, root: Path | None = None) -> "Python":
        """Returns the verifier for what follows `python:`; raises InputError if there is no such function."""
        path, _, function = parameter.rpartition(":")
        if not path or not function.isidentifier():
            raise InputError(
                f"{parameter!r} does not name a function for the verifier 'python'.",
                remedy="Write python:PATH.py:FUNCTION, for example python:check.py:same_order.",
            )
        folder = root if root is not None and not Path(path).is_file() else Path()
        made = cls(path, function, str(folder))
        _function(str(folder / path), function)
        return made

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return f"python:{self.path}:{self.function}"

    def read(self, text: str) -> str | None:
        """Returns the answer in `text` in normal form, None where there is none."""
        phrase = final(text) or last_line(text)
        return (plain(phrase) or None) if phrase is not None else None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns what the function says; False, with a warning, where it raises."""
        try:
            return bool(_function(str(Path(self.root) / self.path), self.function)(reference, answer))
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything
            warnings.warn(
                f"{self.spec} raised {error!r} for the answer {answer!r}; counted as wrong.", stacklevel=2
            )
            return False


@cache
def _function(path: str, name: str) -> Callable[[str, str], object]:
    if not Path(path).is_file():
        raise InputError(
            f"There is no file {path!r} with the verifier function {name!r}.",
            remedy="Give the path from the working directory or from the folder of the questions file.",
        )
    ensure_allowed(Path(path), "verifier")
    spec = importlib.util.spec_from_file_location(f"karui_verifier_{abs(hash(path))}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path!r} is not a Python file.", remedy="Its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"{path!r} fails when it is run.", why=repr(error), remedy="Mend the file."
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        defined = [key for key in vars(module) if not key.startswith("_")]
        raise InputError(
            f"{path!r} has no function {name!r}.",
            remedy=f"It defines: {', '.join(defined) or 'nothing'}.",
        )
    return function  # type: ignore[no-any-return]
