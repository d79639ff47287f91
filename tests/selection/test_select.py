"""Choosing from recordings: what is certified, what is refused, and what the user is told."""

from dataclasses import replace

import numpy as np
import pytest

from karui import catalog
from karui.codec.values import decode, encode
from karui.core.errors import NotRecorded, PlanError
from karui.core.outcome import BILL_FIELDS, Outcomes, Throughput
from karui.core.plan import Plan
from karui.core.study.choice import Choice, Rule
from karui.core.study.limits import Finding, Limits
from karui.core.study.reasons import Reason
from karui.selection.evidence import Evidence, Group, gather, refuse_truncated, split
from karui.selection.looks.ledger import Ledger
from karui.selection.looks.units import Unit
from karui.selection.search_space import SearchSpace
from karui.selection.select import choose, lined_up
from karui.testing.synthetic import synthetic

RECORDING = synthetic(8, 2)
PLAN = catalog.parse("token-budget:tokens=100")


def outcomes(plan: Plan, correct: np.ndarray, tokens: float, confidence: float = 0.5) -> Outcomes:
    """Returns outcomes of single runs with these verdicts, all of one length."""
    shape = (len(correct), 1)
    bill = np.zeros((*shape, len(BILL_FIELDS)))
    bill[:, :, BILL_FIELDS.index("thinking")] = tokens
    full = np.full(shape, 1, np.float32)
    return Outcomes(
        plan=plan,
        questions=tuple(f"q{i}" for i in range(len(correct))),
        kinds=("",) * len(correct),
        correct=correct.astype(np.float32)[:, None],
        confidence=full * confidence,
        answered=full,
        traces=full,
        truncated=full * 0,
        looped=full * 0,
        time=full * tokens,
        held={"main": full * tokens},
        busy={"main": full * tokens},
        bills={"main": bill},
    )


def world(loss_pilot: int, loss_test: int, *, tests: int = 400, confidence: float = 0.5) -> Evidence:
    """Returns evidence in which the plan halves the tokens and loses so many questions."""
    right = {"pilot": np.ones(200), "test": np.ones(tests)}
    found = {}
    for part, lost in (("pilot", loss_pilot), ("test", loss_test)):
        worse = right[part].copy()
        worse[:lost] = 0
        base, plan = outcomes(Plan(), right[part], 200), outcomes(PLAN, worse, 100, confidence)
        found[part] = {base.plan.id: base, plan.plan.id: plan}
    return Evidence(found["pilot"], found["test"], Plan().id)


def chosen(evidence: Evidence, **rule: float | Limits) -> Choice:
    return choose(evidence, RECORDING, Rule(**rule))  # type: ignore[arg-type]


def test_a_harmless_plan_is_certified_and_adopted() -> None:
    choice = chosen(world(0, 0))
    assert (choice.decision, choice.verdict, choice.plan) == ("adopt", "certified", PLAN.id)
    assert choice.tested[0].saving == pytest.approx(0.5)


def test_a_loss_that_only_the_test_shows_is_not_certified() -> None:
    choice = chosen(world(0, 40))
    assert choice.decision == "nothing"
    assert choice.spec == []
    assert choice.tested[0].verdict == "not supported"


def test_too_few_questions_certify_nothing_and_say_how_many_would() -> None:
    choice = chosen(world(0, 0, tests=100))
    assert choice.decision == "collect"
    assert choice.fewest == 168  # four fifths of 5%, and what is kept for later batches is not staked
    assert choice.candidate is not None
    assert choice.candidate.questions_wanted >= 160


def test_a_stricter_level_is_really_tested_at_that_level() -> None:
    assert chosen(world(0, 0, tests=180)).decision == "adopt"
    assert chosen(world(0, 0, tests=180), alpha=0.01).decision != "adopt"
    assert chosen(world(0, 0, tests=400), alpha=0.01).decision == "adopt"


