"""What every test may rely on: no network, one thread, and a browser where one is installed."""

import os

# Before anything imports torch or huggingface_hub, which read these once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Files that the tests write themselves; tests/test_permission.py takes it back.
os.environ["KARUI_ALLOW_CODE"] = "*"

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# The first call of a test may import for a second; how long one takes says nothing on a busy machine.
settings.register_profile("karui", deadline=None)
settings.load_profile("karui")

# The user's own ledger of looks stays out of it, and no test counts another's; see `ledger`.
os.environ["KARUI_LEDGER"] = ""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of a browser for playwright's `executable_path`.

    Skips where there is none, and fails instead in continuous integration (CI=true).
    """
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        missing = "No Chromium on the PATH (Debian and Ubuntu: apt-get install chromium fonts-noto-cjk)."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return Path(found)


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server; see `tests.helpers.postgresql`."""
    from tests.helpers.postgresql import cluster  # psycopg is an extra's

    with cluster() as made:
        yield made


_LONG = (
    "study/test_variant_search.py",
    "runners/test_live_is_replay.py",
    "engines/batching/test_speculation.py",
    "artifacts/test_distributed.py",
    "engines/transformers/test_compiled.py",
    "engines/test_retelling.py",
    "study/test_trained_variants.py",
    "shorter/test_rl.py",
    "cli/test_cli.py",
    "cli/test_first_contact.py",
)
"""The files that take longest, which begin first: two workers then end at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files in front (`--no-loadscope-reorder` keeps that order)."""
    here = Path(__file__).parent
    place = {here / name: n for n, name in enumerate(_LONG)}
    items.sort(key=lambda item: place.get(item.path, len(_LONG)))
