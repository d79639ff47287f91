import json

import pytest

from karui.core.errors import InputError, QuestionsError, UnknownName
from karui.tasks import describe, load, with_references
from karui.tasks.sources.files import guess


def write(path, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def row(n, **more):
    return {"question": f"What is {n} + {n}?", "answer": str(2 * n), **more}


def refused(path, **options):
    with pytest.raises(QuestionsError) as caught:
        load(str(path), **options)
    assert caught.value.remedy
    return str(caught.value)


def test_a_dialogue_is_asked_with_what_came_before(tmp_path):
    said = [
        {"role": "system", "content": "You sell tea."},
        {"role": "user", "content": "One box is 300 yen."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": [{"type": "text", "text": "What are four?"}]},
    ]
    first = write(tmp_path / "a.jsonl", {"messages": said, "answer": "1200"}, row(1, system="Be brief."))
    task = load(first)
    prompt = task.prompt(task.questions[0])
    assert (prompt.system, len(prompt.history)) == ("You sell tea.", 2)
    assert prompt.user.startswith("What are four?\n\n")
    assert task.prompt(task.questions[1]).system == "Be brief."
    # What came before decides the answer, and so the digest; after something else it is another question.
    other = write(tmp_path / "b.jsonl", {"messages": said[1:], "answer": "1200"}, row(1, system="Be brief."))
    assert load(other).digest != task.digest
    assert len(load(write(tmp_path / "c.jsonl", row(1), row(1, system="Be brief."))).questions) == 2


def dialogue(**assistant):
    said = {"role": "assistant", "content": "Noted.", **assistant}
    return [{"role": "user", "content": "One is 300."}, said, {"role": "user", "content": "And four?"}]


@pytest.mark.parametrize(
    "assistant",
    [
        {"reasoning_content": "A price."},
        {"reasoning": "A price."},
        {"thinking": "A price."},
        # As clients send back what SDKs give them: fields that hold nothing.
        {"reasoning": "A price.", "tool_calls": [], "annotations": [], "refusal": None, "audio": None},
        {"content": [{"type": "thinking", "thinking": "A price."}, {"type": "text", "text": "Noted."}]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "A price."}]},
                {"type": "text", "text": "Noted."},
            ]
        },
    ],
)
def test_thinking_of_earlier_turns_is_kept_beside_them(tmp_path, assistant):
    task = load(write(tmp_path / "a.jsonl", {"messages": dialogue(**assistant), "answer": "1200"}))
    prompt = task.prompt(task.questions[0])
    assert prompt.thoughts == ("", "A price.")
    assert prompt.history == (("user", "One is 300."), ("assistant", "Noted."))
    # What a model that sees it is shown; and one that does not.
    assert prompt.messages(apart=True, thoughts_field="reasoning")[1]["reasoning"] == "A price."
    assert prompt.messages(apart=True)[1] == {"role": "assistant", "content": "Noted."}


def test_a_digest_has_thinking_in_it_only_where_there_is_any(tmp_path):
    without = write(tmp_path / "a.jsonl", {"messages": dialogue(), "answer": "1200", "id": "q"})
    within = write(tmp_path / "b.jsonl", {"messages": dialogue(thinking="So."), "answer": "1200", "id": "q"})
    bare, thought = load(without), load(within)
    assert bare.questions[0].thoughts == ()
    assert bare.digest == "0e22e41285a987ed"  # of karui before thinking was kept: recordings stay valid
    assert thought.digest != bare.digest


@pytest.mark.parametrize(
    ("assistant", "why"),
    [
        ({"reasoning_content": {"text": "So."}}, r"messages\[1\]'s thinking is more than text"),
        ({"tool_calls": [{"id": "1"}]}, r"messages\[1\].tool_calls"),
        ({"reasoning_details": [{"type": "reasoning.encrypted"}]}, r"messages\[1\].reasoning_details"),
    ],
)
def test_thinking_that_is_no_text_is_named(tmp_path, assistant, why):
    with pytest.raises(QuestionsError, match=why):
        load(write(tmp_path / "a.jsonl", {"messages": dialogue(**assistant), "answer": "1200"}))


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ("Hi", "not a list of messages"),
        ([], "by turns"),
        ([{"role": "assistant", "content": "Hi"}], "by turns"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "more than text"),
        ([{"role": "user", "content": "a", "tool_calls": []}], r"messages\[0\].tool_calls"),
    ],
)
def test_messages_that_are_no_dialogue_of_text_are_named(tmp_path, messages, why):
    path = write(tmp_path / "own.jsonl", row(1), {"messages": messages, "answer": "2"})
    with pytest.raises(QuestionsError, match=why) as caught:
        load(path)
    assert "line 2" in str(caught.value)


def test_a_row_with_messages_and_a_question_is_not_guessed_at(tmp_path):
    said = [{"role": "user", "content": "What are four?"}]
    with pytest.raises(QuestionsError, match="messages and a question"):
        load(write(tmp_path / "both.jsonl", row(1) | {"messages": said}))


