"""The steps that several verbs share: from recordings to evidence, to a choice, to a study."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from karui import catalog
from karui.core.errors import KaruiError
from karui.core.loops import needed_tokens
from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.core.study import Assumptions, LiveRun, Misbehaviour, ReferenceRun, Study
from karui.core.study.choice import Choice
from karui.core.study.failure import BaselineFailure
from karui.core.technique import Technique
from karui.measure.cost_model import CostModel
from karui.measure.measurement import compare, measure
from karui.measure.misbehaviour import misbehaviours
from karui.recording import store
from karui.recording.reference import apart
from karui.runners.replay import Replay, replay_all
from karui.selection.calibration import ThresholdCalibration
from karui.selection.evidence import Evidence, gather, refuse_truncated
from karui.selection.examples import examples
from karui.selection.groups import Sources, groups_of, same_questions
from karui.selection.interactions import interactions
from karui.selection.labelled.choosing import choose_judged
from karui.selection.looks.ledger import Ledger
from karui.selection.looks.opening import begun
from karui.selection.search_space import Density, SearchSpace, search_space
from karui.selection.select import choose
from karui.study.judging.study_judge import StudyJudge
from karui.study.loop import interruptible
from karui.study.options import StudyOptions
from karui.study.progress import Progress
from karui.study.serving_profile import domain_of, outskirts_of
from karui.study.workspace import path_of

_ILLUSTRATION = {
    "price_prompt": 0.5,
    "price_cached": 0.1,
    "price_output": 2.0,
    "machine_price_per_hour": 3.0,
}
"""Where the calculation of savings begins if the user stated nothing; the page marks each as an assumption
to edit. Nothing is chosen by these: only stated prices reach a choice."""


def length_of(recording: Recording) -> float:
    """Returns the mean thinking tokens of a recording's traces, less those in loops: nobody needed them."""
    total = count = 0
    for trace in recording.traces():
        total, count = total + needed_tokens(trace), count + 1
    return total / max(1, count)


def space_of(
    recordings: Mapping[str, Recording],
    pilots: Mapping[str, Recording] | None = None,
    *,
    extra: Sequence[str] = (),
    between: bool = False,
    density: Density = Density(),  # noqa: B008 - frozen
    also: Sequence[list[dict[str, Any]]] = (),
) -> SearchSpace:
    """Returns the plans to replay over recordings: everything in the catalog, and the user's own.

    Args:
        recordings: By the names that plans ask for; "main" at least.
        pilots: Of other questions by the same models: what decides when a small model hands over is found
            there. None takes the recordings themselves, which is right where nothing is chosen.
        extra: Techniques of the user's own, by path.
        between: Whether to return only the plans that ask several models.
        density: How many values of each knob are tried.
        also: Specs of plans that belong in it wherever the grids lie now: earlier looks began to test them.
    """
    main = recordings["main"]
    replay = Replay(recordings)
    known = ThresholdCalibration(pilots or recordings)
    techniques = [catalog.technique(name) for name in (*catalog.names(), *extra)]
    style = catalog.plan_from_spec(main.manifest.style).techniques
    space = search_space(
        techniques,
        lengths={name: length_of(recording) for name, recording in (pilots or recordings).items()},
        recorded=main.samples,
        refuse=replay.refuse,
        style=style,
        replies=known.first_replies,
        between=between,
        density=density,
    )
    taught = (
        [[t.spec for t in (*style, each)] for each in _taught(techniques, known, main)] if between else []
    )
    return _with(space, [*also, *taught], replay, style, between=between)


def _taught(
    techniques: Sequence[type[Technique]], pilots: ThresholdCalibration, main: Recording
) -> Iterator[Technique]:
    """Yields what techniques learn from pilot questions; nothing where these are the questions to test on."""
    pilot, tested = pilots.recordings["main"].questions, {q.id for q in main.questions}
    if not any(q.id in tested for q in pilot):
        lessons = pilots.lessons()
        yield from (each for technique in techniques for each in technique.learned(lessons))


