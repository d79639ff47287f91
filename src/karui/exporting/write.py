"""A run in the format that is asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path

from karui.core.errors import UnknownName
from karui.exporting.formats import inspect_ai, lm_eval, mlflow, tables
from karui.exporting.run import ExportedRun

FILES: Mapping[str, Callable[[ExportedRun, Path], list[Path]]] = {
    "lm-eval": lm_eval.write,
    "inspect": inspect_ai.write,
    "csv": tables.write_csv,
    "parquet": tables.write_parquet,
}
"""What writes files, by format."""
MLFLOW = "mlflow"
FORMATS = (*FILES, MLFLOW)


def write(run: ExportedRun, form: str, out: Path, *, to: str = "", experiment: str = "karui") -> list[str]:
    """Writes a run.

    Args:
        run: What is exported.
        form: One of `FORMATS`.
        out: The folder for files.
        to: MLflow's tracking URI.
        experiment: MLflow's experiment.

    Returns:
        The files; or the ids of MLflow's runs.

    Raises:
        UnknownName: There is no such format.
        InputError: MLflow is not installed.
        StorageError: It cannot be written there.
    """
    if form == MLFLOW:
        return mlflow.log(run, to, experiment)
    if form not in FILES:
        raise UnknownName("export format", form, list(FORMATS))
    return [str(path) for path in FILES[form](run, out)]
