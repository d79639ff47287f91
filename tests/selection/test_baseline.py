"""Whether full thinking is a baseline at all, and why not."""

from dataclasses import replace

import numpy as np
import pytest

from karui.codec.values import decode, encode
from karui.core.engine import ModelInfo
from karui.core.study.choice import Choice, Decision, Rule, Verdict
from karui.recording.thinking import without_thinking
from karui.selection.baseline.chance import chance
from karui.selection.baseline.examine import examine
from karui.testing.synthetic import synthetic
from tests.helpers.replies import recorded, reply

FLOOR = Rule().floor
OPTIONS = "Which one is it?\n(A) one\n(B) two\n(C) three\n(D) four"


def sums(right, total, samples=1):
    """Sums of which the first `right` get right replies."""
    return recorded(
        [
            (f"What is {n} + 7?", str(n + 7), [f"\\boxed{{{n + 7 if n < right else n + 50}}}"] * samples)
            for n in range(total)
        ]
    )


def choices(answers, references, *, question=OPTIONS, spec="choice"):
    return recorded(
        [
            (f"{n}. {question}", r, [f"Answer: {a}"])
            for n, (a, r) in enumerate(zip(answers, references, strict=True))
        ],
        spec=spec,
    )


@pytest.mark.parametrize(
    ("right", "total", "kind"),
    [
        (0, 1, "none right"),
        (0, 3, "none right"),
        (0, 20, "none right"),
        (1, 20, "below floor"),
        (2, 40, "below floor"),
        (40, 500, "below floor"),
        (1, 10, None),  # 10%, which may as well be 35%
        (1, 5, None),
        (60, 500, None),
        (3, 3, None),
        (15, 20, None),
    ],
)
def test_near_nothing_right_is_a_matter_of_how_many_questions(right, total, kind):
    found = examine(sums(right, total), FLOOR)
    assert (found.kind if found else None) == kind
    if found:
        assert (found.right, found.replies, found.questions) == (right, total, total)
        assert found.low <= right / total <= found.high


def test_more_traces_of_one_question_are_no_more_evidence():
    assert examine(sums(1, 20, samples=1), FLOOR).high == pytest.approx(
        examine(sums(1, 20, samples=8), FLOOR).high
    )


def test_the_floor_is_the_users():
    assert examine(sums(40, 500), 0.05) is None
    assert examine(sums(0, 20), 0) is None
    assert examine(sums(10, 100), 0.2).floor == 0.2


def test_a_good_recording_is_a_baseline():
    assert examine(synthetic(60, 4), FLOOR) is None


def guesses(n, seed):
    random = np.random.default_rng(seed)
    return ["ABCD"[i] for i in random.integers(0, 4, n)], ["ABCD"[i] for i in random.integers(0, 4, n)]


def test_guesses_are_told_from_knowledge():
    found = [examine(choices(*guesses(80, seed)), FLOOR) for seed in range(20)]
    assert sum(f is not None for f in found) >= 18
    assert {f.kind for f in found if f} == {"near chance"}
    assert found[0].chance == 0.25
    assert found[0].reasons[0].code == "guessing"
    _, right = guesses(80, 0)
    knows = [r if n % 5 < 3 else "ABCD"[("ABCD".index(r) + 1) % 4] for n, r in enumerate(right)]
    assert examine(choices(knows, right), FLOOR) is None


def test_few_questions_say_nothing_of_guessing():
    # Two of five right: as like guessing as knowing.
    assert examine(choices("ABCDA", "ABDCB"), FLOOR) is None


@pytest.mark.parametrize(
    ("question", "references", "spec", "expected"),
    [
        (OPTIONS, "ABCD" * 4, "choice", 0.25),
        ("True or false? A. true B. false", "AB" * 5, "choice", 0.5),
        ("正しいものを選べ。\nア：東京\nイ：大阪\nウ：京都", "アイウ" * 4, "choice", 1 / 3),
        ("Pick one.", "ABCE" * 4, "choice", 0.2),  # options that are not listed: as many as occur
        ("Is it so?", ["yes", "no"] * 6, "exact", 0.5),
        ("Is it so?", ["yes", "no"], "exact", None),  # two answers of two questions are no labels
        ("What is the capital?", ["paris", "rome", "tokyo", "lima", "oslo", "bern"] * 3, "exact", None),
        ("How many?", ["1", "2"] * 10, "math", None),
    ],
)
def test_what_guessing_would_get(question, references, spec, expected):
    found = chance(choices(references, references, question=question, spec=spec))
    assert found == (None if expected is None else pytest.approx(expected))


def test_where_nothing_is_read_the_form_is_the_reason():
    asked = [(f"What is {n} + 7?", str(n + 7), [f"I would say it is {'more' * 3}."] * 2) for n in range(10)]
    found = examine(recorded(asked, spec="numeric"), FLOOR)
    first = found.reasons[0]
    assert (first.code, first.count, first.of, first.detail) == ("unread", 20, 20, "numeric")
    assert [e.read for e in found.examples] == [None] * 3
    assert len({e.question for e in found.examples}) == 3


