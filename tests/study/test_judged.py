"""A study whose answers a judge judges: its word certifies nothing, and labels do."""

import json
from pathlib import Path

import pytest

import karui
from karui import catalog
from karui.core.errors import InputError, RecordingError
from karui.core.recording import Recording
from karui.core.study.choice import Choice, Decision, Verdict
from karui.recording.judging.labels import Labels, Sheet
from karui.recording.store import save
from karui.study.judging import study_judge as judging
from tests.helpers.judges import MadeUpJudge, person, worth, written

DRAFT = tuple(catalog.parse("chain-of-draft").spec)


@pytest.fixture
def judge(monkeypatch) -> MadeUpJudge:
    """A judge that is mostly right, named in the environment."""
    made = MadeUpJudge(wrong=0.1)
    monkeypatch.setenv("KARUI_JUDGE", "http://127.0.0.1:1/v1#made-up")
    monkeypatch.setattr(judging, "judge_model", lambda _: made)
    return made


def recorded(
    folder: Path, questions: int, *, mode: str = "pairwise", worse: float = 0.0
) -> tuple[Path, Path]:
    """Records full thinking and a draft of it, and returns both folders."""
    full = written(questions, mode=mode)
    draft = written(questions, style=DRAFT, shorter=0.3, worse=worse, mode=mode)
    for name, recording in (("full", full), ("draft", draft)):
        save(recording, folder / name)
    return folder / "full", folder / "draft"


def chosen(folders: tuple[Path, Path], margin: float = 20.0) -> Choice:
    """Returns the choice by what is there now."""
    return karui.choose(folders[0], variant=[folders[1]], max_drop=margin).choice


def label(folder: Path, count: int | None = None) -> int:
    """Labels as `person` does, in order, and returns how many."""
    sheet, labels = Sheet.read(folder), Labels.open(folder)
    left = [task for task in sheet.tasks if task.id not in labels.values][:count]
    for task in left:
        if task.second is None:
            labels.note(task.id, float(worth(task.first) >= 45))
        else:
            labels.note(task.id, person(task.first, task.second))
    return len(left)


def test_without_labels_nothing_is_certified_and_something_is_to_be_labelled(tmp_path, judge) -> None:
    folders = recorded(tmp_path, 120)
    found = chosen(folders)
    assert found.decision is Decision.LABEL
    assert found.spec == []
    assert found.judge.seen
    assert found.candidate.verdict is Verdict.PROMISING
    assert (found.candidate.low, found.candidate.high) == (-1.0, 1.0)
    assert found.judge.labelling.missing > 0
    assert found.judge.judging.requests == len(judge.asked)
    assert Sheet.read(folders[0]).plan == found.candidate.plan


def test_labels_certify_what_the_judge_could_not(tmp_path, judge) -> None:
    folders = recorded(tmp_path, 400)
    first = chosen(folders)
    asked, labelled = len(judge.asked), 0
    while (now := chosen(folders)).decision is Decision.LABEL and (n := label(folders[0], 40)):
        labelled += n
    assert now.decision is Decision.ADOPT
    assert now.plan == first.candidate.plan
    assert now.verdict is Verdict.CERTIFIED
    assert now.judge.labelling.labels <= labelled < now.judge.labelling.units
    assert now.judge.labelling.agreement > 0.5
    assert now.looks.spent == pytest.approx(now.looks.level)  # all looks are one family
    assert {"verdicts", "labels"} <= set(now.recordings)
    assert len(judge.asked) == asked  # nothing was asked twice


def test_a_flattering_judge_gets_nothing_through(tmp_path, monkeypatch) -> None:
    flattering = MadeUpJudge(say=lambda word, key: f"{key} SAME")
    monkeypatch.setenv("KARUI_JUDGE", "x#y")
    monkeypatch.setattr(judging, "judge_model", lambda _: flattering)
    folders = recorded(tmp_path, 300, worse=30)
    found = chosen(folders)
    assert found.judge.labelling.by_judge == 0.0
    assert found.decision is Decision.LABEL
    label(folders[0])
    after = chosen(folders)
    assert after.decision is not Decision.ADOPT
    assert after.spec == []