def paced(evidence: Evidence) -> Evidence:
    """Returns the evidence of a model that took 10 ms a token."""
    pace = {"main": Throughput(0.01, 1000.0)}
    slow = {
        part: {key: replace(o, paces=pace) for key, o in getattr(evidence, part).items()}
        for part in ("pilot", "test")
    }
    return replace(evidence, **slow)


def test_a_certified_plan_that_breaks_a_limit_is_not_chosen() -> None:
    """The plan takes 100 tokens, 1 second, on every question."""
    kept = chosen(paced(world(0, 0)), limits=Limits(first_answer=1.5))
    assert (kept.decision, kept.plan) == ("adopt", PLAN.id)
    (promise,) = kept.promises
    assert (promise.kept, promise.bound) == (True, pytest.approx(1.0))
    broken = chosen(paced(world(0, 0)), limits=Limits(first_answer=0.9))
    assert broken.spec == []
    assert broken.promises == ()
    (tested,) = broken.tested
    assert tested.verdict == "certified"
    assert tested.reason is not None
    assert tested.reason.reason is Reason.LIMIT_NOT_KEPT
    assert [p.finding for p in tested.promises] == [Finding.BROKEN]
    assert decode(Choice, encode(broken)) == broken


def test_a_limit_that_nobody_can_check_chooses_nothing() -> None:
    unknown = chosen(world(0, 0), limits=Limits(first_answer=9.0, cost=9.0))
    assert unknown.spec == []
    assert [p.finding for p in unknown.tested[0].promises] == [Finding.NO_PACE, Finding.NO_PRICE]


def test_confident_mistakes_refuse_a_plan_though_accuracy_holds() -> None:
    evidence = world(0, 0)
    for part in (evidence.pilot, evidence.test):
        plan = part[PLAN.id]
        base = part[Plan().id]
        # Both are wrong on one question in ten; only the plan is sure of it.
        wrong = np.arange(len(plan.questions)) % 10 == 0
        for each, sure in ((base, 0.5), (plan, 0.99)):
            each.correct[wrong] = 0
            each.confidence[wrong] = sure
    choice = chosen(evidence)
    assert choice.spec == []
    assert [r.reason.reason for r in choice.rejected] == [Reason.CONFIDENTLY_WRONG]


def test_only_the_line_has_to_be_replayed_on_the_test_questions() -> None:
    recording = synthetic(600, 2)
    pilot, test = split(recording, 0.4)
    plans = [catalog.parse(w) for w in ("full thinking", "token-budget:tokens=100", "token-cap:tokens=400")]
    whole = gather([Group({"main": pilot}, {"main": test}, SearchSpace(tuple(plans), ()))], runs=1)
    rule, tests = Rule(0.05, 0.05), len(test.questions)
    ahead = replace(whole, test={})
    line = lined_up(ahead, rule, tests)
    assert line
    only = replace(whole, test={k: o for k, o in whole.test.items() if o.plan in (*line, Plan())})
    assert choose(only, test, rule) == choose(whole, test, rule)
    assert [t.plan for t in choose(whole, test, rule).tested] == [p.id for p in line]


def test_a_plan_that_one_part_cannot_replay_is_rejected_and_the_study_goes_on() -> None:
    made = synthetic(40, 2)
    pilot, test = split(made)
    # One question of the pilot has one trace only, as an unfinished recording or a cut log has it.
    short = replace(pilot.questions[0], traces=pilot.questions[0].traces[:1])
    pilot = replace(pilot, questions=(short, *pilot.questions[1:]))
    two, budget = map(catalog.parse, ("self-consistency:k=2", "token-budget:tokens=100"))
    told: list[tuple[int, int]] = []
    plans = (Plan(), two, budget)
    group = Group({"main": pilot}, {"main": test}, SearchSpace(plans, ()))
    evidence = gather([group], on_progress=lambda *at: told.append(at))
    assert set(evidence.pilot) == set(evidence.test) == {Plan().id, budget.id}
    [lost] = evidence.refused
    assert (lost.plan, lost.label) == (two.id, two.label)
    assert "may ask for 2 traces" in lost.reason.text
    assert told[-1] == (6, 6)
    assert lost in chosen(evidence).rejected
    alone = replace(pilot, questions=(replace(short, traces=()), *pilot.questions[1:]))
    with pytest.raises(NotRecorded, match="full thinking may ask for 1 trace"):
        gather([Group({"main": alone}, {"main": test}, SearchSpace(plans, ()))])


