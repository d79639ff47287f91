"""Recordings made by hand of what models reply, read and judged by karui's own verifiers."""

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import End, Signals, Trace
from karui.core.usage import UsageMeter
from karui.tasks.verifiers import verifier


def reply(text, *, thinking="so", thought=40, cut=False):
    """What one trace came to, before it is read."""
    return text, thinking, thought, cut


def recorded(asked, *, spec="math", model="my-model", task="mine.jsonl", suffix="\n</think>\n\n\\boxed{"):
    """Returns a recording of (question, reference, replies) rows; a reply is its text, or made by `reply`."""
    judge = verifier(spec)
    questions = []
    for n, (question, reference, replies) in enumerate(asked):
        traces = tuple(_trace(f"q{n}", sample, judge, given) for sample, given in enumerate(replies))
        answers = {t.answer for t in traces if t.answer is not None}
        verdicts = {answer: judge.verify(reference, answer) for answer in sorted(answers)}
        questions.append(RecordedQuestion(f"q{n}", "", reference, Prompt(question), traces, verdicts))
    manifest = Manifest(
        model=ModelInfo(model),
        engine="scripted",
        task=task,
        task_digest="",
        style=(),
        sampling=Sampling(max_tokens=512),
        rule=CheckpointPolicy(),
        suffix=suffix,
        suffix_tokens=2,
        samples=max(len(q.traces) for q in questions),
        seed=0,
        abilities=frozenset(Ability) - {Ability.TEXT},
        verifier=spec,
        seconds_per_token=0.01,
    )
    return Recording(manifest, tuple(questions))


def _trace(question, sample, judge, given):
    text, thinking, thought, cut = given if isinstance(given, tuple) else reply(given)
    tally = UsageMeter(10, 0, 2)
    tally.think(thought)
    return Trace(
        question=question,
        sample=sample,
        end=End.TRUNCATED if cut else End.FINISHED,
        thinking=thinking,
        text=text,
        answer=None if cut else judge.read(text),
        confidence=None,
        signals=Signals.of((), (), ()),
        checkpoints=(),
        thinking_tokens=thought,
        answer_tokens=5,
        usage=tally.finished(5),
        time=tally.time,
    )
