import importlib.util
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def data():
    spec = importlib.util.spec_from_file_location("_autotts_data", BENCH / "_autotts_data.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def write(folder, name, text="[]"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_stores_are_found_by_size_and_set_in_either_order(data, tmp_path):
    for name in (
        "Qwen3-0.6B/aime24.json",
        "Qwen3-1.7B/hmmt25.json",
        "aime25/Qwen3-4B.json",
        "HMMT_2025/qwen3-8b/traces.json",
        "scout/aime24.json",
        "Qwen3-4B/gsm8k.json",
        "Qwen3-32B/aime24.json",
    ):
        write(tmp_path / "runs", name)
    assert set(data.find([tmp_path / "runs"])) == {
        ("0.6B", "aime24"),
        ("1.7B", "hmmt25"),
        ("4B", "aime25"),
        ("8B", "hmmt25"),
        ("8B", "aime24"),
    }


def test_a_folder_of_one_size_may_be_given_itself(data, tmp_path):
    write(tmp_path, "Qwen3-4B/aime25.json")
    assert set(data.find([tmp_path / "Qwen3-4B"])) == {("4B", "aime25")}


def test_the_same_store_twice_is_one_and_two_that_differ_are_refused(data, tmp_path):
    write(tmp_path, "a/Qwen3-8B/aime24.json")
    write(tmp_path, "b/aime24.json")
    assert len(data.find([tmp_path / "a", tmp_path / "b"])) == 1
    write(tmp_path, "b/aime24.json", "[1]")
    with pytest.raises(data.Clash):
        data.find([tmp_path / "a", tmp_path / "b"])


def test_published_held_out_means_are_those_of_their_sets(data):
    for size in data.SIZES:
        for method in (data.HALF, data.FULL):
            sets = [data.published(size, method, name) for name in data.HELD_OUT]
            whole = data.published(size, method, "held-out")
            assert whole[0] == pytest.approx(sum(s[0] for s in sets) / 2, abs=0.11)
            assert whole[1] == pytest.approx(sum(s[1] for s in sets) / 2, abs=1.1)
