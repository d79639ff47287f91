"""`karui record` on the embedded model: what was recorded is kept, whatever ends the run."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from karui.recording import store

QUICK = ("--limit", "4", "--samples", "1", "--max-tokens", "80", "--concurrency", "2", "--threads", "1")
CUT = ("--min-accuracy", "0")  # with 80 tokens nothing is answered, which is what would be said otherwise


def begin(verb: str, folder: Path, *more: str) -> subprocess.Popen[str]:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from karui.cli.main import app; app()"
    )
    words = [sys.executable, "-c", code, verb, *QUICK, *CUT, *more, "--out", str(folder)]
    return subprocess.Popen(
        words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def finish(job: subprocess.Popen[str]) -> tuple[int, str]:
    shown, _ = job.communicate(timeout=120)
    return job.returncode, shown


def traces(folder: Path) -> int:
    return len(list(store.load(folder, signals=False).traces()))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedded") / "recording"
    code, shown = finish(begin("record", folder, "--compact"))
    assert code == 0, shown
    return folder


def test_compact_joins_the_parts(recording: Path) -> None:
    assert traces(recording) == 4
    assert [p.name for p in recording.glob("*.parquet")] == ["traces-00000.parquet"]
    assert [p.name for p in recording.parent.iterdir()] == ["recording"]


def test_workers_record_what_one_process_does(recording: Path, tmp_path: Path) -> None:
    code, shown = finish(begin("record", tmp_path / "r", "--workers", "2"))
    assert code == 0, shown
    ours, theirs = store.load(tmp_path / "r"), store.load(recording)
    assert [(t.question, t.sample, t.thinking, t.text, t.answer) for t in ours.traces()] == [
        (t.question, t.sample, t.thinking, t.text, t.answer) for t in theirs.traces()
    ]
    assert [w["name"] for w in ours.manifest.workers] == ["w1", "w2"]
    assert {w["threads"] for w in ours.manifest.workers} == {1}


def test_ctrl_c_keeps_what_was_recorded_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    job = begin("poc", folder, "--limit", "40")
    deadline = time.monotonic() + 60
    while not (folder / "recording" / "manifest.json").exists():
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(job.pid, signal.SIGINT)  # what a terminal does: everything in the group hears it
    code, shown = finish(job)
    assert code == 130, shown
    assert "Stopped. What was recorded so far is kept" in shown
    assert "Traceback" not in shown
    assert traces(folder / "recording") < 40


def test_a_killed_recording_goes_on(recording: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    shutil.copytree(recording, begun)
    (begun / "traces-00000.parquet").unlink()
    (begun / "traces-00001.parquet.partial").write_bytes(b"PAR1 cut off")
    code, shown = finish(begin("record", begun))
    assert code == 0, shown
    assert traces(begun) == 4
    assert not list(begun.glob("*.partial"))
