"""What counts as the same question, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.core.prompt import Prompt
from karui.core.recording import RecordedQuestion
from karui.selection.looks.duplicates import ALIKE, Wording, leaders


def wording(text: str, answer: str = "4", instruction: str = "") -> Wording:
    return Wording.of(RecordedQuestion("q", "", answer, Prompt(text), (), {}), instruction)


def alike(*asked: tuple[str, str]) -> list[int]:
    return leaders([wording(*each) for each in asked], [0] * len(asked))


def test_blanks_case_and_width_make_no_other_question() -> None:
    texts = ("What is 2+2?", "what is 2+2?", "What is  2 + 2 ?", "Ｗhat is 2+2？")
    assert alike(*((text, "4") for text in texts)) == [0, 0, 0, 0]


def test_numbers_that_change_the_answer_make_another_question() -> None:
    assert alike(("What is 2+2?", "4"), ("What is 3+4?", "7"), ("What is 1+3?", "4")) == [0, 1, 2]


def test_numbers_that_never_change_the_answer_make_no_other_question() -> None:
    parcels = [(f"Order {n}: where is my parcel?", "See the tracking page") for n in (4711, 4712, 90)]
    assert alike(*parcels) == [0, 0, 0]


def test_small_changes_of_a_long_text_make_no_other_question() -> None:
    text = (
        "A customer writes that the invoice of last month holds a position that was never ordered. What now?"
    )
    assert alike((text, "refund"), (text.replace("holds", "has"), "refund"), (text, "call")) == [0, 0, 2]


def test_the_same_text_with_other_numbers_is_told_apart_however_long() -> None:
    text = (
        "A train leaves at {} and needs forty minutes to the next town. When is it there, if it is on time?"
    )
    assert alike((text.format(7), "5"), (text.format(9), "6"), (text.format(8), "5")) == [0, 1, 2]


def test_what_is_appended_to_every_question_is_left_out() -> None:
    note = "Put your final answer in a box, and nothing else but the answer itself, please, thank you."
    long = [wording(f"{word}\n\n{note}", "4", note) for word in ("apple", "zebra")]
    assert leaders(long, [0, 0]) == [0, 1]


def test_the_system_message_and_earlier_turns_are_part_of_a_question() -> None:
    def asked(prompt: Prompt) -> Wording:
        return Wording.of(RecordedQuestion("q", "", "4", prompt, (), {}))

    told = [
        Prompt("And now?", "Be brief."),
        Prompt("And now?", history=(("user", "2+2"),)),
        Prompt("And now?"),
    ]
    assert leaders([asked(p) for p in told], [0, 0, 0]) == [0, 1, 2]


def test_without_references_numbers_are_never_masked() -> None:
    assert alike(("Order 1: where is it?", ""), ("Order 2: where is it?", "")) == [0, 1]
    assert alike(("Order 1: where is it?", ""), ("order 1: where is it ?", "")) == [0, 0]


@given(st.lists(st.sampled_from("ab cd 12".split()), min_size=2, max_size=12), st.integers(1, 11))
def test_a_later_batch_never_moves_an_earlier_question(words: list[str], cut: int) -> None:
    told = [wording(f"the {w} of the {v}", w) for w, v in zip(words, words[1:] + words[:1], strict=True)]
    first = leaders(told[:cut], [0] * len(told[:cut]))
    both = leaders(told, [int(n >= cut) for n in range(len(told))])
    assert both[:cut] == first


@given(st.lists(st.text("abcde", min_size=1, max_size=40), min_size=2, max_size=25))
def test_every_pair_that_is_alike_is_found(texts: list[str]) -> None:
    def sequences(text: str) -> set[str]:
        return {text[n : n + 5] for n in range(max(1, len(text) - 4))}

    found = alike(*((text, "4") for text in texts))
    for n, text in enumerate(texts):
        own = sequences(text)
        near = [
            found[m]
            for m in range(n)
            if len(own & sequences(texts[m])) >= ALIKE * len(own | sequences(texts[m]))
        ]
        assert found[n] == min(near, default=n)


@pytest.mark.parametrize("count", [0, 1])
def test_few_questions_are_no_trouble(count: int) -> None:
    assert alike(*[("?", "4")] * count) == [0] * count


def test_questions_without_a_text_are_known_by_their_ids():
    """Imported traces may come without what was asked: they are not all one question."""
    asked = [RecordedQuestion(f"q{n}", "", "yes", Prompt(""), (), {}) for n in range(60)]
    wordings = [Wording.of(q) for q in asked]
    assert len({w.text for w in wordings}) == 60
    assert leaders(wordings, [0] * 60) == list(range(60))
