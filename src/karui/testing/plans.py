"""The part of the conformance suite that runs plans: live and replayed they do the same, token for token."""

from collections.abc import Mapping
from dataclasses import fields, replace

from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.question import Question
from karui.core.recording import Recording
from karui.core.request import Request
from karui.core.trace import Trace
from karui.core.usage import TokenUsage
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.recording.columns import same_trace
from karui.runners.live import solve_live
from karui.runners.replay import Replay
from karui.testing.material import SAMPLES, recorded_with, small_recording


def check_plan(plan: Plan) -> None:
    """Checks that a plan comes to the same live and replayed, and that no token of it is lost.

    A plan that asks further models is given a recording and an engine of each.
    """
    assert max(plan.models.values()) <= SAMPLES, (
        f"{plan.label} asks for more than the {SAMPLES} traces of the check."
    )
    recordings = {model: recorded_with(plan, model) for model in plan.models}
    replay = Replay(recordings)
    replay.refuse(plan)
    orders = dict.fromkeys(recordings, range(SAMPLES))
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
    return replace(trace, seconds=0.0, first_seconds=0.0, thought_seconds=0.0, checkpoints=())


def _short(trace: Trace) -> str:
    return f"{trace.end} with {trace.answer!r} after {trace.thinking_tokens} tokens, {trace.usage}"


def _check_bill(where: str, outcome: Outcome) -> None:
    """Every token of every trace is on the bill, and nothing else."""
    billed = sum(outcome.bills.values(), TokenUsage())
    spent = sum((t.usage for t in outcome.traces), TokenUsage())
    assert billed == spent, f"{where}: its traces cost {spent}, its bill says {billed}."
    assert outcome.started == len(outcome.traces), f"{where}: a trace is missing."
    for t in outcome.traces:
        paid = t.usage.thinking + t.usage.answer + t.usage.dropped
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
        for recorded in small_recording().questions
    ]
