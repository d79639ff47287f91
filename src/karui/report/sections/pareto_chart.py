"""The accuracy-cost picture: its frame and its data. `static/picture.js` draws it."""

from typing import Any

from markupsafe import Markup

from karui.codec.values import encode
from karui.core.study.choice import Axis
from karui.html.embedded_data import data
from karui.report.context import Context
from karui.report.render import render
from karui.report.view_model import AXES, PlanTable, Row
from karui.selection.best import GROUPS

MEBIBYTE = 1024.0**2


def picture(c: Context, board: PlanTable, identity: str, role: str = "") -> Markup:
    """Returns one picture with its controls.

    Args:
        c: The report.
        board: Whose rows to draw.
        identity: Unique in the page.
        role: A label that says where the figures come from, "" for the user's own questions.
    """
    held = [a for a in AXES if any(r.on(a) is not None for r in board.rows)]
    counts = {g: sum(r.group == g for r in board.rows) for g in GROUPS[1:]}
    return render(
        c,
        "picture",
        board=board,
        identity=identity,
        source=role,
        axes=[(a.value, c.words(f"axis_{a.value}")) for a in held],
        legend=[(group, count) for group, count in counts.items() if count],
        data=data(f"data-{identity}", picture_data(c, board, held)),
    )


def picture_data(c: Context, board: PlanTable, axes: list[Axis]) -> dict[str, Any]:
    """Returns what the script draws: one short list per plan, and the words it needs."""
    w = c.words
    rows = [_point(row) for row in (board.baseline, *board.rows)]
    timed = any(r.measurement.seconds for r in board.rows)
    titles = {a: w(f"axis_{a.value}_long", currency=c.assumed.currency) for a in axes}
    if Axis.LATENCY in titles and not timed:
        titles[Axis.LATENCY] = w("axis_latency_token_time")
    chosen = next((r.role for r in board.rows if r.role in {"chosen", "candidate"}), "chosen")
    found: dict[str, Any] = encode(
        {
            "lang": c.form.lang,
            "margin": c.margin,
            "axes": axes,
            "titles": titles,
            "points": rows,
            "units": {"memory": " MiB", "latency": " s" if timed else "", "cost": f" {c.assumed.currency}"},
            "words": {
                "y": w("Accuracy"),
                "baseline": w("baseline_short"),
                "chosen": w(chosen),
                "limit": w("limit_line", margin=c.form.points(c.margin)),
                "frontier": w("frontier"),
                "loss": w("loss"),
                "truncated": w("truncated"),
                "looped": w("looped"),
                "confident_wrong": w("confident_wrong"),
                "points": "ポイント" if c.form.lang == "ja" else " points",
                "to": c.form.to,
            }
            | {f"axis_{a.value}": w(f"axis_{a.value}") for a in axes}
            | {f"family_{g}": w(f"family_{g}") for g in GROUPS},
        }
    )
    return found


def _point(row: Row) -> dict[str, Any]:
    m = row.measurement
    y, x = m.accuracy, m.tokens
    return {
        "id": row.plan,
        "label": row.label,
        "group": row.group,
        "role": row.role,
        "y": [_short(y.value), _short(y.low), _short(y.high)],
        "x": {
            a: _short(v / MEBIBYTE if a is Axis.MEMORY else v) for a in AXES if (v := row.on(a)) is not None
        },
        "tokens": [_short(x.low), _short(x.high)],
        "loss": _loss(row),
        "cut": _short(m.truncated),
        "loops": _short(m.looped),
        "sure": _short(m.confident_wrong),
    }


def _loss(row: Row) -> list[float | None] | None:
    if row.comparison is None:
        return None
    loss = row.comparison.loss
    return [_short(loss.value), _short(loss.low), _short(loss.high)]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def section(c: Context) -> Markup:
    """Returns the picture of the user's own questions."""
    return render(c, "picture_section", picture=picture(c, c.board, "picture"))
