"""The accuracy-cost picture: its frame and its data. `static/picture.js` draws it."""

from typing import Any

from karui.codec.values import encode
from karui.core.choice import Axis
from karui.html.markup import Safe, data, join, tag
from karui.report.context import Context
from karui.report.view_model import AXES, PlanTable, Row
from karui.selection.best import GROUPS

MEBIBYTE = 1024.0**2


def picture(c: Context, board: PlanTable, identity: str, role: str = "") -> Safe:
    """Returns one picture with its controls.

    Args:
        c: The report.
        board: Whose rows to draw.
        identity: Unique in the page.
        role: A label that says where the figures come from, "" for the user's own questions.
    """
    w = c.words
    if not board.rows:
        return tag("p", w("picture_none"))
    held = [a for a in AXES if any(r.on(a) is not None for r in board.rows)]
    axes = [
        tag(
            "label",
            tag("input", type="radio", name=f"axis-{identity}", value=a.value, checked=a == held[0]),
            tag("span", w(f"axis_{a.value}")),
        )
        for a in held
    ]
    counts = {g: sum(r.group == g for r in board.rows) for g in GROUPS}
    legend = [
        tag(
            "button",
            tag("svg.mark", viewBox="-8 -8 16 16", aria_hidden="true", data_shape=g),
            tag("span", f"{w(f'family_{g}')} "),
            tag("small", c.form.integer(counts[g])),
            type="button",
            aria_pressed="true",
            data_group=g,
        )
        for g in GROUPS[1:]
        if counts[g]
    ]
    zoom = tag("button.zoom", w("zoom"), type="button", aria_pressed="false")
    return tag(
        "div.picture",
        tag(
            "div.controls",
            tag("div.switch", tag("span.name", w("axis")), *axes, role="radiogroup", aria_label=w("axis")),
            tag("div.legend", *legend, zoom, role="group", aria_label=w("families_shown")),
        ),
        tag("p.source", role) if role else None,
        tag(
            "div.canvas", tag("noscript", w("no_script")), tabindex="0", role="group", aria_label=w("picture")
        ),
        tag("div.detail", aria_live="polite"),
        data(f"data-{identity}", picture_data(c, board, held)),
        id=identity,
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


def section(c: Context) -> Safe:
    """Returns the picture of the user's own questions."""
    w = c.words
    return tag(
        "section",
        tag("h2", w("picture")),
        tag("p.note", w("picture_note")),
        join(picture(c, c.board, "picture")),
        id="s-picture",
    )
