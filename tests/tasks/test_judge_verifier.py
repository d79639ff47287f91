"""The verifier that leaves it to another model: its name, its questions, and what a file may say."""

import json

import pytest

from karui import tasks
from karui.core.errors import InputError, QuestionsError
from karui.core.prompt import Prompt
from karui.tasks import ensure_sound, load
from karui.tasks.judge_prompt import pair, rubric
from karui.tasks.verifiers.judge import Judge, Mode, judge_of


def file(tmp_path, rows):
    """Returns the path of a questions file."""
    path = tmp_path / "letters.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


@pytest.mark.parametrize("spec", ["judge:pairwise", "judge:rubric", "judge:pairwise?votes=3"])
def test_a_spec_is_read_and_written(spec: str) -> None:
    assert tasks.verifier(spec).spec == spec
    assert judge_of(spec) == tasks.verifier(spec)


@pytest.mark.parametrize(
    "spec",
    ["judge:", "judge", "judge:best", "judge:rubric?votes=0", "judge:rubric?votes=x", "judge:rubric?of=3"],
)
def test_a_spec_that_says_nothing_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match="votes=3"):
        tasks.verifier(spec)


def test_it_reads_the_whole_answer_and_lets_none_pass_by_itself() -> None:
    judge = Judge(Mode.RUBRIC)
    assert judge.read("  Dear customer,\n\nyes.\n") == "Dear customer,\n\nyes."
    assert judge.read(" \n") is None
    assert not judge.verify("yes", "yes")


def test_questions_need_no_answer_and_ask_for_no_box(tmp_path) -> None:
    rows = [{"question": f"Letter {n}?", "verifier": "judge:pairwise"} for n in range(3)]
    task = load(file(tmp_path, rows))
    ensure_sound(task)
    assert task.instruction == ""
    assert not task.agreement


def test_criteria_are_kept_for_the_judge(tmp_path) -> None:
    task = load(file(tmp_path, [{"question": "Letter?", "verifier": "judge:rubric", "answer": "Says when."}]))
    ensure_sound(task)
    assert task.questions[0].reference == "Says when."


def test_a_file_is_judged_in_one_way(tmp_path) -> None:
    rows = [{"question": "One?", "verifier": "judge:rubric"}, {"question": "Two?", "answer": "2"}]
    with pytest.raises(QuestionsError, match="every row has the same"):
        load(file(tmp_path, rows))


def test_random_words_are_never_in_the_texts() -> None:
    words = iter(["aaaa", "bbbb", "bbbb", "cccc", "dddd"])
    sheet = pair(Prompt("Say aaaa."), "one", "two", lambda: next(words))
    assert sheet.key == "cccc"
    assert "<<<ANSWER A bbbb\none\nbbbb ANSWER A>>>" in sheet.text
    assert sheet.verdict("cccc SAME") == "SAME"


def test_earlier_turns_and_the_system_message_are_shown() -> None:
    sheet = rubric(
        Prompt("And now?", system="Be kind.", history=(("user", "Hello"), ("assistant", "Hi"))), "x", ""
    )
    assert all(
        said in sheet.text for said in ("system: Be kind.", "user: Hello", "assistant: Hi", "user: And now?")
    )
    assert "CRITERIA" not in sheet.text
    assert sheet.verdict(f"**{sheet.key} GOOD**") == "GOOD"
    assert sheet.verdict(f"{sheet.key} good") == ""
