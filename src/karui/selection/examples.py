"""Examples: what the chosen plan did to single traces, wrong ones included, to be read side by side."""

from collections.abc import Mapping

from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.recording import RecordedQuestion, Recording
from karui.core.study import ActionTaken, Example, Side
from karui.runners.replay import Replay


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
    # Where every other trace refers (`--reference self`), numbers and places differ.
    same = (t for t in question.traces if model == "main" and t.sample == shown.sample)
    full = next(same, question.traces[0])
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
            actions=tuple(ActionTaken(t.end, t.thinking_tokens, m) for m, t in ran),
        ),
    )