def test_a_rubric_takes_two_labels_a_pair(tmp_path, judge) -> None:
    folders = recorded(tmp_path, 160, mode="rubric")
    chosen(folders)
    sheet = Sheet.read(folders[0])
    assert all(task.second is None for task in sheet.tasks)
    assert len(sheet.tasks) == 2 * len(sheet.pairs)
    label(folders[0], 20)
    assert chosen(folders).judge.labelling.labels == 10


def test_another_margin_is_another_family_and_labels_that_changed_begin_anew(tmp_path, judge) -> None:
    folders = recorded(tmp_path, 200)
    chosen(folders)
    label(folders[0], 30)
    first = chosen(folders)
    other = chosen(folders, 25.0)
    assert other.looks.spent > first.looks.spent
    sheet, labels = Sheet.read(folders[0]), Labels.open(folders[0])
    labels.note(sheet.tasks[0].id, 1.0 if labels.values[sheet.tasks[0].id] < 1 else -1.0)
    assert chosen(folders).looks.spent > other.looks.spent


def test_without_a_judge_it_is_said_who_is_missing(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("KARUI_JUDGE", raising=False)
    folders = recorded(tmp_path, 20)
    with pytest.raises(RecordingError, match="karui judge"):
        chosen(folders)


def test_what_the_judge_said_is_read_without_it(tmp_path, judge, monkeypatch) -> None:
    folders = recorded(tmp_path, 60)
    before = chosen(folders)
    monkeypatch.delenv("KARUI_JUDGE")
    after = chosen(folders)
    assert after.judge == before.judge
    assert after.candidate == before.candidate


def test_a_pilot_of_other_questions_is_refused(tmp_path, judge) -> None:
    folders = recorded(tmp_path, 40)
    with pytest.raises(InputError, match="--pilot"):
        karui.choose(folders[0], pilot=[folders[1]])


def test_the_study_keeps_the_judges_prompt_and_bill(tmp_path, judge) -> None:
    folders = recorded(tmp_path, 60)
    karui.choose(folders[0], variant=[folders[1]], max_drop=15.0, out=tmp_path / "out")
    files = {f.name: json.loads(f.read_text()) for f in (tmp_path / "out").glob("*.json")}
    told = next(f for f in files.values() if "manifest" in f)
    assert "Length is no merit" in told["manifest"]["judge"]["prompt"]
    assert told["choice"]["judge"]["judging"]["prompt_tokens"] > 0


def test_recordings_stay_as_they_were(tmp_path, judge) -> None:
    folders = recorded(tmp_path, 30)
    before = karui.load_recording(folders[0])
    chosen(folders)
    after = karui.load_recording(folders[0])
    assert isinstance(after, Recording)
    assert after == before


def test_every_output_says_as_this_judge_sees_it(tmp_path, judge, capsys) -> None:
    from karui.cli.summary import summary

    folders = recorded(tmp_path, 60)
    found = karui.choose(folders[0], variant=[folders[1]], max_drop=20.0, out=tmp_path / "out")
    summary(found.choice, found.data)
    pages = {p.name: p.read_text(encoding="utf-8") for p in (tmp_path / "out").glob("report.*")}
    for told in (capsys.readouterr().out, pages["report.md"], pages["report.html"]):
        assert "s this judge sees it" in told
        assert "certified: loses" not in told
        assert "accuracy" not in told.lower().split("<script", 1)[0].split("<body", 1)[-1]
    japanese = karui.choose(folders[0], variant=[folders[1]], max_drop=20.0, out=tmp_path / "ja", lang="ja")
    page = (tmp_path / "ja" / "report.html").read_text(encoding="utf-8")
    assert japanese.choice.decision is Decision.LABEL
    assert "判定モデル" in page
    assert "正答率" not in page.split("<script", 1)[0].split("<body", 1)[-1]