def test_a_choice_survives_its_file() -> None:
    choice = chosen(world(0, 0))
    assert decode(Choice, encode(choice)) == choice


def test_the_split_depends_on_what_a_question_says_alone() -> None:
    recording = synthetic(400, 1)
    pilot, test = split(recording)
    kept = {q.id for q in pilot.questions}
    assert 70 < len(kept) < 130
    assert not kept & {q.id for q in test.questions}
    turned = replace(recording, questions=recording.questions[::-1])
    assert {q.id for q in split(turned)[0].questions} == kept
    for some in (slice(0, 200), slice(0, 251), slice(150, 400)):
        part = replace(recording, questions=recording.questions[some])
        assert {q.id for q in split(part)[0].questions} == kept & {q.id for q in part.questions}


def test_a_control_is_compared_with_and_never_chosen() -> None:
    control = catalog.parse("random-exit")
    right = np.ones(400)
    found = {
        plan.id: outcomes(plan, right, tokens) for plan, tokens in ((Plan(), 200), (PLAN, 100), (control, 20))
    }
    choice = chosen(Evidence(found, found, Plan().id))
    assert choice.plan == PLAN.id
    assert [t.plan for t in choice.tested] == [PLAN.id]
    assert {r.plan: r.reason.reason for r in choice.rejected}[control.id] is Reason.CONTROL
    alone = {key: found[key] for key in (Plan().id, control.id)}
    assert chosen(Evidence(alone, alone, Plan().id)).spec == []


def test_a_baseline_that_was_cut_is_no_baseline() -> None:
    refuse_truncated(synthetic(20, 4, truncated=0.0))
    with pytest.raises(PlanError, match="cut by the limit"):
        refuse_truncated(synthetic(20, 4, truncated=0.5))


def test_plans_of_another_prompt_are_compared_question_by_question() -> None:
    bare, other = synthetic(40, 4, seed=1), synthetic(40, 4, seed=1, tokens=100)
    style = catalog.parse("concise-cot")
    styled = replace(other, manifest=replace(other.manifest, style=tuple(style.spec)))
    first = Group(*({"main": part} for part in split(bare)), SearchSpace((Plan(),), ()))
    second = Group(*({"main": part} for part in split(styled)), SearchSpace((style,), ()))
    evidence = gather([first, second])
    assert set(evidence.test) == {Plan().id, style.id}
    assert evidence.test[style.id].questions == evidence.test[Plan().id].questions
    choice = chosen(evidence)
    assert {t.plan for t in choice.tested} | {r.plan for r in choice.rejected} == {style.id}


def test_a_plan_that_was_certified_and_has_left_the_margin_since_is_not_chosen() -> None:
    ledger = Ledger()

    def grown(tests: int, lost: int) -> Evidence:
        found = world(0, 0, tests=tests)
        found.test[PLAN.id].correct[200 : 200 + lost] = 0
        units = {f"q{i}": Unit(f"{i:04}", int(i >= 200)) for i in range(tests)}
        return replace(found, units=units)

    first = choose(grown(200, 0), RECORDING, Rule(), ledger=ledger)
    assert (first.decision, first.looks.look if first.looks else 0) == ("adopt", 1)
    second = choose(grown(400, 20), RECORDING, Rule(), ledger=ledger)
    assert second.spec == []
    [tested] = second.tested
    assert tested.verdict == "certified"
    assert tested.reason is not None
    assert tested.reason.reason is Reason.LOSS_EXCEEDS_MARGIN
    assert choose(grown(400, 2), RECORDING, Rule(), ledger=Ledger(ledger.looks[:1])).decision == "adopt"
