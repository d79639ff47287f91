"""Which variants of the model are tried: those that the user names, or some of each kind."""

from collections.abc import Mapping, Sequence

from karui import catalog
from karui.core.errors import InputError, UnknownName
from karui.core.plan import Plan
from karui.core.technique import Family
from karui.study.config.schema import VariantOptions
from karui.study.variants.default_trainings import training_names
from karui.study.workspace import Workspace

KINDS = ("smaller", "shorter-training")
"""Kinds of technique that make variants with new weights."""

VERSIONS: Mapping[str, Sequence[str]] = {
    "cpu": ("int8-weights", "int8-dynamic", "gguf:type=q8_0", "gguf:type=q4_k_m", "prune-depth:layers=0.1"),
    "cuda": ("int8-weights", "int8-dynamic", "prune-depth:layers=0.1"),
}
"""What is tried where the user names nothing, by device: what needs no training and runs here at once."""


def variant_plans(names: Sequence[str]) -> list[Plan]:
    """Returns the plan to record for each variant named, or plan text.

    Raises:
        UnknownName: There is no such technique.
        InputError: It needs no recording of its own.
    """
    plans = [catalog.parse(name) for name in names]
    for plan in plans:
        if plan.recorded != plan.techniques or not plan.techniques:
            raise InputError(
                f"--variant {plan.label} needs no recording of its own: it is replayed anyway.",
                remedy="Give --variant the techniques that `karui techniques` marks with 'own recording'.",
            )
    return plans


def variants_of(
    session: Workspace, options: VariantOptions, default: Sequence[str] = ()
) -> tuple[list[Plan], list[Plan]]:
    """Returns the prompts to record, and the variants with new weights to try.

    Args:
        session: Says on which device; asked only where it matters.
        options: What the user named.
        default: What is recorded where no prompt and no new weights are named.

    Raises:
        UnknownName: There is no such kind or technique.
        InputError: A variant needs no recording, or the sibling would be passed over.
    """
    for kind in options.variants:
        if kind not in KINDS:
            raise UnknownName("kind of variants", kind, list(KINDS))
    plans = variant_plans(options.variant)
    named = [p for p in plans if p.prepared]
    shorter = "shorter-training" in options.variants
    if options.sibling and (named or not shorter):
        raise InputError(
            "--sibling adds merges to what --variants shorter-training tries by itself.",
            remedy=f'Name them where you name variants: --variant "merge:short={options.sibling},ratio=0.5".',
        )
    names: list[str] = []
    if "smaller" in options.variants and not named:
        names += lightest(session.device_here)
    if shorter and not named:
        names += training_names(options.train_minutes, session.device_here, options.sibling)
    prompts = [p for p in plans if not p.prepared] or variant_plans(default)
    return prompts, [*named, *variant_plans(names)]


def lightest(device: str) -> Sequence[str]:
    """Returns the versions that need no training and run on a device, as plans are written."""
    return VERSIONS["cpu" if device == "cpu" else "cuda"]


def weighs(plan: Plan) -> bool:
    """Whether a plan's weights take other seconds and bytes than the model's as it came."""
    return any(t.family is Family.SMALLER for t in plan.techniques)
