"""The verifiers by name: `verifier("numeric:1%")` gives the object that reads and judges answers.

A spec is a verifier's name and, after the first colon, its parameter. One file each; what is heavy
(math-verify, sympy, reasoning-gym) is imported when the first answer is judged, never before.
"""

from collections.abc import Callable
from pathlib import Path

from karui.core.errors import InputError, UnknownName
from karui.core.question import Verifier
from karui.tasks.verifiers.choice import Choice
from karui.tasks.verifiers.exact import Exact
from karui.tasks.verifiers.gym import Gym
from karui.tasks.verifiers.json_fields import JsonFields
from karui.tasks.verifiers.judge import Judge
from karui.tasks.verifiers.math import Math
from karui.tasks.verifiers.numeric import Numeric
from karui.tasks.verifiers.python import Python
from karui.tasks.verifiers.regex import Regex
from karui.tasks.verifiers.set import Set
from karui.tasks.verifiers.tool_call import ToolCall

__all__ = [
    "Choice",
    "Exact",
    "Gym",
    "JsonFields",
    "Judge",
    "Math",
    "Numeric",
    "Python",
    "Regex",
    "Set",
    "ToolCall",
    "verifier",
    "verifiers",
]

_PLAIN: dict[str, Callable[[], Verifier]] = {
    "math": Math,
    "exact": Exact,
    "choice": Choice,
    "set": Set,
    "tool-call": ToolCall,
}
_WITH_PARAMETER: dict[str, Callable[[str], Verifier]] = {
    "numeric": Numeric.parse,
    "json": JsonFields.parse,
    "regex": Regex.parse,
    "gym": Gym.parse,
    "judge": Judge.parse,
}
_LINES = {
    "math": "mathematics, compared by math-verify (1/2 and 0.5, x+1 and 1+x)",
    "exact": "text after normalisation (full width, dates, numbers, case)",
    "numeric": "a number; numeric:0.01 allows that much off, numeric:1% relatively",
    "choice": "one letter of a multiple choice: B, (B), イ, ②",
    "set": "several answers in any order",
    "json": "fields of a JSON object: json:name,total (json alone: all of them)",
    "tool-call": "tool calls: names and arguments, in any order",
    "regex": "the part of the answer that a pattern takes out: regex:PATTERN",
    "python": "your own function(reference, answer) -> bool: python:check.py:function",
    "judge": "another model judges: judge:pairwise (against full thinking), judge:rubric, ?votes=3",
    "gym": "reasoning-gym's own scorer, 1.0 only: gym:dataset?params#index",
}


def verifiers() -> list[tuple[str, str]]:
    """Returns every verifier's name and one line about it."""
    return list(_LINES.items())


def verifier(spec: str, *, root: Path | None = None) -> Verifier:
    """Returns the verifier that `spec` names.

    Args:
        spec: `math`, `exact`, `choice`, `set`, `tool-call`, `numeric[:TOLERANCE]`, `json[:FIELDS]`,
            `regex:PATTERN`, `python:PATH:FUNCTION`, `judge:pairwise[?votes=N]`, `judge:rubric[?votes=N]` or
            `gym:DATASET[?PARAMS]#INDEX`.
        root: Folder that a relative `python:` path is looked up in when the working directory lacks it.

    Raises:
        UnknownName: No verifier has that name.
        InputError: Its parameter is missing, superfluous or wrong.
    """
    name, colon, parameter = spec.strip().partition(":")
    if name == "python":
        return Python.parse(parameter, root=root)
    if name in _WITH_PARAMETER:
        return _WITH_PARAMETER[name](parameter)
    if name not in _PLAIN:
        raise UnknownName("verifier", name, list(_LINES))
    if colon:
        raise InputError(
            f"The verifier {name!r} takes no parameter, but {parameter!r} follows its name.",
            remedy=f"Write {name!r}.",
        )
    return _PLAIN[name]()
