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
        (task(0, 2, 3, 4), "q0001.*not among them now"),  # one that was recorded is missing
        (task(0, 1, 2, verifier=Same("other")), "task digest"),  # its old questions are judged otherwise
        (replace(task(0, 1, 2), instruction="Be brief."), "q0000.*another text now"),
    ],
)
def test_what_is_no_growth_is_refused_and_named(tmp_path: Path, asked: Task, named: str) -> None:
    recorded(tmp_path, task(0, 1))
    was = (tmp_path / QUESTIONS).read_bytes()
    with pytest.raises(RecordingMismatch, match=f"(?s){named}"):
        recorded(tmp_path, asked)
    assert (tmp_path / QUESTIONS).read_bytes() == was


def by_line(asked: Task) -> Task:
    """The task as a file without ids gives it."""
    numbered = (replace(q, id=f"line{n}") for n, q in enumerate(asked.questions, 1))
    return replace(asked, questions=tuple(numbered))


def playing(asked: Task) -> ScriptedEngine:
    """The engine of these questions, whatever their ids are: a model knows them by their text."""
    known = {q.prompt.user: q for q in SCRIPT.questions}
    questions = []
    for q in asked.questions:
        traces = tuple(replace(t, question=q.id) for t in known[q.text].traces)
        questions.append(replace(known[q.text], id=q.id, traces=traces))
    return ScriptedEngine.of(replace(SCRIPT, questions=tuple(questions)))


def test_rows_without_ids_are_known_by_what_they_say(tmp_path: Path) -> None:
    first = by_line(task(0, 1, 2))
    assert growth.recognise(tmp_path, first) == first  # nothing is recorded yet
    recorded(tmp_path, first, playing(first))
    moved = growth.recognise(tmp_path, by_line(task(3, 2, 0, 1)))
    assert [q.id for q in moved.questions] == ["line1-2", "line3", "line1", "line2"]
    assert [q.text for q in moved.questions] == [q.text for q in task(3, 2, 0, 1).questions]
    grown = recorded(tmp_path, by_line(task(3, 2, 0, 1)), playing(moved))
    assert [q.id for q in grown.questions] == ["line1", "line2", "line3", "line1-2"]
    assert [q.batch for q in grown.questions] == [0, 0, 0, 1]
    again = playing(moved)
    recorded(tmp_path, by_line(task(1, 0, 3, 2)), again)
    assert not again.opened  # the same questions in another order: all of them are there


def test_a_changed_row_is_named_with_what_changed(tmp_path: Path) -> None:
    asked = by_line(task(0, 1, 2))
    recorded(tmp_path, asked, playing(asked))
    rows = list(asked.questions)
    rows[1] = replace(rows[1], reference="another answer")
    with pytest.raises(RecordingMismatch, match=r"(?s)1 of the 3 questions.*line2 .*another answer now"):
        growth.recognise(tmp_path, replace(asked, questions=tuple(rows)))


def test_two_rows_that_say_the_same_stay_two(tmp_path: Path) -> None:
    twice = by_line(task(0, 0))
    recorded(tmp_path, twice, playing(twice))
    turned = replace(twice, questions=twice.questions[::-1])
    assert {q.id for q in growth.recognise(tmp_path, turned).questions} == {"line1", "line2"}
    with pytest.raises(RecordingMismatch, match="line2"):
        growth.recognise(tmp_path, replace(twice, questions=twice.questions[:1]))


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
