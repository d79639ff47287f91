"""A recording that cannot be spoiled: one writer at a time, and nothing of others is touched."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from karui.core.errors import RecordingError, RecordingMismatch, StorageError
from karui.recording import columns, compaction, files, parts, store
from karui.recording.compaction import compact
from karui.recording.lock import ensure_free
from karui.testing.alike import assert_same
from karui.testing.synthetic import synthetic

MADE = synthetic(4, 3, seed=5, tokens=80)
TRACES = [(t, dict(q.verdicts)) for q in MADE.questions for t in q.traces]


def recorded(folder: Path, *, each: int = 2) -> Path:
    """A recording in parts of `each` traces."""
    with store.Writer(folder, MADE.manifest, MADE.questions) as writer:
        for n, (trace, verdicts) in enumerate(TRACES, 1):
            writer.add(trace, verdicts)
            if not n % each:
                writer.flush()
    return folder


@contextmanager
def other_process(folder: Path, doing: str) -> Iterator[int]:
    """Another process that holds a recording, by its id."""
    script = dedent(f"""
        import sys
        from pathlib import Path
        from karui.recording.lock import FolderLock
        lock = FolderLock(Path(sys.argv[1]), {doing!r})
        print("held", flush=True)
        sys.stdin.read()
    """)
    words = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


def test_a_second_recorder_is_told_who_writes(tmp_path: Path) -> None:
    recorded(tmp_path)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    with other_process(tmp_path, "recording") as pid:
        with pytest.raises(StorageError, match="is being written by another process") as caught:
            store.Writer(tmp_path, MADE.manifest, MADE.questions)
        with pytest.raises(StorageError, match="is being written by another process"):
            compact(tmp_path)
        with pytest.raises(StorageError, match="is being written by another process"):
            ensure_free(tmp_path)
        assert_same(store.load(tmp_path), MADE)  # who only reads is not kept waiting
    assert f"Process {pid} on " in caught.value.why
    assert "has been recording there since 2" in caught.value.why
    assert caught.value.retry
    ensure_free(tmp_path)
    assert before == {f.name: f.read_bytes() for f in tmp_path.iterdir() if f.name != ".karui-lock"}


def test_a_killed_writer_lets_go(tmp_path: Path) -> None:
    recorded(tmp_path)
    script = (
        "import os, sys; from pathlib import Path; from karui.recording.lock import FolderLock; "
        "held = FolderLock(Path(sys.argv[1]), 'recording'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    assert (tmp_path / ".karui-lock").exists()
    with store.Writer(tmp_path, MADE.manifest, MADE.questions) as writer:
        assert len(writer.done()) == 12
    assert not (tmp_path / ".karui-lock").exists()


def test_a_writer_that_is_refused_lets_go(tmp_path: Path) -> None:
    recorded(tmp_path)
    for _ in range(2):
        with pytest.raises(RecordingMismatch):
            store.Writer(tmp_path, replace(MADE.manifest, seed=99), MADE.questions)
    with store.Writer(tmp_path, MADE.manifest, MADE.questions):
        pass


def test_parts_are_never_written_over(tmp_path: Path) -> None:
    one = files.write_new(tmp_path, ["a", "b"], b"1")
    two = files.write_new(tmp_path, ["a", "b"], b"2")
    assert (one.name, two.name, one.read_bytes(), two.read_bytes()) == ("a", "b", b"1", b"2")


@pytest.mark.parametrize("says", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(says, os.strerror(says))

    monkeypatch.setattr(os, "link", refused)
    assert_same(store.load(recorded(tmp_path)), MADE)
    assert sorted(f.suffix for f in tmp_path.iterdir()) == [".json", ".jsonl", *[".parquet"] * 6]


def test_only_own_partials_are_removed(tmp_path: Path) -> None:
    recorded(tmp_path)
    mine = ["traces-00009.parquet.4711-0a1b2c3d.partial", "traces-00001.parquet.partial"]
    theirs = ["notes.partial", "traces.zip.partial", "download.parquet.partial"]
    for name in (*mine, *theirs):
        (tmp_path / name).write_text("half")
    with store.Writer(tmp_path, MADE.manifest, MADE.questions):
        pass
    assert sorted(f.name for f in tmp_path.glob("*.partial")) == sorted(theirs)


def test_a_trace_that_was_made_twice_alike_is_one(tmp_path: Path) -> None:
    recorded(tmp_path)
    again = replace(TRACES[0][0], seconds=99.0, first_seconds=9.0, thought_seconds=90.0)
    (tmp_path / "traces-00077.parquet").write_bytes(columns.write([columns.row(again, TRACES[0][1])], 1))
    assert_same(store.load(tmp_path), MADE)
    compact(tmp_path)
    assert [p.name for p in parts.parts(tmp_path)] == ["traces-00000.parquet"]
    assert_same(store.load(tmp_path), MADE)


def test_compaction_leaves_everything_else_alone(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "recording")
    for other in (tmp_path / "recording.old" / "mine", tmp_path / "recording.new" / "mine", folder / "notes"):
        other.parent.mkdir(exist_ok=True)
        other.write_text("mine")
    questions = (folder / "questions.jsonl").stat().st_mtime_ns
    compact(folder)
    assert_same(store.load(folder), MADE)
    assert [p.name for p in parts.parts(folder)] == ["traces-00000.parquet"]
    assert (folder / "questions.jsonl").stat().st_mtime_ns == questions
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recording", "recording.new", "recording.old"]
    assert all((tmp_path / f"recording.{e}" / "mine").read_text() == "mine" for e in ("old", "new"))
    assert (folder / "notes").read_text() == "mine"


def test_compaction_killed_at_any_step_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that changes the folder, in turn, is where the process ends."""
    steps = 0
    for ends in range(1, 40):
        folder = recorded(tmp_path / str(ends), each=3)
        calls = 0

        def step(real):
            def counted(*args, **kwargs):
                nonlocal calls
                calls += 1
                if calls == ends:  # noqa: B023
                    raise KeyboardInterrupt
                return real(*args, **kwargs)

            return counted

        with monkeypatch.context() as patch:
            for name in ("fsync", "link"):
                patch.setattr(os, name, step(getattr(os, name)))
            for name in ("unlink", "replace"):
                patch.setattr(Path, name, step(getattr(Path, name)))
            try:
                compact(folder)
            except KeyboardInterrupt:
                steps += 1
            else:
                break
        assert_same(store.load(folder), MADE)
        with store.Writer(folder, MADE.manifest, MADE.questions) as writer:
            assert len(writer.done()) == 12
        compact(folder)
        assert_same(store.load(folder), MADE)
    assert steps >= 9  # one new part, four old ones


