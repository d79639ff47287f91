"""The study: one typed value that holds everything a report is made from."""

from karui.core.study.assumptions import Assumptions
from karui.core.study.composition import Interaction, PartFigures
from karui.core.study.examples import ActionTaken, Example, Side
from karui.core.study.measurement import (
    Comparison,
    DifferenceCount,
    Interval,
    KindFigures,
    MeasuredPlan,
    Measurement,
    ModelFigures,
)
from karui.core.study.misbehaviour import Misbehaviour
from karui.core.study.study import LiveRun, QuestionParts, ReferenceRun, Study
from karui.core.study.versions import Made, ModelProfile, ModelVersion, RaceResult, Screening

__all__ = [
    "ActionTaken",
    "Assumptions",
    "Comparison",
    "DifferenceCount",
    "Example",
    "Interaction",
    "Interval",
    "KindFigures",
    "LiveRun",
    "Made",
    "MeasuredPlan",
    "Measurement",
    "Misbehaviour",
    "ModelFigures",
    "ModelProfile",
    "ModelVersion",
    "PartFigures",
    "QuestionParts",
    "RaceResult",
    "ReferenceRun",
    "Screening",
    "Side",
    "Study",
]
