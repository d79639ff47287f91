import json
import time
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from karui import tasks
from karui.cli.main import app
from karui.core.errors import InputError
from karui.gateway.records.conversation_store import ConversationStore, kept_in
from karui.gateway.records.events import Kept
from karui.gateway.records.export_questions import MORE, TWICE, Traffic
from karui.recording.store import load


def asked(n, *messages, **given):
    told = tuple({"role": role, "content": content} for role, content in messages)
    return Kept(id=f"r{n}", at=1000.0 + n, plan="p", model="m", messages=told, **given)


KEPT = [
    asked(0, ("user", "What is 6 × 7?"), verifier="numeric"),
    asked(1, ("user", [{"type": "text", "text": "What is"}, {"type": "text", "text": "2 + 2?"}]), redacted=1),
    asked(2, ("user", " What is 6 × 7? ")),
    asked(3, ("system", "Be brief."), ("user", "Why?")),
    asked(4, ("user", "a"), ("assistant", "b"), ("user", "c")),
    asked(5, ("user", [{"type": "image_url", "image_url": {"url": "data:"}}])),
    asked(6, ("user", "What is 3 + 3?")),
]


def test_each_question_once_and_what_is_left_out_is_counted():
    traffic = Traffic.of(KEPT)
    assert [row.get("question") for row in traffic.rows] == [
        "What is 6 × 7?",
        "What is\n2 + 2?",
        None,
        None,
        "What is 3 + 3?",
    ]
    assert [m["role"] for m in traffic.rows[2]["messages"]] == ["system", "user"]
    assert traffic.left_out == {TWICE: 1, MORE: 1}
    assert traffic.masked == 1
    assert traffic.told().startswith(
        "5 different questions from the gateway, 1 with something masked; left out: "
    )
    assert [row["id"] for row in Traffic.of(KEPT, 2).rows] == ["r4", "r6"]


def test_the_file_is_a_questions_file(tmp_path):
    Traffic.of(KEPT).write(tmp_path / "q.jsonl")
    task = tasks.load(str(tmp_path / "q.jsonl"), need_reference=False)
    assert task.agreement
    assert [q.id for q in task.questions] == ["r0", "r1", "r3", "r4", "r6"]
    assert task.questions[0].verifier.spec == "numeric"
    asked = [task.prompt(q) for q in task.questions[2:4]]
    assert asked[0].system == "Be brief."
    assert asked[1].history == (("user", "a"), ("assistant", "b"))
    assert asked[1].user.startswith("c\n\n")


def test_the_file_and_its_recording_are_for_their_owner_alone(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text("an older file, open to all")
    path.chmod(0o644)
    Traffic.of(KEPT).write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert tasks.load(str(path), need_reference=False).private
    path.chmod(0o644)
    assert not tasks.load(str(path), need_reference=False).private
    assert not tasks.load("ja-examples").private


def test_nothing_to_record_says_why(tmp_path):
    with pytest.raises(InputError) as caught:
        Traffic.of(KEPT[5:6]).write(tmp_path / "q.jsonl")
    assert "1 with more than text" in caught.value.why


def test_record_takes_what_the_gateway_kept(tmp_path):
    """The loop is closed: from kept traffic to a recording of the same questions."""
    keep = ConversationStore(tmp_path / "kept.db", 3600.0, verifier="exact")
    for kept in KEPT:
        keep.keep(replace(kept, at=time.time()))
    keep.close()
    out = tmp_path / "recording"
    run = CliRunner().invoke(
        app,
        [
            *("record", "--from-gateway", str(tmp_path / "kept.db"), "--out", str(out), "--limit", "2"),
            *(
                "--samples",
                "2",
                "--max-tokens",
                "64",
                "--threads",
                "1",
                "--device",
                "cpu",
                "--concurrency",
                "4",
            ),
            *("--min-accuracy", "0"),  # 64 tokens are too few for an answer
        ],
    )
    assert run.exit_code == 0, run.output
    rows = [json.loads(line) for line in (tmp_path / "recording-questions.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    recording = load(out)
    assert {q.id for q in recording.questions} == {row["id"] for row in rows}
    assert recording.manifest.agreement


def turns(thought, *, field="reasoning_content", last="And twice that?"):
    """A conversation whose client sends the model's thinking back."""
    said = {"role": "assistant", "content": "42", **({field: thought} if field else {})}
    if not field:
        said["content"] = [{"type": "thinking", "thinking": thought}, {"type": "text", "text": "42"}]
    return ({"role": "user", "content": "6 × 7?"}, said, {"role": "user", "content": last})


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking", ""])
def test_kept_thinking_of_earlier_turns_is_exported_and_asked_again(tmp_path, field):
    keep = ConversationStore(tmp_path / "kept.db", 3600.0)
    sent = turns("6 × 7 = 42. Mail a@b.example.", field=field)
    keep.keep(Kept(id="r0", at=time.time(), plan="p", model="m", messages=sent))
    keep.close()
    (kept,) = kept_in(tmp_path / "kept.db", time.time())
    assert kept.redacted == 1  # thinking is masked as everything else is
    traffic = Traffic.of([kept])
    assert traffic.rows[0]["messages"][1] == {
        "role": "assistant",
        "content": "42",
        "reasoning_content": "6 × 7 = 42. Mail [email].",
    }
    traffic.write(tmp_path / "q.jsonl")
    task = tasks.load(str(tmp_path / "q.jsonl"), need_reference=False)
    prompt = task.prompt(task.questions[0])
    assert prompt.thoughts == ("", "6 × 7 = 42. Mail [email].")
    assert prompt.history == (("user", "6 × 7?"), ("assistant", "42"))


def test_the_same_question_after_other_thinking_is_the_same_question(tmp_path):
    said = [
        Kept(id=f"r{n}", at=1.0 + n, plan="p", model="m", messages=turns(f"Let me see, {n}: 42."))
        for n in range(3)
    ]
    other = Kept(id="r9", at=9.0, plan="p", model="m", messages=turns("42.", last="And half?"))
    traffic = Traffic.of([*said, other])
    assert [row["id"] for row in traffic.rows] == ["r0", "r9"]
    assert traffic.left_out == {TWICE: 2}
    traffic.write(tmp_path / "q.jsonl")
    assert len(tasks.load(str(tmp_path / "q.jsonl"), need_reference=False).questions) == 2


def test_questions_keep_their_tools_and_are_others_with_other_ones(tmp_path):
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    kept = [asked(0, ("user", "Add."), params={"tools": tools, "seed": 3}), asked(1, ("user", "Add."))]
    Traffic.of(kept).write(tmp_path / "q.jsonl")
    first, second = tasks.load(str(tmp_path / "q.jsonl"), need_reference=False).questions
    assert json.loads(first.parameters) == {"tools": tools}
    assert second.parameters == ""
