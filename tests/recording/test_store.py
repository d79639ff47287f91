"""A recording comes back from the disk as it went, and the disk never holds half of a part."""

import errno
import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karui.core.ability import Ability
from karui.core.engine import CheckpointPolicy, ModelInfo
from karui.core.errors import RecordingError, RecordingMismatch, StorageError
from karui.core.prompt import Prompt, Sampling
from karui.core.recording import Manifest, RecordedQuestion, Recording
from karui.core.trace import SIGNAL_UNIT, End, Peek, RecordedCheckpoint, Signals, Trace, Trial
from karui.core.usage import TokenUsage
from karui.recording import columns, store
from karui.recording.columns import same_trace
from karui.testing.alike import assert_same
from karui.testing.synthetic import synthetic

SMALL = synthetic(4, 3, seed=5, tokens=80)

texts = st.text(st.characters(codec="utf-8"), max_size=12)
counts = st.integers(0, 2**31 - 1)
floats = st.floats(0, 1)
peeks = st.builds(Peek, texts, floats, st.floats(0, 50))
trials = st.builds(Trial, st.none() | texts, texts, counts, st.none() | floats, st.none() | peeks)
marks = st.builds(RecordedCheckpoint, counts, counts, st.none() | trials)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    length = draw(st.integers(0, 5))
    signal = st.lists(st.floats(-120, 120), min_size=length, max_size=length)
    return Trace(
        question=draw(texts),
        sample=draw(counts),
        end=draw(st.sampled_from(End)),
        thinking=draw(texts),
        text=draw(texts),
        answer=draw(st.none() | texts),
        confidence=draw(st.none() | floats),
        signals=Signals.of(draw(signal), draw(signal), draw(signal)),
        checkpoints=tuple(draw(st.lists(marks, max_size=3))),
        thinking_tokens=draw(counts),
        answer_tokens=draw(counts),
        usage=TokenUsage(*(draw(st.integers(0, 2**62)) for _ in range(7))),
        time=draw(counts),
        seconds=draw(floats),
        first_seconds=draw(floats),
        thought_seconds=draw(floats),
        finish=draw(texts),
        remark=draw(texts),
    )


@settings(max_examples=60)
@given(st.lists(traces(), max_size=4))
def test_any_trace_comes_back_to_the_bit(made: list[Trace]) -> None:
    rows = [columns.Row(t, tuple(sorted(columns.answers(t)))) for t in made]
    back = list(columns.read(io.BytesIO(columns.write(rows, 1)), signals=True))
    assert [r.right for r in back] == [r.right for r in rows]
    assert all(same_trace(a.trace, b) for a, b in zip(back, made, strict=True))


def test_a_recording_from_before_traces_kept_why_they_ended() -> None:
    rows = [columns.Row(replace(t, finish="stop", remark="inferred"), ()) for t in SMALL.traces()]
    table = pq.read_table(io.BytesIO(columns.write(rows, 1))).drop_columns(["finish", "remark"])
    older = io.BytesIO()
    pq.write_table(table, older)
    back = [row.trace for row in columns.read(older, signals=True)]
    assert {(t.finish, t.remark) for t in back} == {("", "")}
    assert all(same_trace(a, b) for a, b in zip(back, SMALL.traces(), strict=True))


def test_a_recording_comes_back(tmp_path: Path) -> None:
    store.save(SMALL, tmp_path / "r")
    back = store.load(tmp_path / "r")
    assert back.manifest == SMALL.manifest
    assert_same(back, SMALL)
    assert store.missing(back) == 0


def test_questions_keep_strange_characters(tmp_path: Path) -> None:
    prompt = Prompt(
        "line\u2028separator\x85 and \n newline",
        system="円",
        banned=("Wait", "Hmm"),
        penalties=(("but", 2.5), ("でも", 1.0)),
    )
    question = RecordedQuestion("é\u2029", "", "四十二", prompt, (), {})
    store.save(Recording(SMALL.manifest, (question,)), tmp_path)
    assert store.load(tmp_path).questions == (question,)


def test_signals_are_read_only_and_can_be_left_out(tmp_path: Path) -> None:
    store.save(SMALL, tmp_path)
    with_signals = next(store.load(tmp_path).traces())
    with pytest.raises(ValueError, match="read-only"):
        with_signals.signals.logprob[0] = 1
    without = next(store.load(tmp_path, signals=False).traces())
    assert len(with_signals.signals) == with_signals.thinking_tokens
    assert len(without.signals) == 0
    assert without.checkpoints == with_signals.checkpoints


def test_signals_beyond_the_range_saturate() -> None:
    wild = Signals.of([-np.inf, 1e6], [np.nan, 0], [127, 3])
    trace = replace(SMALL.questions[0].traces[0], signals=wild)
    [back] = columns.read(io.BytesIO(columns.write([columns.Row(trace, ())], 1)), signals=True)
    low, high = -32768 * SIGNAL_UNIT, 32767 * SIGNAL_UNIT
    assert back.trace.signals.logprob.tolist() == [low, high]
    assert back.trace.signals.entropy.tolist() == [0, 0]
    assert back.trace.signals.confidence.tolist() == [127, 3]