def test_rows_become_questions_in_order(tmp_path):
    path = write(
        tmp_path / "own.jsonl", row(1), "", row(2, id="two", kind="easy", verifier="numeric:1%"), row(3)
    )
    task = load(path)
    assert [q.id for q in task.questions] == ["line1", "two", "line4"]
    assert [q.reference for q in task.questions] == ["2", "4", "6"]
    assert [q.verifier.spec for q in task.questions] == ["numeric", "numeric:1%", "numeric"]
    assert [q.meta["verifier_guessed"] for q in task.questions] == [True, False, True]
    assert task.questions[1].kind == "easy"
    assert task.questions[2].meta["line"] == 4
    assert not task.agreement
    assert task.prompt(task.questions[0]).user.endswith("\\boxed{}.")


def test_numbers_and_objects_are_taken_as_answers(tmp_path):
    path = write(
        tmp_path / "own.jsonl", {"question": "a", "answer": 4}, {"question": "b", "answer": 0.5, "id": 7}
    )
    assert [(q.id, q.reference) for q in load(path).questions] == [("line1", "4"), ("7", "0.5")]
    path = write(tmp_path / "json.jsonl", {"question": "a", "answer": {"x": 1, "y": "東"}})
    question = load(path).questions[0]
    assert question.verifier.spec == "json"
    assert json.loads(question.reference) == {"x": 1, "y": "東"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_csv_as_excel_writes_it(tmp_path, encoding):
    path = tmp_path / "own.csv"
    path.write_bytes(
        'question,answer,kind\r\n"税込は,\r\nいくら？",1320円,税\r\n二問目は,5,\r\n'.encode(encoding)
    )
    task = load(str(path))
    assert [q.text for q in task.questions] == ["税込は,\r\nいくら？", "二問目は"]
    assert [q.meta["line"] for q in task.questions] == [2, 4]
    assert [q.kind for q in task.questions] == ["税", ""]
    assert "書いてください" in task.instruction


def test_broken_rows_are_named_by_line_with_the_reason(tmp_path):
    path = write(
        tmp_path / "own.jsonl",
        row(1),
        "{not json",
        "[1, 2]",
        {"question": "  ", "answer": "1"},
        {"questoin": "q", "answer": "1"},
        {"question": "q", "anwser": "1"},
        {"question": "q2"},
        {"question": "q3", "answer": "1", "kind": ["a"]},
        row(9, verifier="nummeric"),
    )
    message = refused(path)
    assert "line 1 " not in message
    for line, reason in [
        (2, "is not JSON"),
        (3, "no object"),
        (4, "the question is empty"),
        (5, "is 'questoin' meant"),
        (6, "is 'anwser' meant"),
        (7, "has no answer"),
        (8, "column 'kind'"),
    ]:
        assert any(f"line {line} " in part and reason in part for part in message.splitlines()), (
            line,
            message,
        )


def test_an_unknown_verifier_is_named_with_its_line(tmp_path):
    message = refused(write(tmp_path / "own.jsonl", row(1), row(2, verifier="nummeric")))
    assert "line 2" in message
    assert "'numeric'" in message


def test_only_the_first_ten_rows_are_listed(tmp_path):
    message = refused(write(tmp_path / "own.jsonl", *["{"] * 14))
    assert "14 rows" in message
    assert "line 10 " in message
    assert "line 11 " not in message
    assert "4 more" in message


def test_doubled_ids_and_questions_are_named(tmp_path):
    message = refused(write(tmp_path / "own.jsonl", row(1, id="a"), row(2, id="a"), row(1, id="b")))
    assert "line 2 has the id 'a' of line 1" in message
    assert "line 3 asks the same as line 1" in message


def test_an_id_may_not_hide_behind_a_made_one(tmp_path):
    assert "line2" in refused(write(tmp_path / "own.jsonl", row(1, id="line2"), row(2)))


@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", ""), ("b.jsonl", "\n \n"), ("c.csv", "question,answer\n")]
)
def test_an_empty_file_is_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    message = refused(tmp_path / name)
    assert "is empty" in message or "no questions" in message


def test_csv_with_too_many_cells_names_the_line(tmp_path):
    (tmp_path / "own.csv").write_text("question,answer\nq,1\nr,2,3\n")
    assert "line 3 has 3 cells" in refused(tmp_path / "own.csv")


def test_what_is_no_questions_file_is_refused(tmp_path):
    (tmp_path / "own.xlsx").write_bytes(b"PK")
    assert ".jsonl" in refused(tmp_path / "own.xlsx")
    (tmp_path / "own.jsonl").write_bytes("質問".encode("cp932"))
    assert "UTF-8" in refused(tmp_path / "own.jsonl")
    assert "folder" in refused(tmp_path)
    with pytest.raises(UnknownName, match=r"own\.jsonl"):
        load(str(tmp_path / "ownn.jsonl"))
    with pytest.raises(UnknownName, match="gsm8k"):
        load("gsm9k")


