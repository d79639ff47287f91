"""inspect_ai (UK AI Security Institute), log version 2: one evaluation as a .json log.

`inspect view`, `read_eval_log` and inspect's data frames read it; `inspect log convert` packs it as .eval. A
sample's scorer is `karui`, its value C or I as inspect's own scorers say it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from karui.codec.disk import writing
from karui.core.usage import TokenUsage
from karui.exporting.run import ExportedReply, ExportedRun
from karui.version import __version__

SCORER = "karui"
_VERSION = 2


def write(run: ExportedRun, out: Path) -> list[Path]:
    """Writes a run as inspect writes an evaluation.

    Args:
        run: What is exported.
        out: The folder, made where it is missing.

    Returns:
        The log.

    Raises:
        StorageError: It cannot be written.
    """
    stamp = run.made.isoformat(timespec="seconds").replace(":", "-")
    name = "".join(c if c.isalnum() or c in "-." else "-" for c in run.manifest.task)
    path = out / f"{stamp}_{name}_{run.identity('task')}.json"
    # Whoever reads the header alone stops at the samples: they come last.
    head = {
        "version": _VERSION,
        "status": "success",
        **_evaluation(run),
        "results": _results(run),
        "stats": _stats(run),
    }
    with writing(path):
        out.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.write(json.dumps(head, ensure_ascii=False)[:-1])
            file.write(', "samples": [')
            for number, sample in enumerate(_samples(run)):
                file.write((",\n" if number else "\n") + json.dumps(sample, ensure_ascii=False))
            file.write("\n]}\n")
    return [path]


def _evaluation(run: ExportedRun) -> dict[str, Any]:
    manifest, created = run.manifest, _time(run)
    sampling = manifest.sampling
    drawn = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": manifest.seed,
        **({"top_k": sampling.top_k} if sampling.top_k else {}),
    }
    ids = [question.id for question in run.recording.questions]
    return {
        "eval": {
            "eval_id": run.identity("eval"),
            "run_id": run.identity("run"),
            "created": created,
            "task": manifest.task,
            "task_id": run.identity("task"),
            "task_version": 0,
            "task_attribs": {},
            "task_args": {},
            "task_args_passed": {},
            "dataset": {"name": manifest.task, "samples": len(ids), "sample_ids": ids, "shuffled": False},
            "model": manifest.model.name,
            "model_generate_config": drawn,
            "model_args": {},
            "config": {
                "epochs": run.outcomes.correct.shape[1],
                "epochs_reducer": ["mean"],
                "log_samples": True,
            },
            "packages": {"karui": __version__},
            "metadata": {"plan": run.plan.label, "task_digest": manifest.task_digest, "run": run.name},
            "scorers": [
                {"name": SCORER, "options": {}, "metrics": [{"name": "accuracy"}, {"name": "stderr"}]}
            ],
        },
        "plan": {
            "name": run.plan.label,
            "steps": [{"solver": run.plan.label, "params": {}}],
            "config": drawn,
        },
    }


def _results(run: ExportedRun) -> dict[str, Any]:
    accuracy = run.outcomes.accuracy
    n, epochs = run.outcomes.correct.shape
    error = float(accuracy.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    values = {"accuracy": float(accuracy.mean()), "stderr": error}
    return {
        "total_samples": n * epochs,
        "completed_samples": n * epochs,
        "scores": [
            {
                "name": SCORER,
                "scorer": SCORER,
                "reducer": "mean",
                "scored_samples": n,
                "unscored_samples": 0,
                "params": {},
                "metrics": {
                    name: {"name": name, "value": value, "params": {}} for name, value in values.items()
                },
            }
        ],
    }


def _samples(run: ExportedRun) -> Iterator[dict[str, Any]]:
    """Yields the sample of every reply."""
    for question in run.recording.questions:
        asked = question.prompt.messages(apart=True)
        for reply in run.replies(question):
            yield {
                "id": question.id,
                "epoch": reply.sample + 1,
                "input": _numbered(run, question.id, asked) if len(asked) > 1 else question.prompt.user,
                "target": question.reference,
                "messages": [*_numbered(run, question.id, asked), _message(run, reply)],
                "output": _output(run, reply),
                "scores": {
                    SCORER: {
                        "value": "C" if reply.correct else "I",
                        "answer": reply.answer,
                        "metadata": {"confidence": reply.confidence},
                    }
                },
                "metadata": {"kind": question.kind, "traces": reply.traces},
                "store": {},
                "events": [],
                "model_usage": {run.manifest.model.name: _usage(reply.usage)},
                "started_at": _time(run),
                "completed_at": _time(run),
                **({} if reply.seconds is None else {"total_time": reply.seconds}),
                "uuid": run.identity(question.id, reply.sample),
            }


def _numbered(run: ExportedRun, question: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns messages with the ids that inspect's logs have."""
    return [
        {"id": run.identity(question, "message", n), **message, "source": "input"}
        for n, message in enumerate(messages)
    ]


def _message(run: ExportedRun, reply: ExportedReply) -> dict[str, Any]:
    text = {"type": "text", "text": reply.text}
    content = [{"type": "reasoning", "reasoning": reply.thinking}, text] if reply.thinking else reply.text
    return {
        "id": run.identity(reply.question.id, "reply", reply.sample),
        "role": "assistant",
        "content": content,
        "source": "generate",
        "model": run.manifest.model.name,
    }


def _output(run: ExportedRun, reply: ExportedReply) -> dict[str, Any]:
    return {
        "model": run.manifest.model.name,
        "choices": [
            {
                "message": _message(run, reply),
                "stop_reason": "max_tokens" if reply.truncated else "stop",
            }
        ],
        "completion": reply.text,
        "usage": _usage(reply.usage),
        **({} if reply.seconds is None else {"time": reply.seconds}),
    }


def _usage(usage: TokenUsage) -> dict[str, int]:
    return {
        "input_tokens": usage.prompt,
        "output_tokens": usage.generated,
        "total_tokens": usage.prompt + usage.generated,
        "input_tokens_cache_read": usage.cached,
        "reasoning_tokens": usage.generated - usage.answer,
    }


def _stats(run: ExportedRun) -> dict[str, Any]:
    # The sums over all replies, without playing each of them twice.
    outcomes = run.outcomes
    bills = np.sum([outcomes.spent(model).sum(axis=0) for model in outcomes.models_billed], axis=0)
    spent = TokenUsage(*map(int, bills))
    return {
        "started_at": _time(run),
        "completed_at": _time(run),
        "model_usage": {run.manifest.model.name: _usage(spent)},
    }


def _time(run: ExportedRun) -> str:
    return run.made.isoformat(timespec="seconds")
