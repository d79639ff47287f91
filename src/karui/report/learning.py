"""What was trained: how it learned, what that took, and which questions it was judged on."""

from collections.abc import Mapping, Sequence
from typing import Any

from karui.html.markup import Safe, join, number, table, tag
from karui.report.context import Context
from karui.report.learning_curve_chart import Panel, draw, panels
from karui.report.study import Study

Entry = Mapping[str, Any]

_KEY = ("held", "learned", "kept", "least")
_KEPT = {"curve_accuracy": "held_accuracy", "curve_tokens": "held_tokens"}


def section(c: Context) -> Safe | None:
    """Returns the learning curves with what each training took; None where nothing was trained."""
    entries = taught(c.study)
    if not entries:
        return None
    w = c.words
    return tag(
        "section",
        tag("h2", w("learning")),
        tag("p.note", " ".join(notes(c))),
        _table(c, entries),
        tag("p.key", *(tag(f"span.{name}", w(f"curve_{name}")) for name in _KEY)),
        *(_figure(c, entry) for entry in entries),
        id="s-learning",
    )


def taught(study: Study) -> list[Entry]:
    """Returns the versions that were trained, each training once however many plans use it."""
    found: dict[str, Entry] = {}
    for entry in study.models:
        made = entry.get("made")
        if made and (made["notes"].get("curve") or {}).get("points"):
            found.setdefault(str(made.get("key", entry["label"])), entry)
    return list(found.values())


def making_hours(study: Study, plan: str) -> float | None:
    """Returns the hours that making all versions took, each once; None where a plan needs none of them.

    Args:
        study: With its models.
        plan: Label of the plan that the report is about.
    """
    made = {
        str(e["made"].get("key", e["label"])): (str(e["label"]), float(e["made"]["seconds"]))
        for e in study.models
        if e.get("made")
    }
    labels = [str(e["label"]) for e in study.models if e.get("made")]
    if not any(plan == label or plan.startswith(f"{label} + ") for label in labels):
        return None
    return sum(seconds for _, seconds in made.values()) / 3600


def notes(c: Context) -> list[str]:
    """Returns what the section says first: the questions' parts, and what the curves show."""
    w, found = c.words, c.study.parts
    said = [w("learning_note")]
    if found:
        names = ("train", "pilot", "test", "confirm")
        counts = {name: c.form.integer(found[name]) for name in names}
        said.insert(0, w("parts_brought" if found.get("brought") else "parts", **counts))
    return said


def facts(c: Context, entry: Entry) -> list[str]:
    """Returns one training as cells: lessons, steps and why it ended, accuracy, tokens, time, memory."""
    w, form, made = c.words, c.form, entry["made"]
    curve, kept = made["notes"]["curve"], made["notes"].get("kept") or {}
    steps = curve["points"][-1]["step"]
    ended = w.known(f"ended_{curve['ended_by']}")
    by_name = {p.name: p for p in panels(curve["points"])}

    def ends(name: str) -> str:
        panel = by_name.get(name)
        if panel is None or panel.ends is None:
            return "–"
        last = kept.get(_KEPT[name], panel.ends[1])  # the weights that were kept are not always the last
        return f"{panel.shown(c, panel.ends[0])} → {panel.shown(c, last)}"

    return [
        form.integer(curve["learned"]),
        f"{form.integer(steps)} ({ended})",
        ends("curve_accuracy"),
        ends("curve_tokens"),
        form.seconds(made["seconds"]),
        form.bytes(made.get("peak_bytes")),
    ]


def head(c: Context) -> list[str]:
    """Returns the headings over `facts`."""
    w = c.words
    return [
        w("version"),
        w("learned_from"),
        w("training_steps"),
        w("curve_accuracy"),
        w("curve_tokens"),
        w("training_took"),
        w("training_memory"),
    ]


def _table(c: Context, entries: Sequence[Entry]) -> Safe:
    rows: list[list[object]] = [
        [tag("td.plan", tag("code", entry["label"])), *(number(cell) for cell in facts(c, entry))]
        for entry in entries
    ]
    return table(list(head(c)), rows, caption=c.words("learning"))


def _figure(c: Context, entry: Entry) -> Safe:
    found = entry["made"]["notes"]
    curve = found["curve"]
    kept = (found.get("kept") or {}).get("step")
    drawn = [_drawn(c, panel, kept, found) for panel in panels(curve["points"])]
    said = [c.words("unwatched", why=found["unwatched"])] if found.get("unwatched") else []
    if kept is not None and kept != curve["points"][-1]["step"]:
        said.append(c.words("kept_step", n=c.form.integer(kept)))
    if curve.get("skipped"):
        said.append(c.words("skipped_steps", n=c.form.integer(curve["skipped"])))
    if curve.get("resumed"):
        said.append(c.words("resumed_step", n=c.form.integer(curve["resumed"])))
    return tag(
        "figure.learning",
        tag("figcaption", tag("code", entry["label"]), tag("small", " ".join(said)) if said else None),
        tag("div.curves", join(*drawn)),
    )


def _drawn(c: Context, panel: Panel, kept: float | None, found: Mapping[str, Any]) -> Safe:
    margin, least = found.get("margin"), None
    if panel.name == "curve_accuracy" and panel.ends and margin is not None:
        least = max(0.0, panel.ends[0] - float(margin))
    return draw(c, panel, kept=kept, least=least)