def test_parts_add_up_in_any_order(tmp_path: Path) -> None:
    with store.Writer(tmp_path, SMALL.manifest, SMALL.questions) as writer:
        for question in reversed(SMALL.questions):
            for trace in reversed(question.traces):
                writer.add(trace, dict(question.verdicts))
                writer.flush()
    assert len(list(tmp_path.glob("traces-*.parquet"))) == 12
    assert_same(store.load(tmp_path), SMALL)


def test_a_writer_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    first, *rest = [(t, dict(q.verdicts)) for q in SMALL.questions for t in q.traces]
    with store.Writer(tmp_path, SMALL.manifest, SMALL.questions) as writer:
        writer.add(*first)
    (tmp_path / "traces-00001.parquet.partial").write_bytes(b"cut off")
    assert store.missing(store.load(tmp_path)) == 11
    with store.Writer(tmp_path, SMALL.manifest, SMALL.questions) as writer:
        assert writer.done() == {(first[0].question, first[0].sample)}
        assert not list(tmp_path.glob("*.partial"))
        for each in rest:
            writer.add(*each)
    assert_same(store.load(tmp_path), SMALL)


def test_an_exception_keeps_what_was_added(tmp_path: Path) -> None:
    question = SMALL.questions[0]

    def fail() -> None:
        with store.Writer(tmp_path, SMALL.manifest, SMALL.questions) as writer:
            writer.add(question.traces[0], dict(question.verdicts))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert same_trace(next(store.load(tmp_path).traces()), question.traces[0])


def test_a_killed_process_leaves_whole_parts(tmp_path: Path) -> None:
    script = dedent("""
        import os, sys
        from karui.recording import store
        from karui.testing.synthetic import synthetic

        made = synthetic(4, 3, seed=5, tokens=80)
        real = os.fsync

        def killed(descriptor):
            if len(list(writer.path.glob("traces-*.parquet"))) == 2:
                os.kill(os.getpid(), 9)
            real(descriptor)

        writer = store.Writer(sys.argv[1], made.manifest, made.questions)
        os.fsync = killed
        for question in made.questions:
            for trace in question.traces:
                writer.add(trace, dict(question.verdicts))
                writer.flush()
    """)
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert run.returncode == -9
    assert list(tmp_path.glob("*.partial"))
    with store.Writer(tmp_path, SMALL.manifest, SMALL.questions) as writer:
        assert writer.done() == {("q0000", 0), ("q0000", 1)}
        for question in SMALL.questions:
            for trace in question.traces:
                if (trace.question, trace.sample) not in writer.done():
                    writer.add(trace, dict(question.verdicts))
    assert_same(store.load(tmp_path), SMALL)


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    one, two, three = ((t, dict(q.verdicts)) for q in SMALL.questions[:1] for t in q.traces)
    with store.Writer(tmp_path, SMALL.manifest, SMALL.questions) as writer:
        writer.add(*one)
        writer.flush()
        writer.add(*two)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StorageError, match="disk is full") as caught:
                writer.flush()
        assert caught.value.retry
        assert not list(tmp_path.glob("*.partial"))
        assert len(store.load(tmp_path).questions[0].traces) == 1
        writer.add(*three)
    assert len(store.load(tmp_path).questions[0].traces) == 3


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        store.Writer(tmp_path / "file" / "r", SMALL.manifest, SMALL.questions)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"model": ModelInfo("other", digest="x")}, "model"),
        ({"model": replace(SMALL.manifest.model, digest="x")}, "model digest"),
        ({"model": replace(SMALL.manifest.model, dtype="bfloat16")}, "number type"),
        ({"task_digest": "x"}, "task digest"),
        ({"style": ({"technique": "concise"},)}, "prompt style"),
        ({"sampling": Sampling(temperature=1.0)}, "sampling"),
        ({"rule": CheckpointPolicy(max_interval=7)}, "checkpoint rule"),
        ({"suffix": "x"}, "trial suffix"),
        ({"seed": 6}, "seed"),
        ({"abilities": frozenset()}, "abilities"),
        ({"engine": "another"}, "engine"),
    ],
)
def test_a_mismatch_names_its_field(tmp_path: Path, changed: dict[str, Any], field: str) -> None:
    store.save(SMALL, tmp_path)
    with pytest.raises(RecordingMismatch, match=field):
        store.Writer(tmp_path, replace(SMALL.manifest, **changed), SMALL.questions)


def test_other_questions_do_not_match(tmp_path: Path) -> None:
    store.save(SMALL, tmp_path)
    with pytest.raises(RecordingMismatch, match="other questions"):
        store.Writer(tmp_path, SMALL.manifest, SMALL.questions[1:])


def test_more_samples_and_newer_versions_do_match(tmp_path: Path) -> None:
    store.save(SMALL, tmp_path)
    renamed = replace(SMALL.manifest.model, name="the same weights elsewhere")
    newer = replace(SMALL.manifest, model=renamed, samples=9, versions={"karui": "9"}, machine="another")
    with store.Writer(tmp_path, newer, SMALL.questions):
        pass
    manifest = store.read_manifest(tmp_path)
    assert (manifest.samples, dict(manifest.versions), manifest.machine) == (9, {"karui": "9"}, "none")


