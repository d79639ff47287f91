"""`karui.benchmark`: a suite measured cell by cell, from recordings and without generating a token."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from karui.benchmarking.results import Results
from karui.benchmarking.run import run_suite
from karui.study.progress import OnProgress, progress_of


def benchmark(
    suite: Path | str,
    out: Path | str = "benchmark",
    *,
    folders: Mapping[str, Path | str] | None = None,
    only: Sequence[str] = (),
    on_progress: OnProgress = None,
) -> Results:
    """Measures the cells of a suite (methods × models × question sets × engines) that are not done yet.

    Args:
        suite: Its TOML file (docs/benchmark.md).
        out: Folder of `results.json`, written after every cell: killed, the same call goes on.
        folders: Other folders than the suite's, by its names for them.
        only: Names of the suite's runs; none named measures all.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.

    Returns:
        Every cell, those that others added as well, and what is missing with the command that makes it.

    Raises:
        InputError: The suite or the results cannot be read.
        UnknownName: The suite names something that is not there.
        StorageError: The results cannot be written.
    """
    progress = progress_of(on_progress)
    progress.begin("Measuring")
    return run_suite(
        suite,
        out,
        folders={name: str(folder) for name, folder in (folders or {}).items()},
        only=tuple(only),
        on_cell=progress.at,
    )
