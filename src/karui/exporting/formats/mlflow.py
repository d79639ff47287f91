"""MLflow runs: one run for the plan that is exported; of a study one more, nested below it, for every plan.

MLflow's own client writes them, to whatever `--to` names: a server, a database, a folder.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karui.core.errors import InputError, StorageError
from karui.exporting.run import ExportedRun
from karui.version import __version__

_MOST = 1000
"""Metrics that one call may log."""
_LONGEST = 6000
"""Characters that a parameter may have."""


@dataclass(frozen=True)
class LoggedRun:
    """A run as MLflow keeps it.

    Attributes:
        name: For people.
        params: What was asked for.
        metrics: What came of it.
        tags: What it is, to search by.
        files: Kept beside it.
        nested: Runs below it.
    """

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Sequence[Path] = ()
    nested: Sequence["LoggedRun"] = field(default_factory=tuple)


def runs_of(run: ExportedRun) -> LoggedRun:
    """Returns a run, with those of a study's other plans below it."""
    manifest, found = run.manifest, run.figures
    sampling = manifest.sampling
    params = {
        "model": manifest.model.name,
        "task": manifest.task,
        "plan": run.plan.label,
        "engine": manifest.engine,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "samples": manifest.samples,
        "seed": manifest.seed,
    }
    tags = {
        "karui.version": __version__,
        "karui.plan": found.plan,
        "karui.model_digest": manifest.model.digest,
        "karui.task_digest": manifest.task_digest,
        "karui.machine": manifest.machine,
    }
    joules = {
        f"joules_{source}": each * found.tokens.value for source, each in manifest.joules_per_token.items()
    }
    metrics = {
        "accuracy": found.accuracy.value,
        "accuracy_low": found.accuracy.low,
        "accuracy_high": found.accuracy.high,
        "tokens": found.tokens.value,
        "truncated": found.truncated,
        "traces": found.traces,
        **{f"tokens/{kind}": count for kind, count in found.bill.items()},
        **{f"accuracy/{_plain(kind)}": each.accuracy.value for kind, each in found.kinds.items() if kind},
        **({} if found.flops is None else {"flops": found.flops}),
        **({} if found.memory_bytes is None else {"memory_bytes": found.memory_bytes}),
        **({} if found.seconds is None else dict(zip(("seconds_p50", "seconds_p95"), found.seconds))),  # noqa: B905 - both are pairs
        **joules,
    }
    below = [_of_plan(row) for row in run.plans]
    return LoggedRun(run.name, _texts(params), metrics, _texts(tags), run.files, below)


def _of_plan(row: Mapping[str, Any]) -> LoggedRun:
    """Returns the run of one plan of a study."""
    numbers = {k: float(v) for k, v in row.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    tags = {"karui.verdict": row["verdict"], "karui.chosen": str(row["chosen"]).lower()}
    return LoggedRun(row["plan"], {"plan": row["plan"][:_LONGEST]}, numbers, _texts(tags))


def log(run: ExportedRun, destination: str, experiment: str) -> list[str]:
    """Logs a run.

    Args:
        run: What is exported.
        destination: MLflow's tracking URI; "" is the one that MLflow itself is set to.
        experiment: Its name; made where there is none.

    Returns:
        The ids of the runs, the one above the others first.

    Raises:
        InputError: MLflow is not installed.
        StorageError: It cannot write there.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as missing:
        raise InputError(
            "The export to MLflow needs MLflow's own client.",
            remedy="Install it: pip install mlflow (or mlflow-skinny, for a server).",
        ) from missing
    try:
        client = MlflowClient(destination or None)
        known = client.get_experiment_by_name(experiment)
        place = known.experiment_id if known else client.create_experiment(experiment)
        return _logged(client, place, runs_of(run), run, "")
    except MlflowException as error:
        raise StorageError(
            f"MLflow cannot write to {destination or 'its own store'}.",
            why=str(error),
            remedy="Check --to: a server (http://…), a database (sqlite:///mlflow.db) or a folder.",
        ) from error


def _logged(client: Any, experiment: str, told: LoggedRun, run: ExportedRun, above: str) -> list[str]:
    from mlflow.entities import Metric, Param, RunTag

    when = int(run.made.timestamp() * 1000)
    tags = {**told.tags, **({"mlflow.parentRunId": above} if above else {})}
    made = client.create_run(experiment, start_time=when, run_name=told.name)
    ident = made.info.run_id
    metrics = [Metric(name, value, when, 0) for name, value in told.metrics.items()]
    client.log_batch(
        ident,
        metrics[:_MOST],
        [Param(name, value) for name, value in told.params.items()],
        [RunTag(name, value) for name, value in tags.items()],
    )
    for first in range(_MOST, len(metrics), _MOST):
        client.log_batch(ident, metrics[first : first + _MOST])
    for file in told.files:
        client.log_artifact(ident, str(file))
    nested = [one for each in told.nested for one in _logged(client, experiment, each, run, ident)]
    client.set_terminated(ident, end_time=when)
    return [ident, *nested]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:_LONGEST] for name, value in values.items()}


def _plain(name: str) -> str:
    """Returns a name of characters that MLflow takes in metrics."""
    return re.sub(r"[^\w\-. ]", "_", name)
