"""Importing: what the files say arrives, what they cannot say is not made up, and errors name their line."""

import json

import pytest

from karui import catalog
from karui.core.ability import Ability
from karui.core.errors import InputError
from karui.core.study.choice import Rule
from karui.core.trace import End
from karui.recording import store
from karui.recording.importing import import_traces
from karui.recording.importing.scout import import_scout
from karui.runners.replay import Replay
from karui.selection.evidence import Group, gather, split
from karui.selection.search_space import search_space
from karui.selection.select import choose
from karui.testing.alike import assert_same

GOOD = {
    "id": "q1",
    "question": "6 × 7?",
    "reference": "42",
    "kind": "products",
    "samples": [
        {"tokens": 100, "answer": "42", "answer_tokens": 10, "prompt_tokens": 25, "thinking": "x" * 180,
         "trials": [[30, "41", 0.5], [60, "42", 0.75]]},
        {"tokens": 200, "answer": None, "truncated": True, "thinking": "y", "trials": [[50, "43", 0.25]]},
    ],
}  # fmt: skip


class Digits:
    """Reads the last run of digits; right within one."""

    spec = "digits"

    def read(self, text):
        found = "".join(c if c.isdigit() else " " for c in text).split()
        return found[-1] if found else None

    def verify(self, reference, answer):
        return abs(int(reference) - int(answer)) <= 1


def written(path, *lines):
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_what_is_there_arrives(tmp_path):
    made = import_traces(written(tmp_path / "logs.jsonl", GOOD), model="their-model", trial_tokens=7)
    [question] = made.questions
    whole, cut = question.traces
    assert (question.id, question.kind, question.prompt.user) == ("q1", "products", "6 × 7?")
    assert question.verdicts == {"41": False, "42": True, "43": False}
    assert (whole.end, whole.answer, whole.thinking_tokens, whole.answer_tokens) == (
        End.FINISHED,
        "42",
        90,
        10,
    )
    assert (whole.usage.prompt, whole.tokens, whole.time) == (25, 100, 100)
    assert [(m.tokens, m.chars, m.trial.answer, m.trial.tokens) for m in whole.checkpoints] == [
        (30, 60, "41", 7),
        (60, 120, "42", 7),
    ]
    assert (cut.end, cut.answer) == (End.TRUNCATED, None)
    manifest = made.manifest
    assert (manifest.task, manifest.model.name, manifest.samples) == ("logs", "their-model", 2)
    assert (manifest.rule.max_interval, manifest.rule.min_interval, manifest.sampling.max_tokens) == (
        50,
        30,
        200,
    )
    assert "7 tokens" in manifest.machine
    assert manifest.abilities == {Ability.TRIALS, Ability.CONFIDENCE, Ability.TEXT}
    store.save(made, tmp_path / "r")
    assert_same(store.load(tmp_path / "r"), made)


def test_confidences_alone_are_no_peeks_and_choose_goes_to_its_end(tmp_path):
    """README's own format with confidences: every plan that needs no peek replays, the others are refused."""
    lines = []
    for n in range(40):
        trials = [[64 * k, str(n if k > 2 else n + k), 0.2 * k] for k in range(1, 5)]
        sample = {"tokens": 300, "answer": str(n), "answer_tokens": 12, "trials": trials}
        lines.append({"id": f"q{n}", "reference": str(n), "samples": [sample] * 2})
    made = import_traces(written(tmp_path / "a.jsonl", *lines))
    assert made.manifest.abilities == {Ability.TRIALS, Ability.CONFIDENCE}
    replay = Replay({"main": made})
    found = search_space(
        [catalog.technique(name) for name in catalog.names()],
        lengths={"main": 288},
        recorded=2,
        refuse=replay.refuse,
    )
    names = {t.name() for p in found.plans for t in p.techniques}
    assert {"trial-confidence", "trial-stability", "token-budget", "parallel-probe"} <= names
    assert {r.reason.text.partition(" ")[0] for r in found.refused} >= {"exit-entropy", "best-of-n"}
    pilot, test = split(made)
    evidence = gather([Group({"main": pilot}, {"main": test}, found)], runs=2)
    assert len(evidence.test) == len(found.plans)
    assert evidence.refused == found.refused
    assert choose(evidence, test, Rule()).decision


def test_abilities_are_what_every_trace_has(tmp_path):
    bare = {"reference": "1", "samples": [{"tokens": 5, "answer": "1"}]}
    made = import_traces(written(tmp_path / "a.jsonl", bare, bare))
    assert made.manifest.abilities == frozenset()
    assert [q.id for q in made.questions] == ["line-1", "line-2"]
    unsure = {"reference": "1", "samples": [{"tokens": 5, "answer": "1", "trials": [[3, "2", None]]}]}
    assert import_traces(written(tmp_path / "b.jsonl", bare, unsure)).manifest.abilities == {Ability.TRIALS}


def test_a_verifier_reads_and_judges(tmp_path):
    samples = [{"tokens": 5, "answer": "so it is 41", "trials": [[3, "none", None]]}]
    line = {"reference": "42", "samples": samples}
    [question] = import_traces(written(tmp_path / "a.jsonl", line), verifier=Digits()).questions
    assert question.verdicts == {"41": True}
    assert question.traces[0].checkpoints[0].trial.answer is None


def test_verdicts_told_are_believed(tmp_path):
    line = {
        "samples": [
            {"tokens": 5, "answer": "x", "correct": True},
            {"tokens": 5, "answer": "y", "correct": False},
        ]
    }
    [question] = import_traces(written(tmp_path / "a.jsonl", line)).questions
    assert question.verdicts == {"x": True, "y": False}


