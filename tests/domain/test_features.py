"""What of a question is compared: the same everywhere, without its text, and blind to other numbers."""

import numpy as np
import pytest

from karui.core.prompt import Prompt
from karui.domain.features import MOST, SHAPE, features


def of(text, **more):
    return features(Prompt(text, **more))


def same_words(a, b):
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("words", "pairs", "letters"))


def test_other_numbers_make_no_other_question():
    assert same_words(of("A pen costs 3 dollars."), of("A pen  costs 1289 dollars."))
    assert not same_words(of("A pen costs 3 dollars."), of("A pen costs 3 euros."))


def test_letter_case_and_width_make_no_other_question():
    assert same_words(of("What is ABC?"), of("what is ＡＢＣ？"))


def test_what_is_appended_to_every_question_is_left_out():
    asked = features(Prompt("How many?\n\nAnswer in a box."), "Answer in a box.")
    assert same_words(asked, of("How many?"))
    assert asked.shape == pytest.approx(of("How many?").shape)


def test_hashes_are_the_same_on_every_machine():
    assert [int(h) for h in of("one two").words] == [14135461537068909585, 15856177643041337252]


@pytest.mark.parametrize(
    ("text", "script"),
    [("hello", "latin"), ("こんにちは", "kana"), ("漢字文", "han"), ("привет", "other letters")],
)
def test_scripts_are_told_apart(text, script):
    assert of(text).shape[SHAPE.index(script)] == pytest.approx(1.0)


def test_turns_and_system_message_count():
    plain = of("And then?").shape
    later = of("And then?", system="Be brief.", history=(("user", "a"), ("assistant", "b"))).shape
    different = {name for name, a, b in zip(SHAPE, plain, later, strict=True) if a != b}
    assert different == {"turns", "system"}


@pytest.mark.parametrize("text", ["", " ", "7", "\ud800", "?" * 3, "a" * (3 * MOST)], ids=range(6))
def test_strange_texts_have_features(text):
    found = of(text)
    assert np.isfinite(found.shape).all()


def test_the_length_of_all_of_it_counts():
    assert np.expm1(of("ab " * MOST).shape[0]) == pytest.approx(3 * MOST - 1)
