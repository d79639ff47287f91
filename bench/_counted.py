"""Runs the `karui` command and, on SIGUSR1, writes down how many of asyncio's tasks it has not finished.

    python bench/_counted.py FILE serve choice.json …

Nothing in karui knows of it: it looks at the interpreter's own objects.
"""

import asyncio
import gc
import signal
import sys
from pathlib import Path

from karui.__main__ import app

_, WHERE, *WORDS = sys.argv


def count(*_: object) -> None:
    """Writes the number, under another name first: whoever waits for the file is to find it whole."""
    tasks = [o for o in gc.get_objects() if isinstance(o, asyncio.Task) and not o.done()]
    unfinished = Path(f"{WHERE}.part")
    unfinished.write_text(str(len(tasks)), encoding="utf-8")
    unfinished.rename(WHERE)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, count)
    sys.argv = ["karui", *WORDS]
    app()
