"""Groups: which recordings are replayed together, and which pilot goes with each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from karui.core.errors import RecordingMismatch
from karui.core.recording import Recording
from karui.core.study.choice import Rejected
from karui.core.study.reasons import not_replayable
from karui.recording.reference import referred
from karui.runners.replay import beside as stand_beside
from karui.selection.evidence import Group, split
from karui.selection.looks.units import Unit, key_of, units_of
from karui.selection.search_space import SearchSpace


@dataclass(frozen=True)
class Sources:
    """The recordings that a choice is made from.

    Attributes:
        main: Of the bare model: its full thinking is the baseline.
        styles: Of the same questions with other prompts, or by artifacts: weights that techniques made of
            the main model's. Each carries its techniques as its style.
        beside: Of the same questions by further models, by the names that plans ask for.
        pilots: Of other questions, each by one of the models above; a group whose pilots are missing is
            shown, not chosen from. Where there are none at all, a quarter of the questions is set aside.
    """

    main: Recording
    styles: Sequence[Recording] = ()
    beside: Mapping[str, Recording] = field(default_factory=dict)
    pilots: Sequence[Recording] = ()


def groups_of(
    sources: Sources,
    space_of: Callable[[Mapping[str, Recording], Mapping[str, Recording]], SearchSpace],
    space_between: Callable[[Mapping[str, Recording], Mapping[str, Recording]], SearchSpace],
) -> tuple[list[Group], Recording]:
    """Returns the groups of plans, the main recording's first, and the test part of the main recording.

    Plans over one model and plans over several are groups of their own, so that a missing pilot of a
    further model keeps only the latter from being chosen.

    Args:
        sources: The recordings.
        space_of: Returns the plans over the recording of one model; grids and thresholds are found on the
            pilot questions, given second.
        space_between: Returns the plans that ask several models, over the recordings of all; thresholds are
            found on those of the pilot questions, given second. Where there is no pilot of one of the models,
            nothing is chosen from these plans, and the recordings themselves stand in.

    Raises:
        RecordingMismatch: Recordings that do not belong together, no pilot of the main model, or a pilot of
            which questions are test questions.
    """
    main = sources.main
    _refuse_overlap(main, sources.pilots)
    units = units_of(main)
    piloted = pilot_of(main, sources.pilots)
    pilot_units = units if piloted is None else units_of(piloted)
    styled = [main, *(same_questions(main, style) for style in sources.styles)]
    _refuse_twins(styled)
    if sources.pilots and piloted is None:
        raise RecordingMismatch(
            f"No pilot is a recording of {main.manifest.model.name} as the main recording is.",
            why="A pilot of another model or prompt says nothing about this one.",
            remedy="Record a pilot with the same model, or leave --pilot out: a quarter is then set aside.",
        )
    further = {name: same_questions(main, other) for name, other in sources.beside.items()}
    fitting: set[str] = set()
    groups: list[Group] = []
    test_part = main
    for style in styled:
        pilot, test = _parts(style, sources.pilots, units)
        if style is main:
            test_part = test
        alone = {"main": test}
        groups.append(Group(pilot, alone, space_of(alone, pilot or alone), units, pilot_units))
        there, refused = _fitting(style, further)
        fitting.update(there)
        if there:
            both = {"main": test, **there}
            pilots = _pilots_beside(pilot, there, sources.pilots)
            found = space_between(both, pilots or both)
            found = replace(found, refused=(*found.refused, *refused))
            groups.append(Group(pilots, both, found))
        elif refused:
            groups.append(Group({}, {}, SearchSpace((), tuple(refused))))
    if lost := next((name for name in further if name not in fitting), ""):
        stand_beside(main, further[lost], lost)  # which says why it does not
    return groups, test_part


def same_questions(main: Recording, other: Recording) -> Recording:
    """Returns a recording cut to the main one's questions, in its order and judged by its references.

    Raises:
        RecordingMismatch: A question of the main recording is missing, or has another reference.
    """
    if main.manifest.agreement:
        other = referred(other, main)
    there = {q.id: q for q in other.questions}
    for question in main.questions:
        if question.id not in there or there[question.id].reference != question.reference:
            raise RecordingMismatch(
                f"A recording of {other.manifest.model.name} is not of the main recording's questions.",
                why=f"Question {question.id!r} is missing in it, or has another reference.",
                remedy="Record both on the same questions, and finish the recording that was broken off.",
            )
    return replace(other, questions=tuple(there[q.id] for q in main.questions))


def model_of(recording: Recording) -> str:
    """Returns what tells a recording's model from others: its digest, its name where that is unknown."""
    card = recording.manifest.model
    return card.digest or card.name


