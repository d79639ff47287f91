import importlib.util
import json
import sys
from pathlib import Path

import pytest

from karui import catalog

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
    write(tmp_path, "b/8B/aime24.json", "[1]")
    with pytest.raises(data.Clash):
        data.find([tmp_path / "a", tmp_path / "b"])


def test_of_several_names_the_one_nearest_to_the_file_counts(data, tmp_path):
    folder = tmp_path / "kept-8b-aime24-128b"
    for name in (
        "Qwen3-0.6B/aime25.json",
        "HMMT_Feb_2025/Qwen3-4B-128/aime24_hmmt25.json",
        "Qwen3-1.7B-128b/aime25.json",
        "Qwen3-14B/hmmt25.json",
        "Qwen3-4B/aime2025_v2.json",
    ):
        write(folder, name)
    assert set(data.find([folder])) == {
        ("0.6B", "aime25"),
        ("4B", "hmmt25"),
        ("1.7B", "aime25"),
        ("4B", "aime25"),
    }


def test_links_are_followed(data, tmp_path):
    write(tmp_path / "elsewhere", "aime24.json")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "Qwen3-4B").symlink_to(tmp_path / "elsewhere")
    assert set(data.find([tmp_path / "kept"])) == {("4B", "aime24")}


@pytest.mark.parametrize("named", ["a-Qwen3-8B/aime24.json", "z-Qwen3-8B/aime24.json"])
def test_a_path_that_says_its_size_comes_before_one_that_does_not(data, tmp_path, named):
    write(tmp_path, named, "[1]")
    write(tmp_path, "scout/aime24.json", "[2]")
    assert data.find([tmp_path])["8B", "aime24"].path == tmp_path / named


def test_published_held_out_means_are_those_of_their_sets(data):
    for size in data.SIZES:
        for method in (data.HALF, data.FULL):
            sets = [data.published(size, method, name) for name in data.HELD_OUT]
            whole = data.published(size, method, "held-out")
            assert whole[0] == pytest.approx(sum(s[0] for s in sets) / 2, abs=0.11)
            assert whole[1] == pytest.approx(sum(s[1] for s in sets) / 2, abs=1.1)


def store(name, questions=4, branches=64):
    """A set of questions on which each third branch is wrong."""
    return json.dumps(
        [
            {
                "question": f"{name} {n}",
                "gold_answer": "\\frac{1}{2}",
                "probe_freq": 500,
                "each_branch": [
                    [["ERR", "\\frac{1}{2}"], 1200 + 10 * b, "7" if b % 3 == n % 3 else "\\frac{1}{2}"]
                    for b in range(branches)
                ],
            }
            for n in range(questions)
        ]
    )


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """The bench over a folder, and the figures that it writes by name."""
    monkeypatch.syspath_prepend("bench")
    import autotts

    words = "length-vote:budget=5000,scale=1000,k=64 + token-cap:tokens=1500"
    spec = list(catalog.parse(words).spec)
    kept = tmp_path / "before.json"
    rivals = {"AutoTTS β=.5": spec, "AutoTTS β=1": spec}
    kept.write_text(json.dumps({"plans": {"8B": {"chosen on": "0" * 64, **rivals}}}))
    monkeypatch.setattr(autotts, "KEPT", kept)

    def run():
        out = tmp_path / "found.json"
        monkeypatch.setattr(
            sys, "argv", ["autotts.py", "--quick", "--data", str(tmp_path / "dir"), "--out", str(out)]
        )
        code = autotts.main()
        found = json.loads(out.read_text()) if out.exists() else {"figures": []}
        return code, {line["name"]: line for line in found["figures"]}

    return run


def test_whatever_lies_there_is_scored(bench, tmp_path, capsys):
    folder = tmp_path / "dir"
    for name in ("aime24", "aime25", "hmmt25"):
        write(folder, f"Qwen3-0.6B/{name}.json", store(name))
    write(folder, "Qwen3-1.7B/aime24.json", store("aime24", branches=8))
    write(folder, "Qwen3-4B/aime24.json", '[{"question": "no branches"}]')
    write(folder, "Qwen3-8B/hmmt25.json", store("hmmt25"))
    code, found = bench()
    said = capsys.readouterr().out
    assert code == 0
    assert found["0.6B HMMT25: against AutoTTS β=1, share of SC@64"]["low"] <= 1
    assert found["8B HMMT25: SC@64, stopped once settled, accuracy"]["reached"] == 100
    kept = found["8B HMMT25: against AutoTTS β=.5, share of SC@64"][
        "reached"
    ]  # by the plans of an earlier run
    assert kept < 0.2
    assert found["0.6B held-out, against AutoTTS β=1: tokens"]["target"] == "≤ 0.4"
    assert not any(name.startswith(("1.7B", "4B", "all sizes")) for name in found)
    for words in (
        "1.7B AIME24: left out.",
        "4B AIME24: left out.",
        "0.6B held-out mean",
        "8B: AIME25 not there, so no target is judged.",
        "8B: no AIME24 here; plans as before.json has them",
    ):
        assert words in said


def test_a_folder_without_recordings_says_what_belongs_there(bench, tmp_path, capsys):
    assert bench()[0] == 2
    assert "No folder" in capsys.readouterr().out
    write(tmp_path / "dir", "readme.json")
    assert bench()[0] == 2
    assert "folders by size, files by set" in capsys.readouterr().out


def test_every_set_weighs_the_same_in_a_mean(bench):
    import numpy as np
    from _autotts_table import Column

    few, many = Column(np.array([1.0]), np.array([10.0])), Column(np.zeros(3), np.full(3, 20.0))
    both = Column.joined([few, many])
    assert both.accuracy.mean() == pytest.approx(0.5)
    assert both.tokens.mean() == pytest.approx(15)
