"""Parts of a stage, each in a process of its own: one small model keeps no GPU busy alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def side_by_side(
    given: argparse.Namespace, stage: str, parts: list[str], seconds: float | None = None
) -> None:
    """Start this program once for each part, so many at a time; say which ones failed.

    Args:
        given: The command line.
        stage: Which one.
        parts: Of it.
        seconds: After which no more are started, and those that record come to an end.
    """
    begun = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "recipes.shorter",
        *passed_on(sys.argv[1:]),
        "--stages",
        stage,
        "--part",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    waiting, running, failed = list(parts), {}, []
    while waiting or running:
        while waiting and len(running) < given.processes:
            part, left = waiting.pop(0), []
            if seconds is not None:
                rest = seconds - (time.monotonic() - begun)
                if rest <= 0:
                    failed.append(part)
                    continue
                left = ["--evaluate-seconds", f"{rest:.0f}"]
            running[part] = subprocess.Popen([*command, part, *left], env=environment)
        time.sleep(0.2)
        for part, process in list(running.items()):
            if process.poll() is not None:
                del running[part]
                if process.returncode:
                    failed.append(part)
    if failed:
        print(f"[{stage}] failed: {', '.join(failed)}", flush=True)


def passed_on(arguments: list[str]) -> list[str]:
    """Return the arguments without those that say which stages."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--stages":
            skip = True
        elif not argument.startswith("--stages="):
            kept.append(argument)
    return kept