def pilot_of(recording: Recording, pilots: Sequence[Recording]) -> Recording | None:
    """Returns the pilot that was recorded with the same model and style; None where there is none."""

    def kind(r: Recording) -> tuple[str, list[dict[str, object]]]:
        return model_of(r), [dict(s) for s in r.manifest.style]

    return next((p for p in pilots if kind(p) == kind(recording)), None)


def _parts(
    recording: Recording, pilots: Sequence[Recording], units: Mapping[str, Unit]
) -> tuple[dict[str, Recording], Recording]:
    """Returns a recording's pilot, empty where there is none or no question to spare, and its test part."""
    if not pilots:
        pilot, test = split(recording, units=units)
        return ({"main": pilot} if pilot.questions else {}), test
    found = pilot_of(recording, pilots)
    return ({"main": found} if found else {}), recording


def _pilots_beside(
    pilot: Mapping[str, Recording], further: Mapping[str, Recording], pilots: Sequence[Recording]
) -> dict[str, Recording]:
    """Returns the pilots of a group over several models; empty where one is missing."""
    if not pilots:  # the main recording's split decides which questions of the others are looked at
        return {**pilot, **further} if pilot else {}
    found = {name: pilot_of(recording, pilots) for name, recording in further.items()}
    there = {name: recording for name, recording in found.items() if recording is not None}
    return {**pilot, **there} if pilot and len(there) == len(further) else {}


def _fitting(
    style: Recording, further: Mapping[str, Recording]
) -> tuple[dict[str, Recording], list[Rejected]]:
    """Returns the further models that can stand beside a recording, and why others cannot."""
    there: dict[str, Recording] = {}
    refused = []
    for name, other in further.items():
        try:
            stand_beside(style, other, name)
        except RecordingMismatch as error:
            label = " + ".join(str(s.get("technique", "")) for s in style.manifest.style) or "full thinking"
            refused.append(Rejected("", f"{label} with {name}", not_replayable(error)))
        else:
            there[name] = other
    return there, refused


def _refuse_overlap(main: Recording, pilots: Sequence[Recording]) -> None:
    """Refuses a pilot of which questions are test questions.

    Raises:
        RecordingMismatch: It says how many, and names some.
    """
    tested = {key_of(q, main.manifest.instruction): q.id for q in main.questions}
    for pilot in pilots:
        keys = [key_of(q, pilot.manifest.instruction) for q in pilot.questions]
        if common := [tested[key] for key in keys if key in tested]:
            raise RecordingMismatch(
                f"{len(common)} questions of the pilot {pilot.path or ''} are test questions too: "
                f"{', '.join(common[:3])}.",
                why="What was chosen on a question says nothing about how it does on that question.",
                remedy="Record the pilot on other questions, or leave --pilot out: a quarter is then "
                "set aside.",
            )


def _refuse_twins(styled: Sequence[Recording]) -> None:
    """Refuses two recordings whose plans could not be told apart.

    Raises:
        RecordingMismatch: Two were made with the same techniques.
    """
    seen: list[list[dict[str, object]]] = []
    for recording in styled:
        style = [dict(s) for s in recording.manifest.style]
        if style in seen:
            raise RecordingMismatch(
                f"Two recordings were made with {style or 'no technique'}: their plans have one name.",
                why="--variant takes recordings of the main model with other techniques.",
                remedy="Give a recording of another model as --aux-model name=RECORDING.",
            )
        seen.append(style)
