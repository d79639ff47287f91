"""Shards of a recording, made apart, and merged into what one machine would have made."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from karui.cli.main import app
from karui.core.errors import InputError, RecordingError, RecordingMismatch, StorageError
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.recording import files, store
from karui.recording.merging import merge, shard_of
from karui.recording.questions import read_questions
from karui.recording.record import record
from karui.recording.store import missing
from karui.tasks import verifier
from karui.testing.alike import assert_same
from karui.testing.synthetic import synthetic

SCRIPT = synthetic(7, 2, seed=4, tokens=80)
TASK = Task(
    "synthetic",
    tuple(Question(q.id, q.prompt.user, q.reference, verifier("exact"), q.kind) for q in SCRIPT.questions),
)


def shards(folder: Path, of: int = 3) -> list[Path]:
    made = []
    for which in range(1, of + 1):
        made.append(folder / f"shard-{which}")
        run_virtual(record(ScriptedEngine.of(SCRIPT), TASK, made[-1], samples=2, shard=(which, of)))
    return made


def test_shards_are_the_whole(tmp_path: Path) -> None:
    made = shards(tmp_path)
    parts = [store.load(path) for path in made]
    assert [[len(q.traces) for q in part.questions] for part in parts] == [
        [2, 0, 0, 2, 0, 0, 2],
        [0, 2, 0, 0, 2, 0, 0],
        [0, 0, 2, 0, 0, 2, 0],
    ]
    assert [missing(part, (n, 3)) for n, part in enumerate(parts, 1)] == [0, 0, 0]
    assert_same(merge(made, tmp_path / "whole"), SCRIPT)
    assert_same(store.load(tmp_path / "whole"), SCRIPT)
    assert missing(store.load(tmp_path / "whole")) == 0


def test_a_shard_reports_its_own_part(tmp_path: Path) -> None:
    seen = []
    run = record(ScriptedEngine.of(SCRIPT), TASK, tmp_path, samples=2, shard=(1, 3), on_progress=seen.append)
    run_virtual(run)
    assert (seen[-1].done, seen[-1].total) == (6, 6)


def test_merging_again_adds_what_has_come_meanwhile(tmp_path: Path) -> None:
    one, two, three = shards(tmp_path)
    assert missing(merge([one, two], tmp_path / "whole")) == 4
    assert_same(merge([one, two, three], tmp_path / "whole"), SCRIPT)
    files_then = {f.name for f in (tmp_path / "whole").iterdir()}
    merge([three, two, one], tmp_path / "whole")
    assert {f.name for f in (tmp_path / "whole").iterdir()} == files_then


def test_the_manifest_names_every_machine(tmp_path: Path) -> None:
    made = shards(tmp_path, 2)
    for n, path in enumerate(made):
        manifest = store.read_manifest(path)
        told = replace(
            manifest,
            machine=f"machine {n}",
            versions={"karui": "1", f"only-{n}": "2"},
            tokens_per_second=100.0 + n,
            timeouts=n + 1,
        )
        with store.Writer(path, manifest, SCRIPT.questions) as writer:
            writer.describe(told)
    whole = merge(made, tmp_path / "whole").manifest
    assert whole.machine == "machine 0; machine 1"
    assert [(w["name"], w["machine"]) for w in whole.workers] == [
        ("shard-1", "machine 0"),
        ("shard-2", "machine 1"),
    ]
    assert whole.workers[1]["versions"] == {"karui": "1", "only-1": "2"}
    assert whole.versions == {"karui": "1", "only-0": "2", "only-1": "2"}
    assert (whole.tokens_per_second, whole.timeouts) == (201, 3)
    assert merge(made, tmp_path / "whole").manifest == whole


def test_a_merge_that_is_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shards(tmp_path)
    real = files.os.fsync
    for ends in range(1, 30):
        calls = 0

        def counted(descriptor: int, ends: int = ends) -> None:
            nonlocal calls
            calls += 1
            if calls == ends:
                raise KeyboardInterrupt
            real(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", counted)
            try:
                merge(made, tmp_path / f"whole-{ends}")
            except KeyboardInterrupt:
                pass
            else:
                assert ends > 5
                return
        assert_same(merge(made, tmp_path / f"whole-{ends}"), SCRIPT)
    pytest.fail("it never came to its end")


def test_equal_traces_of_two_shards_are_one(tmp_path: Path) -> None:
    made = shards(tmp_path, 2)
    run_virtual(record(ScriptedEngine.of(SCRIPT), TASK, made[1], samples=2))  # the whole, on one of them
    assert_same(merge(made, tmp_path / "whole"), SCRIPT)


def test_different_traces_under_one_number_are_refused(tmp_path: Path) -> None:
    made = shards(tmp_path, 2)
    question = SCRIPT.questions[0]
    other = replace(question.traces[0], text="said otherwise")
    with store.Writer(made[1], store.read_manifest(made[1]), read_questions(made[1])) as writer:
        writer.add(other, {})
    with pytest.raises(RecordingError, match="shard-2 does not belong to this recording"):
        merge(made, tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def saved(recording: Recording, path: Path) -> Path:
    store.save(recording, path)
    return path


def test_what_was_made_otherwise_is_refused(tmp_path: Path) -> None:
    one = saved(SCRIPT, tmp_path / "one")
    two = saved(replace(SCRIPT, manifest=replace(SCRIPT.manifest, seed=99)), tmp_path / "two")
    with pytest.raises(RecordingMismatch, match=r"differ in their seed(?s:.*)recorded alike"):
        merge([one, two], tmp_path / "whole")
    fewer = saved(replace(SCRIPT, questions=SCRIPT.questions[1:]), tmp_path / "three")
    with pytest.raises(RecordingMismatch, match="other questions"):
        merge([one, fewer], tmp_path / "whole")
    with pytest.raises(InputError, match="one of the recordings"):
        merge([one], tmp_path / "two" / ".." / "one")
    with pytest.raises(InputError, match="nothing to merge"):
        merge([], tmp_path / "whole")


def test_only_one_process_merges(tmp_path: Path) -> None:
    one = saved(SCRIPT, tmp_path / "one")
    with (
        store.Writer(tmp_path / "whole", SCRIPT.manifest, SCRIPT.questions),
        pytest.raises(StorageError, match="is being written"),
    ):
        merge([one], tmp_path / "whole")


def test_what_is_private_stays_private(tmp_path: Path) -> None:
    made = shards(tmp_path, 2)
    (made[1] / "manifest.json").chmod(0o600)
    merge(made, tmp_path / "whole")
    assert {f.stat().st_mode & 0o777 for f in (tmp_path / "whole").iterdir()} == {0o600}


@pytest.mark.parametrize(("text", "shard"), [("", None), ("1/1", (1, 1)), ("3/8", (3, 8))])
def test_shards_are_written_so(text: str, shard: tuple[int, int] | None) -> None:
    assert shard_of(text) == shard


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(InputError, match="no part of a whole"):
        shard_of(text)


def test_on_the_command_line(tmp_path: Path) -> None:
    one, two = shards(tmp_path, 2)
    ran = CliRunner().invoke(app, ["merge", str(one), "--out", str(tmp_path / "whole")])
    assert ran.exit_code == 0, ran.output
    assert "7 questions, 8 traces" in ran.output
    assert "Warning: 6 traces are missing" in ran.output
    ran = CliRunner().invoke(app, ["merge", str(one), str(two), "--out", str(tmp_path / "whole")])
    assert "7 questions, 14 traces" in ran.output
    assert "Warning" not in ran.output