def test_a_full_disk_while_parts_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    recorded(tmp_path)
    before = sorted(f.name for f in tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="cannot be written") as caught:
            compact(tmp_path)
    assert "The disk is full" in caught.value.why
    assert sorted(f.name for f in tmp_path.iterdir()) == before
    assert_same(store.load(tmp_path), MADE)


def test_a_reader_beside_a_compaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are joined after they were listed and before they are read."""
    recorded(tmp_path)
    real = columns.read

    def joined_meanwhile(source, *, signals):
        monkeypatch.setattr(columns, "read", real)
        compact(tmp_path)
        return real(source, signals=signals)

    monkeypatch.setattr(columns, "read", joined_meanwhile)
    assert_same(store.load(tmp_path), MADE)


def test_what_an_older_karui_left_half_swapped_is_not_begun_anew(tmp_path: Path) -> None:
    for ending in ("new", "old"):
        recorded(tmp_path / f"recording.{ending}")
    for attempt in (
        lambda: store.Writer(tmp_path / "recording", MADE.manifest, MADE.questions),
        lambda: store.load(tmp_path / "recording"),
    ):
        with pytest.raises(RecordingError, match=r"but one at .*recording\.old") as caught:
            attempt()
        assert "nothing is lost" in caught.value.remedy
    assert not (tmp_path / "recording").exists()


def test_a_questions_file_of_the_users_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text('{"question": "2+2"}\n')
    with pytest.raises(RecordingError, match="is in the way"):
        store.Writer(tmp_path, MADE.manifest, MADE.questions)
    assert (tmp_path / "questions.jsonl").read_text() == '{"question": "2+2"}\n'


def test_a_writer_killed_before_its_manifest_goes_on(tmp_path: Path) -> None:
    recorded(tmp_path / "one")
    questions = (tmp_path / "one" / "questions.jsonl").read_bytes()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "questions.jsonl").write_bytes(questions)
    assert_same(store.load(recorded(tmp_path / "two")), MADE)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(f.stat().st_mode) for f in folder.iterdir()}


def test_what_is_private_stays_private(tmp_path: Path) -> None:
    with store.Writer(tmp_path / "r", MADE.manifest, MADE.questions, private=True) as writer:
        assert modes(tmp_path / "r") == {0o600}  # its lock, too
        writer.add(*TRACES[0])
    with store.Writer(tmp_path / "r", MADE.manifest, MADE.questions) as writer:
        writer.add(*TRACES[1])
    held: set[int] = set()

    def remove_partials(path: Path) -> None:
        held.update(modes(path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "remove_partials", remove_partials)  # while compact holds its lock
        compact(tmp_path / "r")
    assert held == {0o600}
    assert modes(tmp_path / "r") == {0o600}
    store.save(store.load(tmp_path / "r"), tmp_path / "copy")
    assert modes(tmp_path / "copy") == {0o600}


def test_what_is_not_private_goes_by_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        recorded(tmp_path / "r")
    finally:
        os.umask(before)
    assert modes(tmp_path / "r") == {0o640}


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({"fingerprint": "a"}, {"fingerprint": "a"}, True),
        ({"fingerprint": "a"}, {"fingerprint": "b"}, False),
        ({"fingerprint": "a", "weights": "size=1"}, {"fingerprint": "a", "weights": "size=2"}, False),
        ({}, {"fingerprint": "b"}, True),  # an older recording does not say
        (
            {"weights": "size=1"},
            {"weights": "size=1", "version": "b"},
            True,
        ),  # nor does this one of its version
        ({"weights": "size=1"}, {"fingerprint": "b"}, False),  # it does not tell any more
    ],
)
def test_another_server_is_another_recording(
    tmp_path: Path, before: dict[str, str], now: dict[str, str], same: bool
) -> None:
    store.save(replace(MADE, manifest=replace(MADE.manifest, server=before)), tmp_path)
    asked = replace(MADE.manifest, server=now)
    if same:
        with store.Writer(tmp_path, asked, MADE.questions):
            pass
        assert store.read_manifest(tmp_path).server == {**now, **before}
    else:
        with pytest.raises(RecordingMismatch, match="another server"):
            store.Writer(tmp_path, asked, MADE.questions)


def test_a_manifest_without_a_server_is_read(tmp_path: Path) -> None:
    store.save(MADE, tmp_path)
    values = json.loads((tmp_path / "manifest.json").read_text())
    del values["server"]
    (tmp_path / "manifest.json").write_text(json.dumps(values))
    assert store.load(tmp_path).manifest.server == {}