def test_gsm8k_answers_are_recognised(tmp_path):
    path = write(tmp_path / "test.jsonl", {"question": "q", "answer": "2*3=<<2*3=6>>6\n#### 6"})
    assert f"gsm8k:{path}" in refused(path)


def test_without_references_nothing_is_compared_with_the_files_answers(tmp_path):
    path = write(tmp_path / "own.jsonl", row(1), {"question": "no answer here"})
    refused(path)
    task = load(path, need_reference=False)
    assert task.agreement
    assert [q.reference for q in task.questions] == ["", ""]
    assert {q.verifier.spec for q in task.questions} == {"numeric"}
    filled = with_references(task, {"line1": "2"})
    assert [(q.id, q.reference) for q in filled.questions] == [("line1", "2")]
    assert filled.agreement
    with pytest.raises(QuestionsError):
        with_references(task, {})


@pytest.mark.parametrize(
    ("references", "spec"),
    [
        (["1,200円", "3.5", "三百"], "numeric"),
        (["A", "(b)", "C."], "choice"),
        (["ア", "イ"], "choice"),
        (["1", "2"], "numeric"),
        (['{"a": 1}', '{"a": 2}'], "json"),
        ([r"\frac{1}{2}", r"\sqrt{3}"], "math"),
        ([r"\frac{1}{2}", "3"], "numeric"),
        (["x+1", "2"], "math"),
        (["x = 5", "y = 2"], "math"),
        (["東京", "大阪"], "exact"),
        (["New York", "3"], "exact"),
        (["AB-12", "2024-05-03"], "exact"),
        (["Yes", "No"], "exact"),
        ([], "math"),
    ],
)
def test_the_verifier_is_guessed_from_all_references(references, spec):
    assert guess(references) == spec


def test_the_guess_is_told_and_can_be_overruled(tmp_path):
    path = write(tmp_path / "own.jsonl", row(1), row(2))
    assert "2 questions; verifier: numeric (guessed from the references)" in describe(load(path))
    assert describe(load(path, verifier="exact")).endswith("verifier: exact")


def test_a_limit_draws_a_sample_that_grows(tmp_path):
    path = write(tmp_path / "own.jsonl", *[row(n) for n in range(50)])
    ten, twenty = ({q.id for q in load(path, limit=n).questions} for n in (10, 20))
    assert len(ten) == 10
    assert ten < twenty
    assert ten != {f"line{n}" for n in range(1, 11)}
    assert ten != {q.id for q in load(path, limit=10, seed=1).questions}
    kept = [q.meta["line"] for q in load(path, limit=10).questions]
    assert kept == sorted(kept)
    assert len(load(path, limit=500).questions) == 50
    with pytest.raises(InputError):
        load(path, limit=0)


def test_a_relative_function_beside_the_file_is_found(tmp_path):
    (tmp_path / "own.py").write_text("def same(reference, answer):\n    return reference == answer\n")
    path = write(tmp_path / "own.jsonl", row(1, verifier="python:own.py:same"))
    assert load(path).questions[0].verifier.verify("2", "2")


def test_a_cell_may_be_longer_than_the_csv_module_likes(tmp_path):
    long = "x" * 200_000
    (tmp_path / "own.csv").write_text(f"question,answer\n{long},1\nb,2\n")
    assert [len(q.text) for q in load(str(tmp_path / "own.csv")).questions] == [200_000, 1]


@pytest.mark.parametrize("row", ['"a quote that opens,1', 'a,"two" more,1', '"one" and more,1'])
def test_a_quote_that_stands_alone_swallows_no_rows(tmp_path, row):
    (tmp_path / "own.csv").write_text(f"question,answer\nq,1\n{row}\nr,2\ns,3\n")
    assert "is no row of a table" in refused(tmp_path / "own.csv")


def test_json_in_json_in_json_is_an_error_with_its_line(tmp_path):
    deep = "[" * 100_000 + "]" * 100_000
    path = tmp_path / "own.jsonl"
    path.write_text(f'{{"question": "q", "answer": "1"}}\n{{"question": {deep}}}\n')
    assert "line 2 cannot be read: it is nested too deeply" in refused(path)


TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def test_tools_formats_and_stop_words_are_asked_with_a_question(tmp_path):
    path = tmp_path / "q.csv"
    cell = json.dumps([TOOL]).replace('"', '""')
    path.write_text(
        f'question,answer,verifier,tools,stop\nAdd.,"{{""name"": ""add""}}",tool-call,"{cell}",END\n'
    )
    (question,) = load(str(path)).questions
    assert json.loads(question.parameters) == {"stop": "END", "tools": [TOOL]}
    assert question.prompt("Now.").parameters == question.parameters


@pytest.mark.parametrize("tools", [[{"name": "add"}], [3], "[", {"type": "function"}])
def test_tools_that_are_none_are_found_before_anything_is_spent(tmp_path, tools):
    assert "tool" in refused(write(tmp_path / "q.jsonl", row(1, tools=tools)))
