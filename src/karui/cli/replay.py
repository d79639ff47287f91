"""`karui replay`: plans over a recording, without generating a token."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from karui.cli import options as o

if TYPE_CHECKING:
    from karui.core.recording import Recording
    from karui.core.study import MeasuredPlan, Measurement


def replay(
    recording: Path = typer.Argument(help="The folder of a recording."),
    beside: o.Beside = [],  # noqa: B006 - typer reads the default
    plan: list[str] = typer.Option([], help='Only this plan (repeatable), e.g. "self-consistency:k=8".'),
    technique: o.Own = [],  # noqa: B006 - typer reads the default
    runs: int = typer.Option(
        10, min=1, help="Permutations of each question's traces, for plans that use several."
    ),
    top: int = typer.Option(40, min=0, help="Rows shown, cheapest first; 0 shows all."),
    json: bool = typer.Option(False, "--json", help="For programs."),
) -> None:
    """Evaluate every plan of the space, or those named, over what was recorded."""
    from json import dumps

    from karui import catalog
    from karui.cli.console import Steps
    from karui.cli.summary import say_caveats, say_misbehaviour, say_overthinking, say_refused
    from karui.codec.values import encode
    from karui.core.plan import Plan
    from karui.core.study.choice import Rejected
    from karui.recording.store import load
    from karui.runners.replay import Replay, replay_all
    from karui.selection.evidence import Evidence
    from karui.study.options import PROCESSES
    from karui.study.steps import beside_of, misbehaving, space_of

    read = load(recording)
    further = beside_of(beside)
    recordings = {"main": read, **{name: r.recording for name, r in further.items()}}
    replayed = Replay(recordings, runs)
    style = catalog.plan_from_spec(read.manifest.style)
    refused: list[Rejected] = []
    if plan:
        plans = [style, *(Plan((*style.techniques, *catalog.parse(p).techniques)) for p in plan)]
    else:
        space = space_of(recordings, extra=technique)
        plans, refused = list(space.plans), list(space.refused)
    found = {}
    with Steps() as steps:
        steps.begin("Replaying")
        replaying = replay_all(replayed, plans, processes=PROCESSES, on_refused=refused.append)
        for outcomes in replaying:
            found[outcomes.plan.id] = outcomes
            steps.at(len(found), len(plans))
    if style.id not in found or (plan and len(found) == 1 < len(plans)):
        # Without the baseline, or of plans named by the user all, nothing is left to show.
        replayed.outcomes(style if style.id not in found else plans[1])
    evidence = Evidence({}, found, plans[0].id)
    base, others = evidence.measured[evidence.baseline], list(evidence.plans)
    wrongs = misbehaving(read, list(further.values()))
    if json:
        told = [{"label": r.label, "reason": r.reason.text} for r in refused]
        everything = {"baseline": base, "plans": others, "misbehaviour": wrongs, "refused": told}
        typer.echo(dumps(encode(everything), indent=1, ensure_ascii=False))
        return
    _show(base, others, read, top, between=len(recordings) > 1)
    say_caveats(read.manifest)
    say_misbehaviour(wrongs)
    say_overthinking(read)
    say_refused(refused)


def _show(
    base: "Measurement", others: "list[MeasuredPlan]", read: "Recording", top: int, *, between: bool
) -> None:
    """Prints the baseline and the plans, cheapest first."""
    from karui.cli.console import table

    between = between and all(p.comparison.flops_ratio is not None for p in others)
    if between:  # a small model's tokens are not worth a large one's
        others.sort(key=lambda p: p.comparison.flops_ratio or 0.0)
    else:
        others.sort(key=lambda p: p.comparison.token_ratio.value)
    noun = "agreement" if read.manifest.agreement else "accuracy"
    table(*_rows(noun, base, others[: top or None], between=between))


def _rows(
    noun: str, base: "Measurement", others: "list[MeasuredPlan]", *, between: bool
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
