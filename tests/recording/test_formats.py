"""Every log format, on files that the real tools wrote; and what is wrong with a log, said in a sentence."""

import bz2
import csv
import gzip
import json
import lzma
import shutil
import zipfile
from pathlib import Path

import pytest

from karui import tasks
from karui.core.ability import Ability
from karui.core.errors import InputError, UnknownName
from karui.core.recording import Caveat
from karui.core.trace import End
from karui.recording import importing, store
from karui.recording.importing import import_log
from karui.recording.importing.thinking import apart
from karui.testing.alike import assert_same

LOGS = Path(__file__).with_name("logs")
LM_EVAL = LOGS / "lm-eval" / "samples_sums_2026-11-30T09-45-59.071398.jsonl"
EVALSCOPE = LOGS / "evalscope" / "predictions" / "m" / "general_qa_example.jsonl"
BOXED = tasks.verifier("math")
NUMERIC = tasks.verifier("numeric")


def read(path, verifier=BOXED, **options):
    return import_log(path, verifier=verifier, **options)


def written(path, *rows):
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


def refusal(path, *rows, **options):
    """What an import of these rows is refused with."""
    with pytest.raises(InputError) as caught:
        read(written(path, *rows) if rows else path, **options)
    return str(caught.value)


def ends(done):
    return {(t.question, t.sample): t.end for q in done.recording.questions for t in q.traces}


# --- files that the tools wrote --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "questions", "samples"),
    [
        (LM_EVAL, "lm-eval", 3, 2),
        (LOGS / "inspect-ai" / "sums.eval", "inspect-ai", 2, 2),
        (LOGS / "inspect-ai" / "sums.json", "inspect-ai", 2, 2),
        (EVALSCOPE, "evalscope", 3, 2),
        (LOGS / "evalscope" / "reviews" / "m" / "general_qa_example.jsonl", "evalscope", 3, 2),
        (LOGS / "litellm-standard.jsonl", "litellm", 3, 1),
        (LOGS / "litellm-spend.json", "litellm", 3, 1),
        (LOGS / "langfuse.jsonl", "langfuse", 3, 1),
        (LOGS / "vllm-bench.json", "vllm-bench", 3, 1),
    ],
)
def test_a_log_is_recognised_and_read_whole(path, name, questions, samples, tmp_path):
    answered = name in {"lm-eval", "inspect-ai", "evalscope"}
    done = read(path, agreement=not answered)
    assert (done.format, done.unknown, done.skipped) == (name, (), ())
    assert len(done.recording.questions) == questions
    assert {len(q.traces) for q in done.recording.questions} == {samples}
    manifest = done.recording.manifest
    assert (manifest.source, manifest.verifier, manifest.agreement) == (name, "math", not answered)
    assert manifest.model.name != "unknown"
    store.save(done.recording, tmp_path / "r")
    assert_same(store.load(tmp_path / "r"), done.recording)
    assert store.load(tmp_path / "r").manifest == manifest


def test_lm_eval_takes_prompts_back_out_of_the_chat_template_and_counts_by_a_tokenizer():
    done = read(LM_EVAL, counter=importing.ByTokenizer("karui-mini"))
    first = done.recording.questions[0]
    assert first.prompt.user == "Question: What is 6 * 7?\nAnswer:"  # what stood around it is the template's
    assert (first.id, first.reference) == ("doc-0", "42")
    trace = first.traces[0]
    assert trace.thinking.startswith("6*q = 6 - 6 = 0.")
    assert (trace.text, trace.answer, first.correct(trace.answer)) == ("\\boxed{1}", "1", False)
    assert trace.thinking_tokens > 100 > trace.answer_tokens > 0
    assert trace.usage.prompt > 0
    manifest = done.recording.manifest
    assert (manifest.model.name, manifest.sampling.temperature) == ("karui-mini", 0.6)
    assert Caveat.WORDS not in manifest.caveats
    [note] = done.notes
    assert "no token counts for 6 replies: they are counted by the tokenizer of karui-mini" in note


def test_without_a_tokenizer_lengths_are_words_and_say_so():
    done = read(LM_EVAL)
    assert done.recording.manifest.caveats == (Caveat.WORDS,)
    assert "counted as words and signs" in done.notes[0]
    assert all(t.usage.prompt == 0 for t in done.recording.traces())  # a prompt's length is no word count