def _one(**sample):
    return {"id": "b", "reference": "1", "samples": [{"tokens": 9, "answer": "1", **sample}]}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2: Invalid JSON"),
        ({"reference": "1"}, "line 2: samples: Field required"),
        ({"reference": "1", "samples": []}, "line 2: samples: List should have at least 1"),
        ({"reference": "1", "samples": [{"answer": "1"}]}, "line 2: samples.0.tokens: Field required"),
        ({"samples": [{"tokens": -1, "answer": "1"}]}, "line 2: samples.0.tokens: Input should be greater"),
        ({"samples": [{"tokens": 1, "answer": "1"}]}, "line 2: sample 0 has no `correct`"),
        ({"sample": [], "samples": [{"tokens": 1, "answer": None}]}, "line 2: sample: Extra inputs"),
        (_one(answer_tokens=10), "line 2: sample 0: more answer_tokens"),
        (_one(trials=[[5, "1", None]] * 2), "line 2: sample 0: its trials are not in order"),
        (_one(trials=[[0, "1", None]]), "line 2: sample 0: its trials are not in order"),
        (_one(trials=[[10, "1", None]]), "line 2: sample 0: a trial after 10 of 9"),
        (_one(trials=[[1, "1", 1.5]]), "line 2: samples.0.trials.0.2: Input should be less"),
        (
            {"id": "b", "samples": [{"tokens": 1, "answer": "1", "correct": c} for c in (True, False)]},
            "line 2: sample 1 says '1' is wrong; one before it disagrees",
        ),
        (GOOD, "line 2: the id 'q1' is there twice"),
    ],
)  # fmt: skip
def test_errors_name_their_line(tmp_path, line, says):
    with pytest.raises(InputError) as caught:
        import_traces(written(tmp_path / "a.jsonl", GOOD, line))
    assert "1 of its lines" in caught.value.what
    assert says in caught.value.why


def test_many_broken_lines_are_counted(tmp_path):
    with pytest.raises(InputError) as caught:
        import_traces(written(tmp_path / "a.jsonl", *["{"] * 30))
    assert "30 of its lines" in caught.value.what
    assert caught.value.why.count("Invalid JSON") == 10
    assert "20 more" in caught.value.why


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="is empty"):
        import_traces(written(tmp_path / "a.jsonl", "", "  "))
    with pytest.raises(InputError, match="cannot be read"):
        import_traces(tmp_path / "missing.jsonl")


BRANCHES = [
    [["1", "7", "7"], 1700, "7"],
    [["1", "ERR", "8", "8"], 1600, "8"],  # the fourth is said to come after its end
    [["7"], 2600, "ERR"],  # three are missing
    [[], 400, "7"],
]
SCOUT = [{"question": "3 + 4?", "gold_answer": "7", "probe_freq": 500, "each_branch": BRANCHES, "other": 1}]


def test_scout(tmp_path):
    written(tmp_path / "toy.json", SCOUT)
    made = import_scout(tmp_path, model="m", trial_tokens=4)["toy"]
    [question] = made.questions
    places = [[m.tokens for m in t.checkpoints] for t in question.traces]
    assert places == [[500, 1000, 1500], [500, 1000, 1500], [500], []]
    assert [t.answer for t in question.traces] == ["7", "8", None, "7"]
    assert [t.tokens for t in question.traces] == [1700, 1600, 2600, 400]
    assert question.traces[1].checkpoints[1].trial.answer is None
    assert question.verdicts == {"1": False, "7": True, "8": False}
    assert {m.trial.tokens for t in question.traces for m in t.checkpoints} == {4}
    manifest = made.manifest
    assert (manifest.task, manifest.engine, manifest.samples, manifest.rule.max_interval) == (
        "toy",
        "scout",
        4,
        500,
    )
    assert manifest.abilities == {Ability.TRIALS}
    store.save(made, tmp_path / "r")
    assert_same(store.load(tmp_path / "r"), made)


def test_scout_as_published_and_with_a_limit(tmp_path):
    file = written(tmp_path / "toy.json", SCOUT)
    published = import_scout(file, trial_tokens=0, unread_votes=True)["toy"].questions[0]
    assert published.traces[2].answer == "ERR"
    assert published.verdicts["ERR"] is False
    limited = import_scout(file, limit=1700)["toy"].questions[0]
    assert [t.end for t in limited.traces] == [End.TRUNCATED, End.FINISHED, End.TRUNCATED, End.FINISHED]
    assert limited.traces[0].answer is None


def test_scout_answers_may_be_numbers(tmp_path):
    numbers = [{**SCOUT[0], "gold_answer": 7, "each_branch": [[[1, 7, None], 1700, 7], [[], 400, 8]]}]
    [question] = import_scout(written(tmp_path / "a.json", numbers))["a"].questions
    assert [t.answer for t in question.traces] == ["7", "8"]
    assert question.verdicts == {"1": False, "7": True, "8": False}


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "cannot be read"), ("{}", "not in the SCOUT layout"), ("[]", "not in the SCOUT layout")],
)
def test_scout_files_that_are_none(tmp_path, content, says):
    with pytest.raises(InputError, match=says):
        import_scout(written(tmp_path / "a.json", content))


def test_scout_errors_name_their_place(tmp_path):
    broken = [*SCOUT, {**SCOUT[0], "each_branch": [[["1"], "many", "1"]]}]
    with pytest.raises(InputError) as caught:
        import_scout(written(tmp_path / "a.json", broken))
    assert "1.each_branch.0.1" in caught.value.why
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no JSON file"):
        import_scout(tmp_path / "empty")
