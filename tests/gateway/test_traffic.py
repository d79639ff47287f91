import json
import time
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from karui import tasks
from karui.cli.main import app
from karui.core.errors import InputError
from karui.gateway.keep import Keep
from karui.gateway.sinks import Kept
from karui.gateway.traffic import MORE, TWICE, Traffic
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
    assert asked[1].before == (("user", "a"), ("assistant", "b"))
    assert asked[1].user.startswith("c\n\n")


def test_nothing_to_record_says_why(tmp_path):
    with pytest.raises(InputError) as caught:
        Traffic.of(KEPT[5:6]).write(tmp_path / "q.jsonl")
    assert "1 with more than text" in caught.value.why


def test_record_takes_what_the_gateway_kept(tmp_path):
    """The loop is closed: from kept traffic to a recording of the same questions."""
    keep = Keep(tmp_path / "kept.db", 3600.0, verifier="exact")
    for kept in KEPT:
        keep.keep(replace(kept, at=time.time()))
    keep.close()
    out = tmp_path / "recording"
    run = CliRunner().invoke(
        app,
        [
            *("record", "--from-gateway", str(tmp_path / "kept.db"), "--out", str(out), "--limit", "2"),
            *("--samples", "2", "--max-tokens", "64", "--threads", "1", "--device", "cpu", "--at-once", "4"),
        ],
    )
    assert run.exit_code == 0, run.output
    rows = [json.loads(line) for line in (tmp_path / "recording-questions.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    recording = load(out)
    assert {q.id for q in recording.questions} == {row["id"] for row in rows}
    assert recording.manifest.agreement
