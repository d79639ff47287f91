"""The conformance suite: what every technique has to hold, karui's own and other people's.

    from karui.testing.conformance import check

    def test_mine():
        check(MyTechnique)                       # its default parameters, and the ends of each range
        check(MyTechnique, MyTechnique(size=3))  # or just these

`check` raises an `AssertionError` that says what does not hold. Nothing here needs a model: flows are sent
invented replies, watchers see invented traces, and whole plans run on a scripted engine and are replayed over
a synthetic recording, which has to come to the same, token for token.
"""

import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path

from karui.core.ability import Ability
from karui.core.errors import PlanError
from karui.core.flow.flow_tree import FlowTree, Generation
from karui.core.flow.run_watchers import run_watchers
from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.prompt import Prompt
from karui.core.question import Question
from karui.core.recording import RecordedQuestion, Recording
from karui.core.request import Request
from karui.core.technique import Family, Knob, Technique
from karui.core.trace import NO_SIGNALS, Reply, Trace
from karui.core.usage import TokenUsage
from karui.core.watcher import Action, Checkpoint, Watcher
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.runners.live import solve_live
from karui.runners.replay import Replay
from karui.testing.alike import same_trace
from karui.testing.synthetic import sibling, synthetic

HOOKS = ("prepare", "configure", "rewrite", "watch", "flow")
_QUESTIONS, _SAMPLES, _TOKENS = 24, 16, 250
_MOVES_NEED = {Action.PEEK: Ability.PEEKS, Action.TRIAL: Ability.TRIALS, Action.ANSWER: Ability.TRIALS}


def check(kind: type[Technique], *made: Technique) -> None:
    """Checks a technique.

    Args:
        kind: The class.
        made: Instances to run; by default `examples(kind)`.

    Raises:
        AssertionError: Says what does not hold.
    """
    check_form(kind)
    made = made or examples(kind)
    assert made, f"{kind.__name__} cannot be made without parameters: pass instances to check."
    for technique in made:
        check_spec(technique)
        check_watch(technique)
        check_flow(technique)
        check_plan(Plan((technique,)))


def examples(kind: type[Technique]) -> tuple[Technique, ...]:
    """Returns the technique with its defaults, and with each parameter at the ends of its range in turn.

    What asks for more than 16 traces, or cannot run, is left out; a technique with a parameter that has to
    be given has no examples.
    """
    if any(default is None for default, _ in kind.knobs().values()):
        return ()
    tried: list[dict[str, object]] = [{}]
    for name, (default, knob) in kind.knobs().items():
        whole = isinstance(default, int) and not isinstance(default, bool)
        tried += [{name: value} for value in knob.grid(2, whole=whole, length=_TOKENS, recorded=_SAMPLES)]
    found: dict[Technique, None] = {}
    for values in tried:
        try:
            technique = kind(**values)
        except PlanError:
            continue
        if technique.traces <= _SAMPLES:
            found[technique] = None
    return tuple(found)


def check_form(kind: type[Technique]) -> None:
    """Checks the class itself: a frozen dataclass that says what it is, in a file of its name."""
    name = kind.__name__
    assert is_dataclass(kind), f"{name} is no dataclass."
    assert kind.__dataclass_params__.frozen, f"{name} is not frozen: use @dataclass(frozen=True)."
    assert isinstance(getattr(kind, "family", None), Family), f"{name} has no family."
    assert all(isinstance(a, Ability) for a in kind.needs), (
        f"{name}.needs holds something that is no Ability."
    )
    assert any(kind.changes(hook) for hook in HOOKS), f"{name} overrides none of {', '.join(HOOKS)}."
    check_docstring(kind)
    stem = Path(inspect.getfile(kind)).stem
    named = kind.name()
    assert named == stem.replace("_", "-") or ".py:" in named, (
        f"{name} calls itself {named!r}; a technique is named as its file, {stem.replace('_', '-')!r}."
    )
    for key, (default, knob) in kind.knobs().items():
        _check_knob(f"{name}.{key}", default, knob)
    if kind.changes("flow"):
        assert kind.changes("traces") or kind.changes("models"), (
            f"{name} has a flow and does not say how many `traces` it may ask for, or of which `models`."
        )


