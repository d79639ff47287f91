"""A tiny model that has learned its answers by heart, so that a whole study with training takes seconds."""

import json

from karui import tasks
from karui.engines.chat.template import ChatTemplate
from karui.engines.chat.tokenizer import load_tokenizer
from karui.training.config import LearningOptions, TrainingRun
from karui.training.data.examples import TrainingExample
from karui.training.sft import fine_tune
from tests.helpers import tiny

QUESTIONS = 80


def save(folder):
    """Writes `model` and `questions.jsonl` into a folder: the model answers right, with a long thought."""
    rows = [{"id": f"q{n}", "question": f"{n}?", "answer": str(n)} for n in range(QUESTIONS)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    kind = {"template": tiny.QWEN3, "tie_word_embeddings": True, "hidden_size": 64, "intermediate_size": 128}
    tiny.save(folder / "start", **kind)
    tokenizer = load_tokenizer(folder / "start")
    template = ChatTemplate.of(tokenizer)
    task = tasks.load(str(folder / "questions.jsonl"))

    def lesson(question, thought):
        prompt, _ = template.render(task.prompt(question))
        answer = question.reference
        reply = f"<think>\n{thought.format(answer)}</think>\n\n\\boxed{{{answer}}}<|im_end|>"
        encode = tokenizer.encode
        return TrainingExample(
            encode(prompt, add_special_tokens=False), encode(reply, add_special_tokens=False), question.id
        )

    # Long enough for a checkpoint, at which an answer is tried.
    short = "It is {0}.\n\n" + "So {0}.\n\n" * 4
    thoughts = (short, short + "Wait, {0}.\n\n" * 4)
    taught = [lesson(q, thought) for q in task.questions for thought in thoughts]
    (folder / "scratch").mkdir()
    curve = fine_tune(
        TrainingRun(
            tiny.make_model(tokenizer, **{k: v for k, v in kind.items() if k != "template"}),
            tokenizer,
            folder / "model",
            folder / "scratch",
        ),
        taught,
        LearningOptions(steps=220, learning_rate=1e-2, batch_tokens=2000, held_back=0.0),
    )
    assert curve.points[-1].loss < 0.5
