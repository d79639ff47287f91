"""Code that data names runs only where somebody has allowed it.

A questions file, a recording, a choice or a model's folder may name a Python file: a verifier, a technique, a
scorer. People take such files for data and pass them on. So a file is run only if it was named by whoever
runs karui (on the command line, or in a plan given as text), or if they have allowed all.

What is allowed stands in an environment variable, so that processes that karui starts know it too.
"""

import os
import re
from hashlib import sha256
from pathlib import Path

from karui.core.errors import InputError

VARIABLE = "KARUI_ALLOW_CODE"
"""Holds "*" for all, or paths, separated as in PATH."""
_ALL = "*"
_FILE = re.compile(r"[^\s,;=()'\"]+?\.py(?![A-Za-z0-9_])")


def allow_all() -> None:
    """Allows every file that data names, in this process and those it starts."""
    os.environ[VARIABLE] = _ALL


def allow_named(text: str) -> None:
    """Allows the Python files that stand in a text: whoever wrote it has named them."""
    allowed = os.environ.get(VARIABLE, "")
    if allowed == _ALL:
        return
    paths = allowed.split(os.pathsep) if allowed else []
    for found in _FILE.findall(text):
        # Behind a verifier's name or an option's, as in python:check.py.
        for start in (0, found.rfind(":", 0, found.rfind("/") if "/" in found else len(found)) + 1):
            path = Path(found[start:])
            if path.is_file() and str(path.resolve()) not in paths:
                paths.append(str(path.resolve()))
    if paths:
        os.environ[VARIABLE] = os.pathsep.join(paths)


def ensure_allowed(path: Path, what: str) -> None:
    """Refuses to run a file that only data names.

    Args:
        path: The file.
        what: What it is to be, such as "verifier".

    Raises:
        InputError: Nobody has allowed it; names the file and its digest.
    """
    allowed = os.environ.get(VARIABLE, "")
    if allowed == _ALL or str(path.resolve()) in allowed.split(os.pathsep):
        return
    digest = sha256(path.read_bytes()).hexdigest()[:16]
    raise InputError(
        f"The {what} {path} is code, and only data names it: it is not run.",
        why=f"SHA-256 {digest}…. A questions file, a recording, a choice or a model's folder named it.",
        remedy="Read it; then say --allow-code (from Python: karui.permission.allow_all()).",
    )
