"""What replay must do, and what it must never do: by hand on small traces, and against the live runner."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from karui import catalog
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import NotRecorded, PlanError, RecordingMismatch
from karui.core.plan import Plan
from karui.core.prompt import Prompt, Sampling
from karui.core.question import Question
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.request import Gather, Request
from karui.core.technique import Family, Technique
from karui.core.trace import NO_SIGNALS, End, Peek, RecordedCheckpoint, Reply, Trace, Trial
from karui.core.usage import UsageMeter
from karui.core.watcher import Action
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.runners.live import solve_live
from karui.runners.replay import Replay, replay_all
from karui.testing.synthetic import synthetic

PROMPT, SUFFIX = 10, 2


def trial(answer, tokens=3, probability=0.9):
    return Trial(answer, answer or "?", tokens, probability, Peek((answer or "?")[:1], probability, 0.1))


def trace(sample, length, answer, places=(), answers=(), end=End.FINISHED, answer_tokens=4):
    """A trace of `length` thinking tokens with trials at `places`; None as an answer: no trial there."""
    marks = tuple(
        RecordedCheckpoint(p, 0, a if a is None else trial(a)) for p, a in zip(places, answers, strict=True)
    )
    tally = UsageMeter(PROMPT, 0, SUFFIX)
    tally.think(length)
    return Trace(
        question="q",
        sample=sample,
        end=end,
        thinking="",
        text=answer or "",
        answer=answer,
        confidence=None if answer is None else 0.8,
        signals=NO_SIGNALS,
        checkpoints=marks,
        thinking_tokens=length,
        answer_tokens=answer_tokens,
        usage=tally.finished(answer_tokens),
        time=tally.time,
    )


def recording(*traces, style=(), abilities=frozenset(Ability), prompt="How many?"):
    verdicts = {
        a: a == "7"
        for t in traces
        for a in (t.answer, *(m.trial.answer for m in t.checkpoints if m.trial))
        if a
    }
    manifest = Manifest(
        model=ModelInfo("hand"),
        engine="scripted",
        task="hand",
        task_digest="",
        style=style,
        sampling=Sampling(),
        rule=CheckpointPolicy(),
        suffix="",
        suffix_tokens=SUFFIX,
        samples=len(traces),
        seed=0,
        abilities=abilities,
    )
    return Recording(manifest, (RecordedQuestion("q", "", "7", Prompt(prompt), traces, verdicts),))


def play(plan, *traces, order=None):
    made = recording(*traces)
    plan = catalog.parse(plan) if isinstance(plan, str) else plan
    return Replay({"main": made}).play(
        plan, {"main": made.questions[0]}, {"main": order or range(len(traces))}
    )


@dataclass(frozen=True)
class Looks(Technique):
    """Does at checkpoint n what the n-th letter says: g(o), p(eek), t(rial), b(oth), a(nswer), d(rop)."""

    family: ClassVar[Family] = Family.FASTER
    moves: str = "g"

    def watch(self, ask):
        return Looking(self.moves)


class Looking:
    def __init__(self, moves):
        self.moves = moves

    def see(self, checkpoint):
        if checkpoint.final or checkpoint.index >= len(self.moves):
            return Action.GO
        wish = self.moves[checkpoint.index]
        if wish in "pb" and checkpoint.peek is None:
            return Action.PEEK
        if wish in "tb" and checkpoint.trial is None:
            return Action.TRIAL
        return {"a": Action.ANSWER, "d": Action.DROP}.get(wish, Action.GO)


# --- one trace ---------------------------------------------------------------------------------------------


def test_a_budget_acts_at_the_first_checkpoint_at_or_after_its_number():
    one = trace(0, 100, "9", (20, 50, 80), ("1", "7", "3"))
    for budget, tokens, answer in (
        (20, 20, "1"),
        (21, 50, "7"),
        (50, 50, "7"),
        (51, 80, "3"),
        (81, 100, "9"),
    ):
        outcome = play(f"token-budget:tokens={budget}", one)
        assert (outcome.bills["main"].thinking, outcome.answer) == (tokens, answer)


def test_an_adopted_trial_is_billed_once_as_answer():
    bill = play("token-budget:tokens=50", trace(0, 100, "9", (50,), ("7",))).bills["main"]
    assert (bill.thinking, bill.answer, bill.trial, bill.dropped) == (50, 3, 0, 0)
    assert bill.prompt == PROMPT + SUFFIX  # the forced suffix is prefilled


def test_a_trial_that_was_looked_at_first_is_billed_once_too():
    one = trace(0, 100, "9", (20, 50), ("1", "7"))
    adopted = play("trial-stability:k=1,every=2", one)  # looks at the second checkpoint only
    assert adopted.answer == "7"
    assert (adopted.bills["main"].answer, adopted.bills["main"].trial) == (3, 0)


@pytest.mark.parametrize(
    ("moves", "trials", "time"),
    [("gg", 0, 104), ("pg", 1, 105), ("tg", 3, 107), ("bg", 3, 107), ("bp", 4, 108), ("tt", 6, 110)],
)
def test_looks_are_billed_as_asked_and_take_their_time(moves, trials, time):
    outcome = play(Plan((Looks(moves),)), trace(0, 100, "9", (20, 50), ("1", "7")))
    assert (outcome.answer, outcome.bills["main"].trial, outcome.time) == ("9", trials, time)


def test_an_answer_after_a_peek_pays_the_rest_of_the_trial():
    outcome = play(Plan((Looks("pp"), Looks("ga"))), trace(0, 100, "9", (20, 50), ("1", "7")))
    assert outcome.answer == "7"
    bill = outcome.bills["main"]
    assert (bill.trial, bill.answer, outcome.time) == (1, 3, 1 + 50 + 3)  # the first peek stays a trial


def test_a_drop_bills_the_thinking_as_dropped_and_leaves_no_answer():
    outcome = play("token-cap:tokens=30", trace(0, 100, "7", (20, 50), ("7", "7")))
    bill = outcome.bills["main"]
    assert (outcome.answer, outcome.correct, bill.dropped, bill.thinking) == (None, False, 50, 0)


def test_a_truncated_trace_has_no_answer_and_is_counted():
    outcome = play("full thinking", trace(0, 100, None, end=End.TRUNCATED, answer_tokens=0))
    assert (outcome.answer, outcome.correct, outcome.truncated) == (None, False, 1)


# --- several traces ----------------------------------------------------------------------------------------


def test_a_flow_stops_what_it_no_longer_needs():
    outcome = play("first-of:k=3,m=1", trace(0, 100, "3"), trace(1, 40, "7"), trace(2, 60, "3"))
    assert (outcome.answer, outcome.time) == ("7", 44)
    assert [(t.end, t.tokens) for t in sorted(outcome.traces, key=lambda t: t.sample)] == [
        (End.STOPPED, 44),
        (End.FINISHED, 44),
        (End.STOPPED, 44),
    ]
    assert outcome.bills["main"].dropped == 88


def test_a_stop_finds_each_trace_where_its_watchers_had_brought_it():
    late = trace(0, 100, "3", (20, 43, 60), ("3", "3", "3"))
    outcome = play(
        Plan((*catalog.parse("first-of:k=2,m=1").techniques, Looks("tgg"))), late, trace(1, 40, "7")
    )
    stopped = next(t for t in outcome.traces if t.end is End.STOPPED)
    assert (stopped.usage.trial, stopped.usage.dropped, stopped.thinking_tokens) == (3, 41, 20)


def test_start_n_takes_trace_n_of_the_order():
    traces = [trace(n, 50 + n, str(n)) for n in range(4)]
    outcome = play("first-of:k=2,m=1", *traces, order=[3, 1, 0, 2])
    assert outcome.answer == "1"
    assert {t.sample for t in outcome.traces} == {3, 1}


def test_a_plan_of_one_trace_takes_every_trace_once():
    made = recording(trace(0, 10, "7"), trace(1, 20, "3"), trace(2, 30, "7"))
    outcomes = Replay({"main": made}, runs=50).outcomes(Plan())
    assert outcomes.correct.tolist() == [[1, 0, 1]]
    assert outcomes.bills["main"][0, :, 2].tolist() == [10, 20, 30]


def test_permutations_are_without_replacement_seeded_and_one_for_all_plans():
    made = synthetic(3, 8)
    replay = Replay({"main": made}, runs=20)
    for question in made.questions:
        orders = replay.permutations(question)
        assert len(orders) == 20
        assert all(sorted(order) == list(range(8)) for order in orders)
        assert len(set(map(tuple, orders))) > 10
        assert orders == Replay({"main": made}, runs=20).permutations(question)
        assert orders != Replay({"main": made}, runs=20, seed=1).permutations(question)
    # A vote of all traces does not depend on the order, and one of 4 sees the same traces as another of 4.
    whole = replay.outcomes(catalog.parse("self-consistency:k=8"))
    assert np.ptp(whole.bills["main"][:, :, 2], axis=1).max() == 0
    four, capped = (
        replay.outcomes(catalog.parse(f"self-consistency:k=4{more}")) for more in ("", " + token-cap")
    )
    assert np.array_equal(four.bills["main"][:, :, 0], capped.bills["main"][:, :, 0])


# --- refusals ----------------------------------------------------------------------------------------------


def test_it_refuses_what_was_not_recorded():
    made = recording(trace(0, 50, "7", (20,), (None,)), trace(1, 50, "7", (20,), (None,)))
    replay = Replay({"main": made})
    with pytest.raises(NotRecorded, match="may ask for 3 traces"):
        replay.outcomes(catalog.parse("self-consistency:k=3"))
    with pytest.raises(NotRecorded, match="no trial was recorded"):
        replay.outcomes(catalog.parse("token-budget:tokens=10"))
    with pytest.raises(RecordingMismatch, match="cannot be replayed"):
        replay.outcomes(catalog.parse("concise-cot"))
    with pytest.raises(PlanError, match="cannot run on this recording"):
        Replay({"main": recording(trace(0, 50, "7"), abilities=frozenset())}).outcomes(
            catalog.parse("token-budget:tokens=10")
        )


@dataclass(frozen=True)
class Asks(Technique):
    """Asks for something else the second time."""

    family: ClassVar[Family] = Family.FASTER
    what: str = "prompt"

    def flow(self, ask):
        yield ask
        other = {"prompt": Prompt("else"), "sampling": Sampling(temperature=1.0), "model": "large"}
        return (yield replace(ask, **{self.what: other[self.what]}))


@pytest.mark.parametrize(
    ("what", "said"),
    [("prompt", "changes prompt"), ("sampling", "changes prompt"), ("model", "no recording")],
)
def test_it_refuses_flows_that_leave_the_recording(what, said):
    with pytest.raises(NotRecorded, match=said):
        play(Plan((Asks(what),)), trace(0, 50, "7"), trace(1, 50, "7"))


def test_a_second_recording_serves_a_second_model():
    small, large = recording(trace(0, 50, "3"), trace(1, 50, "3")), recording(trace(0, 90, "7"))
    replay = Replay({"main": small, "large": large})
    outcome = replay.play(
        Plan((Asks("model"),)),
        {"main": small.questions[0], "large": large.questions[0]},
        {"main": [1, 0], "large": [0]},
    )
    assert (outcome.answer, outcome.correct) == ("7", True)
    assert {model: bill.thinking for model, bill in outcome.bills.items()} == {"main": 50, "large": 90}


# --- live equals replay ------------------------------------------------------------------------------------


class Attached:
    """What a flow attaches: drops or tries, each trace alone or all with one view."""

    def __init__(self, how, shared):
        self.how, self.shared = how, shared
        self.view = []

    def watch(self, ask):
        return AttachedWatcher(self.how, self.view if self.shared else [])


class AttachedWatcher:
    def __init__(self, how, view):
        self.how, self.view = how, view

    def see(self, checkpoint):
        if checkpoint.final:
            return Action.DROP if self.how == "drop" and checkpoint.tokens % 5 == 0 else Action.GO
        if self.how == "peek" and checkpoint.peek is None:
            return Action.PEEK
        if self.how == "trial" and checkpoint.index % 2 and checkpoint.trial is None:
            return Action.TRIAL
        self.view.append(checkpoint.trial.answer if checkpoint.trial else checkpoint.tokens)
        if self.how == "trial" and len(self.view) > 5 and len(set(self.view[-2:])) == 1:
            return Action.ANSWER
        return Action.DROP if self.how == "drop" and checkpoint.tokens > 70 + len(self.view) else Action.GO


@dataclass(frozen=True)
class Attaching(Technique):
    """Two groups of traces, the second watched; m waits for the first m only."""

    family: ClassVar[Family] = Family.FASTER
    how: str = "drop"
    together: bool = False
    m: int = 0

    @property
    def traces(self):
        return 5

    def flow(self, ask):
        before = yield Gather((ask,) * 2)
        watched = ask.watched(Attached(self.how, self.together))
        after = yield Gather((watched,) * 3, self.m or None)
        votes = Counter(r.answer for r in (*before, *after) if r.answer is not None)
        return Reply(votes.most_common(1)[0][0] if votes else None)


HOWS = [
    Attaching(how, together, m)
    for how in ("drop", "peek", "trial")
    for together in (False, True)
    for m in (0, 2)
]
PLANS = [
    "first-of:k=5,m=2",
    "first-of:k=5,m=2 + exit-entropy",
    "first-of:k=5,m=1 + trial-stability:k=2",
    "first-of:k=6,m=3 + token-cap:tokens=90",
    "parallel-probe:k=6,stable=2,patience=2,warm=1,every=26",
    "parallel-probe:k=6,stable=2,patience=2,warm=1,every=26 + token-budget:tokens=80",
    "confidence-filter:k=6,warm=3",
    "confidence-filter:k=6,warm=3 + trial-confidence",
    "best-of-n:k=6",
    "best-of-n:k=6 + token-budget:tokens=70",
    *(Plan((how, *exits)) for how in HOWS for exits in ((), (Looks("gbgpga"),))),
]


class SameText:
    spec = "same text"

    def read(self, text):
        return text

    def verify(self, reference, answer):
        return reference == answer


@pytest.mark.parametrize("plan", PLANS, ids=lambda p: p if isinstance(p, str) else p.label)
def test_live_equals_replay_in_any_order(plan):
    plan = catalog.parse(plan) if isinstance(plan, str) else plan
    made = synthetic(24, 6, seed=11, tokens=90)
    replay = Replay({"main": made})
    rng = np.random.default_rng(5)
    for q in made.questions:
        order = rng.permutation(6).tolist()
        told = replay.play(plan, {"main": q}, {"main": order})
        script = [replace(q.traces[i], sample=n) for n, i in enumerate(order)]
        engine = ScriptedEngine({q.id: script}, suffix_tokens=made.manifest.suffix_tokens)
        question = Question(q.id, "", q.reference, SameText())
        did = run_virtual(
            solve_live(plan, question, Request(q.id, q.prompt, made.manifest.sampling), {"main": engine})
        )
        for name in (
            "answer",
            "correct",
            "confidence",
            "bills",
            "time",
            "held",
            "busy",
            "started",
            "truncated",
            "looped",
        ):
            assert getattr(told, name) == getattr(did, name), (q.id, name)
        ours = {t.sample: t for t in told.traces}
        for lived in did.traces:
            replayed = ours[order[lived.sample]]
            assert (lived.end, lived.usage, lived.answer, lived.thinking_tokens, lived.time) == (
                (replayed.end, replayed.usage, replayed.answer, replayed.thinking_tokens, replayed.time)
            )


# --- the same every time -----------------------------------------------------------------------------------

MANY = (
    "full thinking",
    "token-budget:tokens=60",
    "self-consistency:k=4",
    "self-consistency:k=4 + token-budget:tokens=60",
    "adaptive-consistency:k=6",
    "adaptive-consistency:k=6 + token-cap:tokens=90",
    "first-of:k=4,m=2 + token-cap:tokens=90",
    "confidence-filter:k=6,warm=3 + token-cap:tokens=90",
    "parallel-probe:k=4,stable=3,every=26",
    "random-exit",
)


def same(a, b):
    arrays = ("correct", "confidence", "answered", "traces", "truncated", "looped", "time")
    by_model = ("bills", "held", "busy")
    return a.plan == b.plan and all(
        np.array_equal(x, y, equal_nan=True)
        for x, y in (
            *((getattr(a, n), getattr(b, n)) for n in arrays),
            *((getattr(a, n)["main"], getattr(b, n)["main"]) for n in by_model),
        )
    )


def test_nothing_depends_on_the_order_of_plans_or_the_number_of_processes():
    made = synthetic(12, 6, tokens=90)
    plans = [catalog.parse(words) for words in MANY]
    alone = [Replay({"main": made}, 4).outcomes(plan) for plan in plans]
    reported = []
    once = list(replay_all(Replay({"main": made}, 4), plans, on_progress=lambda *at: reported.append(at)))
    backwards = list(replay_all(Replay({"main": made}, 4), plans[::-1]))[::-1]
    forked = list(replay_all(Replay({"main": made}, 4), plans, processes=2))
    assert reported == [(n + 1, len(plans)) for n in range(len(plans))]
    for found in (once, backwards, forked):
        assert all(same(a, b) for a, b in zip(alone, found, strict=True))


def test_plans_played_in_turn_on_one_replay_do_not_disturb_each_other():
    made = synthetic(6, 6, tokens=90)
    replay = Replay({"main": made})
    for _ in range(2):
        for words in MANY:
            for question in made.questions:
                plan, fresh = catalog.parse(words), Replay({"main": made})
                here = {"main": question}
                order = {"main": range(6)}
                told, again = (r.play(plan, here, order, keep_traces=False) for r in (replay, fresh))
                assert told == again


def test_outcomes_in_bulk_keep_no_traces():
    made = recording(trace(0, 50, "7"))
    replay = Replay({"main": made})
    here = {"main": made.questions[0]}
    assert replay.play(Plan(), here, {"main": [0]}).traces
    assert not replay.play(Plan(), here, {"main": [0]}, keep_traces=False).traces


# --- plans that cannot be replayed ----------------------------------------------------------------------


@dataclass(frozen=True)
class PeeksUnsaid(Technique):
    """Peeks, and does not say so: what a recording without peeks finds out only on the way."""

    family: ClassVar[Family] = Family.FASTER
    needs: ClassVar[frozenset[Ability]] = frozenset({Ability.TRIALS})

    def watch(self, ask):
        return Looking("p")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_plan_that_cannot_be_replayed_is_told_and_the_others_go_on(processes):
    made = without_peeks(synthetic(6, 2, tokens=90))
    plans = [Plan(), *map(catalog.parse, ("exit-entropy", "token-budget:tokens=60", "self-consistency:k=9"))]
    plans = [*plans[:2], Plan((PeeksUnsaid(),)), *plans[2:]]
    lost = []
    found = list(replay_all(Replay({"main": made}), plans, processes=processes, on_refused=lost.append))
    assert [o.plan for o in found] == [plans[0], plans[3]]
    assert [r.plan for r in lost] == [plans[1].id, plans[2].id, plans[4].id]
    assert "peeks" in lost[0].reason.text
    assert "no peek was recorded" in lost[1].reason.text
    assert "may ask for 9 traces" in lost[2].reason.text
    with pytest.raises(PlanError, match="cannot run on this recording"):
        list(replay_all(Replay({"main": made}), plans[:2], processes=processes))


@pytest.mark.parametrize(
    "words", ["trial-confidence", "trial-stability:k=2", "token-budget:tokens=60", "random-exit"]
)
def test_confidences_without_peeks_replay_what_needs_no_peek(words):
    whole = synthetic(6, 2, tokens=90)
    plan = catalog.parse(words)
    one, other = (Replay({"main": r}).outcomes(plan) for r in (whole, without_peeks(whole)))
    assert same(one, other)


@pytest.mark.parametrize(
    "words", ["exit-entropy", "trial-stability:k=2,peek=true", "trial-confidence:gate=0.8"]
)
def test_plans_that_peek_are_refused_beforehand_where_no_peek_was_recorded(words):
    made = without_peeks(synthetic(6, 2, tokens=90))
    with pytest.raises(PlanError) as caught:
        Replay({"main": made}).refuse(catalog.parse(words))
    assert "peeks" in caught.value.why


def without_peeks(made):
    """The recording as an import has it: trials with confidences, and nothing of their first tokens."""

    def bare(trace):
        marks = (replace(m, trial=replace(m.trial, peek=None)) for m in trace.checkpoints)
        return replace(trace, checkpoints=tuple(marks))

    questions = tuple(replace(q, traces=tuple(map(bare, q.traces))) for q in made.questions)
    manifest = replace(made.manifest, abilities=made.manifest.abilities - {Ability.PEEKS})
    return Recording(manifest, questions)
