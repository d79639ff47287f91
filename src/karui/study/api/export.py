"""`karui.export`: a run in the formats of other tools."""

from pathlib import Path
from typing import Literal

from karui.core.recording import Recording
from karui.exporting.run import ExportedRun
from karui.exporting.write import write
from karui.study.api.load import run_of
from karui.study.result import Study

_FILES = ("study.json", "choice.json", "report.html", "report.md")
"""Of a study, kept beside its figures where a format keeps files."""


def export(
    run: Recording | Study | Path | str,
    out: Path | str = "export",
    *,
    format: Literal["lm-eval", "inspect", "csv", "parquet", "mlflow"] = "parquet",  # noqa: A002 - as the option
    to: str = "",
    experiment: str = "karui",
    verifier: str = "",
    tokenizer: str = "",
) -> list[str]:
    """Writes a run for other tools: lm-eval's results, an inspect log, tables, MLflow runs.

    Args:
        run: As `karui.compare` takes it: a study, a recording or a log, or its path; behind a path, #PLAN
            replays a plan. A study stands for the plan it chose; tables and MLflow get all of its plans.
        out: Folder for the files.
        format: What is written.
        to: MLflow's tracking URI; "" is the one that MLflow itself is set to.
        experiment: MLflow's experiment.
        verifier: Reads and judges the answers of logs; "" takes the log's own verdicts.
        tokenizer: Counts tokens that a log does not; "" counts words.

    Returns:
        The files; or the ids of MLflow's runs, the one above the others first.

    Raises:
        UnknownName: There is no such format, verifier or plan.
        InputError: The run cannot be read, or MLflow is not installed.
        RecordingError: The plan cannot be replayed over its recording.
        StorageError: The files cannot be written.
    """
    found = run_of(run, verifier, tokenizer)
    study = found.study
    folder = study.path if study is not None else None
    told = ExportedRun(
        found.recording,
        found.plan,
        found.name,
        plans=study.rows() if study is not None else (),
        files=[folder / name for name in _FILES if (folder / name).exists()] if folder is not None else (),
    )
    return write(told, format, Path(out), to=to, experiment=experiment)
