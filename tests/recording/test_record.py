"""Recording over the scripted engine gives back the script; interruptions cost only what was under way."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from textwrap import dedent

import pytest

from karui.core.ability import Ability
from karui.core.errors import EngineError, PlanError, RecordingMismatch, StorageError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.core.request import Request
from karui.core.technique import Family, Technique
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.recording import store
from karui.recording.columns import same_trace
from karui.recording.record import Progress, record
from karui.recording.reference import self_reference
from karui.testing.alike import assert_same
from karui.testing.synthetic import synthetic

SCRIPT = synthetic(5, 4, seed=3, tokens=100)


class Same:
    """A verifier that counts how often it is asked."""

    spec = "same"

    def __init__(self):
        self.asked = []

    def read(self, text):
        return text

    def verify(self, reference, answer):
        self.asked.append(answer)
        return reference == answer


def task_of(script: Recording, *, agreement: bool = False) -> Task:
    questions = tuple(
        Question(q.id, q.prompt.user, "" if agreement else q.reference, Same(), q.kind)
        for q in script.questions
    )
    return Task("synthetic", questions, agreement=agreement)


TASK = task_of(SCRIPT)


def recorded(folder, engine=None, task=TASK, script=SCRIPT, **options):
    engine = engine or ScriptedEngine.of(script)
    return run_virtual(record(engine, task, folder, samples=4, **options))


def test_what_only_its_owner_may_ask_only_its_owner_may_read(tmp_path):
    engine = ScriptedEngine.of(SCRIPT)
    run_virtual(record(engine, replace(TASK, private=True), tmp_path, samples=1))
    assert {f.stat().st_mode & 0o777 for f in tmp_path.iterdir()} == {0o600}


def test_half_a_recording_on_another_engine_is_refused(tmp_path):
    class Other(ScriptedEngine):
        name = "another"

    recorded(tmp_path)
    with pytest.raises(RecordingMismatch, match="another engine"):
        run_virtual(record(Other.of(SCRIPT), TASK, tmp_path, samples=2))


def test_a_server_that_was_changed_is_refused(tmp_path):
    def of(weights):
        engine = ScriptedEngine.of(SCRIPT)
        engine.server = {"weights": weights}
        return engine

    run_virtual(record(of("size=1"), TASK, tmp_path, samples=1))
    assert store.read_manifest(tmp_path).server == {"weights": "size=1"}
    with pytest.raises(RecordingMismatch, match="another server"):
        run_virtual(record(of("size=2"), TASK, tmp_path, samples=2))


def test_an_engine_that_fails_every_time_is_the_error_itself(tmp_path):
    script = synthetic(2, 3, seed=3, tokens=100)  # fewer traces than failures in a row that end a recording
    every = [(q.id, t.sample) for q in script.questions for t in q.traces]
    engine = ScriptedEngine.of(script, faults=every)
    with pytest.raises(EngineError):
        run_virtual(record(engine, task_of(script), tmp_path, samples=3))


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_the_script_comes_back(tmp_path, at_once):
    made = recorded(tmp_path, at_once=at_once, seed=7)
    assert_same(made, SCRIPT)
    assert_same(store.load(tmp_path), SCRIPT)
    manifest = made.manifest
    assert manifest == store.read_manifest(tmp_path)
    assert (manifest.engine, manifest.task, manifest.task_digest) == ("scripted", "synthetic", TASK.digest)
    assert (manifest.suffix_tokens, manifest.samples, manifest.seed) == (3, 4, 7)
    assert manifest.abilities == SCRIPT.manifest.abilities
    assert manifest.rule == SCRIPT.manifest.rule
    assert {"karui", "python", "numpy"} <= set(manifest.versions)
    assert manifest.seconds_per_token > 0
    assert manifest.tokens_per_second > 0


def test_the_manifest_names_no_host_and_no_path(tmp_path):
    manifest = json.dumps(recorded(tmp_path).manifest.as_dict())
    assert os.uname().nodename not in manifest
    assert str(tmp_path) not in manifest


def test_every_question_comes_before_any_comes_twice(tmp_path):
    engine = ScriptedEngine.of(SCRIPT)
    recorded(tmp_path, engine, at_once=1)
    assert [sample for _, sample in engine.opened] == [n for n in range(4) for _ in range(5)]


def test_each_distinct_answer_is_judged_once(tmp_path):
    task = task_of(SCRIPT)
    recorded(tmp_path, task=task)
    for question in task.questions:
        assert len(question.verifier.asked) == len(set(question.verifier.asked))


def test_progress_counts_to_the_end(tmp_path):
    seen: list[Progress] = []
    recorded(tmp_path, at_once=2, on_progress=seen.append)
    assert (seen[0].done, seen[0].total, seen[0].seconds_left) == (0, 20, None)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    last = seen[-1]
    trials = sum(m.trial.tokens for t in SCRIPT.traces() for m in t.checkpoints)
    assert (last.done, last.failed, last.seconds_left) == (20, 0, 0.0)
    # answers are told with the trace's end; thinking and trials are counted while they come
    assert last.tokens == sum(t.tokens for t in SCRIPT.traces()) + trials


def test_a_failed_trace_is_counted_and_made_next_time(tmp_path):
    seen: list[Progress] = []
    faults = {("q0001", 2), ("q0003", 0)}
    partly = recorded(tmp_path, ScriptedEngine.of(SCRIPT, faults=faults), on_progress=seen.append)
    assert store.missing(partly) == 2
    assert (seen[-1].done, seen[-1].failed) == (18, 2)
    assert "fails on question" in seen[-1].failure
    assert [t.sample for t in partly.questions[1].traces] == [0, 1, 3]

    engine = ScriptedEngine.of(SCRIPT)
    whole = recorded(tmp_path, engine)
    assert set(engine.opened) == faults
    assert_same(whole, SCRIPT)


def test_an_engine_that_always_fails_ends_it(tmp_path):
    everything = {(q.id, t.sample) for q in SCRIPT.questions for t in q.traces}
    with pytest.raises(EngineError, match="fails on question"):
        recorded(tmp_path, ScriptedEngine.of(SCRIPT, faults=everything))
    assert_same(recorded(tmp_path), SCRIPT)


def test_a_cancelled_recording_keeps_what_was_finished(tmp_path):
    async def interrupted():
        work = asyncio.ensure_future(record(ScriptedEngine.of(SCRIPT), TASK, tmp_path, samples=4, at_once=3))
        await asyncio.sleep(600)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert work.cancelled()

    run_virtual(interrupted())
    kept = store.load(tmp_path)
    done = len(list(kept.traces()))
    assert 0 < done < 20
    engine = ScriptedEngine.of(SCRIPT)
    assert_same(recorded(tmp_path, engine), SCRIPT)
    assert len(engine.opened) == 20 - done


def test_a_killed_process_resumes(tmp_path):
    script = dedent("""
        import sys, time
        from karui.core.question import Question, Task
        from karui.engines.scripted import ScriptedEngine, run_virtual
        from karui.recording import record
        from karui.testing.synthetic import synthetic

        class Same:
            spec = "same"
            def read(self, text): return text
            def verify(self, reference, answer): return reference == answer

        def slow(progress):
            time.sleep(0.01)
            print(progress.done, flush=True)

        made = synthetic(5, 4, seed=3, tokens=100)
        record._PART_TRACES = 2
        task = Task("synthetic", tuple(
            Question(q.id, q.prompt.user, q.reference, Same(), q.kind) for q in made.questions))
        run_virtual(record.record(
            ScriptedEngine.of(made), task, sys.argv[1], samples=4, at_once=3, on_progress=slow))
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if int(line) >= 9:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    done = len(list(store.load(tmp_path).traces()))
    assert 8 <= done < 20
    engine = ScriptedEngine.of(SCRIPT)
    assert_same(recorded(tmp_path, engine), SCRIPT)
    assert len(engine.opened) == 20 - done


