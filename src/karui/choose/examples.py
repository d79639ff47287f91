"""Examples: what the chosen plan did to single traces, wrong ones included, to be read side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.recording import Recorded, Recording
from karui.core.trace import End, Trace
from karui.recording.replay import Replay


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
        full: Full thinking, on the trace from which the plan took its answer.
        plan: The plan.
    """

    question: str
    kind: str
    reference: str
    full: Side
    plan: Side


def examples(recording: Recording, plan: Plan, *, each: int = 3) -> list[Example]:
    """Returns up to `each` questions of every way it can go: lost, won, both wrong, both right.

    Lost questions come first: they are what an engineer has to see before adopting a plan.
    """
    replay = Replay({"main": recording}, runs=1)
    piles: dict[tuple[bool, bool], list[Example]] = {
        (True, False): [],
        (False, True): [],
        (False, False): [],
        (True, True): [],
    }
    for question in recording.questions:
        if not question.traces:
            continue
        order = list(range(len(question.traces)))
        outcome = replay.play(plan, {"main": question}, {"main": order})
        example = _example(question, outcome)
        pile = piles[example.full.correct, example.plan.correct]
        if len(pile) < each:
            pile.append(example)
        if all(len(p) >= each for p in piles.values()):
            break
    return [example for pile in piles.values() for example in pile]


def _example(question: Recorded, outcome: Outcome) -> Example:
    shown = next((t for t in outcome.traces if t.answer == outcome.answer), outcome.traces[0])
    full = question.traces[shown.sample]
    cut = len(shown.thinking) if len(shown.thinking) < len(full.thinking) else None
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
            moves="; ".join(_moves(outcome.traces)),
        ),
    )


def _moves(traces: Sequence[Trace]) -> Iterator[str]:
    for number, trace in enumerate(traces, 1):
        yield f"trace {number}: {_WORDS[trace.end]} after {trace.thinking_tokens} thinking tokens"


_WORDS = {
    End.FINISHED: "finished by itself",
    End.TRUNCATED: "cut by the token limit",
    End.ANSWERED: "answered",
    End.DROPPED: "dropped",
    End.STOPPED: "stopped",
}
