"""A tiny random model, and a recording of it written by hand, for techniques that train on right traces."""

from dataclasses import replace

import numpy as np

from karui import catalog
from karui.artifacts.build import make
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import End, RecordedCheckpoint, Signals, Trace, Trial
from karui.core.usage import TokenUsage
from karui.engines.chat.tokenizer import load_tokenizer
from karui.models.weights import digest
from tests.helpers import tiny

SUFFIX = "\n</think>\n\n\\boxed{"
QUESTIONS = 12


def save_parent(folder, **options):
    """Writes a random model whose thinking has markers, and returns its folder."""
    return tiny.save(folder, **{"template": tiny.QWEN3, "tie_word_embeddings": True, **options})


def trial(answer, confidence=1.0):
    return Trial(answer, f"\\boxed{{{answer}}}", 3, confidence)


def trace(tokenizer, question, sample, thought, answer, marks=()):
    """Returns a finished trace with the tokens that the model would have written.

    Args:
        tokenizer: The model's.
        question: Its id.
        sample: Its number.
        thought: What it thinks.
        answer: What it answers.
        checkpoints: (characters of the thinking, trial) of its checkpoints.
    """
    thinking, text = f"{thought}\n", f"\\boxed{{{answer}}}"

    def count(part):
        return len(tokenizer.encode(part, add_special_tokens=False))

    spent = count(f"<think>\n{thinking}</think>")
    told = count(f"\n\n{text}") + 1
    places = tuple(
        RecordedCheckpoint(count(f"<think>\n{thinking[:chars]}"), chars, tried) for chars, tried in marks
    )
    flat = -np.linspace(0.0, 2.0, spent)
    signals = Signals.of(flat, -flat, -flat)
    return Trace(
        question,
        sample,
        End.FINISHED,
        thinking,
        text,
        answer,
        None,
        signals,
        places,
        spent,
        told,
        TokenUsage(),
        0,
    )


def recording_of(parent, questions=QUESTIONS):
    """Returns questions with three traces: a short right one, a long right one, and one wrong or cut.

    The answer of the long one is tried three times: wrong, unsurely right, surely right.
    """
    tokenizer = load_tokenizer(parent)
    made = []
    for n in range(questions):
        right, wrong = str(n), str(n + 1)
        first, second = f"Hmm, 1 + {n} less 1.\n\n", f"So the answer is {n}.\n\n"
        long = f"{first}{second}Wait, let me check.\n\nYes, the answer is {n}."
        marks = (
            (len("Hmm, "), trial(wrong)),
            (len(first), trial(right, 0.5)),
            (len(first + second), trial(right)),
        )
        bad = {"end": End.TRUNCATED, "answer": None} if n % 3 == 0 else {}
        traces = (
            trace(tokenizer, f"q{n}", 0, f"It is {n}.", right, ((3, trial(wrong)),)),
            trace(tokenizer, f"q{n}", 1, long, right, marks),
            replace(trace(tokenizer, f"q{n}", 2, f"It may be {wrong}.", wrong), **bad),
        )
        verdicts = {right: True, wrong: False}
        kind = "even" if n % 2 == 0 else "odd"
        made.append(RecordedQuestion(f"q{n}", kind, right, Prompt(f"What is {n}?"), traces, verdicts))
    card = ModelInfo("parent", digest(parent))
    manifest = Manifest(card, "hand", "t", "0", (), Sampling(), CheckpointPolicy(), SUFFIX, 5, 3, 0)
    return Recording(manifest, tuple(made))


def changed(recording, **fields):
    """Returns the recording with these fields of every trace replaced."""
    questions = (
        replace(q, traces=tuple(replace(t, **fields) for t in q.traces)) for q in recording.questions
    )
    return Recording(recording.manifest, tuple(questions))


def made(spec, parent, recording, root, **options):
    """Returns the artifact of a plan."""
    return make(
        catalog.parse(spec), parent, root, recording=recording, data_digest="r", device="cpu", **options
    )
