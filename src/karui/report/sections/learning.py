"""What was trained: how it learned, what that took, and which questions it was judged on."""

from dataclasses import dataclass

from markupsafe import Markup

from karui.core.study import Made, Study
from karui.core.study.learning import Training
from karui.report.context import Context
from karui.report.render import Table, heads, label, number, render
from karui.report.sections.learning_curve_chart import Curve, Panel, panels

_KEPT = {"curve_accuracy": "held_accuracy", "curve_tokens": "held_tokens"}


def section(c: Context) -> Markup | None:
    """Returns the learning curves with what each training took; None where nothing was trained."""
    entries = taught(c.study)
    if not entries:
        return None
    rows = [[label(name), *map(number, facts(c, made, training))] for name, made, training in entries]
    return render(
        c,
        "learning",
        note=" ".join(notes(c)),
        shown=Table(c.words("learning"), heads(*head(c)), rows),
        figures=[_Figure.of(c, name, training) for name, _, training in entries],
    )


def taught(study: Study) -> list[tuple[str, Made, Training]]:
    """Returns label, making and training of what was trained, each once however many plans use it."""
    found: dict[str, tuple[str, Made, Training]] = {}
    for entry in study.models:
        if entry.made and (training := entry.made.training):
            found.setdefault(entry.made.key or entry.label, (entry.label, entry.made, training))
    return list(found.values())


def making_hours(study: Study, plan: str) -> float | None:
    """Returns the hours that making all versions took, each once; None where a plan needs none of them.

    Args:
        study: With its models.
        plan: Label of the plan that the report is about.
    """
    seconds = {e.made.key or e.label: e.made.seconds for e in study.models if e.made}
    labels = [e.label for e in study.models if e.made]
    if not any(plan == label or plan.startswith(f"{label} + ") for label in labels):
        return None
    return sum(seconds.values()) / 3600


def notes(c: Context) -> list[str]:
    """Returns what the section says first: the questions' parts, and what the curves show."""
    w, found = c.words, c.study.parts
    said = [w("learning_note")]
    if found:
        counts = {
            "train": found.train,
            "pilot": found.pilot,
            "test": found.test,
            "confirm": found.confirm,
        }
        shown = {name: c.form.integer(n) for name, n in counts.items()}
        said.insert(0, w("parts_brought" if found.brought else "parts", **shown))
    return said


def facts(c: Context, made: Made, training: Training) -> list[str]:
    """Returns one training as cells: lessons, steps and why it ended, accuracy, tokens, time, memory."""
    w, form = c.words, c.form
    ended = w.known(f"ended_{training.ended_by}")
    by_name = {p.name: p for p in panels(training.points)}

    def ends(name: str) -> str:
        panel = by_name.get(name)
        if panel is None or panel.ends is None:
            return "–"
        last = training.kept.get(
            _KEPT[name], panel.ends[1]
        )  # the weights that were kept are not always the last
        return f"{panel.shown(c, panel.ends[0])} → {panel.shown(c, last)}"

    return [
        form.integer(training.learned),
        f"{form.integer(training.last_step)} ({ended})",
        ends("curve_accuracy"),
        ends("curve_tokens"),
        form.seconds(made.seconds),
        form.bytes(made.peak_bytes),
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


@dataclass(frozen=True)
class _Figure:
    """The learning curves of one training.

    Attributes:
        label: Its techniques.
        said: What has to be known of it, "" for nothing.
        curves: One small picture for each figure that was watched.
    """

    label: str
    said: str
    curves: list[Curve]

    @staticmethod
    def of(c: Context, name: str, training: Training) -> "_Figure":
        kept = training.kept_step
        said = [c.words("unwatched", why=training.unwatched)] if training.unwatched else []
        if kept is not None and kept != training.last_step:
            said.append(c.words("kept_step", n=c.form.integer(kept)))
        if training.skipped:
            said.append(c.words("skipped_steps", n=c.form.integer(training.skipped)))
        if training.resumed:
            said.append(c.words("resumed_step", n=c.form.integer(training.resumed)))
        drawn = [
            Curve.of(c, panel, kept=kept, least=_least(panel, training)) for panel in panels(training.points)
        ]
        return _Figure(name, " ".join(said), drawn)


def _least(panel: Panel, training: Training) -> float | None:
    """Returns the accuracy at which the training would have ended; None where there is no such limit."""
    if panel.name != "curve_accuracy" or not panel.ends or training.margin is None:
        return None
    return max(0.0, panel.ends[0] - training.margin)
