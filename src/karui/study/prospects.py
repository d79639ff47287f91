"""What so many questions can show, said before a token is spent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from karui.core.recording import RecordedQuestion, Recording
from karui.core.study.choice import Rule
from karui.models import embedded
from karui.recording.growth import Arranged
from karui.selection.evidence import PILOT_SEED, PILOT_SHARE
from karui.selection.looks.ledger import level as level_of
from karui.selection.looks.units import below, units_of_questions
from karui.selection.power import PICTURE, fewest_questions, fewest_units
from karui.study.data_split import TRAINED, TRAINED_SEED

HELD_BACK = 0.2
"""Share of one's own questions that is never recorded but kept for the live confirmation."""
LIVE = 10
"""Held-back questions below which a live run contradicts nothing: of these, a loss on half of them does (see
`karui.selection.fixed_sequence.contradicted`). Fewer are not held back, but recorded."""
_GAIN = 0.03
"""A gain with which fewer questions are enough, as an example."""


@dataclass(frozen=True)
class Division:
    """How questions are divided between what they are for.

    Attributes:
        confirm: Whether some are held back for a live confirmation.
        pilot: Whether some are the pilot; not where a pilot comes from elsewhere.
        learning: Whether some are trained on.
    """

    confirm: bool = True
    pilot: bool = True
    learning: bool = False

    def held(self, questions: int) -> int:
        """Returns how many of so many questions are held back."""
        share = round(HELD_BACK * questions)
        return share if self.confirm and share >= LIVE else 0

    def tested(self, recorded: int) -> int:
        """Returns how many of those recorded are test questions."""
        judged = recorded - (round(TRAINED * recorded) if self.learning else 0)
        return judged - self.piloted(recorded)

    def piloted(self, recorded: int) -> int:
        """Returns how many of those recorded are the pilot."""
        judged = recorded - (round(TRAINED * recorded) if self.learning else 0)
        return round(PILOT_SHARE * judged) if self.pilot else 0

    def least(self, enough: Callable[[int, int], bool]) -> int:
        """Returns the fewest questions with which there are enough to test on and to hold back."""
        n = 1
        while not enough(self.tested(n - self.held(n)), self.held(n)):
            n += 1
        return n


def unfamiliar(model: str, task: str) -> str:
    """Returns what to know of an embedded model that is asked other questions than its own; else ""."""
    name = embedded(model)
    if not name or task.partition(":")[0] == "mini":
        return ""
    return (
        f"{name} is a demonstration that was only taught the questions of the task mini: to others it hardly "
        "ever knows the answer. Name your own model with --model."
    )


@dataclass(frozen=True, kw_only=True)
class Planned:
    """How many questions will be for what.

    Attributes:
        division: What they are divided between.
        tests: To test plans on.
        pilot: To choose the plans' order on.
        trained: To train on.
        held: Kept for the live confirmation.
        units: Pieces of evidence among the test questions: a group, or near-identical ones, are one.
        before: Questions recorded before; 0 where nothing was.
    """

    division: Division
    tests: int
    pilot: int = 0
    trained: int = 0
    held: int = 0
    units: int
    before: int = 0

    @property
    def recorded(self) -> int:
        """How many are recorded in the end."""
        return self.tests + self.pilot + self.trained


def planned_parts(arranged: Arranged, held: int, division: Division) -> Planned:
    """Returns the parts that the questions of a recording fall in: by their text and groups, as in the study.

    Args:
        arranged: What will be recorded, in its order.
        held: How many questions are kept for the live confirmation.
        division: What questions are divided between.
    """
    task = arranged.task
    asked = arranged.questions()

    def first(among: Sequence[RecordedQuestion], share: float, seed: int) -> list[RecordedQuestion]:
        # The units of a part are found in that part, as where a recording is split.
        units = units_of_questions(among, task.instruction, agreement=task.agreement)
        return [q for q in among if below(units[q.id].key, share, seed)]

    def rest(part: Sequence[RecordedQuestion], among: Sequence[RecordedQuestion]) -> list[RecordedQuestion]:
        ids = {q.id for q in part}
        return [q for q in among if q.id not in ids]

    trained = first(asked, TRAINED, TRAINED_SEED) if division.learning else []
    judged = rest(trained, asked)
    pilot = first(judged, PILOT_SHARE, PILOT_SEED) if division.pilot else []
    tests = rest(pilot, judged)
    units = units_of_questions(judged, task.instruction, agreement=task.agreement)
    last = max(arranged.batches.values(), default=0)
    old = sum(batch < last or not arranged.grown for batch in arranged.batches.values())
    return Planned(
        division=division,
        tests=len(tests),
        pilot=len(pilot),
        trained=len(trained),
        held=held,
        units=len({units[q.id].key for q in tests if not units[q.id].late}),
        before=old,
    )