def _with(
    space: SearchSpace,
    also: Sequence[list[dict[str, Any]]],
    replay: Replay,
    style: tuple[Technique, ...],
    *,
    between: bool,
) -> SearchSpace:
    """Returns a space with further plans, as far as they belong to it and can be replayed."""
    plans = {plan.id: plan for plan in space.plans}
    for spec in also:
        try:
            plan = catalog.plan_from_spec(spec)
            if plan.recorded != style or (len(plan.models) > 1) is not between:
                continue
            replay.refuse(plan)
        except KaruiError:  # its family does not go on, and the ledger keeps what it cost
            continue
        plans.setdefault(plan.id, plan)
    return SearchSpace(tuple(plans.values()), space.refused)


@interruptible()
def evidence_of(
    sources: Sources,
    wanted: StudyOptions,
    on_progress: Callable[[int, int], None],
    ledger: Ledger | None = None,
) -> tuple[Evidence, Recording]:
    """Replays the space on pilot and test questions.

    Args:
        sources: The recordings. Without pilots, a quarter of the questions is set aside.
        wanted: What the user wants.
        on_progress: Called with replays done and replays in all.
        ledger: Of earlier looks: what they began to test is replayed too.

    Returns:
        The evidence, and the test part of the main recording.

    Raises:
        RecordingMismatch: Recordings that do not belong together.
        PlanError: The baseline was cut too often to be a baseline.
    """
    if not wanted.accept_truncation:
        refuse_truncated(sources.main)
    also = begun(ledger, sources.main) if ledger else ()
    if sources.main.manifest.agreement:
        pilots = [apart(p) if p.manifest.agreement else p for p in sources.pilots]
        sources = replace(sources, main=apart(sources.main), pilots=pilots)
    groups, test_part = groups_of(
        sources,
        partial(space_of, extra=wanted.extra, also=also),
        partial(space_of, extra=wanted.extra, between=True, also=also),
    )
    evidence = gather(
        groups,
        cost_model=wanted.footing,
        runs=wanted.runs,
        processes=wanted.processes,
        spread=wanted.spread(),
        on_progress=on_progress,
    )
    return evidence, test_part


def decide(
    evidence: Evidence,
    test_part: Recording,
    sources: Sources,
    wanted: StudyOptions,
    failure: BaselineFailure | None = None,
    ledger: Ledger | None = None,
    judge: StudyJudge | None = None,
) -> Choice:
    """Returns the choice, with the digests of what lies behind it.

    Args:
        evidence: As `evidence_of` returned it.
        test_part: Likewise.
        sources: The recordings behind it.
        wanted: What the user wants.
        failure: Why full thinking fails, where it does.
        ledger: Of earlier looks at these questions; this one is noted in it. None: there was none.
        judge: Of the answers, where another model judges them: what is to be labelled is then written beside
            the main recording.

    Raises:
        InputError: One of the recordings is not on disk.
    """
    behind = {("main" if not n else f"style {n}"): r for n, r in enumerate((sources.main, *sources.styles))}
    behind |= {f"beside {name}": r for name, r in sources.beside.items()}
    behind |= {(f"pilot {n}" if n else "pilot"): r for n, r in enumerate(sources.pilots)}
    digests = {role: store.digest(path_of(r)) for role, r in behind.items()}
    beside = {name: r.manifest.model for name, r in sources.beside.items()}
    if judge is not None and failure is None:
        given = judge.answers(sources, test_part, wanted.runs)
        digests |= judge.digests()
        choice, sheet = choose_judged(
            evidence, test_part, wanted.rule, given, recordings=digests, beside=beside, ledger=ledger
        )
        if sheet is not None:
            sheet.save(judge.standard.folder)
        return replace(choice, domain=domain_of(sources, evidence.units)[0])
    choice = choose(
        evidence,
        test_part,
        wanted.rule,
        recordings=digests,
        beside=beside,
        failure=failure,
        ledger=ledger,
    )
    return choice if failure is not None else replace(choice, domain=domain_of(sources, evidence.units)[0])