def test_lm_eval_without_its_results_keeps_the_prompt_as_it_was_shown(tmp_path):
    alone = shutil.copy(LM_EVAL, tmp_path / LM_EVAL.name)
    done = read(alone, model="mine")
    assert done.recording.questions[0].prompt.user.startswith("<|im_start|>user")
    assert done.recording.manifest.model.name == "mine"
    assert "No results file" in done.notes[0]


def test_inspect_ai_keeps_reasoning_counts_and_the_system_turn():
    done = read(LOGS / "inspect-ai" / "sums.eval", NUMERIC)
    a, b = done.recording.questions
    assert (a.id, a.prompt.system, a.prompt.user) == ("a", "Answer with ANSWER: n.", "What is 6 * 7?")
    assert (a.kind, a.reference, b.reference) == ("mul", "42", "42")
    apart_, inline = a.traces
    assert (apart_.thinking, apart_.text) == ("6 times 7 is 42. Check: 42.", "ANSWER: 42")
    assert (apart_.thinking_tokens, apart_.answer_tokens, apart_.usage.prompt) == (20, 10, 25)
    assert (inline.thinking, inline.text, inline.tokens) == ("6*7=42", "ANSWER: 42", 18)
    wrong, cut = b.traces
    assert (wrong.answer, b.correct(wrong.answer)) == ("41", False)
    assert (cut.end, cut.answer, cut.finish) == (End.TRUNCATED, None, "max_tokens")
    sampling = done.recording.manifest.sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.6, 0.95, 64)


def test_evalscope_brings_predictions_and_reviews_together(tmp_path):
    done = read(EVALSCOPE)
    q = done.recording.questions[0]
    assert (q.prompt.user, q.reference) == ("What is 6 * 7?", "42")
    assert [t.thinking for t in q.traces] == ["6*7=42. Fine.", "12 and 30... 42"]
    assert (q.traces[0].thinking_tokens, q.traces[0].answer_tokens) == (8, 6)
    assert done.recording.manifest.sampling.max_tokens == 64
    alone = shutil.copy(EVALSCOPE, tmp_path / "predictions.jsonl")
    assert "No reviews" in read(alone, agreement=True).notes[0]
    assert "no `reference`" in refusal(Path(alone))


@pytest.mark.parametrize("name", ["litellm-standard.jsonl", "litellm-spend.json", "langfuse.jsonl"])
def test_gateways_log_three_kinds_of_reply(name):
    """Thinking in a field; thinking that was cut; markers in the content."""
    done = read(LOGS / name, agreement=True)
    field, cut, inline = (q.traces[0] for q in done.recording.questions)
    assert done.recording.questions[0].prompt.user == "What is 6 * 7?"
    assert done.recording.questions[0].prompt.system == "Put the answer in \\boxed{}."
    assert (field.thinking, field.answer, field.thinking_tokens, field.answer_tokens) == (
        "6*7=42. Fine.", "42", 8, 6
    )  # fmt: skip
    assert (cut.thinking, cut.answer, cut.end) == ("Is it 41? It may be 42", None, End.TRUNCATED)
    assert (inline.thinking, inline.answer, inline.tokens) == ("5+4=9", "9", 15)
    assert field.seconds == 1.5
    assert done.recording.manifest.model.name == "qwen3"
    assert done.recording.manifest.sampling.temperature == 0.6


def test_langfuse_reads_what_blob_storage_and_the_ui_write(tmp_path):
    rows = [json.loads(line) for line in (LOGS / "langfuse.jsonl").read_text().splitlines()]
    snake = {"traceId": "trace_id", "usageDetails": "usage_details", "modelParameters": "model_parameters"}
    blob = [{snake.get(k, k): v for k, v in row.items()} for row in rows]
    whole = read(LOGS / "langfuse.jsonl", agreement=True).recording
    assert_same(read(written(tmp_path / "a.jsonl", *blob), agreement=True).recording, whole)
    table = tmp_path / "a.csv"
    with table.open("w", newline="") as file:
        sink = csv.DictWriter(file, sorted(rows[0]))
        sink.writeheader()
        for row in rows:
            sink.writerow(
                {k: v if isinstance(v, (str, type(None))) else json.dumps(v) for k, v in row.items()}
            )
    assert_same(read(table, agreement=True).recording, whole)
    page = tmp_path / "page.json"
    page.write_text(json.dumps({"data": rows, "meta": {"page": 1}}))
    assert_same(read(page, agreement=True).recording, whole)


