"""Studies that go on: the ledger beside a recording, and questions that stay where they are."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import karui
from karui.core.question import Question, Task
from karui.core.recording import Recording
from karui.recording import store
from karui.recording.questions import QUESTIONS
from karui.selection.looks.ledger import FILE, level
from karui.selection.looks.opening import ledger_of
from karui.study.data_split import hold_back, recorded_in
from karui.study.progress import KaruiWarning
from karui.study.workspace import embedded
from karui.tasks import verifier
from karui.testing.synthetic import synthetic

WHOLE = synthetic(48, 1, truncated=0.0)
WIDE = {"max_drop": 30.0, "min_accuracy": 0}


def grown(recording: Recording, first: int) -> Recording:
    """Returns a recording whose questions beyond the first so many were added later."""
    asked = [replace(q, batch=int(n >= first)) for n, q in enumerate(recording.questions)]
    return replace(recording, questions=tuple(asked))


def test_a_second_look_at_a_recording_that_grew_is_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KARUI_LEDGER", str(tmp_path / "own" / FILE))
    folder = tmp_path / "recording"
    store.save(replace(WHOLE, questions=WHOLE.questions[:30]), folder)
    first = karui.choose(folder, **WIDE).choice
    assert first.looks is not None
    assert first.tested  # else there is nothing to go on with
    for file in folder.glob("*.parquet"):
        file.unlink()
    for name in (store.MANIFEST, QUESTIONS):
        (folder / name).unlink()
    store.save(grown(WHOLE, 30), folder)
    second = karui.choose(folder, **WIDE).choice
    assert second.looks is not None
    assert (first.looks.look, second.looks.look) == (1, 2)
    told = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    assert told == [json.loads(line) for line in (tmp_path / "own" / FILE).read_text().splitlines()]
    before, after = told
    assert after["units"][: len(before["units"])] == before["units"]
    ids = [f["id"] for f in before["families"]]
    assert [f["id"] for f in after["families"]][: len(ids)] == ids
    assert {t.plan for t in first.tested} <= {t.plan for t in second.tested}
    assert second.looks.spent < 0.05


def test_a_ledger_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    store.save(replace(WHOLE, questions=WHOLE.questions[:24]), folder)
    (folder / FILE).mkdir()
    with pytest.warns(KaruiWarning, match="ledger of looks cannot be read or written") as told:
        choice = karui.choose(folder, **WIDE).choice
    assert len([w for w in told if "ledger" in str(w.message)]) == 1
    assert choice.looks is not None
    assert choice.looks.unwritten
    assert choice.looks.level == pytest.approx(level(0.05, 1))


def test_recordings_that_ship_with_karui_have_no_ledger() -> None:
    shipped = store.load(embedded("pilot"), signals=False)
    assert ledger_of(shipped).files == ()
    assert ledger_of(WHOLE).files == ()


def task(count: int, group: str = "") -> Task:
    exact = verifier("exact")
    asked = [
        Question(f"q{n}", f"What is {n}?", str(n), exact, group=f"{group}{n // 5}" if group else "")
        for n in range(count)
    ]
    return Task("own", tuple(asked))


def test_more_questions_move_none_that_was_recorded(tmp_path: Path) -> None:
    few, held = hold_back(task(100), 20, seed=0)
    assert (len(few.questions), len(held.questions)) == (80, 20)
    known = frozenset(q.id for q in few.questions)
    more, now = hold_back(task(200), 40, seed=0, recorded=known)
    assert known <= {q.id for q in more.questions}
    assert len(now.questions) == 40
    assert hold_back(task(100), 20, seed=1)[1] != held
    turned = replace(task(100), questions=task(100).questions[::-1])
    assert {q.id for q in hold_back(turned, 20, seed=0)[1].questions} == {q.id for q in held.questions}
    assert recorded_in(tmp_path) == frozenset()
    store.save(replace(WHOLE, questions=WHOLE.questions[:3]), tmp_path / "r")
    assert recorded_in(tmp_path / "r") == {"q0000", "q0001", "q0002"}


def test_a_group_is_recorded_or_held_back_as_a_whole() -> None:
    recorded, held = hold_back(task(100, "customer "), 20, seed=0)
    assert len(held.questions) == 20
    assert not {q.group for q in recorded.questions} & {q.group for q in held.questions}