def check_docstring(kind: type[Technique]) -> None:
    """Checks that the docstring says what it does and trades away, when not to use it, and the source."""
    name, doc = kind.__name__, inspect.getdoc(kind) or ""
    first, _, rest = doc.partition("\n")
    own = kind.__dict__.get("__doc__") or ""
    # A dataclass without a docstring is given its signature for one.
    assert not own.startswith(f"{name}("), f"{name} has no docstring."
    assert first.endswith("."), f"The docstring of {name} does not begin with one line that is a sentence."
    assert rest.strip(), f"The docstring of {name} does not say what it trades away."
    assert re.search(r"\bNot\b", rest), (
        f"The docstring of {name} does not say when not to use it ('Not for …')."
    )
    assert re.search(r"arXiv\s+\d{4}\.\d{4,5}|doi|https?://", rest), (
        f"The docstring of {name} names no source: arXiv 2203.11171, a DOI or an address."
    )


def _check_knob(where: str, default: object, knob: Knob) -> None:
    assert knob.help, f"{where} has no help: knob(…, help='one line')."
    assert (knob.low is None) == (knob.high is None), f"{where} has half a range."
    if knob.low is not None and knob.high is not None:
        assert knob.low < knob.high, f"{where} has an empty range."
        assert not knob.log or knob.low > 0, f"{where} has a range in ratios that begins at {knob.low}."
        if isinstance(default, (int, float)) and not knob.per_length and not knob.share_below:
            assert knob.low <= default <= knob.high, f"{where}: the default {default} is outside its range."
    if knob.choices and default is not None:
        assert default in knob.choices, f"{where}: the default {default} is none of its choices."


def check_spec(technique: Technique) -> None:
    """Checks that the technique can be written to a file and made again, and compared by value."""
    kind = type(technique)
    values = json.loads(json.dumps(technique.spec))
    assert values.pop("technique") == technique.name(), f"The spec of {technique} does not name it."
    again = kind.from_spec(values)
    assert again == technique, f"{technique} comes back from its spec as {again}."
    assert hash(again) == hash(technique), f"Equal instances of {technique} have different hashes."
    assert Plan((again,)).id == Plan((technique,)).id, f"{technique} changes its plan's id on the way."
    assert str(technique).startswith(technique.name()), f"{technique} does not show its name."


def check_watch(technique: Technique) -> None:
    """Checks that watchers are fresh and pure: the same checkpoints bring the same moves."""
    if not technique.changes("watch"):
        return
    ask = _ask("q0")
    one, other = technique.watch(ask), technique.watch(ask)
    assert one is None or one is not other, f"{technique} hands the same watcher to two generations."
    if technique.shared:
        return
    for recorded in _recording().questions:
        ask = replace(ask, question=recorded.id)
        for first, second in zip(recorded.traces, recorded.traces[1:], strict=False):
            alone = _moves([technique.watch(ask)], first)
            for move, ability in _MOVES_NEED.items():
                assert move not in alone or ability in technique.needs, (
                    f"{technique} makes the move {move.name} and does not say that it needs {ability}."
                )
            mixed = _interleaved(technique, ask, first, second)
            assert alone == mixed, (
                f"A watcher of {technique} moves otherwise when another trace runs beside it: {alone} and "
                f"{mixed}. If it has to see other traces, say shared = True."
            )
            # A watcher whose trial has already been made by another technique must cope with finding it.
            _moves([_TriesEverywhere(), technique.watch(ask)], first)


class _TriesEverywhere:
    """Another technique in front, so that trials are already there."""

    def see(self, checkpoint: Checkpoint) -> Action:
        return Action.TRIAL if checkpoint.trial is None and not checkpoint.final else Action.GO


def _moves(watchers: Sequence[Watcher | None], trace: Trace) -> list[Action]:
    return list(_played([w for w in watchers if w is not None], trace))


def _interleaved(technique: Technique, ask: Request, first: Trace, second: Trace) -> list[Action]:
    """Returns the moves on `first` while a watcher of the same technique sees `second` in turn."""
    mine, theirs = technique.watch(ask), technique.watch(ask)
    if mine is None or theirs is None:
        return []
    beside = _played([theirs], second)
    moves = []
    for move in _played([mine], first):
        moves.append(move)
        next(beside, None)
    return moves