def prospects(planned: Planned, samples: int, rule: Rule) -> list[str]:
    """Returns what so many questions can and cannot show, in a few lines.

    Args:
        planned: How many are for what.
        samples: Traces of each.
        rule: Margin and level.
    """
    division, tests, held, recorded = planned.division, planned.tests, planned.held, planned.recorded
    first = level_of(rule.alpha, 1)
    fewest = fewest_units(rule.margin, first)
    lucky = fewest_questions(rule.margin, _GAIN, first)
    margin, level = f"{100 * rule.margin:g} points", f"{100 * (1 - rule.alpha):g}%"
    grouped = f" (in {_count(planned.units, 'group')})" if planned.units < tests else ""
    parts = [
        f"{tests} to test plans on{grouped}",
        *([f"{planned.pilot} to choose their order"] if division.pilot else []),
        *([f"{planned.trained} to train on"] if planned.trained else []),
        *([f"{held} to confirm live"] if held else []),
    ]
    new = f" ({recorded - planned.before} of them new)" if 0 < planned.before < recorded else ""
    asked = f"{recorded + held} {_noun(recorded + held)}{new} × {_count(samples, 'trace')}"
    lines = [f"{asked}: {', '.join(parts)}."]
    if division.pilot and not (planned.pilot and tests):
        lines.append(
            f"    None falls in the {'test' if planned.pilot else 'pilot'}, and nothing can be certified: a "
            "group, or questions that say the same, are never divided. Add questions of other groups."
        )

    def row(there: bool, name: str, yes: str, no: str) -> str:
        return f"  {'+' if there else '−'} {name:<18}{yes if there else no}"

    width = f"accuracy to ±{_half(tests):.0f} points"
    picture = division.least(lambda t, _: t >= PICTURE)
    lines.append(
        row(
            tests >= PICTURE,
            "picture",
            width,
            f"a first impression only ({width}); {picture} questions give ±{_half(PICTURE):.0f}",
        )
    )
    if division.confirm:
        least = division.least(lambda _, h: h >= LIVE)
        lines.append(
            row(
                held >= LIVE,
                "live confirmation",
                f"on {held} questions kept for it",
                f"none: it takes {least} questions ({LIVE} of them kept for it)",
            )
        )
    certain = division.least(lambda t, _: t >= fewest)
    by_gain = division.least(lambda t, _: t >= lucky)
    lines.append(
        row(
            planned.units >= fewest,
            "certificate",
            f"possible: a loss of at most {margin} at {level}, if a plan loses next to nothing",
            f"a loss of at most {margin} at {level} takes {certain} questions, {by_gain} if a plan gains 3 "
            "points; with these, only a plan that is "
            + ("far better than full thinking" if planned.units < lucky else "better than full thinking"),
        )
    )
    if planned.units < fewest and samples > 1:
        lines.append("    More traces of the same questions do not change this; a larger --max-drop does.")
    return lines


def _half(questions: int) -> float:
    """Half the width of a 95% interval of an accuracy of one half, in points."""
    return min(50.0, 100 * 1.96 * 0.5 / sqrt(questions)) if questions else 50.0


def _count(number: int, noun: str) -> str:
    """Returns a number of things: 1 trace, 4 traces."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _noun(count: int) -> str:
    return "question" if count == 1 else "questions"


def estimated(recording: Recording, questions: int, samples: int) -> list[str]:
    """Returns what recording all questions would take, in lines, judged by a few that were recorded.

    Args:
        recording: The few.
        questions: How many there are in all.
        samples: Traces wanted of each.
    """
    traces = list(recording.traces())
    trials = sum(m.trial.tokens for t in traces for m in t.checkpoints if m.trial) / max(1, len(traces))
    tokens = sum(t.tokens for t in traces) / max(1, len(traces)) + trials
    rate = recording.manifest.tokens_per_second
    total = questions * samples * tokens
    right = sum(q.correct(t.answer) for q in recording.questions for t in q.traces)
    noun = "agree with the majority" if recording.manifest.agreement else "are right"
    count, longest = len(recording.questions), _duration(total / rate if rate else 0)
    asked = f"{questions} questions × {_count(samples, 'trace')}"
    return [
        f"{right} of {len(traces)} replies {noun}.",
        f"Measured on {count} questions: {tokens:,.0f} tokens a trace, {rate:,.0f} tokens/s on few streams.",
        f"All {asked}: about {total:,.0f} tokens, at most {longest}.",
    ]


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
