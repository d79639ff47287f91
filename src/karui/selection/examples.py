"""Examples: what the chosen plan did to single traces, wrong ones included, to be read side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion, Recording
from karui.core.trace import End, Trace
from karui.runners.replay import Replay


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an example.

    Attributes:
        text: The answer's text.
        answer: Canonical, None if there is none.
        correct: The verdict.
        tokens: Everything generated, by all its traces.
        thinking: The whole thinking on the side of full thinking, else "".
        thinking_chars: On the plan's side, where that thinking was cut; None where it was not.
        moves: On the plan's side, what it did, in words.
    """

    text: str
    answer: str | None
    correct: bool
    tokens: int
    thinking: str = ""
    thinking_chars: int | None = None
    moves: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One question under full thinking and under the plan.

    Attributes:
        question: What was asked.
        kind: Its kind.
        reference: The right answer.
        full: Full thinking, on the trace from which the plan took its answer, or on the first where the
            answer came from another model.
        plan: The plan.
    """

    question: str
    kind: str
    reference: str
    full: Side
    plan: Side


def examples(recordings: Mapping[str, Recording], plan: Plan, *, each: int = 3) -> list[Example]:
    """Returns up to `each` questions of every way it can go: lost, won, both wrong, both right.

    Lost questions come first: they are what an engineer has to see before adopting a plan.

    Args:
        recordings: By the names that the plan asks for; "main" at least.
        plan: What is shown beside full thinking.
        each: Questions of each way.

    Raises:
        RecordingError: The plan cannot be replayed over them.
    """
    replay = Replay(recordings, runs=1)
    replay.refuse(plan)
    piles: dict[tuple[bool, bool], list[Example]] = {
        (True, False): [],
        (False, True): [],
        (False, False): [],
        (True, True): [],
    }
    for question in recordings["main"].questions:
        here = {model: replay.questions(model)[question.id] for model in plan.models}
        if not all(q.traces for q in here.values()):
            continue
        outcome = replay.play(plan, here, {model: range(len(q.traces)) for model, q in here.items()})
        example = _example(question, outcome)
        pile = piles[example.full.correct, example.plan.correct]
        if len(pile) < each:
            pile.append(example)
        if all(len(p) >= each for p in piles.values()):
            break
    return [example for pile in piles.values() for example in pile]


def _example(question: RecordedQuestion, outcome: Outcome) -> Example:
    ran = list(zip(outcome.asked, outcome.traces, strict=True))
    model, shown = next(((m, t) for m, t in ran if t.answer == outcome.answer), ran[0])
    full = question.traces[shown.sample if model == "main" else 0]
    cut = len(shown.thinking) if model == "main" and len(shown.thinking) < len(full.thinking) else None
    return Example(
        question=question.prompt.user,
        kind=question.kind,
        reference=question.reference,
        full=Side(full.text, full.answer, question.correct(full.answer), full.tokens, full.thinking),
        plan=Side(
            shown.text,
            outcome.answer,
            outcome.correct,
            outcome.tokens,
            thinking_chars=cut,
            moves="; ".join(_moves(ran)),
        ),
    )


def _moves(ran: Sequence[tuple[str, Trace]]) -> Iterator[str]:
    for number, (model, trace) in enumerate(ran, 1):
        of = "" if model == "main" else f" of {model}"
        yield f"trace {number}{of}: {_WORDS[trace.end]} after {trace.thinking_tokens} thinking tokens"


_WORDS = {
    End.FINISHED: "finished by itself",
    End.TRUNCATED: "cut by the token limit",
    End.ANSWERED: "answered",
    End.DROPPED: "dropped",
    End.STOPPED: "stopped",
}
