"""`karui replay`: plans over a recording, without generating a token."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from karui.cli import options as o

if TYPE_CHECKING:
    from karui.core.study import MeasuredPlan, Measurement
    from karui.study.result import ReplayResult


def replay(
    recording: Path = typer.Argument(help="The folder of a recording."),
    aux_model: o.AuxModel = [],  # noqa: B006 - typer reads the default
    plan: list[str] = typer.Option(
        [], help='Plan to evaluate (repeatable), such as "self-consistency:k=8"; else all.'
    ),
    technique: o.Own = [],  # noqa: B006 - typer reads the default
    runs: int = typer.Option(
        10, min=1, help="Permutations of each question's traces, for plans that use several."
    ),
    on: str = typer.Option(
        "", help="Ray cluster that does it: ray, or its address.", show_default="this machine"
    ),
    top: int = typer.Option(40, min=0, help="Number of rows shown, cheapest first; 0 shows all."),
    json: o.Json = False,
) -> None:
    """Evaluate every plan of the space, or those named, over what was recorded."""
    from json import dumps

    import karui
    from karui.cli.console import Steps
    from karui.cli.summary import say_caveats, say_misbehaviour, say_overthinking, say_refused
    from karui.codec.values import encode

    further = o.pairs("aux_model", aux_model)
    with Steps() as steps:
        found = karui.replay(
            recording, plan, aux_model=further, technique=technique, runs=runs, on=on, on_progress=steps
        )
    if json:
        told = [{"label": r.label, "reason": r.reason.text} for r in found.refused]
        everything = {
            "baseline": found.baseline,
            "plans": found.plans,
            "misbehaviour": found.misbehaviour,
            "refused": told,
        }
        typer.echo(dumps(encode(everything), indent=1, ensure_ascii=False))
        return
    _show(found, top, between=bool(further))
    say_caveats(found.recording.manifest)
    say_misbehaviour(found.misbehaviour)
    say_overthinking(found.recording)
    say_refused(found.refused)


def _show(found: "ReplayResult", top: int, *, between: bool) -> None:
    """Prints the baseline and the plans, cheapest first."""
    from karui.cli.console import table

    others = list(found.plans)
    between = between and all(p.comparison.flops_ratio is not None for p in others)
    if between:  # a small model's tokens are not worth a large one's
        others.sort(key=lambda p: p.comparison.flops_ratio or 0.0)
    else:
        others.sort(key=lambda p: p.comparison.token_ratio.value)
    noun = "agreement" if found.recording.manifest.agreement else "accuracy"
    table(*_rows(noun, found.baseline, others[: top or None], between=between))


def _rows(
    noun: str, base: "Measurement", others: "Sequence[MeasuredPlan]", *, between: bool
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns head and rows of the table; `between` adds what the plans compute, against the baseline."""
    from karui.cli.summary import head, row

    over = head(noun)
    rows = [row(base.label, base, None)]
    rows += [row(p.label, p.measurement, p.comparison) for p in others]
    if between:
        over = (*over, "FLOPs ×")
        rows = [(*rows[0], ""), *((*r, _flops(p)) for r, p in zip(rows[1:], others, strict=True))]
    return over, rows


def _flops(plan: "MeasuredPlan") -> str:
    return f"{plan.comparison.flops_ratio:.2f}×"
