"""Outcomes of many questions as arrays, before it is said of which plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.engine import ModelInfo
from karui.core.outcome import Outcomes, Throughput
from karui.core.plan import Plan


@dataclass(frozen=True)
class OutcomeColumns:
    """Outcomes of a replay without their plan and questions.

    Attributes:
        columns: Arrays of shape [questions, runs] by the names that `Outcomes` has for them.
        bills: As in `Outcomes`.
        held: As in `Outcomes`.
        busy: As in `Outcomes`.
    """

    columns: Mapping[str, NDArray[np.float32]]
    bills: Mapping[str, NDArray[np.float64]]
    held: Mapping[str, NDArray[np.float32]]
    busy: Mapping[str, NDArray[np.float32]]

    def outcomes(
        self,
        plan: Plan,
        questions: tuple[str, ...],
        kinds: tuple[str, ...],
        models: Mapping[str, ModelInfo],
        paces: Mapping[str, Throughput],
    ) -> Outcomes:
        """Returns them as what a plan comes to on these questions of these kinds."""
        return Outcomes(
            plan=plan,
            questions=questions,
            kinds=kinds,
            bills=self.bills,
            held=self.held,
            busy=self.busy,
            models=models,
            paces=paces,
            correct=self.columns["correct"],
            confidence=self.columns["confidence"],
            answered=self.columns["answered"],
            traces=self.columns["traces"],
            truncated=self.columns["truncated"],
            looped=self.columns["looped"],
            time=self.columns["time"],
        )

    def only(self, where: NDArray[np.bool_]) -> "OutcomeColumns":
        """Returns them with NaN where there is no run."""
        if where.all():
            return self

        def padded(arrays: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: np.where(where.reshape(where.shape + (1,) * (array.ndim - 2)), array, np.nan).astype(
                    array.dtype
                )
                for name, array in arrays.items()
            }

        return OutcomeColumns(*map(padded, (self.columns, self.bills, self.held, self.busy)))

    @staticmethod
    def of(outcomes: Outcomes) -> "OutcomeColumns":
        """Returns outcomes of a replay without their plan and questions."""
        names = ("correct", "confidence", "answered", "traces", "truncated", "looped", "time")
        columns = {name: getattr(outcomes, name) for name in names}
        return OutcomeColumns(columns, outcomes.bills, outcomes.held, outcomes.busy)

    @staticmethod
    def joined(parts: "Sequence[OutcomeColumns]") -> "OutcomeColumns":
        """Returns the outcomes of all these questions, one block after the other."""
        if len(parts) == 1:
            return parts[0]
        runs = max(part.columns["correct"].shape[1] for part in parts)

        def stacked(arrays: "Sequence[Mapping[str, Any]]") -> dict[str, Any]:
            return {
                name: np.concatenate([widened(array[name], runs) for array in arrays]) for name in arrays[0]
            }

        return OutcomeColumns(
            stacked([p.columns for p in parts]),
            stacked([p.bills for p in parts]),
            stacked([p.held for p in parts]),
            stacked([p.busy for p in parts]),
        )


def widened(array: NDArray[Any], runs: int) -> NDArray[Any]:
    """Returns an array of shape [questions, runs, …] padded with NaN."""
    missing = runs - array.shape[1]
    if not missing:
        return array
    return np.pad(array, [(0, 0), (0, missing)] + [(0, 0)] * (array.ndim - 2), constant_values=np.nan)
