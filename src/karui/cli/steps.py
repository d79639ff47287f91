"""The steps that several verbs share: from recordings to evidence, to a choice, to a study."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from typing import Any

from karui import catalog
from karui.choose.evidence import Evidence, Group, gather, refuse_truncated, split
from karui.choose.examples import examples
from karui.choose.power import fewest_questions
from karui.choose.select import choose
from karui.choose.space import Space, space
from karui.core.choice import Choice, Rule
from karui.core.errors import InputError, UnknownName
from karui.core.outcome import Outcomes
from karui.core.recording import Recording
from karui.measure.cost import MachinePrice, TokenPrices
from karui.measure.footing import Axis, Footing
from karui.measure.measurement import compare, measure
from karui.recording import store
from karui.recording.files import make_folder
from karui.recording.files import write as write_file
from karui.recording.replay import Replay, replay_all
from karui.report import write
from karui.report.savings import Assumptions
from karui.report.study import Study, plain

PROCESSES = min(2, cpu_count() or 1)
"""How many processes replay."""

PRIORITIES = {"edge": Axis.MEMORY, "dialogue": Axis.LATENCY, "batch": Axis.COST}
"""What each preset makes small."""


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


@dataclass(frozen=True)
class Wishes:
    """What the user wants from a choice.

    Attributes:
        rule: Margin, level, axis.
        assumptions: What the user stated for the calculation of savings.
        processes: Worker processes for replay.
        runs: Permutations for plans that spend several traces.
        extra: Techniques of the user's own, by path.
        accept_truncation: Go on although the baseline was cut too often.
    """

    rule: Rule
    assumptions: Mapping[str, Any] = field(default_factory=dict)
    processes: int = PROCESSES
    runs: int = 10
    extra: tuple[str, ...] = ()
    accept_truncation: bool = False

    def __post_init__(self) -> None:
        """Finds the user's own techniques now: a slip in a name must not cost a recording.

        Raises:
            UnknownName: There is no such file, or no such class in it.
        """
        for name in self.extra:
            catalog.technique(name)

    @property
    def footing(self) -> Footing:
        """What everything is measured on: the prices that the user stated."""
        given = Assumptions.of(self.assumptions)
        prices = machine = None
        if given.price_prompt is not None and given.price_output is not None:
            cached = given.price_prompt if given.price_cached is None else given.price_cached
            prices = TokenPrices(given.price_prompt, cached, given.price_output, given.currency)
        if given.machine_price_per_hour is not None:
            machine = MachinePrice(given.machine_price_per_hour, given.currency)
        return Footing(prices, machine=machine)


def rule_of(max_drop: float, confidence: float, minimize: str, priority: str) -> Rule:
    """Returns the rule behind the command line's options.

    Raises:
        InputError: A number is out of range.
        UnknownName: There is no such axis or preset.
    """
    if not 0 < max_drop < 100 or not 0.5 <= confidence < 1:
        raise InputError(
            f"--max-drop {max_drop} --confidence {confidence} cannot be tested.",
            remedy="--max-drop is in points, from 0 to 100; --confidence from 0.5 to 1, such as 0.95.",
        )
    if priority and priority not in PRIORITIES:
        raise UnknownName("priority", priority, list(PRIORITIES))
    axis = minimize or (PRIORITIES[priority].value if priority else Axis.TOKENS.value)
    if axis not in set(Axis):
        raise UnknownName("axis to minimize", axis, [a.value for a in Axis])
    return Rule(max_drop / 100, 1 - confidence, axis, priority)


def length_of(recording: Recording) -> float:
    """Returns the mean thinking tokens of a recording's traces."""
    lengths = [t.thinking_tokens for t in recording.traces()]
    return sum(lengths) / max(1, len(lengths))