def test_langfuse_adds_kinds_of_output_that_stand_beside_it(tmp_path):
    row = json.loads((LOGS / "langfuse.jsonl").read_text().splitlines()[0])
    row["usageDetails"] = {"input": 20, "output": 6, "output_reasoning_tokens": 8, "total": 34}
    [trace] = read(written(tmp_path / "a.jsonl", row), agreement=True).recording.traces()
    assert (trace.thinking_tokens, trace.answer_tokens) == (8, 6)


def test_langfuse_leaves_out_what_is_no_generation(tmp_path):
    row = json.loads((LOGS / "langfuse.jsonl").read_text().splitlines()[0])
    done = read(written(tmp_path / "a.jsonl", row, {**row, "id": "s", "type": "SPAN"}), agreement=True)
    assert len(list(done.recording.traces())) == 1
    assert done.notes == ("1 observations were left out: they are not generations.",)


BATCH = [
    {"id": "b1", "custom_id": "one", "error": None, "response": {"status_code": 200, "body": {
        "id": "c", "object": "chat.completion", "model": "gpt-x",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                     "message": {"role": "assistant", "content": "\\boxed{42}"}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 70, "total_tokens": 79,
                  "completion_tokens_details": {"reasoning_tokens": 64}}}}},
    {"id": "b2", "custom_id": "two", "error": None, "response": {"status_code": 200, "body": {
        "id": "c", "object": "chat.completion", "model": "gpt-x",
        "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": ""}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 64, "total_tokens": 73}}}},
]  # fmt: skip
ASKED = [
    {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-x",
     "max_completion_tokens": 64, "messages": [{"role": "user", "content": text}]}}
    for name, text in (("two", "What is 5 + 4?"), ("one", "What is 6 * 7?"))
]  # fmt: skip


def test_openai_batches_find_their_questions_in_the_input(tmp_path):
    asked = written(tmp_path / "input.jsonl", *ASKED)
    mine = written(tmp_path / "mine.jsonl", {"question": "What is 6 * 7?", "answer": "42"},
                   {"question": "What is 5 + 4?", "answer": "9"})  # fmt: skip
    known = {q.text: importing.Known(q.id, q.prompt(), q.reference) for q in tasks.load(str(mine)).questions}
    done = read(written(tmp_path / "o.jsonl", *BATCH), requests=asked, references=known)
    one, two = done.recording.questions
    assert (one.prompt.user, one.reference, one.correct(one.traces[0].answer)) == (
        "What is 6 * 7?",
        "42",
        True,
    )
    assert (one.traces[0].thinking, one.traces[0].thinking_tokens, one.traces[0].answer_tokens) == ("", 64, 6)
    assert (two.prompt.user, two.traces[0].end) == ("What is 5 + 4?", End.TRUNCATED)
    assert done.recording.manifest.sampling.max_tokens == 64
    assert Ability.TEXT not in done.recording.manifest.abilities  # it was hidden


def test_openai_batches_name_what_failed_and_what_nobody_asked(tmp_path):
    failed = {
        **BATCH[0],
        "custom_id": "x",
        "response": {"status_code": 429, "body": {"error": {"message": "slow"}}},
    }
    said = refusal(tmp_path / "o.jsonl", *BATCH, failed, BATCH[0], agreement=True)
    assert "line 3: the request failed: slow" in said
    assert "line 4: custom_id 'one' is there twice, first at line 1" in said
    asked = written(tmp_path / "input.jsonl", ASKED[0])
    said = refusal(tmp_path / "o.jsonl", *BATCH, requests=asked, agreement=True)
    assert "line 1: custom_id 'one' is not in" in said