def warn_unwritten(ledger: Ledger, progress: Progress) -> None:
    """Says where a look could not be noted."""
    for problem in ledger.unwritten:
        progress.warn(
            f"The ledger of looks cannot be read or written ({problem}). Other studies of these questions "
            "may not be counted together with this one; the chance of a false certificate then holds for "
            "each alone."
        )


def study_of(
    evidence: Evidence,
    test_part: Recording,
    choice: Choice,
    wanted: StudyOptions,
    sources: Sources,
    *,
    live: tuple[Outcomes, Outcomes, int] | None = None,
    shipped: ReferenceRun | None = None,
    commands: Sequence[str] = (),
) -> Study:
    """Returns everything a report is made from.

    Args:
        evidence: All plans replayed.
        test_part: The recording of the test questions.
        choice: What was chosen.
        wanted: What the user wanted.
        sources: The recordings behind it.
        live: Baseline and plan confirmed live, and how many questions ran at once.
        shipped: The replay of a recording that ships with karui.
        commands: What makes the study again.
    """
    manifest = test_part.manifest
    shown = catalog.plan_from_spec(choice.spec or (choice.candidate.spec if choice.candidate else []))
    bare = not shown.recorded
    recordings = {"main": test_part, **sources.beside}
    return Study(
        made=datetime.now(UTC).date().isoformat(),
        manifest=manifest,
        choice=choice,
        baseline=evidence.measured[evidence.baseline],
        plans=evidence.plans,
        live=confirmed(live, wanted.footing) if live else None,
        shipped=shipped,
        examples=tuple(examples(recordings, shown)) if bare else (),
        assumptions=Assumptions.of(
            {
                **_ILLUSTRATION,
                "machine_tokens_per_second": manifest.tokens_per_second,
                **wanted.assumptions,
            }
        ),
        commands=tuple(commands),
        interactions=tuple(interactions(evidence, wanted.rule, shown.id)),
        misbehaviour=misbehaving(test_part, [*sources.styles, *sources.beside.values()]),
        outskirts=None if choice.failure else outskirts_of(evidence, test_part, shown.id),
    )


def misbehaving(first: Recording, others: Sequence[Recording] = ()) -> tuple[Misbehaviour, ...]:
    """Returns how full thinking goes wrong: of one model, and of others beside it."""
    named = [(catalog.plan_from_spec(r.manifest.style), r) for r in (first, *others)]
    return tuple(misbehaviours([(p.label if p.techniques else "", r) for p, r in named], same_questions))


def confirmed(live: tuple[Outcomes, Outcomes, int], footing: CostModel) -> LiveRun:
    """Returns a live confirmation as a study keeps it."""
    base, plan, at_once = live
    return LiveRun(measure(base, footing), measure(plan, footing), compare(base, plan, footing), at_once)


@interruptible()
def shipped_study(
    recording: Recording, title: str, wanted: StudyOptions, on_progress: Callable[[int, int], None]
) -> ReferenceRun:
    """Replays a recording that ships with karui, to stand beside the user's own figures.

    It has many questions, so a coarser grid and one permutation of each give a clear picture in seconds.
    """
    plans = space_of({"main": recording}, density=Density(alone=(5,), paired=(2,))).plans
    found = {}
    for outcomes in replay_all(Replay({"main": recording}, runs=1), plans, processes=wanted.processes):
        found[outcomes.plan.id] = outcomes
        on_progress(len(found), len(plans))
    shown = Evidence({}, found, plans[0].id, cost_model=wanted.footing)
    return ReferenceRun(title, recording.manifest, shown.measured[shown.baseline], shown.plans)
