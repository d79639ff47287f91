"""Which versions of the model are tried: those that the user names, or some of each kind."""

from collections.abc import Mapping, Sequence

from karui import catalog
from karui.core.errors import InputError, UnknownName
from karui.core.plan import Plan
from karui.core.technique import Family
from karui.study.default_trainings import training_names
from karui.study.workspace import Workspace

INCLUDED = ("smaller", "shorter-training")
"""Kinds of technique that make versions."""

VERSIONS: Mapping[str, Sequence[str]] = {
    "cpu": ("int8-weights", "int8-dynamic", "gguf:type=q8_0", "gguf:type=q4_k_m", "prune-depth:layers=0.1"),
    "cuda": ("int8-weights", "int8-dynamic", "prune-depth:layers=0.1"),
}
"""What is tried where the user names nothing, by device: what needs no training and runs here at once."""


def version_plans(names: Sequence[str]) -> list[Plan]:
    """Returns the plans of the versions to try.

    Raises:
        UnknownName: There is no such technique.
        InputError: One makes no version of the model.
    """
    plans = [catalog.parse(name) for name in names]
    for plan in plans:
        if not plan.prepared or plan.recorded != plan.techniques:
            raise InputError(
                f"--version {plan.label} makes no new weights, or does more than that.",
                remedy="Name techniques that `karui make` takes; the rest of the space is replayed anyway.",
            )
    return plans


def versions_of(
    session: Workspace, include: Sequence[str], named: Sequence[str], minutes: float, sibling: str
) -> list[Plan]:
    """Returns the versions that the command line asks for.

    Args:
        session: Says on which device; asked only where it matters.
        include: Kinds of technique to include.
        named: The versions that the user names; else some of each kind are tried.
        minutes: For all trainings together.
        sibling: A model to merge with, "" if there is none.

    Raises:
        UnknownName: There is no such kind or technique.
        InputError: A version makes none, or the sibling would be passed over.
    """
    for kind in include:
        if kind not in INCLUDED:
            raise UnknownName("kind of technique to include", kind, list(INCLUDED))
    shorter = "shorter-training" in include
    if sibling and (named or not shorter):
        raise InputError(
            "--sibling adds merges to what --include shorter-training tries by itself.",
            remedy=f'Name them where you name versions: --version "merge:short={sibling},ratio=0.5".',
        )
    names = list(named)
    if "smaller" in include and not named:
        names += lightest(session.device_here)
    if shorter and not named:
        names += training_names(minutes, session.device_here, sibling)
    return version_plans(names)


def lightest(device: str) -> Sequence[str]:
    """Returns the versions that need no training and run on a device, as plans are written."""
    return VERSIONS["cpu" if device == "cpu" else "cuda"]


def weighs(plan: Plan) -> bool:
    """Whether a plan's weights take other seconds and bytes than the model's as it came."""
    return any(t.family is Family.SMALLER for t in plan.techniques)