def test_vllm_bench_needs_its_details_and_takes_its_dataset(tmp_path):
    run = json.loads((LOGS / "vllm-bench.json").read_text())
    prompts = written(tmp_path / "p.jsonl", *({"prompt": f"What is {n} + 1?"} for n in range(3)))
    done = read(LOGS / "vllm-bench.json", requests=prompts, agreement=True)
    assert [q.prompt.user for q in done.recording.questions] == [f"What is {n} + 1?" for n in range(3)]
    for number, trace in enumerate(done.recording.traces()):
        text = run["generated_texts"][number]
        assert trace.tokens == run["output_lens"][number]
        assert trace.first_seconds == run["ttfts"][number]
        assert (trace.end, trace.answer) == (
            (End.FINISHED, "42") if "</think>" in text else (End.TRUNCATED, None)
        )
        assert trace.thinking in text
    assert len({t.end for t in done.recording.traces()}) == 2
    short = written(tmp_path / "q.jsonl", {"prompt": "What is 1 + 1?"})
    with pytest.raises(InputError, match="has 1 prompts"):
        read(LOGS / "vllm-bench.json", requests=short, agreement=True)
    bare = written(tmp_path / "bare.json", {k: v for k, v in run.items() if k != "generated_texts"})
    assert "--save-detailed" in refusal(bare)


def deciles(question="7", run=0, right="B", **first):
    rows = []
    for tenth in range(0, 101, 10):
        choices = {"A": 0.4, "B": 0.6} if tenth > 30 else {"A": 0.7, "B": 0.3}
        said = max(choices, key=choices.get)
        rows.append({"position": 1, "question_id": question, "valid_labels": ["A", "B"], "answer": right,
                     "category": "law", "source": "s", "run_seed": run, "decile": tenth,
                     "prefix_token_count": 2 * tenth, "trace_token_count": 200, "is_full_trace": tenth == 100,
                     "choice_probabilities": choices, "prob_A": choices["A"], "prediction": said,
                     "prediction_probability": choices[said], "correct": said == right})  # fmt: skip
    rows[0] |= first
    return rows


def test_choices_at_tenths_of_a_trace(tmp_path):
    rows = [*deciles(question="7", run=0, options=["yes", "no"]), *deciles(run=1)]
    rows[0]["question"] = "Is it?"
    done = read(written(tmp_path / "a.jsonl", *rows), tasks.verifier("choice"))
    assert (done.format, done.unknown) == ("choice-deciles", ())
    [question] = done.recording.questions
    assert question.prompt.user == "Is it?\n\nA. yes\nB. no"
    assert [[m.trial.answer for m in t.checkpoints] for t in question.traces] == [["A"] * 3 + ["B"] * 6] * 2
    assert [m.tokens for m in question.traces[0].checkpoints] == list(range(20, 200, 20))
    assert question.traces[0].checkpoints[0].trial.confidence == 0.7
    assert question.correct(question.traces[1].answer)
    manifest = done.recording.manifest
    assert {Caveat.SHARES, Caveat.PICKED} <= set(manifest.caveats)
    assert manifest.abilities == {Ability.TRIALS, Ability.CONFIDENCE}
    assert "no row of the whole trace" in refusal(tmp_path / "b.jsonl", *deciles()[:-1])


@pytest.mark.parametrize("names", [("ground_truth_answer", "model_output"), ("gold", "text")])
def test_whole_texts(tmp_path, names):
    right, reply = names
    rows = [
        {"question": "3 + 4?", right: "7", reply: "<think>\n3 and 4.\n</think>\n\\boxed{7}"},
        {"question": "3 + 4?", right: "7", reply: "<think>\nIs it 6? It may be 7"},
        {"question": "1 + 1?", right: "2", reply: "\\boxed{2}"},
    ]
    done = read(written(tmp_path / "a.jsonl", *rows))
    assert [len(q.traces) for q in done.recording.questions] == [2, 1]
    assert [t.end for t in done.recording.traces()] == [End.FINISHED, End.TRUNCATED, End.FINISHED]
    assert "1 replies never end their thinking" in " ".join(done.notes)


def test_a_worked_answer_counts_by_its_end(tmp_path):
    row = {
        "question": "3 + 4?",
        "ground_truth_answer": "He has 3, gets 4: <<3+4=7>>7.\n#### 7",
        "model_output": "#### 7",
    }
    [question] = read(written(tmp_path / "a.jsonl", row)).recording.questions
    assert question.reference == "7"
    assert question.correct(question.traces[0].answer)


