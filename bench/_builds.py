"""Another build of karui beside this one, and another program that takes a core."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from _figures import ROOT

OLD = "5682b79"
"""The build that speed is compared with."""


def environment(home: Path) -> dict[str, str]:
    """Returns the environment of a command of the build whose files lie in `home`."""
    kept = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    return kept | {"PYTHONPATH": str(home / "src"), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}


@contextmanager
def old_build() -> Iterator[Path]:
    """The old build's files, in a worktree of their own."""
    with TemporaryDirectory() as place:
        path = Path(place) / "old"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(path), OLD], check=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


@contextmanager
def busy_loop(core: int | None) -> Iterator[None]:
    """Another program that takes a core; none where that is None."""
    if core is None:
        yield
        return
    endless = f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    loop = subprocess.Popen([sys.executable, "-c", endless])
    try:
        yield
    finally:
        loop.kill()
        loop.wait()
