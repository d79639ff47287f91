"""Synthetic recordings for tests and benches: no model, but the habits of one.

Each question has a difficulty and a habit; each trace follows the habit with its own luck:

* `settles`: wrong at first, right from some place on, then it goes on checking;
* `overthinks`: right early, and sometimes talks itself out of it;
* `wavers`: goes back and forth between the right answer and one wrong one;
* `needs length`: nothing useful before most of the thinking is done.

Confidence, peeks and signals lean on whether the present answer is right, as a model's do: they help, and
they mislead now and then.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import End, Peek, RecordedCheckpoint, Signals, Trace, Trial
from karui.core.usage import UsageMeter

HABITS = ("settles", "overthinks", "wavers", "needs length")
_TALK = (
    "so then the sum is first take add 7 12 we get 3 and now check again wait that was not right let me "
    "redo it times 4 minus 15 equals 28 total left over each of them next step . , = + * ( ) so answer 9 1 0"
)
_WORDS = np.array(_TALK.split())
POLICY = CheckpointPolicy(max_interval=64, min_interval=26)
"""Where checkpoints lie unless something else is asked for."""
_ABILITIES = frozenset({Ability.TRIALS, Ability.CONFIDENCE, Ability.PEEKS, Ability.SIGNALS, Ability.TEXT})


@dataclass(frozen=True)
class _Model:
    """How the model that does not exist thinks, whatever it is asked."""

    tokens: int
    policy: CheckpointPolicy
    limit: int
    truncated: float
    suffix_tokens: int
    text: bool


@dataclass(frozen=True)
class _Question:
    """A question as the model sees it: how easy it is, and which wrong answers lie near."""

    id: str
    habit: str
    ease: float
    right: str
    wrong: list[str]


def synthetic(
    questions: int = 40,
    samples: int = 8,
    *,
    seed: int = 0,
    tokens: int = 250,
    policy: CheckpointPolicy = POLICY,
    truncated: float = 0.02,
    habits: tuple[str, ...] = HABITS,
    text: bool = True,
) -> Recording:
    """Returns a recording of a model that does not exist; equal arguments give equal recordings.

    Args:
        questions: How many; their habits take turns and are their kinds.
        samples: Traces of each.
        seed: Of everything drawn.
        tokens: Mean thinking tokens of a trace.
        policy: Where checkpoints lie.
        truncated: Share of traces that the token limit cuts.
        habits: Which habits occur.
        text: Whether traces have thinking text.
    """
    rng = np.random.default_rng(seed)
    model = _Model(tokens, policy, limit=8 * tokens, truncated=truncated, suffix_tokens=3, text=text)
    made = []
    for index in range(questions):
        habit = habits[index % len(habits)]
        ease = float(rng.beta(3.0, 1.3))
        right = str(int(rng.integers(10, 1000)))
        wrong = [str(int(right) + int(d)) for d in rng.integers(1, 40, 4)]
        question = _Question(f"q{index:04}", habit, ease, right, wrong)
        traces = tuple(_trace(rng, model, question, n) for n in range(samples))
        seen = {t.answer for t in traces} | {m.trial.answer for t in traces for m in t.checkpoints if m.trial}
        verdicts = {a: a == right for a in sorted(a for a in seen if a is not None)}
        prompt = Prompt(user=f"Synthetic question {index}.")
        made.append(RecordedQuestion(question.id, habit, right, prompt, traces, verdicts))
    manifest = Manifest(
        model=ModelInfo("synthetic", digest=f"synthetic-{seed}", parameters=1000, dtype="none"),
        engine="scripted",
        task="synthetic",
        task_digest=f"synthetic-{seed}-{questions}",
        style=(),
        sampling=Sampling(max_tokens=model.limit),
        rule=policy,
        suffix="\n</think>\n\nAnswer: ",
        suffix_tokens=model.suffix_tokens,
        samples=samples,
        seed=seed,
        abilities=_ABILITIES if text else _ABILITIES - {Ability.TEXT},
        machine="none",
        seconds_per_token=0.01,
    )
    return Recording(manifest, tuple(made))


def sibling(recording: Recording, *, seed: int = 1, samples: int = 8, tokens: int = 150) -> Recording:
    """Returns a recording of a lesser model that was asked the questions of a synthetic one.

    It thinks shorter and errs more; its seed, checkpoints, suffix and number of traces are its own, as those
    of a second engine are.

    Args:
        recording: As `synthetic` made it.
        seed: Of everything drawn.
        samples: Traces of each question.
        tokens: Mean thinking tokens of a trace.
    """
    rng = np.random.default_rng(seed)
    model = _Model(
        tokens,
        CheckpointPolicy(max_interval=40, min_interval=18),
        limit=recording.manifest.sampling.max_tokens,
        truncated=0.05,
        suffix_tokens=5,
        text=True,
    )
    made = []
    for question in recording.questions:
        ease, right = float(rng.beta(1.6, 1.6)), question.reference
        wrong = [str(int(right) + int(d)) for d in rng.integers(1, 40, 4)]
        asked = _Question(question.id, question.kind, ease, right, wrong)
        traces = tuple(_trace(rng, model, asked, n) for n in range(samples))
        seen = {t.answer for t in traces} | {m.trial.answer for t in traces for m in t.checkpoints if m.trial}
        verdicts = {a: a == right for a in sorted(a for a in seen if a is not None)}
        made.append(replace(question, traces=traces, verdicts=verdicts))
    manifest = replace(
        recording.manifest,
        model=ModelInfo("synthetic-small", digest=f"synthetic-small-{seed}", parameters=250, dtype="none"),
        style=(),
        rule=model.policy,
        suffix="\n</think>\n\nIn short: ",
        suffix_tokens=model.suffix_tokens,
        samples=samples,
        seed=seed,
        seconds_per_token=0.004,
    )
    return Recording(manifest, tuple(made))


def _trace(rng: Generator, model: _Model, question: _Question, sample: int) -> Trace:
    length = max(8, round(model.tokens * (1.6 - 0.8 * question.ease) * float(rng.lognormal(-0.06, 0.35))))
    cut = bool(rng.random() < model.truncated)
    if cut:
        length = model.limit
    prompt_tokens = 20 + int(rng.integers(30))
    least, most = model.policy.min_interval, model.policy.max_interval
    places = np.cumsum(rng.integers(least, most + 1, length // least + 1))
    places = places[places < length]
    course = _course(rng, question, np.append(places, length) / length)
    hits = np.array([answer == question.right for answer in course])

    words, ends = _words(rng, length) if model.text else ("", np.zeros(length + 1, np.int64))
    signals = _signals(rng, length, places, hits)
    marks = tuple(
        RecordedCheckpoint(int(p), int(ends[p]), _trial(rng, answer, bool(hit)))
        for p, answer, hit in zip(places, course, hits, strict=False)
    )
    final = _trial(rng, course[-1], bool(hits[-1]))
    answer_tokens = 0 if cut else final.tokens + 4
    tally = UsageMeter(prompt_tokens, 0, model.suffix_tokens)
    tally.think(length)
    bill = tally.finished(answer_tokens)
    return Trace(
        question=question.id,
        sample=sample,
        end=End.TRUNCATED if cut else End.FINISHED,
        thinking=words,
        text="" if cut else f"The answer is {final.text}",
        answer=None if cut else final.answer,
        confidence=None if cut else final.confidence,
        signals=signals,
        checkpoints=marks,
        thinking_tokens=length,
        answer_tokens=answer_tokens,
        usage=bill,
        time=tally.time,
        seconds=round(0.01 * tally.time, 6),
        first_seconds=0.05,
        thought_seconds=round(0.01 * length, 6),
    )


def _course(rng: Generator, question: _Question, at: NDArray[np.float64]) -> list[str | None]:
    """Returns the answer that would be given at each share of the thinking in `at`, the end included."""
    habit, ease, right, wrong = question.habit, question.ease, question.right, question.wrong
    can = bool(rng.random() < 0.25 + 0.75 * ease)
    lure = wrong[0] if rng.random() < 0.6 else str(rng.choice(wrong))
    if habit == "settles":
        turn = float(rng.beta(2, 3))
        course = [right if can and share >= turn else lure for share in at]
    elif habit == "overthinks":
        turn, doubt = float(rng.beta(1.5, 6)), float(rng.beta(6, 2))
        spoiled = bool(rng.random() < 0.35)
        course = [
            right if can and share >= turn and not (spoiled and share >= doubt) else lure for share in at
        ]
    elif habit == "wavers":
        chance = 0.3 + 0.6 * ease
        course = [right if rng.random() < chance else lure for _ in at]
    else:
        turn = float(rng.uniform(0.75, 0.98))
        course = [right if can and share >= turn else str(rng.choice(wrong)) for share in at]
    unread = rng.random(len(course)) < 0.03
    return [None if u and s < 1 else answer for answer, u, s in zip(course, unread, at, strict=True)]


def _trial(rng: Generator, answer: str | None, hit: bool) -> Trial:
    probability = round(float(rng.beta(9, 1.2) if hit else rng.beta(3, 2)), 9)
    text = answer if answer is not None else "hmm"
    peek = Peek(text[:1], probability, round(float(-1.5 * np.log(max(probability, 1e-4))), 9))
    confidence = round(float(np.clip(probability + rng.normal(0, 0.05), 0.01, 1.0)), 9)
    return Trial(answer, text, len(text) + 2, confidence, peek)


def _words(rng: Generator, length: int) -> tuple[str, NDArray[np.int64]]:
    words = _WORDS[rng.integers(0, len(_WORDS), length)]
    ends = np.concatenate(([0], np.cumsum(np.char.str_len(words) + 1)))
    return " ".join(words.tolist()) + " ", ends


def _signals(rng: Generator, length: int, places: NDArray[np.int64], hits: NDArray[np.bool_]) -> Signals:
    """Most tokens are near certain, a few are forks; where the answer is right, fewer."""
    sure = np.repeat(hits, np.diff(np.concatenate(([0], places, [length]))))
    fork = rng.random(length) < np.where(sure, 0.12, 0.22)
    entropy = np.where(fork, rng.gamma(2.0, 0.35, length), rng.exponential(0.012, length))
    logprob = -entropy * rng.exponential(1.0, length)
    confidence = np.where(sure, 17.0, 15.5) - 2.5 * entropy + rng.normal(0, 1.2, length)
    return Signals.of(logprob, entropy, np.maximum(confidence, 1.0))