# --- where thinking ends ---------------------------------------------------------------------------------

ANALYSIS = "<|channel|>analysis<|message|>"
UNCLOSED = [
    "<think>Is it 41? It may be 42",
    "[THINK]Is it 41? It may be 42",
    "<|channel|>analysis<|message|>Is it 41? It may be 42",
    "<seed:think>\nIs it 41? It may be 42",
    "◁think▷Is it 41? It may be 42",
    "<think>It is 40.</think>Wait. <think>Is it 41? It may be 42",
]


@pytest.mark.parametrize("text", UNCLOSED)
def test_thinking_that_never_closes_is_no_answer_and_truncated(tmp_path, text):
    """CASES.md, imports; in karui's own layout and in whole texts."""
    own = {"reference": "42", "samples": [{"tokens": 9, "answer": text}]}
    plain = {"question": "?", "gold": "42", "text": text}
    for verifier in (BOXED, NUMERIC, None):
        for row in (own, plain):
            [trace] = read(written(tmp_path / "a.jsonl", row), verifier).recording.traces()
            assert (trace.answer, trace.end, trace.answer_tokens) == (None, End.TRUNCATED, 0)
            assert "It may be 42" in trace.thinking


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("It may be 41.</think> It is 42.", "It may be 41.", "42"),
        ("a</think> or \\boxed{43} </think> It is 42.", None, "42"),
        ("<think>\n41?\n</think>\n\n42", "41?", "42"),
        (
            "<|channel|>analysis<|message|>41?<|end|><|start|>assistant<|channel|>final<|message|>42",
            "41?",
            "42",
        ),
        ("[THINK]41?[/THINK]42", "41?", "42"),
        ("42", "", "42"),
        ("Put it into <think> tags: 42", "", "42"),
    ],
)
def test_what_follows_the_thinking_is_the_answer(text, thinking, answer):
    said = apart(text)
    assert said.closed
    assert NUMERIC.read(said.answer) == answer
    assert "think" not in said.answer or "tags" in said.answer
    if thinking is not None:
        assert said.thinking == thinking


def test_prompts_that_open_the_thinking_are_seen_from_the_replies_and_from_the_prompt(tmp_path):
    """Only </think> occurs: a reply of the same log without it never ended its thinking."""
    rows = [
        {"question": "a", "gold": "1", "text": "First 1.\n</think>\n\\boxed{1}"},
        {"question": "b", "gold": "42", "text": "Is it 41? It may be 42"},
    ]
    done = read(written(tmp_path / "a.jsonl", *rows), NUMERIC)
    closed, cut = done.recording.traces()
    assert (closed.thinking, closed.answer, closed.end) == ("First 1.", "1", End.FINISHED)
    assert (cut.answer, cut.end) == (None, End.TRUNCATED)
    assert "the prompts of this log open it" in done.notes[0]
    row = json.loads(LM_EVAL.read_text().splitlines()[0])
    row["arguments"]["gen_args_0"]["arg_0"] += "<think>\n"
    row["resps"] = [["Is it 41? It may be 42"]]
    [trace] = read(written(tmp_path / "b.jsonl", row), NUMERIC).recording.traces()
    assert (trace.answer, trace.end) == (None, End.TRUNCATED)


@pytest.mark.parametrize(
    ("finish", "content", "thinking", "end"),
    [
        ("length", "It is 42", None, End.TRUNCATED),
        ("content_filter", "It is 42", None, End.TRUNCATED),
        ("stop", "", None, End.FINISHED),
        ("stop", "", "It is 42", End.FINISHED),
        (None, "", "It is 42", End.TRUNCATED),
        ("abort", "", "It is 42", End.TRUNCATED),
    ],
)
def test_a_reply_that_was_cut_or_is_empty_is_no_answer(tmp_path, finish, content, thinking, end):
    body = json.loads(json.dumps(BATCH[0]))
    choice = body["response"]["body"]["choices"][0]
    choice |= {"finish_reason": finish, "message": {"content": content, "reasoning_content": thinking}}
    [trace] = read(written(tmp_path / "o.jsonl", body), NUMERIC, agreement=True).recording.traces()
    assert (trace.answer, trace.end) == (None, end)