def _played(watchers: list[Watcher], trace: Trace) -> Iterator[Action]:
    """Yields every move on a recorded trace, the last one included."""
    marks = iter(enumerate(trace.marks))
    running = run_watchers(watchers)
    move, here, chars = next(running), None, 0
    while True:
        yield move
        if move is Action.GO:
            index, mark = next(marks, (len(trace.marks), None))
            if mark is None:
                here = Checkpoint.at_end(index, trace)
            else:
                here = Checkpoint(index, mark.tokens, trace.thinking[chars : mark.chars], trace.signals)
                chars = mark.chars
        else:
            assert here is not None
            assert mark is not None
            assert mark.trial is not None
            here.peek = mark.trial.peek
            here.trial = mark.trial if move is Action.TRIAL else None
        try:
            move = running.send(here)
        except StopIteration as end:
            yield end.value
            return


@dataclass(frozen=True)
class _Case:
    """What all the traces of one question answer."""

    name: str
    answer: Callable[[int], str | None]
    signals: bool = True


_CASES = (
    _Case("no trace has an answer", lambda _: None),
    _Case("all traces answer alike", lambda _: "7"),
    _Case("no two traces answer alike", str),
    _Case("every second trace has no answer", lambda n: "7" if n % 2 else None),
    _Case("nothing was measured", lambda n: str(n % 3), signals=False),
)


def check_flow(technique: Technique) -> None:
    """Checks that a flow ends, asks for no more than it said, is deterministic, and invents no answer."""
    if not technique.changes("flow"):
        return
    for case in _CASES:
        where = f"{technique}, when {case.name}"
        (reply, asked), (again, asked_again) = _flow(technique, case), _flow(technique, case)
        assert (reply.answer, reply.confidence) == (again.answer, again.confidence), (
            f"{where}: two runs differ."
        )
        assert asked == asked_again, f"{where}: two runs ask differently."
        assert asked, f"{where}: it asks for no trace."
        possible = {case.answer(n) for n in range(len(asked))} | {None}
        assert reply.answer in possible, f"{where}: it answers {reply.answer!r}, which no trace did."
        if reply.confidence is not None:
            assert 0 <= reply.confidence <= 1 + 1e-9, f"{where}: its confidence is {reply.confidence}."
        if case.name == "all traces answer alike":
            assert reply.answer == "7", f"{where}: it answers {reply.answer!r}."


def _flow(technique: Technique, case: _Case) -> tuple[Reply, list[tuple[str, Prompt]]]:
    script = _recording().questions[0].traces
    solve = FlowTree([technique], _ask("q0"))
    said = Plan((technique,)).models
    asked: list[tuple[str, Prompt]] = []
    where = f"{technique}, when {case.name}"

    def begun(leaves: list[Generation]) -> list[Generation]:
        """Counts what is asked against what was said would be."""
        asked.extend((leaf.ask.model, leaf.ask.prompt) for leaf in leaves)
        for model, traces in Counter(model for model, _ in asked).items():
            assert model in said, f"{where}: it asks the model {model!r} and did not say so in `models`."
            assert traces <= said[model], (
                f"{where}: it asks for more than the {said[model]} traces it said of {model!r}."
            )
        return leaves

    waiting = begun(solve.start())
    number = count()
    while solve.reply is None:
        assert waiting, f"{where}: it waits for nothing."
        leaf = waiting.pop(0)
        n = next(number)
        signals = script[n % len(script)].signals if case.signals else NO_SIGNALS
        trace = replace(script[n % len(script)], answer=case.answer(n), signals=signals)
        starts, stops = solve.finish(leaf.id, trace.reply)
        gone = {leaf.id for leaf in stops}
        waiting = [leaf for leaf in waiting if leaf.id not in gone] + begun(starts)
    return solve.reply, asked


def check_plan(plan: Plan) -> None:
    """Checks that a plan comes to the same live and replayed, and that no token of it is lost.

    A plan that asks further models is given a recording and an engine of each.
    """
    assert max(plan.models.values()) <= _SAMPLES, (
        f"{plan.label} asks for more than the {_SAMPLES} traces of the check."
    )
    recordings = {model: _recorded_with(plan, model) for model in plan.models}
    replay = Replay(recordings)
    replay.refuse(plan)
    orders = dict.fromkeys(recordings, range(_SAMPLES))
    live = run_virtual(_run_live(plan, recordings))
    for number, lived in enumerate(live):
        questions = {model: r.questions[number] for model, r in recordings.items()}
        where = f"{plan.label} on question {lived.question}"
        assert not lived.error, f"{where}: {lived.error}"
        replayed = replay.play(plan, questions, orders)
        again = replay.play(plan, questions, orders)
        _same(f"{where}, replayed twice", replayed, again)
        _same(f"{where}, live and replayed", lived, replayed)
        for outcome in (lived, replayed):
            _check_bill(where, outcome)


