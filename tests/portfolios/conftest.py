"""Studies of recordings that no model made: one with a certified plan, one with too few questions."""

import pytest

import karui
from karui.core.study import Study
from karui.recording.store import save
from karui.testing.synthetic import synthetic


@pytest.fixture(scope="session")
def certified(tmp_path_factory) -> Study:
    return _chosen(tmp_path_factory, questions=60, max_drop=40.0)


@pytest.fixture(scope="session")
def unproven(tmp_path_factory) -> Study:
    """A strict margin, and far too few questions."""
    return _chosen(tmp_path_factory, questions=24, max_drop=1.0)


def _chosen(tmp_path_factory, *, questions: int, max_drop: float) -> Study:
    folder = tmp_path_factory.mktemp("recorded") / "recording"
    save(synthetic(questions, 2, truncated=0.0), folder)
    return karui.choose(folder, max_drop=max_drop, min_accuracy=0).data
