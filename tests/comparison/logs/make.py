"""Makes the logs beside this file with lm-eval 0.4.13 and inspect-ai 0.3.285 themselves.

    python tests/comparison/logs/make.py lm-eval FOLDER
    python tests/comparison/logs/make.py inspect FOLDER

Two models that answer by a table: `old` is right on 45 of 60 sums and says much; `new` is right on 42, 39
of them the same, and says less. Their replies stand in for a model's; everything around them (tasks, filters,
scores, files) is the tool's own.
"""

import json
import sys
from pathlib import Path

QUESTIONS = 60
WRONG = {"old": set(range(45, 60)), "new": {*range(39, 54), *range(57, 60)}}
"""Questions that each model gets wrong."""
STEPS = {"old": 12, "new": 7}
"""Sentences that each writes before its answer."""


def questions() -> list[dict[str, str]]:
    """Returns the questions with their answers."""
    pairs = [(13 + 7 * n, 29 + 11 * n % 97) for n in range(QUESTIONS)]
    return [{"question": f"What is {a} + {b}?", "answer": str(a + b)} for a, b in pairs]


def reply(model: str, number: int, answer: str) -> str:
    """Returns what a model says to a question."""
    said = int(answer) + 1 if number in WRONG[model] else int(answer)
    steps = STEPS[model] + number % 5
    return "<think>\n" + "First the units, then the tens. " * steps + f"\n</think>\n\nThe answer is {said}"


def lm_eval(folder: Path) -> None:
    """Runs the harness on both models."""
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    asked = questions()
    known = {q["question"]: n for n, q in enumerate(asked)}
    data = folder / "sums.jsonl"
    data.write_text("".join(json.dumps(q) + "\n" for q in asked))
    task = {
        "task": "sums",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["<end>"], "do_sample": False},
        "filter_list": [
            {
                "name": "number",
                "filter": [
                    {"function": "regex", "regex_pattern": "answer is (\\d+)"},
                    {"function": "take_first"},
                ],
            }
        ],
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }

    class Told(LM):
        """A model that answers by the table."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def generate_until(self, requests, disable_tqdm=False):
            places = [known[request.args[0]] for request in requests]
            return [reply(self.name, n, asked[n]["answer"]) for n in places]

        def loglikelihood(self, requests, disable_tqdm=False):
            raise NotImplementedError

        def loglikelihood_rolling(self, requests, disable_tqdm=False):
            raise NotImplementedError

    for name in WRONG:
        tracker = EvaluationTracker(output_path=str(folder / name))
        done = simple_evaluate(
            Told(name), tasks=[task], task_manager=TaskManager(), log_samples=True, evaluation_tracker=tracker
        )
        samples = done.pop("samples")
        tracker.save_results_aggregated(results=done, samples=samples)
        tracker.save_results_samples(task_name="sums", samples=samples["sums"])
    data.unlink()


def inspect(folder: Path) -> None:
    """Runs inspect on both models."""
    from inspect_ai import Task, eval as evaluate  # noqa: I001
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    asked = questions()
    for name in WRONG:

        def answers(messages, tools, tool_choice, config, name=name):
            n = next(n for n, q in enumerate(asked) if q["question"] == messages[-1].text)
            text = reply(name, n, asked[n]["answer"])
            made = ModelOutput.from_content(name, text)
            words = len(text.split())
            made.usage = ModelUsage(input_tokens=9, output_tokens=words, total_tokens=9 + words)
            made.time = 0.02 * words
            return made

        dataset = MemoryDataset([Sample(input=q["question"], target=q["answer"]) for q in asked])
        evaluate(
            Task(dataset=dataset, solver=generate(), scorer=match(numeric=True)),
            model=get_model("mockllm/model", custom_outputs=answers),
            log_dir=str(folder / name),
            log_format="eval",
            display="none",
        )


if __name__ == "__main__":
    {"lm-eval": lm_eval, "inspect": inspect}[sys.argv[1]](Path(sys.argv[2]))