@pytest.fixture
def ctrl_c():
    """Makes SIGINT what it is at a terminal: a shell starts what runs in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_what_was_finished(tmp_path):
    def interrupt(progress):
        if progress.done == 7:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        recorded(tmp_path, at_once=2, on_progress=interrupt)
    assert 7 <= len(list(store.load(tmp_path).traces())) < 20
    assert_same(recorded(tmp_path), SCRIPT)


def test_a_full_disk_keeps_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr("karui.recording.record._PART_TRACES", 4)
    real = os.fsync

    def full(descriptor):
        if len(list(tmp_path.glob("traces-*.parquet"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="disk is full"):
            recorded(tmp_path, at_once=2)
    assert len(list(store.load(tmp_path).traces())) == 8
    assert_same(recorded(tmp_path), SCRIPT)


def test_more_samples_add_to_what_is_there(tmp_path):
    run_virtual(record(ScriptedEngine.of(SCRIPT), TASK, tmp_path, samples=1))
    engine = ScriptedEngine.of(SCRIPT)
    assert_same(recorded(tmp_path, engine), SCRIPT)
    assert len(engine.opened) == 15


def test_another_seed_is_another_recording(tmp_path):
    recorded(tmp_path, seed=1)
    with pytest.raises(RecordingMismatch, match="seed"):
        recorded(tmp_path, seed=2)
    with pytest.raises(RecordingMismatch, match="sampling"):
        recorded(tmp_path, seed=1, sampling=Sampling(temperature=1.0))


def test_an_engine_without_trials_records_bare_checkpoints(tmp_path):
    plain = ScriptedEngine({q.id: q.traces for q in SCRIPT.questions}, abilities={Ability.TEXT})
    made = recorded(tmp_path, plain)
    for ours, theirs in zip(made.traces(), SCRIPT.traces(), strict=True):
        bare = tuple(replace(m, trial=None) for m in theirs.checkpoints)
        assert same_trace(ours, replace(theirs, checkpoints=bare))


@dataclass(frozen=True)
class Polite(Technique):
    """Asks politely."""

    family = Family.SHORTER
    words: str = "please"

    def rewrite(self, ask: Request) -> Request:
        return replace(ask, prompt=replace(ask.prompt, user=f"{ask.prompt.user} {self.words}"))


@dataclass(frozen=True)
class Patient(Technique):
    """Only watches."""

    family = Family.FASTER

    def watch(self, ask: Request) -> None:
        return None


def test_a_style_changes_the_prompts_and_is_taped(tmp_path):
    made = recorded(tmp_path, style=Plan((Polite(),)))
    assert all(q.prompt.user.endswith(" please") for q in made.questions)
    assert [s["words"] for s in made.manifest.style] == ["please"]
    with pytest.raises(RecordingMismatch, match="prompt style"):
        recorded(tmp_path, style=Plan((Polite("now"),)))


def test_what_replays_is_not_recorded(tmp_path):
    with pytest.raises(PlanError, match="it is replayed"):
        recorded(tmp_path, style=Plan((Polite(), Patient())))
    assert not list(tmp_path.iterdir())


def test_the_majority_becomes_the_reference(tmp_path):
    script = synthetic(6, 5, seed=8, tokens=60, truncated=0.3)
    engine = ScriptedEngine.of(script)
    made = run_virtual(record(engine, task_of(script, agreement=True), tmp_path, samples=5))
    assert made.manifest.agreement
    assert_same(made, store.load(tmp_path))
    assert_same(made, self_reference(made))
    for question in made.questions:
        given = [t.answer for t in question.traces if t.answer is not None]
        assert given.count(question.reference) == max(map(given.count, given))
        assert [a for a, right in question.verdicts.items() if right] == [question.reference]


def test_a_tie_goes_to_the_first_and_silence_agrees_with_nothing():
    question = SCRIPT.questions[0]
    one, two = (replace(question.traces[0], answer=a, checkpoints=()) for a in ("b", "a"))
    mute = replace(one, answer=None)
    tied = replace(question, traces=(one, two), verdicts={"a": True, "b": False})
    silent = replace(question, traces=(mute,), verdicts={})
    first, second = self_reference(replace(SCRIPT, questions=(tied, silent))).questions
    assert (first.reference, first.verdicts) == ("b", {"a": False, "b": True})
    assert (second.reference, second.correct(None)) == ("", False)


def test_a_recording_does_not_write_itself_out():
    """Signal handling in asyncio's runner takes the repr of what the main task returned."""
    assert len(repr(SCRIPT)) < 2000
