import hashlib
import subprocess
import sys

import pytest

from karui.recording import store
from scripts import data_package


def test_the_wheel_installs_without_a_network_and_says_where_its_files_lie(tmp_path):
    folder = tmp_path / "results"
    (folder / "runs").mkdir(parents=True)
    (folder / "runs" / "figures.json").write_text("{}", encoding="utf-8")
    wheel = data_package.build(folder, tmp_path / "dist")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", tmp_path / "site", wheel], check=True)
    ask = (
        "import karui_data; print(karui_data.path('runs/figures.json').read_text()); karui_data.path('gone')"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, cwd=tmp_path / "site", check=False
    )
    assert done.stdout.strip() == "{}"
    assert "karui-data holds no 'gone'; it holds: runs." in done.stderr


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("x", encoding="utf-8")
    wheels = [data_package.build(tmp_path / "a", tmp_path / out) for out in ("one", "two")]
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_a_listed_file_that_was_changed_is_refused(tmp_path):
    row = data_package.listed()[0]
    changed = tmp_path / row["path"]
    changed.parent.mkdir(parents=True)
    changed.write_text("another", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"is not the file that files\.tsv lists"):
        data_package.build(tmp_path, tmp_path / "dist")


def test_an_empty_folder_makes_no_package(tmp_path):
    with pytest.raises(SystemExit, match="holds no files"):
        data_package.build(tmp_path, tmp_path / "dist")


def test_the_lines_of_a_folder_are_those_that_the_listing_is_made_of(tmp_path):
    (tmp_path / "x.txt").write_text("x", encoding="utf-8")
    lines = list(data_package.lines(tmp_path, "abc", "bench/data"))
    digest = hashlib.sha256(b"x").hexdigest()
    assert lines == ["path\tbytes\tsha256\tcommit\tplace", f"x.txt\t1\t{digest}\tabc\tbench/data/x.txt"]
    assert lines[0].split("\t") == list(data_package.listed()[0])


def test_a_slim_recording_holds_everything_but_the_signals(tmp_path):
    pilot = store.load(data_package.ROOT / "src" / "karui" / "models" / "mini" / "pilot")
    few = pilot.questions[:3]
    with store.Writer(tmp_path, pilot.manifest, few) as writer:
        for question in few:
            for trace in question.traces:
                writer.add(trace, dict(question.verdicts))
    whole, plain = store.load(tmp_path), store.load(tmp_path, signals=False)
    assert all(len(t.signals) for t in whole.traces())
    data_package.slim(tmp_path)
    slim = store.load(tmp_path)
    assert slim.questions == plain.questions
    assert not any(len(t.signals) for t in slim.traces())
    assert "signals" in whole.manifest.abilities
    assert slim.manifest.abilities == whole.manifest.abilities - {"signals"}
