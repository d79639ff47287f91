"""A random model, a task on disk and a hand-made recording of it, for the tests of reinforcement learning."""

import json

from karui import tasks
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.prompt import Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import NO_SIGNALS, End, Trace
from karui.core.usage import TokenUsage
from karui.models.weights import digest
from tests.helpers import tiny


def make_model(folder):
    """Returns the folder of a random model that answers at once, as a plain one does."""
    return tiny.save(folder, template=tiny.QWEN3, num_hidden_layers=2, tie_word_embeddings=True)


def make_task(folder, count=12, *, right=False):
    """Returns the path of a file of questions; any answer is `right`, or one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "check.py").write_text("def right(reference, answer):\n    return True\n")
    verifier = f"python:{folder / 'check.py'}:right" if right else "exact"
    rows = (
        {"id": f"q{n}", "question": f"What is {n} and 1?", "answer": str(n + 1), "verifier": verifier}
        for n in range(count)
    )
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_recording(model, path, tokens=10):
    """Returns a recording of the task whose traces are `tokens` long."""
    task = tasks.load(str(path))
    questions = []
    for question in task.questions:
        trace = Trace(
            question.id,
            0,
            End.FINISHED,
            "So.",
            "7",
            "7",
            None,
            NO_SIGNALS,
            (),
            tokens - 2,
            2,
            TokenUsage(),
            0,
        )
        prompt = task.prompt(question)
        questions.append(
            RecordedQuestion(question.id, "", question.reference, prompt, (trace,), {"7": False})
        )
    card = ModelInfo("parent", digest(model))
    manifest = Manifest(
        card, "hand", str(path), task.digest, (), Sampling(1.0), CheckpointPolicy(), "", 0, 1, 0
    )
    return Recording(manifest, tuple(questions))
