"""The steps that several verbs share: from recordings to evidence, to a choice, to a study."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from karui import catalog
from karui.codec.files import save
from karui.core.errors import InputError
from karui.core.loops import needed_tokens
from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.core.study import Assumptions, LiveRun, Misbehaviour, ReferenceRun, Study
from karui.core.study.choice import Choice
from karui.core.study.failure import BaselineFailure
from karui.measure.cost_model import CostModel
from karui.measure.measurement import compare, measure
from karui.measure.misbehaviour import misbehaviours
from karui.recording import store
from karui.recording.files import make_folder
from karui.report import write
from karui.runners.replay import Replay, replay_all
from karui.selection.calibration import ThresholdCalibration
from karui.selection.evidence import Evidence, gather, refuse_truncated
from karui.selection.examples import examples
from karui.selection.groups import Sources, groups_of, same_questions
from karui.selection.interactions import interactions
from karui.selection.search_space import SearchSpace, search_space
from karui.selection.select import choose
from karui.serving_profile import FILE as EXPECTATION
from karui.serving_profile import ServingProfile
from karui.study.options import StudyOptions

_ILLUSTRATION = {
    "price_prompt": 0.5,
    "price_cached": 0.1,
    "price_output": 2.0,
    "machine_price_per_hour": 3.0,
}
"""Where the calculation of savings begins if the user stated nothing; the page marks each as an assumption
to edit. Nothing is chosen by these: only stated prices reach a choice."""


@dataclass(frozen=True)
class Recorded:
    """A recording on disk: where it is and what it holds."""

    path: Path
    recording: Recording


def beside_of(words: Sequence[str], kinds: Sequence[str] = ()) -> dict[str, Recorded]:
    """Returns the recordings of further models, read from `name=folder` words.

    Raises:
        InputError: A word is not of this form, or its name is taken.
        RecordingError: A recording cannot be read.
    """
    found: dict[str, Recorded] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not name or not path:
            raise InputError(f"--beside {word} is not of the form name=RECORDING, such as small=runs/small.")
        if name == "main" or name in found:
            raise InputError(f"--beside {word}: the name {name!r} is taken.", remedy="Give another name.")
        found[name] = Recorded(Path(path), store.load(Path(path)).of_kinds(kinds))
    return found


def length_of(recording: Recording) -> float:
    """Returns the mean thinking tokens of a recording's traces, less those in loops: nobody needed them."""
    lengths = [needed_tokens(t) for t in recording.traces()]
    return sum(lengths) / max(1, len(lengths))


def space_of(
    recordings: Mapping[str, Recording],
    pilots: Mapping[str, Recording] | None = None,
    *,
    extra: Sequence[str] = (),
    between: bool = False,
    **density: Any,
) -> SearchSpace:
    """Returns the plans to replay over recordings: everything in the catalog, and the user's own.

    Args:
        recordings: By the names that plans ask for; "main" at least.
        pilots: Of other questions by the same models: what decides when a small model hands over is found
            there. None takes the recordings themselves, which is right where nothing is chosen.
        extra: Techniques of the user's own, by path.
        between: Whether to return only the plans that ask several models.
        density: Values tried of each knob, as `karui.selection.search_space.space` takes them.
    """
    main = recordings["main"]
    replay = Replay(recordings)
    techniques = [catalog.technique(name) for name in (*catalog.names(), *extra)]
    style = catalog.plan_from_spec(main.manifest.style).techniques
    return search_space(
        techniques,
        length=length_of(main),
        recorded=main.samples,
        refuse=replay.refuse,
        style=style,
        beside={name: length_of(other) for name, other in recordings.items() if name != "main"},
        replies=ThresholdCalibration(pilots or recordings).first_replies,
        between=between,
        **density,
    )


def evidence_of(
    main: Recorded,
    styles: Sequence[Recorded],
    pilot: Recorded | None,
    wishes: StudyOptions,
    on_progress: Callable[[int, int], None],
    *,
    beside: Mapping[str, Recorded] | None = None,
    pilots: Sequence[Recorded] = (),
) -> tuple[Evidence, Recording]:
    """Replays the space on pilot and test questions.

    Args:
        main: The bare model's recording.
        styles: Recordings of the same questions with other prompts, or by artifacts of the model.
        pilot: A pilot recording of other questions; None sets a quarter of the questions aside.
        wishes: What the user wants.
        on_progress: Called with replays done and replays in all.
        beside: Recordings of the same questions by further models, by the names that plans ask for.
        pilots: Pilots of the styles and of the further models, in any order.

    Returns:
        The evidence, and the test part of the main recording.

    Raises:
        RecordingMismatch: Recordings that do not belong together.
        PlanError: The baseline was cut too often to be a baseline.
    """
    if not wishes.accept_truncation:
        refuse_truncated(main.recording)
    sources = Sources(
        main.recording,
        [style.recording for style in styles],
        {name: other.recording for name, other in (beside or {}).items()},
        [p.recording for p in (*([pilot] if pilot else ()), *pilots)],
    )
    groups, test_part = groups_of(
        sources,
        partial(space_of, extra=wishes.extra),
        partial(space_of, extra=wishes.extra, between=True),
    )
    evidence = gather(
        groups,
        cost_model=wishes.footing,
        runs=wishes.runs,
        processes=wishes.processes,
        on_progress=on_progress,
    )
    return evidence, test_part


