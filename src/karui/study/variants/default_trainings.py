"""Which versions of the model are trained to think shorter where the user names none, and for how long."""

from collections.abc import Sequence

from karui.core.plan import Plan
from karui.core.technique import Technique

_HOW = "epochs=3,batch_tokens=4096"
"""More and smaller steps than by default: one's own questions are few, and the minutes end it anyway."""

TRAININGS = (
    f"shortest-correct:{_HOW}",
    f"cut-to-convergence:patience=3,{_HOW}",
    f"adaptive-thinking:thoughts=settled,{_HOW}",
    f"token-skip:{_HOW} + skip-ratio:ratio=0.5",
)
"""What is tried where the user names nothing: it learns in minutes from what was recorded anyway."""

RATIOS = (0.3, 0.5, 0.7)
"""How far a merge goes towards the sibling."""

REINFORCED = "reinforce-shorter"
ENOUGH_MINUTES = {"cpu": 240.0, "cuda": 30.0}
"""Minutes from which reinforcement is tried unasked, by device: every step of it generates whole traces."""


def training_names(minutes: float, device: str, sibling: str = "") -> list[str]:
    """Returns the versions to train, as plans are written.

    Args:
        minutes: For all of them together.
        device: "cpu", or a GPU as torch names it.
        sibling: A model of the same shapes that thinks shorter, to merge with; "" if there is none.
    """
    names = list(TRAININGS)
    if minutes >= ENOUGH_MINUTES["cpu" if device == "cpu" else "cuda"]:
        names.append(REINFORCED)
    if sibling:
        names += [f"merge:short={sibling},ratio={ratio}" for ratio in RATIOS]
    return names


def learns(technique: Technique) -> bool:
    """Whether a technique trains, rather than computing new weights from old ones."""
    knobs = technique.knobs()
    return technique.changes("prepare") and ("learning_rate" in knobs or bool(getattr(technique, "heal", 0)))


def trained(plan: Plan) -> bool:
    """Whether a plan's weights come out of a training."""
    return any(learns(t) for t in plan.prepared)


def share(minutes: float, plans: Sequence[Plan]) -> float | None:
    """Returns the minutes of each training; plans over the same weights share one.

    The shares are equal whatever the others took, so that a run that was interrupted finds what it made.
    None where nothing is trained.
    """
    trainings = {Plan(plan.prepared).id for plan in plans if trained(plan)}
    return minutes / len(trainings) if trainings else None
