"""lm-evaluation-harness (EleutherAI), as of 0.4.13: results and samples as `--log_samples` writes them.

The layout is the harness's own (`lm_eval/loggers/evaluation_tracker.py`): a folder named after the model, in
it `results_TIME.json` and `samples_TASK_TIME.jsonl`, one row per question, its replies in `resps`. It knows
neither tokens nor ends: mean tokens stand beside the accuracy, in the results only.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from karui.codec.disk import writing
from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion
from karui.exporting.run import ExportedReply, ExportedRun
from karui.version import __version__

FILTER = "karui"
"""The name of the filter that reads answers: karui's verifiers."""


def write(run: ExportedRun, out: Path) -> list[Path]:
    """Writes a run as the harness writes an evaluation.

    Args:
        run: What is exported.
        out: The folder, made where it is missing.

    Returns:
        The results and the samples.

    Raises:
        StorageError: They cannot be written.
    """
    stamp = run.made.replace(tzinfo=None).isoformat(timespec="microseconds").replace(":", "-")
    task = _sanitized(run.manifest.task)
    folder = out / _sanitized(run.manifest.model.name)
    results, samples = folder / f"results_{stamp}.json", folder / f"samples_{task}_{stamp}.jsonl"
    hashes = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with samples.open("w", encoding="utf-8") as file:
            for number, question in enumerate(run.recording.questions):
                row = _row(run, number, question, list(run.replies(question)))
                hashes.append(row["doc_hash"] + row["prompt_hash"] + row["target_hash"])
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        found = _results(run, task, _digest("".join(hashes)))
        results.write_text(json.dumps(found, ensure_ascii=False, indent=2), encoding="utf-8")
    return [results, samples]


def _row(
    run: ExportedRun, number: int, question: RecordedQuestion, replies: list[ExportedReply]
) -> dict[str, Any]:
    shown = shown_to(question.prompt)
    doc = {
        "question": question.prompt.user,
        "answer": question.reference,
        "id": question.id,
        "kind": question.kind,
    }
    return {
        "doc_id": number,
        "doc": doc,
        "target": question.reference,
        "arguments": {"gen_args_0": {"arg_0": shown, "arg_1": _generation(run)}},
        "resps": [[reply.whole for reply in replies]],
        "filtered_resps": [reply.answer or "" for reply in replies],
        "filter": FILTER,
        "metrics": ["exact_match"],
        "doc_hash": _digest(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _digest(shown),
        "target_hash": _digest(question.reference),
        "exact_match": float(np.mean([reply.correct for reply in replies])),
    }


def _results(run: ExportedRun, task: str, task_hash: str) -> dict[str, Any]:
    manifest, questions = run.manifest, len(run.recording.questions)
    metrics = {"exact_match": run.outcomes.accuracy, "tokens": run.outcomes.tokens}
    name = manifest.model.name
    return {
        "results": {
            task: {
                "name": task,
                "alias": task,
                "sample_len": questions,
                **{f"{metric},{FILTER}": float(values.mean()) for metric, values in metrics.items()},
                **{f"{metric}_stderr,{FILTER}": _stderr(values) for metric, values in metrics.items()},
            }
        },
        "group_subtasks": {},
        "configs": {task: _config(run, task)},
        "versions": {task: manifest.task_digest},
        "n-shot": {task: 0},
        "higher_is_better": {task: {"exact_match": True, "tokens": False}},
        "n-samples": {task: {"original": questions, "effective": questions}},
        "config": {
            "model": manifest.engine,
            "model_args": {"pretrained": name, "plan": run.plan.label},
            "batch_size": None,
            "batch_sizes": [],
            "device": None,
            "use_cache": None,
            "limit": None,
            "bootstrap_iters": 0,
            "gen_kwargs": _generation(run),
            "random_seed": manifest.seed,
        },
        "git_hash": None,
        "date": run.made.timestamp(),
        "pretty_env_info": f"karui {__version__}; {manifest.machine}",
        "transformers_version": manifest.versions.get("transformers"),
        "lm_eval_version": None,
        "upper_git_hash": None,
        "task_hashes": {task: task_hash},
        "model_source": manifest.engine,
        "model_name": name,
        "model_name_sanitized": _sanitized(name),
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": None,
        "total_evaluation_time_seconds": "",
    }


def _config(run: ExportedRun, task: str) -> dict[str, Any]:
    return {
        "task": task,
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "description": "",
        "num_fewshot": 0,
        "generation_kwargs": _generation(run),
        "repeats": run.outcomes.correct.shape[1],
        "filter_list": [{"name": FILTER, "filter": [{"function": run.manifest.verifier or "custom"}]}],
        "metric_list": [
            {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True},
            {"metric": "tokens", "aggregation": "mean", "higher_is_better": False},
        ],
        "metadata": {"karui": __version__, "plan": run.plan.label, "task_digest": run.manifest.task_digest},
    }


def _generation(run: ExportedRun) -> Mapping[str, Any]:
    drawn = run.manifest.sampling
    return {
        "until": [],
        "do_sample": drawn.temperature > 0,
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        **({"top_k": drawn.top_k} if drawn.top_k else {}),
        "max_gen_toks": drawn.max_tokens,
    }


def shown_to(prompt: Prompt) -> str:
    """Returns a prompt as the harness keeps it: its text, or as JSON where it has several messages."""
    if prompt.system or prompt.history:
        return json.dumps(prompt.messages(apart=True), ensure_ascii=False)
    return prompt.user


def _stderr(values: "np.ndarray[Any, np.dtype[np.float64]]") -> float | str:
    """Returns the standard error of a mean over questions, "N/A" of one question, as the harness has it."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else "N/A"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _sanitized(name: str) -> str:
    """Returns a name as the harness makes folders and files of it (`sanitize_model_name`)."""
    return re.sub(r"[\"<>:/\|\\?\*\[\]]+", "__", name)
