"""One of two runs that are compared: what each question came to, whatever the run was kept as."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karui.core.errors import InputError
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Caveat, Recording
from karui.measure.cost_model import CostModel
from karui.runners.replay import Replay
from karui.selection.looks.units import key_of, units_of

Floats = NDArray[np.float64]


class Figure(StrEnum):
    """What two runs are compared in."""

    ACCURACY = "accuracy"
    """Share of a question's replies that are right."""
    TOKENS = "tokens"
    """Generated per question, thinking included."""
    SECONDS = "latency"
    """Wall time of a reply."""
    MEMORY = "memory"
    """Bytes of the weights and of the peak of the KV cache."""


class Unit(StrEnum):
    """What a figure was counted in, where two runs may differ."""

    TOKENS = "tokens"
    WORDS = "words"
    MEASURED = "measured"
    ESTIMATED = "estimated"


@dataclass(frozen=True)
class Side:
    """One run.

    Attributes:
        name: As the user named it.
        model: The model's name.
        plan: The plan's label; that of full thinking where nothing was changed.
        ids: The questions.
        texts: Of each question a digest of what it asks.
        references: Of each question what is right.
        units: Of each question the unit it belongs to: near-identical questions are one.
        figures: By figure one number per question, shape [questions]; those that are not known are missing.
        counted: What tokens and seconds were counted in.
        samples: Replies to a question, at most.
        chosen: Whether the plan was chosen on these very questions.
        empty: Questions without any reply, left out.
        judge: The model that judged the answers; "" where they were checked.
    """

    name: str
    model: str
    plan: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    references: tuple[str, ...]
    units: tuple[str, ...]
    figures: Mapping[Figure, Floats] = field(repr=False)
    counted: Mapping[Figure, Unit] = field(default_factory=dict)
    samples: int = 1
    chosen: bool = False
    empty: int = 0
    judge: str = ""

    @staticmethod
    def of(recording: Recording, plan: Plan, name: str, *, chosen: bool = False, runs: int = 10) -> "Side":
        """Replays a plan over a recording.

        Args:
            recording: Of the model that the plan asks.
            plan: Full thinking, or one that this recording can replay.
            name: What to call it.
            chosen: Whether the plan was chosen on these questions.
            runs: Permutations of a question's traces, for plans that use several.

        Raises:
            InputError: No question has a reply.
            RecordingError: The plan cannot be replayed over it.
            PlanError: Likewise.
        """
        there = recording.subset({q.id for q in recording.questions if q.traces})
        if not there.questions:
            raise InputError(f"{name} holds no replies.", remedy="Give a recording that was begun.")
        outcomes = Replay({"main": there}, runs).outcomes(plan)
        figures, counted = _figures(there, plan, outcomes)
        known, instruction = units_of(there), there.manifest.instruction
        return Side(
            name=name,
            model=there.manifest.model.name,
            plan=plan.label,
            ids=outcomes.questions,
            texts=tuple(key_of(q, instruction) for q in there.questions),
            references=tuple(q.reference for q in there.questions),
            units=tuple(known[q.id].key for q in there.questions),
            figures=figures,
            counted=counted,
            samples=max(len(q.traces) for q in there.questions),
            chosen=chosen,
            empty=len(recording.questions) - len(there.questions),
            judge=str(there.manifest.judge.get("model", "")),
        )


def _figures(
    recording: Recording, plan: Plan, outcomes: Outcomes
) -> tuple[dict[Figure, Floats], dict[Figure, Unit]]:
    """Returns what each question came to, and what it was counted in."""
    in_words = Caveat.WORDS in recording.manifest.caveats
    figures: dict[Figure, Floats] = {Figure.ACCURACY: outcomes.accuracy, Figure.TOKENS: outcomes.tokens}
    counted = {Figure.TOKENS: Unit.WORDS if in_words else Unit.TOKENS}
    seconds, how = _seconds(recording, plan, outcomes)
    memory = CostModel().memory_bytes(outcomes)
    if seconds is not None:
        figures[Figure.SECONDS], counted[Figure.SECONDS] = seconds, how
    if memory is not None:
        figures[Figure.MEMORY] = memory
    return figures, counted


def _seconds(recording: Recording, plan: Plan, outcomes: Outcomes) -> tuple[Floats | None, Unit]:
    """Returns the seconds of a reply: as measured where the traces ran as they are, else by their pace."""
    traces = list(recording.traces())
    # Where trials were recorded beside it, a trace's wall time holds theirs.
    if not (plan.watching or plan.flows) and not any(t.checkpoints for t in traces):
        rows = [[t.seconds for t in q.traces] for q in recording.questions]
        if all(t.seconds for t in traces):
            return np.array([float(np.mean(row)) for row in rows]), Unit.MEASURED
    estimated = CostModel().seconds(outcomes)
    return (None if estimated is None else np.asarray(np.nanmean(estimated, axis=1))), Unit.ESTIMATED


def described(side: Side) -> dict[str, Any]:
    """Returns what a program is told of a run."""
    return {
        "name": side.name,
        "model": side.model,
        "plan": side.plan,
        "questions": len(side.ids),
        "samples": side.samples,
        "chosen_on_these_questions": side.chosen,
        "without_reply": side.empty,
        "judge": side.judge,
    }
