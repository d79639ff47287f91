"""Traces made by hand, and plans played over them."""

from karui import catalog
from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import End, Peek, RecordedCheckpoint, Signals, Trace, Trial
from karui.core.usage import UsageMeter
from karui.runners.replay import Replay


def at(tokens, answer, *, sure=0.5, first=None, entropy=1.0, text="so ", cost=4):
    """A checkpoint: what would be answered there, how surely, and what was thought before it."""
    if isinstance(sure, float):
        sure = (sure, sure)
    peek = Peek(first if first is not None else str(answer)[:1], sure[0], entropy)
    return tokens, text, Trial(answer, str(answer), cost, sure[1], peek)


def trace(answer, tokens, *marks, sure=10.0, cut=False, end_sure=0.9):
    """A trace of so many thinking tokens and 5 answer tokens; `sure` is its confidence, or each token's."""
    thinking, chars, made = "", 0, []
    for place, text, trial in marks:
        thinking += text
        chars += len(text)
        made.append(RecordedCheckpoint(place, chars, trial))
    levels = [sure] * tokens if isinstance(sure, (int, float)) else sure
    assert len(levels) == tokens
    answer_tokens = 0 if cut else 5
    tally = UsageMeter(10, 0, 2)
    tally.think(tokens)
    bill = tally.finished(answer_tokens)
    return Trace(
        question="q",
        sample=0,
        end=End.TRUNCATED if cut else End.FINISHED,
        thinking=thinking + "end",
        text="" if cut else f"It is {answer}",
        answer=None if cut else answer,
        confidence=None if cut else end_sure,
        signals=Signals.of([-0.1 * s for s in levels], [1.0] * tokens, levels),
        checkpoints=tuple(made),
        thinking_tokens=tokens,
        answer_tokens=answer_tokens,
        usage=bill,
        time=tally.time,
    )


def play(plan, *traces):
    """Returns the outcome of a plan over one question with these traces, "7" being right."""
    if isinstance(plan, str):
        plan = catalog.parse(plan)
    numbered = tuple(
        Trace(**{f: getattr(t, f) for f in Trace.__dataclass_fields__} | {"sample": n})
        for n, t in enumerate(traces)
    )
    answers = {t.answer for t in numbered} | {m.trial.answer for t in numbered for m in t.checkpoints}
    question = RecordedQuestion(
        "q", "", "7", Prompt("How many?"), numbered, {a: a == "7" for a in sorted(filter(None, answers))}
    )
    manifest = Manifest(
        model=ModelInfo("hand"),
        engine="scripted",
        task="hand",
        task_digest="",
        style=(),
        sampling=Sampling(),
        rule=CheckpointPolicy(),
        suffix="",
        suffix_tokens=2,
        samples=len(numbered),
        seed=0,
        abilities=frozenset(Ability),
    )
    replay = Replay({"main": Recording(manifest, (question,))})
    replay.refuse(plan)
    return replay.play(plan, {"main": question}, {"main": range(len(numbered))})


def ends(outcome):
    """How each trace ended, in the order of starting."""
    return [t.end for t in sorted(outcome.traces, key=lambda t: t.sample)]


def spent(outcome, kind):
    """Tokens of one kind on the bill."""
    return getattr(outcome.bills["main"], kind)