def space_of(
    recordings: Mapping[str, Recording], extra: Sequence[str] = (), **density: Sequence[int]
) -> Space:
    """Returns the plans to replay over recordings: everything in the catalog, and the user's own."""
    main = recordings["main"]
    replay = Replay(recordings)
    techniques = [catalog.technique(name) for name in (*catalog.names(), *extra)]
    style = catalog.plan_from_spec(main.manifest.style).techniques
    return space(
        techniques,
        length=length_of(main),
        recorded=main.samples,
        refuse=replay.refuse,
        style=style,
        **density,
    )


def evidence_of(
    main: Recorded,
    styles: Sequence[Recorded],
    pilot: Recorded | None,
    wishes: Wishes,
    on_progress: Callable[[int, int], None],
) -> tuple[Evidence, Recording]:
    """Replays the space on pilot and test questions.

    Args:
        main: The bare model's recording.
        styles: Recordings of the same questions with other prompts.
        pilot: A pilot recording of other questions; None sets a quarter of the questions aside.
        wishes: What the user wants.
        on_progress: Called with replays done and replays in all.

    Returns:
        The evidence, and the test part of the main recording.
    """
    if not wishes.accept_truncation:
        refuse_truncated(main.recording)
    groups = []
    test_part = main.recording
    for each in (main, *styles):
        first: dict[str, Recording] = {}
        rest = each.recording
        if pilot is None:
            first["main"], rest = split(rest)
        elif each is main:  # a pilot of the bare model says nothing about another prompt
            first["main"] = pilot.recording
        if each is main:
            test_part = rest
        plans = space_of({"main": rest}, wishes.extra)
        groups.append(Group(first, {"main": rest}, plans))
    evidence = gather(groups, runs=wishes.runs, processes=wishes.processes, on_progress=on_progress)
    return evidence, test_part


def decide(
    evidence: Evidence,
    test_part: Recording,
    recordings: Sequence[Recorded],
    pilot: Recorded | None,
    wishes: Wishes,
) -> Choice:
    """Returns the choice, with the digests of what lies behind it."""
    digests = {("main" if not n else f"style {n}"): store.digest(r.path) for n, r in enumerate(recordings)}
    if pilot is not None:
        digests["pilot"] = store.digest(pilot.path)
    footing = wishes.footing
    return choose(evidence, test_part, wishes.rule, footing, recordings=digests)


