"""The environment with lm-eval, inspect-ai and MLflow, whose pins do not agree with karui's."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def run_peers(script: Path, *words: object) -> str:
    """Runs a script there, and returns what it prints; skips where `make peers` has not made it."""
    if not PYTHON.exists():
        pytest.skip("No lm-eval, inspect-ai and MLflow: `make peers` installs them in .venv-peers.")
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [PYTHON, script, *map(str, words)], capture_output=True, text=True, check=False, env=surroundings
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def read_peers(script: Path, *words: object) -> Any:
    """Runs a script there, and returns the JSON of its last line."""
    return json.loads(run_peers(script, *words).strip().splitlines()[-1])