def _same(where: str, one: Outcome, other: Outcome) -> None:
    for f in fields(Outcome):
        if f.name not in {"traces", "asked", "seconds", "first_answer_seconds", "error"}:
            a, b = getattr(one, f.name), getattr(other, f.name)
            assert a == b, f"{where}: {f.name} is {a} and {b}."
    ours, theirs = (sorted(zip(o.asked, o.traces, strict=True), key=_place) for o in (one, other))
    for (model, a), (_, b) in zip(ours, theirs, strict=True):
        assert same_trace(_bare(a), _bare(b)), (
            f"{where}: trace {a.sample} of {model} is {_short(a)} and {_short(b)}."
        )


def _place(asked: tuple[str, Trace]) -> tuple[str, int]:
    model, trace = asked
    return model, trace.sample


def _bare(trace: Trace) -> Trace:
    """Leaves out what only one runner keeps."""
    return replace(trace, seconds=0.0, first_seconds=0.0, thought_seconds=0.0, marks=())


def _short(trace: Trace) -> str:
    return f"{trace.end} with {trace.answer!r} after {trace.thinking_tokens} tokens, {trace.bill}"


def _check_bill(where: str, outcome: Outcome) -> None:
    """Every token of every trace is on the bill, and nothing else."""
    billed = sum(outcome.bills.values(), TokenUsage())
    spent = sum((t.bill for t in outcome.traces), TokenUsage())
    assert billed == spent, f"{where}: its traces cost {spent}, its bill says {billed}."
    assert outcome.started == len(outcome.traces), f"{where}: a trace is missing."
    for t in outcome.traces:
        paid = t.bill.thinking + t.bill.answer + t.bill.dropped
        made = t.thinking_tokens + t.answer_tokens
        assert paid >= made, f"{where}: trace {t.sample} made {made} tokens and paid {paid}."
        assert t.time >= paid, f"{where}: trace {t.sample} took {t.time} steps for {paid} tokens."


class _Taped:
    """A verifier for answers that are canonical already."""

    spec = "taped"

    def read(self, text: str) -> str | None:
        return text

    def verify(self, reference: str, answer: str) -> bool:
        return reference == answer


async def _run_live(plan: Plan, recordings: Mapping[str, Recording]) -> list[Outcome]:
    engines = {model: ScriptedEngine.of(recording) for model, recording in recordings.items()}
    sampling = recordings["main"].manifest.sampling
    return [
        await solve_live(
            plan,
            Question(recorded.id, recorded.prompt.user, recorded.reference, _Taped(), recorded.kind),
            Request(recorded.id, recorded.prompt, sampling),
            engines,
        )
        for recorded in _recording().questions
    ]


@cache
def _recording() -> Recording:
    """A small recording in which every way to end occurs."""
    made = synthetic(_QUESTIONS, _SAMPLES, seed=1, tokens=_TOKENS, every=48, truncated=0.08)
    return replace(made, manifest=replace(made.manifest, abilities=frozenset(Ability)))


@cache
def _sibling(model: str) -> Recording:
    """A recording of the same questions by the further model of this name."""
    made = sibling(_recording(), seed=sum(map(ord, model)), samples=_SAMPLES)
    return replace(made, manifest=replace(made.manifest, abilities=frozenset(Ability)))


def _recorded_with(plan: Plan, model: str) -> Recording:
    """Returns a model's recording as if it had been made with the plan's prompt."""
    bare = _recording() if model == "main" else _sibling(model)
    style = tuple(t.spec for t in plan.recorded)
    if not style:
        return bare

    def styled(question: RecordedQuestion) -> RecordedQuestion:
        ask = Request(question.id, question.prompt, bare.manifest.sampling)
        return replace(question, prompt=plan.rewrite(ask).prompt)

    return Recording(replace(bare.manifest, style=style), tuple(map(styled, bare.questions)))


def _ask(question: str) -> Request:
    return Request(question, Prompt(user="How many?"))