def test_nothing_is_saved_over_a_recording(tmp_path: Path) -> None:
    store.save(SMALL, tmp_path)
    with pytest.raises(RecordingError, match="already holds"):
        store.save(SMALL, tmp_path)


def _edit(manifest: Path, **changed: Any) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changed}))


_PART, _SECOND, _QUESTIONS, _MANIFEST = (
    *("traces-00000.parquet", "traces-00001.parquet"),
    *("questions.jsonl", "manifest.json"),
)
_FOREIGN = columns.Row(replace(SMALL.questions[0].traces[0], question="elsewhere"), ())
_OTHER = columns.Row(replace(SMALL.questions[0].traces[0], text="said otherwise"), ())
_BREAK: dict[str, Callable[[Path], object]] = {
    "no folder": lambda p: (p / _MANIFEST).unlink(),
    "cut part": lambda p: (p / _PART).write_bytes((p / _PART).read_bytes()[:-100]),
    "no part at all": lambda p: (p / _PART).write_text("hello"),
    "broken manifest": lambda p: (p / _MANIFEST).write_text("{"),
    "manifest without model": lambda p: _edit(p / _MANIFEST, model={}),
    "other format": lambda p: _edit(p / _MANIFEST, format=99),
    "no questions": lambda p: (p / _QUESTIONS).unlink(),
    "broken question": lambda p: (p / _QUESTIONS).write_text("[]\n"),
    "trace twice": lambda p: (p / _SECOND).write_bytes(columns.write([_OTHER], 1)),
    "foreign part": lambda p: (p / _SECOND).write_bytes(columns.write([_FOREIGN], 1)),
}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no folder", "There is no recording"),
        ("cut part", "traces-00000.parquet cannot be read"),
        ("no part at all", "traces-00000.parquet cannot be read"),
        ("broken manifest", "manifest.json cannot be read"),
        ("manifest without model", "manifest.json cannot be read"),
        ("other format", "format 99"),
        ("no questions", "There is no file .*questions.jsonl"),
        ("broken question", "questions.jsonl cannot be read"),
        ("trace twice", "traces-00001.parquet does not belong to this recording"),
        ("foreign part", "traces-00001.parquet does not belong to this recording"),
    ],
)
def test_damage_is_named(tmp_path: Path, how: str, says: str) -> None:
    store.save(SMALL, tmp_path, level=1)
    _BREAK[how](tmp_path)
    with pytest.raises(RecordingError, match=says) as caught:
        store.load(tmp_path)
    assert caught.value.remedy


def test_parts_without_a_manifest_are_not_added_to(tmp_path: Path) -> None:
    store.save(SMALL, tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(RecordingError, match=r"no manifest\.json"):
        store.Writer(tmp_path, SMALL.manifest, SMALL.questions)


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        store.save(SMALL, tmp_path / name)
    other = replace(SMALL.questions[0], reference="else")
    store.save(Recording(SMALL.manifest, (other, *SMALL.questions[1:])), tmp_path / "c")
    a, b, c = (store.digest(tmp_path / name) for name in "abc")
    assert a == b != c
    assert len(a) == 64
    with pytest.raises(RecordingError):
        store.digest(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_size_and_memory(tmp_path: Path) -> None:
    """A tenth of the 8,000 × 250 tokens that may take 15 MB; 200 questions × 16 traces far below 300 MB."""
    tenth = synthetic(100, 8, tokens=230)  # about 250 thinking tokens a trace with the long ones
    assert sum(t.thinking_tokens for t in tenth.traces()) / 800 >= 250
    store.save(tenth, tmp_path / "size")
    assert sum(f.stat().st_size for f in (tmp_path / "size").iterdir()) <= 1.5e6

    store.save(synthetic(200, 16), tmp_path / "memory", level=1)
    script = (
        "import sys; from karui.recording.store import load; print(len(list(load(sys.argv[1]).traces())))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    # not ru_maxrss, which begins with the memory of the process that started this one
    report = "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    run = subprocess.run(
        [sys.executable, "-c", f"{script}\n{report}", str(tmp_path / "memory")],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    loaded, kilobytes = map(int, run.stdout.split())
    assert loaded == 3200
    assert kilobytes < 220_000  # the whole process; numpy and pyarrow alone take 62,000
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 20


def test_recordings_from_before_peeks_had_a_name_hold_them_where_an_engine_made_them():
    """CONFIDENCE once meant both; an import with confidences never had peeks."""
    made = synthetic(1, 1).manifest
    old = {k: v for k, v in made.as_dict().items() if k not in {"source", "trials"}}
    old["abilities"] = sorted(made.abilities - {Ability.PEEKS})
    assert Manifest.from_dict(old).abilities == made.abilities
    assert Ability.PEEKS not in Manifest.from_dict({**old, "engine": "imported"}).abilities
    now = {**old, "source": "", "trials": None}
    assert Ability.PEEKS not in Manifest.from_dict(now).abilities
