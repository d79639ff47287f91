"""The study: everything a report is made from, in one JSON file.

The parts are kept as the dictionaries that karui's nouns write (`Manifest.as_dict` and so on), so that a
report can be made again years later by a program that only knows this file.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from karui.core.errors import InputError, StorageError

FORMAT = 1
"""Version of `study.json`."""


@dataclass(frozen=True, slots=True)
class Study:
    """One finished study.

    Attributes:
        made: ISO date.
        manifest: `Manifest.as_dict()` of the recording behind it.
        choice: `Choice.as_dict()`.
        baseline: `Measurement.as_dict()` of full thinking, replayed on the test questions.
        plans: Every plan replayed on the test questions, controls included: a list of
            {"measurement": `Measurement.as_dict()`, "comparison": `Comparison.as_dict()`}.
        live: The confirmation run: {"baseline", "plan": measurements, "comparison", "at_once": streams side
            by side}; None if there was none.
        shipped: The same replay over a recording that comes with karui, about other questions than the
            user's: {"title", "manifest", "baseline", "plans"}; None if there was none.
        examples: Traces to show side by side: a list of {"question", "kind", "reference", "full":
            {"thinking", "text", "answer", "correct", "tokens"}, "plan": {"thinking_chars", "text", "answer",
            "correct", "tokens", "moves"}}. `thinking_chars` is where the full thinking was cut, None where it
            was not.
        assumptions: Where the calculation of savings begins; see `karui.report.savings.Assumptions`.
        commands: What to type to make the study again.
        baselines_extra: Further plans to compare with, of the same shape as `plans`; such as self-consistency
            with 16 traces.
        models: The model as it came first, then every version of it: a list of {"name", "label": its
            techniques or "", "weight": `Weight.as_dict()` or None, "made" or None, "measurement" and
            "comparison" of full thinking with it, None where it was not recorded, "refused": why it could not
            be made or run, "" or missing if it could}. "made" is {"key" and "folder" of the artifact,
            "seconds", "minutes" allowed, "peak_bytes", "device", "machine", "notes"}.
        screening: `Screening` as a dictionary; None where no version was screened.
        parts: Where versions were trained, how many questions were for what: {"train", "pilot", "test",
            "confirm", "brought": whether those to train on came with a recording of their own}; else None.
        interactions: What two techniques save: a list of {"a", "b": labels, "axes": {axis: {"a", "b", "both":
            ratios to the baseline}}, "loss": {"a", "b", "both"}}.
        misbehaviour: How full thinking goes wrong, `Misbehaviour.as_dict()` of the model as it came and of
            every other model, format and prompt that was recorded on the same questions.
        format: Version of this format.
    """

    made: str
    manifest: Mapping[str, Any]
    choice: Mapping[str, Any]
    baseline: Mapping[str, Any]
    plans: Sequence[Mapping[str, Any]] = ()
    live: Mapping[str, Any] | None = None
    shipped: Mapping[str, Any] | None = None
    examples: Sequence[Mapping[str, Any]] = ()
    assumptions: Mapping[str, Any] = field(default_factory=dict)
    commands: Sequence[str] = ()
    baselines_extra: Sequence[Mapping[str, Any]] = ()
    models: Sequence[Mapping[str, Any]] = ()
    screening: Mapping[str, Any] | None = None
    parts: Mapping[str, Any] | None = None
    interactions: Sequence[Mapping[str, Any]] = ()
    misbehaviour: Sequence[Mapping[str, Any]] = ()
    format: int = FORMAT

    def as_dict(self) -> dict[str, Any]:
        """Returns a JSON-able dictionary; numbers that JSON cannot hold (infinite ends) become None."""
        return {key: plain(value) for key, value in asdict(self).items()}

    def save(self, path: Path) -> None:
        """Writes the study.

        Raises:
            StorageError: The file cannot be written.
        """
        text = json.dumps(self.as_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        try:
            path.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"The study cannot be written to {path}.", why=str(error)) from error

    @staticmethod
    def load(path: Path) -> "Study":
        """Reads what `save` wrote.

        Raises:
            InputError: The file is missing, is no study, or was written by a later version.
        """
        remedy = "Give the study.json that `karui poc` or `karui choose` wrote."
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path} cannot be read.", why=str(error), remedy=remedy) from error
        except ValueError as error:
            raise InputError(f"{path} is not JSON.", why=str(error), remedy=remedy) from error
        known = {f.name for f in fields(Study)}
        needed = {"made", "manifest", "choice", "baseline"}
        if not isinstance(values, dict) or not needed <= set(values):
            raise InputError(f"{path} is not a study.", remedy=remedy)
        if values.get("format", FORMAT) != FORMAT:
            raise InputError(
                f"{path} has format {values['format']}; this karui reads format {FORMAT}.",
                remedy="Use the version of karui that wrote it.",
            )
        return Study(**{key: value for key, value in values.items() if key in known and value is not None})


def plain(value: Any) -> Any:
    """Returns a value as JSON knows it: tuples as lists, numpy's numbers as numbers, infinity as None."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
