"""Reads exported runs with the other projects' own code, and prints what it found there as JSON.

    python tests/exporting/read_back.py lm-eval FOLDER
    python tests/exporting/read_back.py inspect LOG.json
    python tests/exporting/read_back.py mlflow RUN URI       # writes it first, with MLflow's client

Runs in the environment that `make peers` makes: lm-eval, inspect-ai and MLflow pin other versions of half of
what karui is developed with.
"""

import json
import sys
from pathlib import Path


def lm_eval(folder: str) -> dict:
    """Finds the files as the harness does, makes its table, and reads the samples as its cards do."""
    from datasets import load_dataset
    from lm_eval.utils import get_results_filenames, get_sample_results_filenames, make_table

    files = [str(path) for path in Path(folder).rglob("*") if path.is_file()]
    (results,), (samples,) = get_results_filenames(files), get_sample_results_filenames(files)
    found = json.loads(Path(results).read_text())
    rows = load_dataset("json", data_files=samples, split="train", cache_dir=str(Path(folder).parent / "hub"))
    task = next(iter(found["results"]))
    return {
        "table": make_table(found),
        "accuracy": found["results"][task]["exact_match,karui"],
        "rows": len(rows),
        "mean": sum(rows["exact_match"]) / len(rows),
        "first": rows[0]["resps"][0][0],
    }


def inspect(log: str) -> dict:
    """Reads a log and its data frame; validates it strictly."""
    from inspect_ai.analysis import samples_df
    from inspect_ai.log import read_eval_log

    found = read_eval_log(log)
    frame = samples_df(log)
    first = found.samples[0]
    return {
        "status": found.status,
        "model": found.eval.model,
        "accuracy": found.results.scores[0].metrics["accuracy"].value,
        "stderr": found.results.scores[0].metrics["stderr"].value,
        "samples": len(found.samples),
        "right": int((frame["score_karui"] == "C").sum()),
        "tokens": sum(s.output.usage.output_tokens for s in found.samples),
        "thinking": first.output.choices[0].message.content[0].reasoning,
        "completion": first.output.completion,
        "used": found.stats.model_usage[found.eval.model].output_tokens,
    }


def mlflow(run: str, uri: str) -> dict:
    """Logs a run with MLflow's client, and looks for it as a user would."""
    import mlflow as library

    import karui

    ids = karui.export(run, format="mlflow", to=uri, experiment="exchange")
    library.set_tracking_uri(uri)
    frame = library.search_runs(experiment_names=["exchange"], output_format="list")
    by_id = {found.info.run_id: found for found in frame}
    top = by_id[ids[0]]
    client = library.MlflowClient(uri)
    return {
        "runs": len(frame),
        "ids": len(ids),
        "name": top.info.run_name,
        "status": top.info.status,
        "metrics": top.data.metrics,
        "params": top.data.params,
        "nested": sum(f.data.tags.get("mlflow.parentRunId") == ids[0] for f in frame),
        "files": [file.path for file in client.list_artifacts(ids[0])],
    }


if __name__ == "__main__":
    print(json.dumps({"lm-eval": lm_eval, "inspect": inspect, "mlflow": mlflow}[sys.argv[1]](*sys.argv[2:])))
