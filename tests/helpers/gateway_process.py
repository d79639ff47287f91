"""`karui serve` as processes of their own."""

import re
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def served(*words):
    """Runs the command with these words; gives its process and address. It has to end well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "karui", "serve", *map(str, words)], stderr=subprocess.PIPE, text=True
    )
    try:
        lines = iter(process.stderr.readline, "")
        found = next(m for m in (re.search(r"Serving at (\S+)/v1", line) for line in lines) if m)
        yield process, found[1]
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()
    assert process.returncode == 0
