"""A recording grows by the same command: what is there is kept, and the manifest tells what came when."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from karui.core.errors import RecordingMismatch
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.engines.scripted import ScriptedEngine, run_virtual
from karui.recording import growth, store
from karui.recording.questions import QUESTIONS
from karui.recording.record import record
from karui.testing.alike import assert_same
from karui.testing.synthetic import synthetic

SCRIPT = synthetic(9, 2, seed=3, tokens=100)


@dataclass(frozen=True)
class Same:
    spec: str = "same"

    def read(self, text: str) -> str:
        return text

    def verify(self, reference: str, answer: str) -> bool:
        return reference == answer


def task(*places: int, verifier: Same = Same()) -> Task:
    chosen = [SCRIPT.questions[n] for n in places]
    return Task(
        "synthetic",
        tuple(Question(q.id, q.prompt.user, q.reference, verifier, q.kind) for q in chosen),
    )


def recorded(folder: Path, asked: Task, engine: ScriptedEngine | None = None, **options: object) -> Recording:
    made = engine or ScriptedEngine.of(SCRIPT)
    return run_virtual(record(made, asked, folder, samples=2, **options))


def test_more_questions_are_added_and_what_is_there_is_kept(tmp_path: Path) -> None:
    before = recorded(tmp_path, task(0, 1, 2))
    engine = ScriptedEngine.of(SCRIPT)
    after = recorded(tmp_path, task(4, 1, 0, 2, 3), engine)
    assert [q.id for q in after.questions] == ["q0000", "q0001", "q0002", "q0004", "q0003"]
    assert [q.batch for q in after.questions] == [0, 0, 0, 1, 1]
    assert {q for q, _ in engine.opened} == {"q0003", "q0004"}
    assert_same(after.subset({q.id for q in before.questions}), before)
    assert_same(store.load(tmp_path), after)
    first, then = after.manifest.history
    assert (first["questions"], first["task_digest"]) == (3, before.manifest.task_digest)
    assert (then["questions"], then["task_digest"]) == (5, after.manifest.task_digest)


def test_it_grows_again_and_a_finished_one_is_left_as_it_is(tmp_path: Path) -> None:
    for places in ((0, 1), (0, 1, 2), (5, 0, 1, 2, 3), (5, 0, 1, 2, 3)):
        grown = recorded(tmp_path, task(*places))
    assert [q.batch for q in grown.questions] == [0, 0, 1, 2, 2]
    assert [h["questions"] for h in grown.manifest.history] == [2, 3, 5]


def test_a_run_killed_while_it_grew_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path, task(0, 1))

    class Killed(BaseException):
        pass

    real = growth.write

    def killed(file: Path, content: bytes, **options: bool) -> None:
        if file.name == store.MANIFEST:
            raise Killed
        real(file, content, **options)

    with monkeypatch.context() as patch:
        patch.setattr(growth, "write", killed)
        with pytest.raises(Killed):
            recorded(tmp_path, task(0, 1, 2))
    grown = recorded(tmp_path, task(0, 1, 2, 3))
    assert [q.batch for q in grown.questions] == [0, 0, 1, 1]
    assert [h["questions"] for h in grown.manifest.history] == [2, 4]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (task(0, 2, 3, 4), "task digest"),  # one that was recorded is missing
        (task(0, 1, 2, verifier=Same("other")), "task digest"),  # its old questions are judged otherwise
        (replace(task(0, 1, 2), instruction="Be brief."), "task digest"),
    ],
)
def test_what_is_no_growth_is_refused_as_before(tmp_path: Path, asked: Task, named: str) -> None:
    recorded(tmp_path, task(0, 1))
    was = (tmp_path / QUESTIONS).read_bytes()
    with pytest.raises(RecordingMismatch, match=named):
        recorded(tmp_path, asked)
    assert (tmp_path / QUESTIONS).read_bytes() == was


def test_another_seed_is_refused_before_anything_is_added(tmp_path: Path) -> None:
    recorded(tmp_path, task(0, 1))
    was = [(tmp_path / name).read_bytes() for name in (QUESTIONS, store.MANIFEST)]
    with pytest.raises(RecordingMismatch, match="another seed"):
        recorded(tmp_path, task(0, 1, 2), seed=5)
    assert [(tmp_path / name).read_bytes() for name in (QUESTIONS, store.MANIFEST)] == was


def test_groups_are_kept(tmp_path: Path) -> None:
    asked = task(0, 1)
    grouped = replace(asked, questions=tuple(replace(q, group="customer 7") for q in asked.questions))
    assert grouped.digest != asked.digest
    assert [q.group for q in recorded(tmp_path, grouped).questions] == ["customer 7"] * 2