def study_of(
    evidence: Evidence,
    test_part: Recording,
    choice: Choice,
    wishes: Wishes,
    *,
    live: tuple[Outcomes, Outcomes, int] | None = None,
    shipped: Mapping[str, Any] | None = None,
    commands: Sequence[str] = (),
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
    """
    manifest = test_part.manifest
    footing = wishes.footing
    base = evidence.test[evidence.baseline]
    shown = catalog.plan_from_spec(choice.spec or (choice.candidate.spec if choice.candidate else []))
    bare = not shown.recorded
    return Study(
        made=datetime.now(UTC).date().isoformat(),
        manifest=manifest.as_dict(),
        choice=choice.as_dict(),
        baseline=measure(base, footing).as_dict(),
        plans=compared(evidence.test, evidence.baseline, footing),
        live=confirmed(live, footing) if live else None,
        shipped=shipped,
        examples=[asdict(e) for e in examples(test_part, shown)] if bare else [],
        assumptions={
            **_ILLUSTRATION,
            "machine_tokens_per_second": manifest.tokens_per_second,
            **wishes.assumptions,
        },
        commands=list(commands),
    )


def publish(choice: Choice, study: Study, out: Path, lang: str) -> list[Path]:
    """Writes choice.json, study.json and the report; returns the report's files.

    Raises:
        StorageError: They cannot be written.
    """
    text = json.dumps(plain(choice.as_dict()), indent=1, ensure_ascii=False) + "\n"
    make_folder(out)
    write_file(out / "choice.json", text.encode())
    study.save(out / "study.json")
    return write(study, out, lang=lang)


def compared(outcomes: Mapping[str, Outcomes], baseline: str, footing: Footing) -> list[dict[str, Any]]:
    """Returns measurement and comparison of every plan but the baseline, as a study keeps them."""
    base = outcomes[baseline]
    return [
        {"measurement": measure(o, footing).as_dict(), "comparison": compare(base, o, footing).as_dict()}
        for key, o in outcomes.items()
        if key != baseline
    ]


def confirmed(live: tuple[Outcomes, Outcomes, int], footing: Footing) -> dict[str, Any]:
    """Returns a live confirmation as a study keeps it."""
    base, plan, at_once = live
    return {
        "baseline": measure(base, footing).as_dict(),
        "plan": measure(plan, footing).as_dict(),
        "comparison": compare(base, plan, footing).as_dict(),
        "at_once": at_once,
    }


def shipped_study(
    recording: Recording, title: str, wishes: Wishes, on_progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Replays a recording that ships with karui, to stand beside the user's own figures.

    It has many questions, so a coarser grid and one permutation of each give a clear picture in seconds.
    """
    footing = wishes.footing
    recordings = {"main": recording}
    plans = space_of(recordings, alone=(5,), paired=(2,)).plans
    found = {}
    for outcomes in replay_all(Replay(recordings, runs=1), plans, processes=wishes.processes):
        found[outcomes.plan.id] = outcomes
        on_progress(len(found), len(plans))
    return {
        "title": title,
        "manifest": recording.manifest.as_dict(),
        "baseline": measure(found[plans[0].id], footing).as_dict(),
        "plans": compared(found, plans[0].id, footing),
    }


def assumptions_of(words: Sequence[str]) -> dict[str, Any]:
    """Returns what the user stated for the calculation of savings, read from `name=value` words.

    Raises:
        InputError: A word is not of this form, or its value is no number.
        UnknownName: There is no such assumption.
    """
    known = [f.name for f in fields(Assumptions) if f.name not in {"stated", "mode"}]
    stated: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise InputError(
                f"--assume {word} is not of the form name=value.", remedy=f"Names: {', '.join(known)}."
            )
        if name not in known:
            raise UnknownName("assumption", name, known)
        try:
            stated[name] = value if name == "currency" else float(value)
        except ValueError:
            raise InputError(f"--assume {word}: {value!r} is not a number.") from None
    return {**stated, "stated": list(stated)} if stated else {}


def estimated(recording: Recording, questions: int, samples: int, rule: Rule) -> list[str]:
    """Returns what recording all questions would take, in lines, judged by a few that were recorded.

    Args:
        recording: The few.
        questions: How many there are in all.
        samples: Traces wanted of each.
        rule: Margin and level, for what so many questions can certify.
    """
    traces = list(recording.traces())
    trials = sum(m.trial.tokens for t in traces for m in t.marks if m.trial) / max(1, len(traces))
    tokens = sum(t.tokens for t in traces) / max(1, len(traces)) + trials
    rate = recording.manifest.tokens_per_second
    total = questions * samples * tokens
    fewest = fewest_questions(rule.margin, 0.0, rule.alpha)
    lucky = fewest_questions(rule.margin, 0.03, rule.alpha)
    tested = round(0.75 * questions)
    enough = (
        f"{tested} test questions are enough to certify a loss of at most {100 * rule.margin:g} points, "
        "if the plan loses almost nothing."
        if tested >= fewest
        else f"{tested} test questions give a picture, no certificate: {fewest} is the least for "
        f"{100 * rule.margin:g} points, {lucky} if a plan gains 3 points."
    )
    count, longest = len(recording.questions), _duration(total / rate if rate else 0)
    return [
        f"Measured on {count} questions: {tokens:,.0f} tokens a trace, {rate:,.0f} tokens/s on few streams.",
        f"All {questions} questions × {samples} traces: about {total:,.0f} tokens, at most {longest}.",
        enough,
    ]


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