# --- bad input -------------------------------------------------------------------------------------------

ROW = {"question": "1 + 1?", "gold": "2", "text": "\\boxed{2}"}


def test_columns_that_are_not_known_are_named_once(tmp_path):
    done = read(written(tmp_path / "a.jsonl", {**ROW, "mood": 1}, {**ROW, "mood": 2, "weather": 3}))
    assert done.unknown == ("mood", "weather")
    assert len(list(done.recording.traces())) == 2


def test_rows_without_a_question_or_a_reply_are_named(tmp_path):
    said = refusal(tmp_path / "a.jsonl", ROW, {**ROW, "question": ""}, {"question": "2 + 2?", "gold": "4"})
    assert "2 of its lines cannot be imported" in said
    assert "line 2: it has no question" in said
    assert "line 3: it has no reply" in said
    done = read(tmp_path / "a.jsonl", skip=True)
    assert len(done.skipped) == 2
    assert len(list(done.recording.traces())) == 1


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".bz2"])
def test_a_file_that_was_cut_in_the_middle(tmp_path, ending):
    text = "".join(json.dumps({**ROW, "question": f"{n} + 1?"}) + "\n" for n in range(400)).encode()
    packed = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}[ending](text)
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(packed)
    assert len(read(path).recording.questions) == 400
    path.write_bytes(packed[: len(packed) * 3 // 4])
    assert "cut off" in refusal(path)


def test_a_cut_json_document_and_a_cut_archive(tmp_path):
    whole = (LOGS / "inspect-ai" / "sums.json").read_text()
    (tmp_path / "a.json").write_text(whole[: len(whole) // 2])
    assert "not a complete JSON document" in refusal(tmp_path / "a.json")
    packed = (LOGS / "inspect-ai" / "sums.eval").read_bytes()
    (tmp_path / "a.eval").write_bytes(packed[: len(packed) // 2])
    assert "not a complete .eval log" in refusal(tmp_path / "a.eval")
    with zipfile.ZipFile(tmp_path / "b.eval", "w", zipfile.ZIP_DEFLATED) as sink:
        sink.writestr("header.json", json.dumps({"eval": {"model": "m"}}))
        sink.writestr("samples/a_epoch_1.json", '{"id": "a", ')
    assert "samples/a_epoch_1.json: Expecting property name" in refusal(tmp_path / "b.eval")


def test_doubled_ids_are_named(tmp_path):
    lines = LM_EVAL.read_text().splitlines()
    said = refusal(tmp_path / "s.jsonl", *lines, lines[0])
    assert "line 7: doc_id 0 is there twice, first at line 1" in said
    row = json.loads((LOGS / "langfuse.jsonl").read_text().splitlines()[0])
    said = refusal(tmp_path / "l.jsonl", row, row, agreement=True)
    assert "line 2: id obs0 is there twice, first at line 1" in said


@pytest.mark.parametrize("layout", ["text", "csv"])
def test_a_reply_of_megabytes(tmp_path, layout):
    long = "<think>\n" + "So 1 and 1 is 2. " * 200_000 + "\n</think>\n\\boxed{2}"
    row = {**ROW, "text": long}
    if layout == "text":
        path = written(tmp_path / "a.jsonl", row)
    else:
        path = tmp_path / "a.csv"
        with path.open("w", newline="") as file:
            sink = csv.DictWriter(file, list(row))
            sink.writeheader()
            sink.writerow(row)
    [trace] = read(path).recording.traces()
    assert (trace.answer, trace.end) == ("2", End.FINISHED)
    assert trace.thinking_tokens > 1_000_000


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"name": 1}], "is in no format that karui knows"),
        ([{"name": 1}], "Its columns: name."),
        ([], "is empty"),
        (["not json at all"], "is empty, or holds neither JSON nor a table"),
        ([ROW, "[1, 2]"], "line 2: it holds no object, but a list"),
        ([ROW, '{"question": "\\ud800", "gold": "2", "text": "2"}'], "half of a character"),
        ([ROW, "[" * 100_000], "line 2: Invalid JSON: it is nested too deeply"),
        ([ROW, {**ROW, "gold": "3"}], "references ['2', '3']"),
    ],
)
def test_what_is_no_log_is_said_in_a_sentence(tmp_path, rows, says):
    written(tmp_path / "a.jsonl", *rows)
    assert says in refusal(tmp_path / "a.jsonl")


def test_a_file_may_be_of_two_formats(tmp_path):
    both = {**ROW, "samples": [{"tokens": 1, "answer": "2"}]}
    said = refusal(tmp_path / "a.jsonl", both)
    assert "more than one format: karui, whole-text" in said
    assert "--format" in said
    done = read(tmp_path / "a.jsonl", format="whole-text")
    assert done.unknown == ("samples",)


def test_a_format_that_does_not_exist_names_the_nearest():
    with pytest.raises(UnknownName, match="lm-eval"):
        import_log(LM_EVAL, format="lm_eval")


def test_a_folder_names_the_logs_in_it():
    said = refusal(LOGS / "evalscope")
    assert "predictions/m/general_qa_example.jsonl (evalscope)" in said


def test_replies_of_several_models_are_kept_apart(tmp_path):
    rows = [{**ROW, "model": "one"}, {**ROW, "model": "two"}, {**ROW, "model": "two"}]
    said = refusal(tmp_path / "a.jsonl", *rows)
    assert "2 models: two (2), one (1)" in said
    assert "--model" in said
    done = read(tmp_path / "a.jsonl", model="two")
    assert (done.recording.manifest.model.name, done.recording.manifest.samples) == ("two", 2)
    assert "1 replies of other models were left out." in done.notes


def test_counts_that_cannot_be_are_named(tmp_path):
    line = {"id": "q", "reference": "1", "samples": [{"tokens": 10**10, "answer": "1"}]}
    assert "samples.0.tokens" in refusal(tmp_path / "a.jsonl", line)
    body = json.loads(json.dumps(BATCH[0]))
    body["response"]["body"]["usage"]["completion_tokens"] = 10**10
    assert "completion tokens cannot be" in refusal(tmp_path / "o.jsonl", body, agreement=True)


def test_sampling_that_differs_is_not_made_up(tmp_path):
    rows = [json.loads(line) for line in (LOGS / "langfuse.jsonl").read_text().splitlines()]
    rows[0]["modelParameters"]["temperature"] = 1.0
    done = read(written(tmp_path / "a.jsonl", *rows), agreement=True)
    assert "temperature differs between the replies (0.6, 1.0)" in " ".join(done.notes)
    assert "sampling not told" in done.recording.manifest.machine


# --- formats of one's own --------------------------------------------------------------------------------


def test_every_format_is_one_file_with_a_sentence_and_a_name():
    known = dict(importing.known_formats())
    files = {
        p.stem.replace("_", "-") for p in (Path(importing.__file__).parent / "formats").glob("[a-z]*.py")
    }
    assert set(known) == files
    assert all(line.endswith(".") for line in known.values())


def test_a_newcomer_adds_a_format_in_one_file(tmp_path, monkeypatch):
    """A file beside the others is all it takes: nothing else is touched."""
    from karui.recording.importing import formats, registry

    (tmp_path / "my_tool.py").write_text(
        '''
from karui.core.request import Prompt
from karui.recording.importing.plug import Adapter
from karui.recording.importing.reply import Logged

class MyTool(Adapter):
    """My tool's logs."""

    columns = frozenset({"ask", "said", "should"})

    def recognises(self, head):
        return {"ask", "said", "should"} <= head.keys

    def read(self, source):
        for row in source.rows():
            v = row.values
            yield Logged(row.where, v["said"], Prompt(v["ask"]), reference=v["should"])
'''
    )
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    registry.adapters.cache_clear()
    try:
        row = {"ask": "6 * 7?", "said": "<think>41?</think>42", "should": "42"}
        log = written(tmp_path / "a.jsonl", row)
        done = read(log, NUMERIC)
        assert done.format == "my-tool"
        [question] = done.recording.questions
        assert question.correct(question.traces[0].answer)
    finally:
        registry.adapters.cache_clear()