@pytest.mark.parametrize(
    ("reference", "text", "spec"),
    [
        (
            "paris",
            "Paris is what I would answer; that is the capital, so \\boxed{The capital: Paris}",
            "exact",
        ),
        ("東京", "日本の首都は東京です。\n\\boxed{首都は東京}", "exact"),
        ("1250", "It costs 1,250 euro. \\boxed{3 items}", "exact"),
    ],
)
def test_a_reference_that_stands_there_unread_points_at_the_verifier(reference, text, spec):
    found = examine(recorded([(f"Question {n}?", reference, [text]) for n in range(12)], spec=spec), FLOOR)
    assert found.reasons[0].code == "unmatched"
    assert found.reasons[0].count == 12


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("85 minutes exactly", "\\boxed{85}"),
        ("the city of Rome", "\\boxed{Rome}"),
        ("答えは東京です", "\\boxed{東京}"),
    ],
)
def test_a_reference_that_says_more_than_the_answer(reference, text):
    found = examine(recorded([(f"Question {n}?", reference, [text]) for n in range(12)], spec="exact"), FLOOR)
    assert (found.reasons[0].code, found.reasons[0].detail) == ("partial", "exact")


def test_a_reference_inside_a_longer_number_is_not_there():
    asked = [(f"Question {n}?", "25", ["It is \\boxed{1250}, or 0.25, or 25.5."]) for n in range(12)]
    assert [r.code for r in examine(recorded(asked), FLOOR).reasons] == ["wrong"]


def test_replies_cut_by_the_limit_are_the_first_reason():
    asked = [
        (f"Question {n}?", "25", [reply("", thinking="well, " * 300, thought=512, cut=True)])
        for n in range(9)
    ]
    found = examine(recorded(asked), FLOOR)
    assert [r.code for r in found.reasons] == ["truncated", "loops"]
    assert found.reasons[0].detail == "512"
    assert found.examples[0].thinking
    assert found.examples[0].text.endswith("well,")


def test_one_answer_to_all_questions():
    asked = [(f"Question {n}?", str(n + 10), ["\\boxed{3}"]) for n in range(12)]
    found = examine(recorded(asked), FLOOR)
    assert (found.reasons[0].code, found.reasons[0].detail) == ("alike", "3")


def test_no_thinking_and_no_reply():
    asked = [(f"Question {n}?", "25", [reply("", thinking="", thought=2)]) for n in range(12)]
    assert {r.code for r in examine(recorded(asked), FLOOR).reasons} == {"empty", "unthought"}


def test_the_embedded_model_outside_of_its_kinds_is_said_first():
    asked = [(f"Question {n}?", "25", [f"\\boxed{{{n}}}"]) for n in range(12)]
    found = examine(recorded(asked, model="karui-mini"), FLOOR)
    assert [r.code for r in found.reasons] == ["embedded", "wrong"]
    assert found.reasons[0].detail == "karui-mini"
    assert examine(recorded(asked, model="karui-mini", task="mini:test"), FLOOR).reasons[0].code == "wrong"


def test_examples_show_different_reasons():
    texts = ["I do not know.", "\\boxed{12}", "The box holds 25. \\boxed{box}", "\\boxed{13}"]
    found = examine(
        recorded([(f"Question {n}?", "25", [texts[n % 4]]) for n in range(12)], spec="exact"), FLOOR
    )
    assert len({e.text for e in found.examples}) == 3


def test_a_failure_survives_its_file():
    failure = examine(sums(0, 20), FLOOR)
    head = (ModelInfo("m"), "t", "", False, Rule(), [], "p", "full thinking")
    choice = Choice(*head, Decision.FIX, Verdict.BASELINE, 20, 0, 1.0, 149, (), (), 0)
    kept = replace(choice, failure=failure)
    assert decode(Choice, encode(kept)) == kept


@pytest.mark.parametrize(
    ("thought", "suffix", "empty"),
    [
        ([0] * 12, "\n</think>\n\n\\boxed{", 12),
        ([3] * 12, "[/THINK]\\boxed{", 12),
        ([0] * 19 + [200], "\n</think>\n\n\\boxed{", 19),
        ([0] * 9 + [200] * 3, "\n</think>\n\n\\boxed{", 0),  # a model that thinks where it has to
        ([0] * 12, "\n\nThe final answer is \\boxed{", 0),  # a model without markers
        ([120] * 12, "\n</think>\n\n\\boxed{", 0),
        ([], "\n</think>\n\n\\boxed{", 0),
    ],
)
def test_thinking_that_is_not_there(thought, suffix, empty):
    asked = [("How many?", "25", [reply("\\boxed{25}", thought=t) for t in thought])]
    made = recorded(asked, suffix=suffix)
    assert without_thinking(made.manifest, list(made.traces())) == empty