def decide(
    evidence: Evidence,
    test_part: Recording,
    recordings: Sequence[Recorded],
    pilot: Recorded | None,
    wishes: StudyOptions,
    *,
    beside: Mapping[str, Recorded] | None = None,
    pilots: Sequence[Recorded] = (),
    failure: BaselineFailure | None = None,
) -> Choice:
    """Returns the choice, with the digests of what lies behind it; arguments as `evidence_of` takes them.

    `failure` says why full thinking fails, where it does.
    """
    behind = {("main" if not n else f"style {n}"): r for n, r in enumerate(recordings)}
    behind |= {f"beside {name}": r for name, r in (beside or {}).items()}
    behind |= {"pilot": pilot} if pilot is not None else {}
    behind |= {f"pilot {n}": r for n, r in enumerate(pilots, 1)}
    return choose(
        evidence,
        test_part,
        wishes.rule,
        recordings={role: store.digest(r.path) for role, r in behind.items()},
        beside={name: r.recording.manifest.model for name, r in (beside or {}).items()},
        failure=failure,
    )


def study_of(
    evidence: Evidence,
    test_part: Recording,
    choice: Choice,
    wishes: StudyOptions,
    *,
    live: tuple[Outcomes, Outcomes, int] | None = None,
    shipped: ReferenceRun | None = None,
    commands: Sequence[str] = (),
    beside: Mapping[str, Recorded] | None = None,
    styles: Sequence[Recorded] = (),
) -> Study:
    """Returns everything a report is made from.

    Args:
        evidence: All plans replayed.
        test_part: The recording of the test questions.
        choice: What was chosen.
        wishes: What the user wanted.
        live: Baseline and plan confirmed live, and how many questions ran at once.
        shipped: The replay of a recording that ships with karui.
        commands: What makes the study again.
        beside: Recordings of further models, by the names that plans ask for.
        styles: Recordings with other prompts, or of other versions of the model.
    """
    manifest = test_part.manifest
    shown = catalog.plan_from_spec(choice.spec or (choice.candidate.spec if choice.candidate else []))
    bare = not shown.recorded
    recordings = {"main": test_part, **{name: r.recording for name, r in (beside or {}).items()}}
    return Study(
        made=datetime.now(UTC).date().isoformat(),
        manifest=manifest,
        choice=choice,
        baseline=evidence.measured[evidence.baseline],
        plans=evidence.plans,
        live=confirmed(live, wishes.footing) if live else None,
        shipped=shipped,
        examples=tuple(examples(recordings, shown)) if bare else (),
        assumptions=Assumptions.of(
            {
                **_ILLUSTRATION,
                "machine_tokens_per_second": manifest.tokens_per_second,
                **wishes.assumptions,
            }
        ),
        commands=tuple(commands),
        interactions=tuple(interactions(evidence, wishes.rule, shown.id)),
        misbehaviour=misbehaving(test_part, [*styles, *(beside or {}).values()]),
    )


def publish(
    choice: Choice, study: Study, out: Path, lang: str, expectation: ServingProfile | None = None
) -> list[Path]:
    """Writes choice.json, what to expect of it, study.json and the report; returns the report's files.

    Raises:
        StorageError: They cannot be written.
    """
    make_folder(out)
    save(choice, out / "choice.json")
    (out / EXPECTATION).unlink(missing_ok=True)  # one of an earlier choice says nothing of this one
    if expectation is not None:
        expectation.save(out / EXPECTATION)
    save(study, out / "study.json")
    return write(study, out, lang=lang)


def misbehaving(first: Recording, others: Sequence[Recorded] = ()) -> tuple[Misbehaviour, ...]:
    """Returns how full thinking goes wrong: of one model, and of others beside it."""
    recordings = [first, *(o.recording for o in others)]
    named = [(catalog.plan_from_spec(r.manifest.style), r) for r in recordings]
    return tuple(misbehaviours([(p.label if p.techniques else "", r) for p, r in named], same_questions))


def confirmed(live: tuple[Outcomes, Outcomes, int], footing: CostModel) -> LiveRun:
    """Returns a live confirmation as a study keeps it."""
    base, plan, at_once = live
    return LiveRun(measure(base, footing), measure(plan, footing), compare(base, plan, footing), at_once)


def shipped_study(
    recording: Recording, title: str, wishes: StudyOptions, on_progress: Callable[[int, int], None]
) -> ReferenceRun:
    """Replays a recording that ships with karui, to stand beside the user's own figures.

    It has many questions, so a coarser grid and one permutation of each give a clear picture in seconds.
    """
    plans = space_of({"main": recording}, alone=(5,), paired=(2,)).plans
    found = {}
    for outcomes in replay_all(Replay({"main": recording}, runs=1), plans, processes=wishes.processes):
        found[outcomes.plan.id] = outcomes
        on_progress(len(found), len(plans))
    shown = Evidence({}, found, plans[0].id, cost_model=wishes.footing)
    return ReferenceRun(title, recording.manifest, shown.measured[shown.baseline], shown.plans)
