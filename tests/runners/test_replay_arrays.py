"""Replay by array programs comes to what the machines come to: for random plans, stacks and recordings."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from karui import catalog
from karui.core.ability import Ability
from karui.core.arrays.columns import NEVER
from karui.core.arrays.looks import Watched
from karui.core.engine import CheckpointPolicy
from karui.core.errors import KaruiError
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.technique import Family, Technique
from karui.core.trace import NO_SIGNALS, End, Signals
from karui.core.watcher import Action
from karui.faster.token_cap import TokenCap
from karui.runners import replay_arrays
from karui.runners.replay import Replay
from karui.testing.alike import differences
from karui.testing.arrays import check_arrays
from karui.testing.conformance import examples
from karui.testing.synthetic import synthetic

CATALOG = [catalog.technique(name) for name in catalog.names()]
WATCHING = [t for kind in CATALOG if kind.changes("watch") for t in examples(kind)]
FLOWING = [t for kind in CATALOG if kind.changes("flow") for t in examples(kind)]
PROGRAMMED = {k.name() for k in CATALOG if any(k.has_array(hook) for hook in ("watch", "flow"))}


def test_nearly_every_technique_that_replays_has_array_programs():
    lacking = {k.name() for k in CATALOG if k.changes("watch") or k.changes("flow")} - PROGRAMMED
    assert lacking == {"best-of-scored", "cascade", "route"}


# --- watchers that do anything, in stacks -------------------------------------------------------------------


@dataclass(frozen=True)
class Letters(Technique):
    """Does at checkpoint n what the n-th letter says: g(o), p(eek), t(rial), b(oth), a(nswer), d(rop)."""

    family: ClassVar[Family] = Family.FASTER
    moves: str = "g"
    drops_at_end: bool = False

    def watch(self, ask):
        return Lettered(self)

    def watch_all(self, traces, looks):
        marks = traces.checkpoints
        letters = np.array(list(self.moves.ljust(int(marks.index.max(initial=0)) + 1, "g")))[marks.index]
        stop = traces.first((letters == "a") | (letters == "d"))
        at = traces.place(np.arange(len(traces)), stop)
        drops = letters[at] == "d" if len(letters) else np.zeros(len(traces), bool)
        last = stop == NEVER if self.drops_at_end else np.zeros(len(traces), bool)
        peeks = np.isin(letters, ("p", "b")) & ~looks.shows_peek(traces)
        trials = np.isin(letters, ("t", "b")) & ~looks.tried
        return Watched(np.where(last, traces.counts, stop), drops | last, peeks, trials)


class Lettered:
    def __init__(self, knobs):
        self.knobs = knobs

    def see(self, checkpoint):
        if checkpoint.final:
            return Action.DROP if self.knobs.drops_at_end else Action.GO
        if checkpoint.index >= len(self.knobs.moves):
            return Action.GO
        wish = self.knobs.moves[checkpoint.index]
        if wish in "pb" and checkpoint.peek is None:
            return Action.PEEK
        if wish in "tb" and checkpoint.trial is None:
            return Action.TRIAL
        return {"a": Action.ANSWER, "d": Action.DROP}.get(wish, Action.GO)


letters = st.builds(Letters, st.text("ggggptbad", max_size=8), st.booleans())
watchers = st.lists(st.one_of(letters, st.sampled_from(WATCHING)), max_size=3)
flows = st.lists(st.sampled_from(FLOWING), max_size=1)


@st.composite
def plans(draw):
    made = draw(watchers) + draw(flows)
    return Plan(tuple(draw(st.permutations(made))))


# --- recordings of every kind -------------------------------------------------------------------------------


@st.composite
def recordings(draw):
    made = synthetic(
        draw(st.integers(1, 4)),
        draw(st.integers(1, 16)),
        seed=draw(st.integers(0, 1000)),
        tokens=draw(st.sampled_from((20, 90, 250))),
        policy=draw(st.sampled_from((CheckpointPolicy(64, 26), CheckpointPolicy(24, 6)))),
        truncated=draw(st.sampled_from((0.0, 0.1))),
        text=draw(st.sampled_from((True, True, False))),
    )
    change = draw(st.sampled_from(CHANGES))
    event(change.__name__)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    questions = tuple(
        replace(q, traces=tuple(t for t in (change(t, rng) for t in q.traces) if t)) for q in made.questions
    )
    questions = tuple(q for q in questions if q.traces) or made.questions
    return Recording(replace(made.manifest, abilities=frozenset(Ability)), questions)


def as_it_is(trace, rng):
    return trace


def of_requests(trace, rng):
    """Trials that were requests, as a server without forks makes them."""
    sent = int(rng.integers(0, 60))

    def asked(trial):
        peek = trial.peek and replace(trial.peek, sent=sent, cached=sent // 2)
        return replace(trial, sent=sent + 7, cached=sent // 3, peek=peek)

    return tried(trace, asked)


def without_peeks(trace, rng):
    return tried(trace, lambda trial: replace(trial, peek=None))


def partly_without_trials(trace, rng):
    return tried(trace, lambda trial: trial if rng.random() < 0.8 else None)


def partly_without_confidences(trace, rng):
    made = tried(
        trace, lambda trial: replace(trial, confidence=trial.confidence if rng.random() < 0.7 else None)
    )
    return replace(made, confidence=None if rng.random() < 0.5 else made.confidence)


def without_length(trace, rng):
    """Trials of no tokens, as an imported log may have them."""
    return tried(trace, lambda trial: replace(trial, tokens=0, peek=None))


def unmeasured(trace, rng):
    return replace(trace, signals=NO_SIGNALS) if rng.random() < 0.6 else trace


def partly_measured(trace, rng):
    return replace(trace, signals=trace.signals.prefix(int(rng.integers(0, trace.thinking_tokens))))


def unrounded(trace, rng):
    signals = trace.signals
    return replace(
        trace, signals=Signals(signals.logprob, signals.entropy, signals.confidence + np.float32(1e-3))
    )


def going_round(trace, rng):
    """Loops, from somewhere on."""
    place = int(rng.integers(0, len(trace.thinking) + 1))
    again = "Wait, let me check the whole sum again and again, step by step, from the very start. " * 60
    return replace(trace, thinking=(trace.thinking[:place] + again)[: len(trace.thinking)])


def at_one_place(trace, rng):
    """Two checkpoints after the same number of tokens, or one beyond the end: nothing that arrays hold."""
    marks = trace.checkpoints
    return replace(trace, checkpoints=(*marks, *marks[-1:])) if rng.random() < 0.5 else trace


def without_checkpoints(trace, rng):
    return replace(trace, checkpoints=()) if rng.random() < 0.7 else trace


def fewer(trace, rng):
    return trace if rng.random() < 0.9 else None


def billed_otherwise(trace, rng):
    """Usage as a live run has it: tokens that came while watchers looked, a cached prompt."""
    usage = replace(
        trace.usage, cached=int(rng.integers(0, trace.usage.prompt)), dropped=int(rng.integers(0, 3))
    )
    return replace(trace, usage=usage, time=trace.time + int(rng.integers(0, 3)))


def without_answers(trace, rng):
    if rng.random() < 0.5:
        return trace
    return replace(trace, end=End.TRUNCATED, answer=None, text="", confidence=None)


def of_nothing(trace, rng):
    """A model that said nothing at all."""
    if rng.random() < 0.5:
        return trace
    usage = replace(trace.usage, thinking=0, answer=0)
    bare = replace(trace, thinking="", thinking_tokens=0, answer_tokens=0, checkpoints=(), signals=NO_SIGNALS)
    return replace(bare, usage=usage, time=0)


def tried(trace, change):
    marks = (replace(m, trial=change(m.trial)) for m in trace.checkpoints)
    return replace(trace, checkpoints=tuple(marks))


CHANGES = (
    as_it_is,
    as_it_is,
    of_requests,
    without_peeks,
    partly_without_trials,
    partly_without_confidences,
    without_length,
    unmeasured,
    partly_measured,
    unrounded,
    going_round,
    at_one_place,
    without_checkpoints,
    fewer,
    billed_otherwise,
    without_answers,
    of_nothing,
)


def came_to(replay, plan):
    """What a replay comes to: outcomes, or the error that says why it cannot."""
    try:
        return replay.outcomes(plan)
    except KaruiError as error:
        return f"{type(error).__name__}: {error}"


def assert_same(recording, plan, runs):
    """Fails unless both come to the same; returns how it went."""
    machines, arrays = (came_to(Replay({"main": recording}, runs, stepwise=s), plan) for s in (True, False))
    if isinstance(machines, Outcomes) and isinstance(arrays, Outcomes):
        assert not differences(machines, arrays)
        return "by arrays" if Replay({"main": recording}, runs).arrays().outcomes(plan) else "stepped"
    assert machines == arrays
    return "refused"


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(recording=recordings(), plan=plans(), runs=st.integers(1, 4))
def test_any_plan_comes_to_the_same_by_arrays_and_by_machines(recording, plan, runs):
    event(assert_same(recording, plan, runs))


@pytest.mark.parametrize("flow", FLOWING, ids=str)
def test_flows_come_to_the_same_where_watchers_end_traces_in_every_way(flow):
    made = synthetic(3, 16, seed=3, tokens=120, truncated=0.1)
    for watcher in ((), (Letters("ggptbbpttp"),), (TokenCap(90),), (Letters("gggga"),), (Letters("gtgggd"),)):
        how = assert_same(made, Plan((flow, *watcher)), 3)
        assert how == ("by arrays" if flow.name() in PROGRAMMED else how)


# --- who is replayed by which -------------------------------------------------------------------------------


@dataclass(frozen=True)
class LaterCap(TokenCap):
    """Changes what it inherits, and not the array program beside it."""

    def watch(self, ask):
        return TokenCap(self.tokens + 100).watch(ask)


@dataclass(frozen=True)
class PlainCap(Technique):
    """Has no array program."""

    family: ClassVar[Family] = Family.FASTER

    def watch(self, ask):
        return TokenCap(60).watch(ask)


def test_a_technique_that_changes_what_it_inherits_is_stepped():
    made = synthetic(4, 4, tokens=120)
    plan = Plan((LaterCap(40),))
    assert Replay({"main": made}).arrays().outcomes(plan) is None
    assert_same(made, plan, 2)
    assert not differences(
        replace(Replay({"main": made}).outcomes(plan), plan=Plan()),
        replace(Replay({"main": made}).outcomes(Plan((TokenCap(140),))), plan=Plan()),
    )


def test_a_technique_without_an_array_program_loses_nothing_but_speed():
    made = synthetic(4, 6, tokens=120)
    for flow in ("self-consistency:k=4", "confidence-filter:k=6,warm=3", "parallel-probe:k=4,stable=3"):
        plan = Plan((*catalog.parse(flow).techniques, PlainCap()))
        assert Replay({"main": made}).arrays().outcomes(plan) is None
        assert_same(made, plan, 2)


def test_stepwise_replay_uses_no_array_program(monkeypatch):
    made = synthetic(2, 2, tokens=60)
    monkeypatch.setattr(replay_arrays.ArrayReplay, "outcomes", lambda *_: pytest.fail("asked"))
    Replay({"main": made}, stepwise=True).outcomes(Plan())


@pytest.mark.parametrize("words", ["full thinking", "self-consistency:k=3", "token-cap:tokens=60"])
def test_blocks_of_questions_come_to_what_all_come_to(monkeypatch, words):
    made = synthetic(7, 4, tokens=120)
    ragged = replace(
        made, questions=tuple(replace(q, traces=q.traces[: 3 + n % 2]) for n, q in enumerate(made.questions))
    )
    for most, blocks in (("TRACES", 5), 7), (("TRACES", 7), 4), (("CHECKPOINTS", 1), 7), (("TRACES", 99), 1):
        with monkeypatch.context() as patched:
            patched.setattr(replay_arrays, *most)
            assert len(Replay({"main": ragged}).arrays().blocks()) == blocks
            assert_same(ragged, catalog.parse(words), 3)


def test_nothing_recorded_is_left_to_the_machines():
    made = synthetic(2, 2, tokens=60)
    bare = replace(made, questions=tuple(replace(q, traces=()) for q in made.questions))
    for recording in (bare, replace(made, questions=())):
        replay = Replay({"main": recording})
        assert replay.arrays().outcomes(Plan()) is None
        with pytest.raises(KaruiError, match="0 are recorded"):
            replay.outcomes(Plan())


@dataclass(frozen=True)
class WrongCap(Technique):
    """Its array program is off by one."""

    family: ClassVar[Family] = Family.FASTER

    def watch(self, ask):
        return TokenCap(100).watch(ask)

    def watch_all(self, traces, looks):
        return TokenCap(101).watch_all(traces, looks)


def test_the_conformance_suite_finds_a_wrong_array_program():
    with pytest.raises(AssertionError, match="its array programs come to other"):
        check_arrays(WrongCap())
